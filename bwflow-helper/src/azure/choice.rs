//! Which budget to use, of those the cloud has and the configuration's.

use bwflow_proto::money::Money;
use serde_json::Value;

use super::budget::{Budget, BudgetSource};
use super::endpoint::Scope;
use super::grain::Grain;
use super::listed::{Listed, Unfit};
use super::said::said;
use super::trouble::{Trouble, TroubleKind};

/// What a budget must fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The name asked for.
    pub(super) name: Option<&'a str>,
    /// The configuration's own.
    pub(super) fallback: Option<Money>,
    /// The currency of all amounts.
    pub(super) currency: &'a str,
    /// Whose budget.
    pub(super) scope: &'a Scope,
    /// When, by the cloud's clock.
    pub(super) now: i64,
}

impl Wanted<'_> {
    /// The budget that was asked for by name; or, as the inner error, why another may be used: words for people.
    ///
    /// # Errors
    /// When it is there but cannot be used, so that no other may be used, either.
    pub(super) fn named(
        &self,
        name: &str,
        budget: &Value,
    ) -> Result<Result<Budget, String>, Trouble> {
        let mut listed = read(budget)?;
        name.clone_into(&mut listed.name);
        match listed.fits_by_name(self.scope, self.currency, self.now) {
            Ok(()) => self
                .taken(&listed, BudgetSource::AzureBudget, String::new())
                .map(Ok),
            Err(Unfit::NotNow(reason)) => Ok(Err(format!("the budget `{name}` {reason}"))),
            Err(Unfit::Broken(reason)) => Err(Trouble::definite(
                TroubleKind::Refused,
                format!("the budget `{name}` {reason}"),
            )),
        }
    }

    /// The budget to use in place of a named one, `why` that is needed: the only one that fits, else the
    /// configuration's.
    ///
    /// # Errors
    /// When there is none of both.
    pub(super) fn instead(&self, why: Option<&str>, listed: &[Listed]) -> Result<Budget, Trouble> {
        let fits = |it: &&Listed| it.fits_unasked(self.scope, self.currency, self.now).is_ok();
        let fitting: Vec<_> = listed.iter().filter(fits).collect();
        let mut reasons: Vec<String> = why.map(str::to_owned).into_iter().collect();
        match fitting[..] {
            [only] => {
                if self.name.is_some() {
                    reasons.push(format!(
                        "`{}` is the only one that fits",
                        said(&only.name, None)
                    ));
                }
                return self.taken(only, BudgetSource::OnlyBudget, reasons.join("; "));
            }
            [] => reasons.push(self.none_fits(listed, why.is_some())),
            _ => reasons.push(format!(
                "{} other budgets fit, so that none is taken",
                fitting.len()
            )),
        }
        let reasons = reasons.join("; ");
        let Some(amount) = self.fallback else {
            return Err(Trouble::definite(
                TroubleKind::Refused,
                format!(
                    "{reasons}; create a budget, name it as `budget_name` in [spend.azure], or give \
                     a `fallback_budget` there"
                ),
            ));
        };
        Ok(Budget {
            name: None,
            amount,
            currency: self.currency.to_owned(),
            source: BudgetSource::Fallback,
            note: reasons,
            grain: Grain::Monthly,
            anchor_usec: 0,
            period: period(Grain::Monthly, 0, self.now)?,
            filter: None,
            scope: self.scope.to_string(),
        })
    }

    fn none_fits(&self, listed: &[Listed], is_other: bool) -> String {
        let reasons = listed.iter().filter_map(|it| {
            let reason = it.fits_unasked(self.scope, self.currency, self.now).err()?;
            Some(format!("`{}` {reason}", said(&it.name, None)))
        });
        // More would be read by nobody.
        let reasons: Vec<_> = reasons.take(3).collect();
        match reasons.len() {
            0 if is_other => "there is no other".to_owned(),
            0 => format!("{} has no budget", self.scope),
            _ => format!("no budget fits: {}", reasons.join(", ")),
        }
    }

    fn taken(
        &self,
        listed: &Listed,
        source: BudgetSource,
        note: String,
    ) -> Result<Budget, Trouble> {
        let refused = |reason: &String| {
            let text = format!("the budget `{}` {reason}", said(&listed.name, None));
            Trouble::definite(TroubleKind::Refused, text)
        };
        let grain = *listed.grain.as_ref().map_err(refused)?;
        let anchor_usec = *listed.start_usec.as_ref().map_err(refused)?;
        Ok(Budget {
            name: Some(said(&listed.name, None)),
            amount: *listed.amount.as_ref().map_err(refused)?,
            currency: self.currency.to_owned(),
            source,
            note,
            grain,
            anchor_usec,
            period: period(grain, anchor_usec, self.now)?,
            filter: listed.filter.clone().map_err(|reason| refused(&reason))?,
            scope: self.scope.to_string(),
        })
    }
}

/// Reads a budget; what is none at all says nothing about whether there is one.
pub(super) fn read(budget: &Value) -> Result<Listed, Trouble> {
    if budget.get("properties").is_some_and(Value::is_object) {
        return Ok(Listed::read(budget));
    }
    let text = "Azure gave a budget without properties";
    Err(Trouble::passing(TroubleKind::Invalid, text))
}

fn period(grain: Grain, anchor_usec: i64, now: i64) -> Result<crate::period::Period, Trouble> {
    let beyond = || {
        Trouble::passing(
            TroubleKind::Invalid,
            "Azure's clock shows no time of this calendar",
        )
    };
    grain.period(anchor_usec, now).ok_or_else(beyond)
}
