//! The cost query (`Microsoft.CostManagement`).

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::fits;
use super::{Azure, error};
use crate::fake::request::{Reply, Request};

/// What has been spent, and how that is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// What has been spent.
    pub charges: Vec<Charge>,
    /// How long a charge stays unseen, seconds.
    pub delay: i64,
    /// On which day billing months begin.
    pub billing_day: i8,
    /// What is answered while there is no charge.
    pub empty: Empty,
    /// The columns' order: of `cost` and `currency`, what is left out comes last. More columns may be
    /// named; they hold nothing of interest.
    pub columns: Vec<String>,
    /// How many rows a page holds; nothing for all.
    pub rows_per_page: Option<usize>,
    /// In how many rows each currency's cost is told (as if grouped).
    pub rows_per_currency: usize,
    /// The `properties` to answer with, whatever was asked.
    pub properties: Option<Value>,
}

/// Money spent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// When, seconds since the Unix epoch.
    pub at: i64,
    /// How much.
    pub amount: f64,
    /// Of what.
    pub currency: String,
    /// What it is filtered by, e.g. `MeterCategory`.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
}

/// What is answered while there is no charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// Columns without rows.
    NoRows,
    /// 204.
    NoContent,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            charges: Vec::new(),
            delay: 0,
            billing_day: 1,
            empty: Empty::NoRows,
            columns: Vec::new(),
            rows_per_page: None,
            rows_per_currency: 1,
            properties: None,
        }
    }
}

impl Charge {
    /// Dollars spent on bandwidth.
    pub fn dollars(at: i64, amount: f64) -> Self {
        let dimensions = [("MeterCategory".to_owned(), "Bandwidth".to_owned())];
        Self {
            at,
            amount,
            currency: "USD".into(),
            dimensions: dimensions.into(),
        }
    }
}

pub(super) fn query(azure: &mut Azure, request: &Request, scope: &str, now: i64) -> Reply {
    let body = match request.json() {
        Ok(body) => body,
        Err(_) => return refused("The request body is no JSON."),
    };
    let asked = match Asked::read(&body, azure.costs.billing_day, now) {
        Ok(asked) => asked,
        Err(why) => return refused(&why),
    };
    let group = scope.split('/').nth(3);
    let seen = azure.costs.charges.iter().filter(|it| {
        let own = it.dimensions.get("ResourceGroup");
        let is_inside =
            group.is_none_or(|group| own.is_none_or(|it| it.eq_ignore_ascii_case(group)));
        let is_told = it.at + azure.costs.delay <= now && (asked.from..asked.to).contains(&it.at);
        is_inside && is_told && fits(&asked.filter, &it.dimensions)
    });
    let mut totals = BTreeMap::<String, f64>::new();
    for charge in seen {
        *totals.entry(charge.currency.clone()).or_default() += charge.amount;
    }
    if totals.is_empty()
        && azure.costs.empty == Empty::NoContent
        && azure.costs.properties.is_none()
    {
        return Reply::empty(204);
    }
    let properties = match azure.costs.properties.clone() {
        Some(properties) => properties,
        None => match told(azure, request, &asked.column, &totals) {
            Ok(properties) => properties,
            Err(reply) => return reply,
        },
    };
    let name = "6ded9eae-7dcf-4adf-80c1-8525927fc7db";
    let body = json!({
        "id": format!("{scope}/providers/Microsoft.CostManagement/query/{name}"),
        "name": name,
        "type": "Microsoft.CostManagement/query",
        "location": null, "sku": null, "eTag": null,
        "properties": properties,
    });
    let header = "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining";
    Reply::json(200, &body).with(
        header,
        "QueriesPerHour:597,QueriesPerMin:57,QueriesPer10Sec:9",
    )
}

/// Totals as columns and rows.
fn told(
    azure: &Azure,
    request: &Request,
    column: &str,
    totals: &BTreeMap<String, f64>,
) -> Result<Value, Reply> {
    let mut columns = azure.costs.columns.clone();
    for name in ["cost", "currency"] {
        if !columns.iter().any(|it| it == name) {
            columns.push(name.into());
        }
    }
    let parts = azure.costs.rows_per_currency.max(1);
    let mut rows = Vec::new();
    for (currency, total) in totals {
        // Halves are exact in binary: the parts add up to the whole.
        let mut left = *total;
        for part in 0..parts {
            let amount = if part + 1 == parts { left } else { left / 2.0 };
            left -= amount;
            let cell = |name: &String| match name.as_str() {
                "cost" => json!(amount),
                "currency" => json!(currency),
                "UsageDate" => json!(20_200_401),
                other => json!(other),
            };
            rows.push(Value::Array(columns.iter().map(cell).collect()));
        }
    }
    let head = |name: &String| match name.as_str() {
        "cost" => json!({"name": column, "type": "Number"}),
        "currency" => json!({"name": "Currency", "type": "String"}),
        "UsageDate" => json!({"name": name, "type": "Number"}),
        _ => json!({"name": name, "type": "String"}),
    };
    let head: Vec<_> = columns.iter().map(head).collect();
    let first: usize = match request.parameter("$skiptoken").map(|it| it.parse()) {
        None => 0,
        Some(Ok(first)) => first,
        Some(Err(_)) => return Err(refused("The skip token is invalid.")),
    };
    let size = azure.costs.rows_per_page.unwrap_or(rows.len().max(1));
    let page: Vec<_> = rows.iter().skip(first).take(size).collect();
    let next = (first + size < rows.len()).then(|| azure.next_link(request, first + size));
    Ok(json!({"nextLink": next, "columns": head, "rows": page}))
}

/// What a query asks for.
struct Asked {
    column: String,
    from: i64,
    to: i64,
    filter: Option<Value>,
}

impl Asked {
    fn read(body: &Value, billing_day: i8, now: i64) -> Result<Self, String> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let kind = text("type").ok_or("'type' is missing.")?;
        if !["Usage", "ActualCost", "AmortizedCost"].contains(&kind) {
            return Err(format!("Invalid query definition: type '{kind}'."));
        }
        let dataset = body.get("dataset").filter(|it| it.is_object());
        let dataset = dataset.ok_or("Invalid query definition: Dataset is missing.")?;
        let granularity = dataset.get("granularity").and_then(Value::as_str);
        if !matches!(granularity, None | Some("None")) {
            return Err("This service tells totals only.".into());
        }
        let aggregation = dataset.get("aggregation").and_then(Value::as_object);
        let aggregation = aggregation.filter(|it| (1..=2).contains(&it.len()));
        let aggregation =
            aggregation.ok_or("Invalid dataset aggregation; one or two are needed.")?;
        let of = aggregation.values().next().unwrap_or(&Value::Null);
        if of.get("function").and_then(Value::as_str) != Some("Sum") {
            return Err("Invalid aggregation function.".into());
        }
        let column = of.get("name").and_then(Value::as_str).unwrap_or("");
        if !["Cost", "PreTaxCost", "CostUSD", "PreTaxCostUSD"].contains(&column) {
            return Err(format!("Invalid aggregation column '{column}'."));
        }
        let filter = dataset.get("filter").cloned();
        let (from, to) = span(body, text("timeframe").unwrap_or(""), billing_day, now)?;
        Ok(Self {
            column: column.into(),
            from,
            to,
            filter,
        })
    }
}

/// First and last+1 second of a timeframe; UTC.
fn span(body: &Value, frame: &str, billing_day: i8, now: i64) -> Result<(i64, i64), String> {
    let today = Timestamp::from_second(now).map_err(|error| error.to_string())?;
    let today = today.to_zoned(TimeZone::UTC).date();
    let seconds = |day: Date| {
        day.to_zoned(TimeZone::UTC)
            .map(|it| it.timestamp().as_second())
    };
    let seconds = |day| seconds(day).map_err(|error| error.to_string());
    let month = today.first_of_month();
    let billing = |month: Date| {
        let day = billing_day.clamp(1, month.days_in_month());
        month.with().day(day).build().unwrap_or(month)
    };
    match frame {
        "MonthToDate" => Ok((seconds(month)?, now + 1)),
        "BillingMonthToDate" => {
            let this = billing(month);
            let begun = if this <= today {
                this
            } else {
                billing(month.saturating_sub(1.month()))
            };
            Ok((seconds(begun)?, now + 1))
        }
        "TheLastMonth" => Ok((seconds(month.saturating_sub(1.month()))?, seconds(month)?)),
        "Custom" => {
            let edge = |name: &str| {
                let text = body
                    .pointer(&format!("/timePeriod/{name}"))
                    .and_then(Value::as_str);
                let text = text.ok_or(format!("timePeriod.{name} is needed for Custom."))?;
                moment(text).ok_or(format!("timePeriod.{name} '{text}' is no time."))
            };
            let (from, to) = (edge("from")?, edge("to")?);
            if to < from {
                return Err("timePeriod ends before it begins.".into());
            }
            // Whole days, the last one included.
            let last = Timestamp::from_second(to).map_err(|error| error.to_string())?;
            let next = last.to_zoned(TimeZone::UTC).date().saturating_add(1.day());
            Ok((from, seconds(next)?))
        }
        other => Err(format!("Invalid timeframe '{other}'.")),
    }
}

/// A time with or without a zone, which is UTC.
fn moment(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let time = text.parse::<DateTime>().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn refused(why: &str) -> Reply {
    error(400, "BadRequest", why)
}
