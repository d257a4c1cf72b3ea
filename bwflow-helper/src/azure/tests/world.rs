//! A small cloud: an identity service and a management API at one address.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bwflow_proto::config;
use bwflow_proto::money::Money;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::azure::responder::{Heard, Reply, Responder};
use crate::azure::{Azure, Budget, BudgetSource, Grain, Pause};
use crate::period::Period;

/// Never to be seen anywhere.
pub(super) const TOKEN: &str = "eyJ0.very-secret.x";
pub(super) const ID: &str = "8d10da13-8125-4ba9-a717-bf7490507b3d";
/// The cloud's clock.
pub(super) const NOW: &str = "Sun, 22 Nov 2026 12:00:00 GMT";

type Answers = Box<dyn Fn(&Heard, usize) -> Reply + Send>;

/// A cloud that can be told to answer otherwise, the program that asks it, and what that waited.
pub(super) struct World {
    pub(super) server: Responder,
    pub(super) azure: Azure,
    waits: Arc<Mutex<Vec<u64>>>,
    answers: Arc<Mutex<(Answers, usize)>>,
}

impl World {
    /// The management API answers with what `reply` makes of a request and of how many came to it before; tokens and
    /// metadata are there.
    pub(super) async fn of<F>(config: &config::Azure, reply: F) -> Self
    where
        F: Fn(&Heard, usize) -> Reply + Send + 'static,
    {
        let answers = Arc::new(Mutex::new((Box::new(reply) as Answers, 0)));
        let current = Arc::clone(&answers);
        let reply = move |heard: &Heard, _: usize| {
            if heard.line().starts_with("get /metadata/identity/") {
                return token();
            }
            if heard.line().starts_with("get /metadata/instance/") {
                return metadata();
            }
            let mut current = current.lock().unwrap();
            current.1 += 1;
            (current.0)(heard, current.1 - 1)
        };
        let world = Self::bare(config, reply).await;
        Self { answers, ..world }
    }

    /// All requests are answered by `reply`.
    pub(super) async fn bare<F>(config: &config::Azure, reply: F) -> Self
    where
        F: Fn(&Heard, usize) -> Reply + Send + Sync + 'static,
    {
        let server = Responder::start(reply).await;
        let mut config = config.clone();
        config.endpoint.get_or_insert_with(|| server.url.clone());
        config
            .imds_endpoint
            .get_or_insert_with(|| server.url.clone());
        let waits = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&waits);
        let pause = Pause::new(move |time: Duration| {
            all.lock().unwrap().push(time.as_secs());
            std::future::ready(())
        });
        let unused: Answers = Box::new(|_, _| fails(500, "unused", ""));
        Self {
            server,
            azure: Azure::new(&config, "USD").unwrap().with_pause(pause),
            waits,
            answers: Arc::new(Mutex::new((unused, 0))),
        }
    }

    /// From now on the management API answers so; what was before is forgotten, but for the token.
    pub(super) fn now<F>(&mut self, reply: F) -> &mut Self
    where
        F: Fn(&Heard, usize) -> Reply + Send + 'static,
    {
        *self.answers.lock().unwrap() = (Box::new(reply), 0);
        self.waits.lock().unwrap().clear();
        self.server.forget();
        self
    }

    /// The requests to the management API.
    pub(super) fn asked(&self) -> Vec<Heard> {
        let mut heard = self.server.heard();
        heard.retain(|it| !it.line().contains(" /metadata/"));
        heard
    }

    /// How many tokens were asked for.
    pub(super) fn tokens(&self) -> usize {
        let heard = self.server.heard();
        heard
            .iter()
            .filter(|it| it.line().contains("/identity/"))
            .count()
    }

    /// Whole seconds of each wait.
    pub(super) fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().clone()
    }
}

/// An answer in JSON at the cloud's time.
pub(super) fn says(status: u16, body: &Value) -> Reply {
    let kind = (
        "Content-Type".to_owned(),
        "application/json; charset=utf-8".to_owned(),
    );
    (
        status,
        vec![kind, ("Date".to_owned(), NOW.to_owned())],
        body.to_string(),
    )
}

/// An error as the management API writes it.
pub(super) fn fails(status: u16, code: &str, message: &str) -> Reply {
    says(
        status,
        &json!({ "error": { "code": code, "message": message } }),
    )
}

pub(super) fn token() -> Reply {
    says(
        200,
        &json!({ "access_token": TOKEN, "expires_in": "86399", "token_type": "Bearer" }),
    )
}

pub(super) fn metadata() -> Reply {
    let compute = json!({ "subscriptionId": ID, "azEnvironment": "AzurePublicCloud", "vmId": "" });
    says(200, &compute)
}

/// A month's budget of the subscription that began long ago.
pub(super) fn monthly(name: &str) -> Value {
    json!({
        "id": format!("subscriptions/{ID}/providers/Microsoft.Consumption/budgets/{name}"),
        "name": name,
        "properties": {
            "category": "Cost",
            "amount": 150.5,
            "timeGrain": "Monthly",
            "timePeriod": { "startDate": "2026-01-01T00:00:00Z", "endDate": null },
            "notifications": { "thresholdType": "Actual" },
        },
    })
}

/// The same with some of its properties changed.
pub(super) fn changed(name: &str, changes: &Value) -> Value {
    let mut budget = monthly(name);
    for (key, value) in changes.as_object().unwrap() {
        budget["properties"][key] = value.clone();
    }
    budget
}

/// The address a request came to.
pub(super) fn host(heard: &Heard) -> &str {
    let host = heard.head.lines().find_map(|it| it.strip_prefix("host: "));
    host.unwrap()
}

/// A page of costs.
pub(super) fn page(columns: &[(&str, &str)], rows: &Value, next: &Value) -> Value {
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind }))
        .collect();
    json!({ "properties": { "nextLink": next, "columns": columns, "rows": rows } })
}

/// A page as the cloud mostly gives it.
pub(super) fn costs(rows: &Value) -> Value {
    page(
        &[("Cost", "Number"), ("Currency", "String")],
        rows,
        &Value::Null,
    )
}

/// Instants of days.
pub(super) fn days(start: &str, end: &str) -> Period {
    let at = |day: &str| {
        format!("{day}T00:00:00Z")
            .parse::<Timestamp>()
            .unwrap()
            .as_microsecond()
    };
    Period {
        start_usec: at(start),
        end_usec: at(end),
    }
}

/// This month's budget.
pub(super) fn budget() -> Budget {
    Budget {
        name: Some("Cap".to_owned()),
        amount: Money::from_micros(150_500_000),
        currency: "USD".to_owned(),
        source: BudgetSource::AzureBudget,
        note: String::new(),
        grain: Grain::Monthly,
        anchor_usec: days("2026-01-01", "2026-02-01").start_usec,
        period: days("2026-11-01", "2026-12-01"),
        filter: None,
        scope: format!("subscriptions/{ID}"),
    }
}

/// A configuration that asks for a budget by name and has one in case.
pub(super) fn config() -> config::Azure {
    config::Azure {
        budget_name: Some("Cap".to_owned()),
        fallback_budget: Some(Money::from_micros(100_000_000)),
        ..config::Azure::default()
    }
}
