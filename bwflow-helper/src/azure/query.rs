//! A cost query: how it is asked, and how its answer is understood.

use bwflow_proto::money::Money;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::budget::Budget;
use super::grain::Timeframe;
use super::page::{Costs, tree};
use super::said::said;
use crate::period::Period;

/// Names of what was spent, the plainest first; other costs are used where they are the only numbers.
const COSTS: [&str; 3] = ["Cost", "PreTaxCost", "totalCost"];

/// The body that asks for all cost of a budget's period, in one sum.
pub(super) fn body(budget: &Budget, period: Period) -> Value {
    let mut dataset =
        json!({ "aggregation": { "totalCost": { "name": "Cost", "function": "Sum" } } });
    if let Some(filter) = &budget.filter {
        dataset["filter"] = filter.clone();
    }
    let timeframe = match budget.grain.timeframe() {
        Timeframe::Month => "MonthToDate",
        Timeframe::BillingMonth => "BillingMonthToDate",
        Timeframe::Custom => "Custom",
    };
    let mut body = json!({ "type": "ActualCost", "timeframe": timeframe, "dataset": dataset });
    if budget.grain.timeframe() == Timeframe::Custom {
        // Its last second: the day after it is of the next period.
        let to = period.end_usec.saturating_sub(1_000_000);
        body["timePeriod"] = json!({ "from": moment(period.start_usec), "to": moment(to) });
    }
    body
}

fn moment(usec: i64) -> String {
    let moment = Timestamp::from_second(usec.div_euclid(1_000_000));
    moment.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// The sum of all pages read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Amount and currency; nothing while no row was seen.
    pub(super) total: Option<(Money, String)>,
}

impl Sum {
    /// Adds a page's rows and gives the address of the next page.
    ///
    /// # Errors
    /// Why the page cannot be understood. Nothing of it must be used then, nor of the pages before.
    pub(super) fn add(&mut self, page: &Costs<'_>) -> Result<Option<String>, String> {
        let properties = page.properties.as_ref().ok_or("has no properties")?;
        let rows = properties.rows.as_ref().ok_or("has no rows")?;
        if !rows.is_empty() {
            let columns = Columns::of(&tree(properties.columns)?)?;
            for row in rows {
                let row = tree(Some(row))?;
                self.add_row(&columns, row.as_array().ok_or("has a row that is none")?)?;
            }
        }
        match tree(properties.next)? {
            Value::Null => Ok(None),
            Value::String(link) if link.is_empty() => Ok(None),
            Value::String(link) => Ok(Some(link)),
            _ => Err("has a further page without an address".to_owned()),
        }
    }

    fn add_row(&mut self, columns: &Columns, row: &[Value]) -> Result<(), String> {
        if row.len() != columns.count {
            return Err("has rows of another width than its columns".to_owned());
        }
        let cell = |at: usize| row.get(at).unwrap_or(&Value::Null);
        // As the number was written, not as a binary fraction.
        let Value::Number(number) = cell(columns.cost) else {
            return Err("has a cost that is no number".to_owned());
        };
        let amount = Money::parse(&number.to_string()).map_err(|error| error.to_string())?;
        let currency = cell(columns.currency).as_str().unwrap_or("").trim();
        if currency.len() != 3 || !currency.bytes().all(|it| it.is_ascii_alphabetic()) {
            return Err("has a currency that is none".to_owned());
        }
        let currency = currency.to_ascii_uppercase();
        let (sum, known) = match self.total.take() {
            None => (amount.micros, currency),
            Some((sum, known)) if known == currency => {
                let sum = sum.micros.checked_add(amount.micros);
                (sum.ok_or("is more than can be counted")?, known)
            }
            Some((_, known)) => {
                return Err(format!("is in two currencies, {known} and {currency}"));
            }
        };
        self.total = Some((Money::from_micros(sum), known));
        Ok(())
    }
}

/// Which of the columns are needed: their order is not promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    count: usize,
    cost: usize,
    currency: usize,
}

impl Columns {
    fn of(columns: &Value) -> Result<Self, String> {
        let columns = columns.as_array().ok_or("has no columns")?;
        let member = |of: &Value, name: &str| {
            let text = of.get(name).and_then(Value::as_str);
            text.unwrap_or("").to_ascii_lowercase()
        };
        let named: Vec<_> = columns
            .iter()
            .map(|it| (member(it, "name"), member(it, "type")))
            .collect();
        let all = |name: &str, kind: &str| {
            let is_it = |it: &(String, String)| it.0.eq_ignore_ascii_case(name) && it.1 == kind;
            let found = named.iter().enumerate().filter(|(_, it)| is_it(it));
            found.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let [currency] = all("Currency", "string")[..] else {
            return Err("has no column `Currency`, or several".to_owned());
        };
        let numbers: Vec<_> = named
            .iter()
            .enumerate()
            .filter(|(_, (name, kind))| kind == "number" && !is_other(name))
            .map(|(at, _)| at)
            .collect();
        let known = COSTS
            .iter()
            .map(|name| all(name, "number"))
            .find(|it| !it.is_empty());
        let cost = match (&numbers[..], known.as_deref()) {
            (_, Some(&[only])) => only,
            (&[only], _) if named.get(only).is_some_and(|it| it.0.contains("cost")) => only,
            _ => {
                let names: Vec<_> = named.iter().map(|(name, _)| name.as_str()).collect();
                let names = said(&names.join(", "), None);
                return Err(format!(
                    "has no column that must be the cost (its columns: {names})"
                ));
            }
        };
        Ok(Self {
            count: columns.len(),
            cost,
            currency,
        })
    }
}

/// Whether a column of numbers holds dates or another currency than `Currency` says, by its name in lower case.
fn is_other(name: &str) -> bool {
    matches!(name, "usagedate" | "billingmonth" | "date" | "costusd")
}
