//! Budgets (`Microsoft.Consumption`): one by name, and the list.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Azure, SUBSCRIPTION, error};
use crate::fake::request::{Reply, Request};

/// A budget.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Where it is: `subscriptions/…`, perhaps with `/resourceGroups/…`.
    pub scope: String,
    /// Its name; the same may be there at another scope.
    pub name: String,
    /// Its `properties`, as they go out.
    pub properties: Value,
}

impl Budget {
    /// One of the subscription, for calendar months, from 2020 on, in US dollars, with everything
    /// that a real one carries.
    pub fn monthly(name: &str, amount: f64) -> Self {
        let notification = json!({
            "enabled": true, "operator": "GreaterThan", "threshold": 80.0,
            "contactEmails": ["someone@example.com"], "contactRoles": [], "contactGroups": [],
            "thresholdType": "Actual",
        });
        Self {
            scope: format!("subscriptions/{SUBSCRIPTION}"),
            name: name.into(),
            properties: json!({
                "timePeriod": {"startDate": "2020-01-01T00:00:00Z", "endDate": "2099-12-31T00:00:00Z"},
                "timeGrain": "Monthly",
                "amount": amount,
                "currentSpend": {"amount": 0.0, "unit": "USD"},
                "category": "Cost",
                "notifications": {"actual_GreaterThan_80_Percent": notification},
            }),
        }
    }

    /// With a property set; `null` takes it away.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.properties.as_object_mut().unwrap().remove(name);
        } else {
            self.properties[name] = value;
        }
        self
    }

    /// At a resource group of the subscription.
    #[must_use]
    pub fn of_group(mut self, group: &str) -> Self {
        self.scope = format!("subscriptions/{SUBSCRIPTION}/resourceGroups/{group}");
        self
    }

    /// As it goes out: the id has no slash at its beginning.
    fn document(&self) -> Value {
        json!({
            "id": format!("{}/providers/Microsoft.Consumption/budgets/{}", self.scope, self.name),
            "name": self.name,
            "type": "Microsoft.Consumption/budgets",
            "eTag": "\"1d4877ebd701de2\"",
            "properties": self.properties,
        })
    }
}

pub(super) fn get(azure: &Azure, scope: &str, name: &str) -> Reply {
    let found = azure
        .budgets
        .iter()
        .find(|it| it.scope.eq_ignore_ascii_case(scope) && it.name.eq_ignore_ascii_case(name));
    match found {
        Some(budget) => Reply::json(200, &budget.document()),
        None => error(404, "404", &format!("Budget '{name}' could not be found.")),
    }
}

/// Those of the scope and of what is inside it.
pub(super) fn list(azure: &Azure, request: &Request, scope: &str) -> Reply {
    let inside = format!("{}/", scope.to_ascii_lowercase());
    let all: Vec<_> = azure
        .budgets
        .iter()
        .filter(|it| {
            let of = it.scope.to_ascii_lowercase();
            of == scope.to_ascii_lowercase() || of.starts_with(&inside)
        })
        .map(Budget::document)
        .collect();
    let first: usize = match request.parameter("$skiptoken").map(|it| it.parse()) {
        None => 0,
        Some(Ok(first)) => first,
        Some(Err(_)) => return error(400, "InvalidSkipToken", "The skip token is invalid."),
    };
    let size = azure.budgets_per_page.unwrap_or(all.len().max(1));
    let page: Vec<_> = all.iter().skip(first).take(size).collect();
    let mut body = json!({"value": page});
    if first + size < all.len() {
        body["nextLink"] = json!(azure.next_link(request, first + size));
    }
    Reply::json(200, &body)
}
