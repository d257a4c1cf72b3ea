//! A budget as the cloud lists it, before anything is concluded from it.

use bwflow_proto::money::Money;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::endpoint::Scope;
use super::filter;
use super::grain::{self, Grain};
use super::said::said;

/// The kind of resource that a budget is.
const KIND: &str = "Microsoft.Consumption/budgets";

/// A budget of the cloud. What cannot be used is kept as the reason why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name.
    pub(super) name: String,
    id: Option<String>,
    category: String,
    /// How much, or why that is none.
    pub(super) amount: Result<Money, String>,
    /// How often it begins anew, or why that is not known.
    pub(super) grain: Result<Grain, String>,
    /// Its first instant, microseconds since the Unix epoch, UTC, or why that is not known.
    pub(super) start_usec: Result<i64, String>,
    end_usec: Result<Option<i64>, String>,
    /// Its filter as a query says it, or why a query cannot.
    pub(super) filter: Result<Option<Value>, String>,
    /// The currency of what was spent of it; nothing until something was.
    pub(super) currency: Option<String>,
}

/// Why a budget is not the one to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It does not apply, so that another may: words for after its name.
    NotNow(String),
    /// It applies, but cannot be used as it is: words for after its name.
    Broken(String),
}

impl Listed {
    /// Reads a budget. Its notifications are of no concern, and known to be malformed.
    pub(super) fn read(budget: &Value) -> Self {
        let nothing = Value::Null;
        let properties = budget.get("properties").unwrap_or(&nothing);
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let period = properties.get("timePeriod").unwrap_or(&nothing);
        let amount = match properties.get("amount") {
            Some(Value::Number(number)) => {
                let text = number.to_string();
                Money::parse(&text).map_err(|error| error.to_string())
            }
            _ => Err("has no number as its amount".to_owned()),
        };
        let grain = text(properties, "timeGrain").unwrap_or_default();
        let grain = Grain::named(&grain).ok_or_else(|| {
            let grain = said(&grain, None);
            format!("has the time grain `{grain}`, which is not known")
        });
        let start_usec = text(period, "startDate").as_deref().and_then(instant);
        let end_usec = match period.get("endDate") {
            None | Some(Value::Null) => Ok(None),
            Some(end) => end
                .as_str()
                .and_then(instant)
                .map(Some)
                .ok_or_else(|| "has an end that is no date".to_owned()),
        };
        // Old versions of the interface have `filters`, often with empty lists only.
        let filters = ["filter", "filters"].map(|name| properties.get(name));
        let filter = match filters {
            [new, None] => filter::translated(new),
            [new, old] if old.is_none_or(filter::is_hollow) => filter::translated(new),
            _ => Err("it is of an old form".to_owned()),
        };
        let spent = properties.get("currentSpend").unwrap_or(&nothing);
        Self {
            name: text(budget, "name").unwrap_or_default(),
            id: text(budget, "id"),
            category: text(properties, "category").unwrap_or_default(),
            amount,
            grain,
            start_usec: start_usec.ok_or_else(|| "has no beginning that is a date".to_owned()),
            end_usec,
            filter,
            currency: text(spent, "unit").filter(|it| !it.is_empty()),
        }
    }

    /// Whether it can be used because it was asked for by name.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn fits_by_name(
        &self,
        scope: &Scope,
        currency: &str,
        now: i64,
    ) -> Result<(), Unfit> {
        if self
            .id
            .as_deref()
            .is_some_and(|id| !scope.is_of(id, KIND, &self.name))
        {
            return Err(Unfit::NotNow(format!("is of another scope than {scope}")));
        }
        self.applies(now)?;
        let broken = |reason: &String| Unfit::Broken(reason.clone());
        if !self.category.eq_ignore_ascii_case("Cost") {
            let category = said(&self.category, None);
            return Err(Unfit::Broken(format!("counts `{category}` and not cost")));
        }
        self.grain.as_ref().map_err(broken)?;
        if let Err(reason) = &self.filter {
            return Err(Unfit::Broken(format!(
                "has a filter that cannot be followed: {reason}"
            )));
        }
        let amount = self.amount.as_ref().map_err(broken)?;
        if amount.micros <= 0 {
            return Err(Unfit::Broken(format!(
                "is of {amount}, and not of more than zero"
            )));
        }
        match &self.currency {
            Some(other) if !other.eq_ignore_ascii_case(currency) => {
                let other = said(other, None);
                Err(Unfit::Broken(format!(
                    "is in {other}, but {currency} is configured: set `currency` in [spend]"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether it can be taken without having been asked for.
    ///
    /// # Errors
    /// Why not: words for after its name.
    pub(super) fn fits_unasked(
        &self,
        scope: &Scope,
        currency: &str,
        now: i64,
    ) -> Result<(), String> {
        if self.id.is_none() {
            return Err("does not say of which scope it is".to_owned());
        }
        match self.fits_by_name(scope, currency, now) {
            Ok(()) => {}
            Err(Unfit::NotNow(reason) | Unfit::Broken(reason)) => return Err(reason),
        }
        if !matches!(self.grain, Ok(Grain::Monthly | Grain::BillingMonth)) {
            return Err("is not of a month".to_owned());
        }
        if !matches!(self.filter, Ok(None)) {
            return Err("has a filter".to_owned());
        }
        Ok(())
    }

    /// Whether it has begun and not ended.
    fn applies(&self, now: i64) -> Result<(), Unfit> {
        let broken = |reason: &String| Unfit::Broken(reason.clone());
        let start = *self.start_usec.as_ref().map_err(broken)?;
        let day = |usec: i64| grain::date_of(usec).map_or_else(String::new, |it| it.to_string());
        if now < start {
            return Err(Unfit::NotNow(format!("begins on {}", day(start))));
        }
        let end = self.end_usec.as_ref().map_err(broken)?;
        // The last day is one of its days.
        let last = end.and_then(grain::date_of);
        match last.zip(grain::date_of(now)) {
            Some((last, today)) if today > last => Err(Unfit::NotNow(format!("ended with {last}"))),
            _ => Ok(()),
        }
    }
}

/// A moment, in UTC where it does not say.
fn instant(text: &str) -> Option<i64> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let date = text.parse::<DateTime>().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    moment.map(Timestamp::as_microsecond)
}
