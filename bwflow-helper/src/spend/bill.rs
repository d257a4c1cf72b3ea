//! Asks the cloud, within bounds of time.

use std::time::Duration;

use bwflow_proto::config::Spend;
use tokio::time::timeout;

use super::failing::note;
use super::guard::Guard;
use super::knowledge::doubt;
use super::moment::Moment;
use super::record::KnownBudget;
use super::world::World;
use crate::azure::{Azure, Budget, Cost, Trouble, TroubleKind};
use crate::clock::Clock;

impl<W: World> Guard<W> {
    /// Asks for budget and cost, and takes in what is told.
    pub(super) async fn ask(&mut self, config: &Spend, clock: &Clock) {
        self.record.asking.begin(Moment::of(clock));
        self.save(clock.usec);
        let outcome = self.learn(config).await;
        let at = self.now().map_or(clock.usec, |now| now.usec);
        let asking = &mut self.record.asking;
        match &outcome {
            Ok(()) => asking.succeed(),
            Err(trouble) => asking.fail(trouble),
        }
        let outcome = outcome.as_ref().map_err(|trouble| trouble.text.as_str());
        note(&mut asking.failing, outcome.copied(), "the cost", at);
    }

    /// The first trouble, if any; what is told is taken in all the same.
    async fn learn(&mut self, config: &Spend) -> Result<(), Trouble> {
        let mut azure = match self.azure.take() {
            Some(azure) => azure,
            None => Azure::new(&config.azure, &config.currency)
                .map_err(|text| Trouble::definite(TroubleKind::Refused, text))?
                .with_pause(self.pause.clone()),
        };
        let budget = within(self.patience, azure.budget()).await;
        let budget = budget.and_then(|budget| fitting(budget, &config.currency));
        let budget = budget.and_then(|budget| self.believed(&azure, budget));
        if let (Err(_), Some(known)) = (&budget, &mut self.record.budget) {
            known.is_confirmed = false;
        }
        let budget = budget.map(|budget| self.accept(budget));
        let is_lost = matches!(&budget, Err(it) if it.kind == TroubleKind::Identity);
        let known = self.record.budget.clone().filter(|_| !is_lost);
        let cost = match known {
            Some(known) => {
                let cost = within(self.patience, azure.cost(&known.budget)).await;
                cost.and_then(|cost| of_currency(cost, &config.currency))
                    .and_then(|cost| self.believed(&azure, cost))
                    .map(|cost| self.take_in(&cost))
            }
            None => Ok(()),
        };
        self.azure = Some(azure);
        budget.and(cost)
    }

    /// What was told, unless it is of a time at which it cannot have been told.
    fn believed<T>(&self, azure: &Azure, told: T) -> Result<T, Trouble> {
        let (Some((first, last)), Some(clock)) = (azure.told(), self.now()) else {
            return Ok(told);
        };
        let doubt = |usec| doubt(&self.record, usec, &clock);
        match doubt(first).or_else(|| doubt(last)) {
            Some(text) => Err(Trouble::passing(TroubleKind::Invalid, text)),
            None => Ok(told),
        }
    }

    fn accept(&mut self, budget: Budget) {
        let Some(clock) = self.now() else { return };
        let before = self.record.budget.as_ref().map(|it| &it.budget);
        if before.is_none_or(|it| {
            (it.amount, it.source, &it.name) != (budget.amount, budget.source, &budget.name)
        }) {
            let name = budget.name.as_deref().unwrap_or("of the configuration");
            let note = if budget.note.is_empty() { "" } else { ": " };
            tracing::info!(
                "the budget {name} is {} {}{note}{}",
                budget.amount,
                budget.currency,
                budget.note
            );
        }
        self.record.budget = Some(KnownBudget {
            budget,
            at: Moment::of(&clock),
            is_confirmed: true,
        });
    }

    fn take_in(&mut self, cost: &Cost) {
        if let Some(clock) = self.now() {
            self.record.learn(cost, &Moment::of(&clock));
        }
    }
}

/// The answer, if it comes in time.
async fn within<T>(
    patience: Duration,
    question: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let late = || {
        let seconds = patience.as_secs();
        let text = format!("Azure has not answered within {seconds} seconds");
        Err(Trouble::passing(TroubleKind::Unreachable, text))
    };
    timeout(patience, question).await.unwrap_or_else(|_| late())
}

/// A budget with which the cost can be compared.
fn fitting(budget: Budget, currency: &str) -> Result<Budget, Trouble> {
    if budget.currency.eq_ignore_ascii_case(currency) {
        return Ok(budget);
    }
    Err(other("budget", &budget.currency, currency))
}

/// A cost that can be compared with a budget.
fn of_currency(cost: Cost, currency: &str) -> Result<Cost, Trouble> {
    match &cost.currency {
        Some(it) if cost.amount.is_some() && !it.eq_ignore_ascii_case(currency) => {
            Err(other("cost", it, currency))
        }
        None if cost.amount.is_some() => Err(Trouble::passing(
            TroubleKind::Invalid,
            "Azure reports a cost without its currency",
        )),
        _ => Ok(cost),
    }
}

fn other(what: &str, is: &str, expected: &str) -> Trouble {
    // Foreign text, which a log and a terminal show.
    let is: String = is
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect();
    Trouble::definite(
        TroubleKind::Refused,
        format!(
            "Azure says the {what} in {is}, but the configuration counts in {expected}: set \
             currency = \"{is}\" under [spend], with the price in it"
        ),
    )
}
