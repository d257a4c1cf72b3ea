//! The meter of money: what Azure says may be spent, and what was spent.
//!
//! Asked are the machine's identity service (`imds`) for a token and for whose machine this is, and the management API
//! (`arm`) for budgets (`listed`, `choice`) and for cost (`query`). Which budget is the right one, what an answer
//! says, and how long to wait are pure functions.

mod arm;
mod budget;
mod choice;
mod cost;
mod endpoint;
mod filter;
mod grain;
mod imds;
mod listed;
mod page;
mod pages;
mod pause;
mod query;
#[cfg(test)]
mod responder;
mod retry;
mod said;
#[cfg(test)]
mod tests;
mod token;
mod trouble;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bwflow_proto::config;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

pub use budget::{Budget, BudgetSource};
pub use cost::Cost;
pub use grain::Grain;
pub use pause::Pause;
pub use trouble::{Trouble, TroubleKind};

use crate::http::Answer;
use arm::{Arm, Question};
use choice::Wanted;
use endpoint::{Endpoint, Scope};
use imds::{Imds, Machine};
use query::Sum;
use retry::Allowance;

/// Their answers are the same in all stable versions as far as they are read here.
const BUDGETS_VERSION: &str = "2024-08-01";
const QUERY_VERSION: &str = "2025-03-01";

/// How long a question may wait with all its tries, and how long it may take altogether.
const LONGEST_WAIT: Duration = Duration::from_secs(180);
pub(crate) const LONGEST: Duration = Duration::from_secs(240);

/// Azure, asked with the machine's managed identity. Debug output holds no secret.
#[derive(Debug)]
pub struct Azure {
    config: config::Azure,
    currency: String,
    base: Option<Url>,
    arm: Arm,
    machine: Option<Machine>,
    /// The cloud's clock, and when it showed that.
    clock: Option<(i64, Instant)>,
    /// What it showed first and last in the answers to the present question.
    told: Option<(i64, i64)>,
    pause: Pause,
}

/// Where to ask, and for whose.
struct Place {
    endpoint: Endpoint,
    scope: Scope,
}

impl Azure {
    /// Asks as configured, expecting amounts of this currency (ISO 4217). Nothing is sent yet.
    ///
    /// # Errors
    /// Which value of the configuration cannot be, in words.
    pub fn new(azure: &config::Azure, currency: &str) -> Result<Self, String> {
        if currency.len() != 3 || !currency.bytes().all(|it| it.is_ascii_uppercase()) {
            return Err(format!("{currency:?} is no currency, like \"USD\""));
        }
        // Checked now, although the subscription may have to be found out.
        let anybody = "00000000-0000-0000-0000-000000000000";
        let subscription = azure.subscription_id.as_deref().unwrap_or(anybody);
        Scope::new(subscription, azure.resource_group.as_deref())?;
        let is_odd = |name: &&String| {
            name.is_empty()
                || name
                    .chars()
                    .any(|it| it.is_control() || "/\\?#%".contains(it))
        };
        if let Some(name) = azure.budget_name.as_ref().filter(is_odd) {
            return Err(format!("{name:?} cannot be the name of a budget"));
        }
        if azure.fallback_budget.is_some_and(|it| it.micros <= 0) {
            return Err("a budget must be more than zero".to_owned());
        }
        let base = azure
            .endpoint
            .as_deref()
            .map(endpoint::address)
            .transpose()?;
        let imds = azure.imds_endpoint.as_deref().unwrap_or(imds::ADDRESS);
        let imds = Imds::new(endpoint::address(imds)?, azure.identity.clone())?;
        Ok(Self {
            config: azure.clone(),
            currency: currency.to_owned(),
            base,
            arm: Arm::new(imds)?,
            machine: None,
            clock: None,
            told: None,
            pause: Pause::default(),
        })
    }

    /// Waits between tries in this way instead of on tokio's clock.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// The budget in force: the one asked for by name, or the only one that fits, or the
    /// configuration's.
    ///
    /// # Errors
    /// When the cloud cannot be asked, or has a budget of that name that cannot be used. Not having one is none
    /// as long as the configuration gives one.
    pub async fn budget(&mut self) -> Result<Budget, Trouble> {
        let outcome = within(LONGEST, self.ask_budget()).await;
        let mut budget = outcome.map_err(|trouble| self.discreet(trouble))?;
        let secret = self.arm.secret();
        budget.note = said::without(&budget.note, secret);
        budget.name = budget.name.map(|it| said::without(&it, secret));
        let filter = budget.filter.as_ref().map(Value::to_string);
        let filter = filter.unwrap_or_default();
        if said::without(&filter, secret) != filter {
            return Err(invalid("a budget whose filter repeats the machine's token"));
        }
        Ok(budget)
    }

    /// What was spent in this budget's period.
    ///
    /// # Errors
    /// When the cloud cannot be asked or its answer cannot be understood.
    pub async fn cost(&mut self, budget: &Budget) -> Result<Cost, Trouble> {
        let outcome = within(LONGEST, self.ask_cost(budget)).await;
        outcome.map_err(|trouble| self.discreet(trouble))
    }

    /// The trouble without the token, from wherever it came into its text.
    fn discreet(&self, mut trouble: Trouble) -> Trouble {
        trouble.text = said::without(&trouble.text, self.arm.secret());
        trouble
    }

    /// The earliest and the latest time of the answers to the last question, by the cloud's clock,
    /// microseconds since the Unix epoch.
    pub const fn told(&self) -> Option<(i64, i64)> {
        self.told
    }

    async fn ask_budget(&mut self) -> Result<Budget, Trouble> {
        self.told = None;
        let mut allowance = Allowance::new(LONGEST_WAIT, self.pause.clone());
        let Place { endpoint, scope } = self.place(&mut allowance).await?;
        let path = ["providers", "Microsoft.Consumption", "budgets"];
        let at = |rest: &[&str]| endpoint.at(&scope, rest, BUDGETS_VERSION).map_err(refused);
        let question = Question {
            url: &at(&path)?,
            resource: &endpoint.resource,
            body: None,
            subject: "the budget",
            scope: &scope,
        };
        let name = self.config.budget_name.clone();
        let mut why = None;
        if let Some(name) = &name {
            let url = at(&[path[0], path[1], path[2], name])?;
            let question = Question {
                url: &url,
                ..question
            };
            let answer = self.arm.ask(question, &mut allowance).await?;
            if answer.status == StatusCode::NOT_FOUND {
                why = Some(format!("{scope} has no budget `{name}`"));
            } else {
                let now = self.heard(&answer)?;
                let wanted = self.wanted(&scope, now);
                match wanted.named(name, &json(&question, &answer)?)? {
                    Ok(budget) => return Ok(budget),
                    Err(reason) => why = Some(reason),
                }
            }
        }
        let (budgets, now) = self.list(&endpoint, question, &mut allowance).await?;
        self.wanted(&scope, now).instead(why.as_deref(), &budgets)
    }

    async fn ask_cost(&mut self, budget: &Budget) -> Result<Cost, Trouble> {
        self.told = None;
        let mut allowance = Allowance::new(LONGEST_WAIT, self.pause.clone());
        let endpoint = self.place(&mut allowance).await?.endpoint;
        let scope = Scope::parse(&budget.scope).map_err(refused)?;
        let path = ["providers", "Microsoft.CostManagement", "query"];
        let url = endpoint.at(&scope, &path, QUERY_VERSION).map_err(refused)?;
        let period = |usec| {
            let period = budget.grain.period(budget.anchor_usec, usec);
            period.ok_or_else(|| invalid("a time of no calendar"))
        };
        // The clock here may be wrong, and a period may end while this is asked: then once more.
        let mut asked = period(self.now())?;
        for _ in 0..2 {
            let question = Question {
                url: &url,
                resource: &endpoint.resource,
                body: Some(&query::body(budget, asked)),
                subject: "the cost",
                scope: &scope,
            };
            let (sum, first, last) = self.sum(&endpoint, question, &mut allowance).await?;
            let answered = period(last)?;
            let is_named = budget.grain.timeframe() != grain::Timeframe::Custom;
            if period(first)? == answered && (is_named || asked == answered) {
                return finished(budget, sum, last, answered);
            }
            asked = answered;
        }
        Err(invalid("the cost of a period that ends just now"))
    }

    /// Where to ask: the configuration says, else the machine's metadata.
    async fn place(&mut self, allowance: &mut Allowance) -> Result<Place, Trouble> {
        let known = self.base.as_ref().and_then(endpoint::cloud_at);
        let cloud = self.config.cloud.or(known);
        let subscription = self.config.subscription_id.clone();
        let (subscription, cloud) = match (subscription, cloud) {
            (Some(subscription), Some(cloud)) => (subscription, cloud),
            (subscription, cloud) => {
                let machine = self.machine(allowance).await?;
                let named = endpoint::cloud_named(&machine.environment);
                let cloud = cloud.or(named).ok_or_else(|| {
                    let environment = said::said(&machine.environment, None);
                    refused(format!(
                        "the machine is in the cloud `{environment}`, which is not known: set \
                         `cloud` in [spend.azure]"
                    ))
                })?;
                (subscription.unwrap_or(machine.subscription), cloud)
            }
        };
        if subscription.is_empty() {
            let text = "the machine's metadata name no subscription: set `subscription_id` in [spend.azure]";
            return Err(refused(text.to_owned()));
        }
        Ok(Place {
            endpoint: Endpoint::new(cloud, self.base.as_ref()).map_err(refused)?,
            scope: Scope::new(&subscription, self.config.resource_group.as_deref())
                .map_err(refused)?,
        })
    }

    async fn machine(&mut self, allowance: &mut Allowance) -> Result<Machine, Trouble> {
        if let Some(machine) = &self.machine {
            return Ok(machine.clone());
        }
        let machine = self.arm.imds.machine(allowance).await?;
        self.machine = Some(machine.clone());
        Ok(machine)
    }

    fn wanted<'a>(&'a self, scope: &'a Scope, now: i64) -> Wanted<'a> {
        Wanted {
            name: self.config.budget_name.as_deref(),
            fallback: self.config.fallback_budget,
            currency: &self.currency,
            scope,
            now,
        }
    }

    /// Takes the cloud's clock from an answer.
    fn heard(&mut self, answer: &Answer) -> Result<i64, Trouble> {
        let usec = answer
            .date_usec()
            .ok_or_else(|| invalid("an answer without its time"))?;
        self.clock = Some((usec, Instant::now()));
        let (first, last) = self.told.unwrap_or((usec, usec));
        self.told = Some((first.min(usec), last.max(usec)));
        Ok(usec)
    }

    /// The cloud's clock as far as it is known, else this machine's.
    fn now(&self) -> i64 {
        let usec = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        match self.clock {
            Some((then, at)) => then.saturating_add(usec(at.elapsed())),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, usec),
        }
    }
}

/// The outcome, if it comes in time.
async fn within<T>(
    time: Duration,
    question: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let outcome = tokio::time::timeout(time, question).await;
    outcome.unwrap_or_else(|_| {
        let text = format!("Azure takes longer than {} seconds", time.as_secs());
        Err(Trouble::passing(TroubleKind::Unreachable, text))
    })
}

fn finished(
    budget: &Budget,
    sum: Sum,
    now: i64,
    period: crate::period::Period,
) -> Result<Cost, Trouble> {
    let (amount, currency) = sum.total.unzip();
    if let Some(currency) = currency.as_ref().filter(|it| **it != budget.currency) {
        return Err(refused(format!(
            "the cost is in {currency}, but the budget in {}: set `currency` in [spend]",
            budget.currency
        )));
    }
    Ok(Cost {
        amount,
        currency,
        server_usec: now,
        period,
    })
}

/// An answer's JSON, of a status that promises some.
fn json(question: &Question<'_>, answer: &Answer) -> Result<Value, Trouble> {
    let body = page::small(answer);
    let body = body.and_then(|body| page::alone(&body).map(|()| body));
    body.map_err(|instead| unusable(question, &instead))
}

fn unusable(question: &Question<'_>, instead: &str) -> Trouble {
    invalid(&format!("{instead} for {}", question.subject))
}

fn refused(text: String) -> Trouble {
    Trouble::definite(TroubleKind::Refused, text)
}

fn invalid(what: &str) -> Trouble {
    Trouble::passing(TroubleKind::Invalid, format!("Azure gave {what}"))
}
