//! What goes wrong with Azure: the query, the budget, the identity.

use bwflow_tests::fake::Service::{self, Arm, Imds};
use bwflow_tests::fake::azure::{Budget, Charge, Empty};
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::imds::Identity;
use serde_json::{Value, json};

use super::row::{MEDIUM, OFF, Row};
use super::scene::{HOUR, Scene};

/// The name of the budget that is asked for.
const NAME: &str = "Monthly-Bandwidth-Limit";

/// An answer of one service, as long as the fault lasts.
fn answer(name: &'static str, service: Service, path: &'static str, does: Does) -> Row {
    Row::new(name, move |scene| {
        scene.set(|state| state.fail(Fault::of(service, does).at(path)));
    })
}

/// An answer for whoever asks for a budget.
fn budget_answer(name: &'static str, does: Does) -> Row {
    answer(name, Arm, "/budgets", does)
}

fn query(name: &'static str, does: Does) -> Row {
    answer(name, Arm, "/query", does)
}

/// A cost answer with these properties.
fn told(name: &'static str, properties: Value) -> Row {
    Row::new(name, move |scene| {
        scene.set(|state| state.azure.costs.properties = Some(properties));
    })
    .mended(|scene| scene.set(|state| state.azure.costs.properties = None))
}

/// Rows in the usual columns.
fn rows_of(name: &'static str, rows: &Value) -> Row {
    let columns =
        json!([{"name": "Cost", "type": "Number"}, {"name": "Currency", "type": "String"}]);
    told(
        name,
        json!({"nextLink": null, "columns": columns, "rows": rows}),
    )
}

/// Other budgets, as long as the fault lasts.
fn budgets(name: &'static str, budgets: Vec<Budget>) -> Row {
    Row::new(name, move |scene| {
        scene.set(|state| state.azure.budgets = budgets);
    })
    .mended(|scene| scene.set(|state| state.azure.budgets = vec![Budget::monthly(NAME, 150.0)]))
}

fn budget(name: &'static str, change: impl FnOnce(Budget) -> Budget) -> Row {
    budgets(name, vec![change(Budget::monthly(NAME, 150.0))])
}

fn error(status: u16, code: &str) -> Does {
    Does::json(
        status,
        &json!({"error": {"code": code, "message": "It does not work."}}),
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(broken_answers());
    rows.extend(throttling());
    rows.extend(odd_costs());
    rows.extend(odd_budgets());
    rows.extend(identity());
    rows
}

fn broken_answers() -> Vec<Row> {
    vec![
        query("query: 500", Does::status(500, &[])),
        query(
            "query: 502 with a page",
            Does::typed(502, "text/html", "<html>"),
        ),
        query(
            "query: 503 with Retry-After",
            Does::status(503, &[("retry-after", "30")]),
        ),
        query(
            "query: 503 with a negative Retry-After",
            Does::status(503, &[("retry-after", "-5")]),
        ),
        query("query: no answer", Does::Hang),
        query("query: the connection ends", Does::Close),
        query("query: half an answer", Does::Truncate),
        query("query: an answer without an end", Does::Endless),
        query(
            "query: 200 with a page",
            Does::typed(200, "text/html", "<html>0</html>"),
        ),
        query("query: 200 with nothing", Does::status(200, &[])),
        query("query: 200 with a number", Does::json(200, &json!(0))),
        query("query: 200 with null", Does::json(200, &json!(null))),
        query(
            "query: 200 with an empty object",
            Does::json(200, &json!({})),
        ),
        query(
            "query: broken JSON",
            Does::typed(200, "application/json", "{\"properties\":{"),
        ),
        query(
            "query: no text",
            Does::typed(200, "application/json", "\u{0}\u{0}\u{0}"),
        ),
        query("query: redirected", Does::redirect("http://127.0.0.1:1/")),
        query("query: 400, an offer that has no costs", error(400, "400")),
        query("query: 401, no role", error(401, "RBACAccessDenied")),
        query(
            "query: 401, the token is old for ever",
            error(401, "ExpiredAuthenticationToken"),
        ),
        query("query: 403", error(403, "AuthorizationFailed")),
        query("query: 404", error(404, "SubscriptionNotFound")),
        budget_answer("budget: 500", Does::status(500, &[])),
        budget_answer("budget: 403", error(403, "AuthorizationFailed")),
        budget_answer("budget: garbage", Does::json(200, &json!([1]))),
        budget_answer("budget: a page", Does::typed(200, "text/html", "<html>")),
        answer("everything: 500", Arm, "", Does::status(500, &[])),
    ]
}

fn throttling() -> Vec<Row> {
    let headers = [
        "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after",
        "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
        "x-ms-ratelimit-microsoft.consumption-retry-after",
        "Retry-After",
    ];
    let rows = headers.map(|header| query(header, Does::throttled(header, 32)));
    let mut rows = Vec::from(rows);
    rows.push(query("query: 429 without a header", Does::status(429, &[])));
    // The same headers on a 200 mean nothing.
    let headers = vec![(headers[1].to_owned(), "60".to_owned())];
    let row = query("query: 200 with retry-after", Does::Headers(headers));
    rows.push(row.during(super::row::HIGH).may_rise());
    rows
}

fn odd_costs() -> Vec<Row> {
    let empty = |empty: Empty| {
        move |scene: &mut Scene| {
            scene.set(|state| {
                state.azure.costs.charges.clear();
                state.azure.costs.empty = empty;
            });
        }
    };
    let back = |scene: &mut Scene| scene.spend(30.0);
    vec![
        Row::new("cost: 204", empty(Empty::NoContent)).mended(back),
        Row::new("cost: no rows", empty(Empty::NoRows)).mended(back),
        rows_of(
            "cost: two currencies",
            &json!([[10.0, "USD"], [10.0, "EUR"]]),
        ),
        rows_of("cost: another currency", &json!([[10.0, "EUR"]])),
        rows_of("cost: null", &json!([[null, "USD"]])),
        rows_of("cost: a text", &json!([["10.0", "USD"]])),
        rows_of("cost: too short a row", &json!([["USD"]])),
        rows_of("cost: no row but an object", &json!([{}])),
        rows_of("cost: more than there is", &json!([[1e300, "USD"]])),
        told("cost: no columns", json!({"rows": [[10.0, "USD"]]})),
        told(
            "cost: no currency",
            json!({"columns": [{"name": "Cost", "type": "Number"}], "rows": [[10.0]]}),
        ),
        told(
            "cost: two numbers",
            json!({
                "columns": [
                    {"name": "Cost", "type": "Number"},
                    {"name": "CostUSD", "type": "Number"},
                    {"name": "Currency", "type": "String"},
                ],
                "rows": [[10.0, 11.0, "USD"]],
            }),
        )
        // The one that was asked for.
        .during(super::row::HIGH)
        .may_rise(),
        told(
            "cost: the next page is elsewhere",
            json!({
                "nextLink": "http://127.0.0.1:1/more",
                "columns": [
                    {"name": "Cost", "type": "Number"}, {"name": "Currency", "type": "String"},
                ],
                "rows": [[10.0, "USD"]],
            }),
        ),
        Row::new("cost: other columns in another order", |scene| {
            scene.set(|state| {
                let columns = ["currency", "UsageDate", "Region", "cost"];
                state.azure.costs.columns = columns.map(str::to_owned).into();
            });
        })
        .during(super::row::HIGH)
        .may_rise(),
        Row::new("cost: on two pages", |scene| {
            scene.set(|state| {
                let now = state.clock();
                state.azure.costs.charges = vec![Charge::dollars(now, 140.0)];
                state.azure.costs.rows_per_currency = 2;
                state.azure.costs.rows_per_page = Some(1);
            });
        })
        .during(OFF)
        .after(OFF),
    ]
}

fn odd_budgets() -> Vec<Row> {
    vec![
        budgets("budget: none at all", vec![]),
        budgets(
            "budget: only one of a group",
            vec![Budget::monthly("x", 1e6).of_group("rg")],
        ),
        budgets(
            "budget: two others, of one name",
            vec![Budget::monthly("x", 1e6), Budget::monthly("x", 2e6)],
        ),
        budgets(
            "budget: another, but filtered",
            vec![Budget::monthly("x", 1e6).with(
                "filter",
                json!({"dimensions": {"name": "ResourceId", "operator": "In", "values": ["y"]}}),
            )],
        ),
        budgets(
            "budget: another, but annual",
            vec![Budget::monthly("x", 1e6).with("timeGrain", json!("Annually"))],
        ),
        budgets(
            "budget: another, of nothing",
            vec![Budget::monthly("x", 0.0)],
        ),
        budget("budget: zero", |it| it.with("amount", json!(0))),
        budget("budget: less than zero", |it| it.with("amount", json!(-1))),
        budget("budget: a text", |it| it.with("amount", json!("1000000"))),
        budget("budget: no amount", |it| it.with("amount", json!(null))),
        budget("budget: expired", |it| {
            let period =
                json!({"startDate": "2020-01-01T00:00:00Z", "endDate": "2021-01-01T00:00:00Z"});
            it.with("amount", json!(1e6)).with("timePeriod", period)
        }),
        budget("budget: of times to come", |it| {
            let period = json!({"startDate": "2030-01-01T00:00:00Z"});
            it.with("amount", json!(1e6)).with("timePeriod", period)
        }),
        budget("budget: of an unknown grain", |it| {
            it.with("amount", json!(1e6))
                .with("timeGrain", json!("Fortnightly"))
        }),
        budget("budget: in another currency", |it| {
            it.with("amount", json!(1e6))
                .with("currentSpend", json!({"amount": 1.0, "unit": "EUR"}))
        }),
    ]
}

fn identity() -> Vec<Row> {
    let token = "/oauth2/token";
    // A token is kept for a day: only who starts anew asks for one.
    vec![
        Row::new("identity: being renewed for a minute", |scene| {
            scene.set(|state| state.imds.updating_until = state.clock() + 4 * HOUR + 70);
        }),
        answer(
            "identity: 410 for ever",
            Imds,
            token,
            Does::status(410, &[]),
        ),
        answer("identity: 500", Imds, token, Does::status(500, &[])),
        answer("identity: 403", Imds, token, Does::status(403, &[])),
        answer(
            "identity: a page",
            Imds,
            token,
            Does::typed(200, "text/html", "<html>"),
        ),
        answer(
            "identity: no token in it",
            Imds,
            token,
            Does::json(200, &json!({})),
        ),
        answer(
            "identity: an empty token",
            Imds,
            token,
            Does::json(
                200,
                &json!({"access_token": "", "expires_in": "3600", "token_type": "Bearer"}),
            ),
        ),
        answer("identity: no answer", Imds, token, Does::Hang),
        answer("identity: the connection ends", Imds, token, Does::Close),
    ]
    .into_iter()
    .map(Row::restarted)
    .chain([
        Row::new("identity: none", |scene| {
            scene.restart();
            scene.set(|state| {
                state.imds.identities.clear();
                state.imds.tokens.clear();
            });
        })
        .mended(|scene| {
            scene.set(|state| {
                state.imds.identities = bwflow_tests::fake::imds::Imds::default().identities;
            });
        }),
        Row::new("identity: several", |scene| {
            scene.restart();
            let user = |number: u32| Identity {
                client: format!("client-{number}"),
                object: format!("object-{number}"),
                resource: format!("/subscriptions/s/{number}"),
            };
            scene.set(|state| state.imds.identities = vec![user(1), user(2)]);
        })
        .mended(|scene| {
            scene.set(|state| {
                state.imds.identities = bwflow_tests::fake::imds::Imds::default().identities;
            });
        }),
        Row::new("identity: its role is taken away", |scene| {
            scene.set(|state| state.azure.readers = Some(vec![]));
        })
        .mended(|scene| scene.set(|state| state.azure.readers = None)),
        Row::new("everything is unreachable", |scene| {
            scene.fake.set_reachable(Arm, false);
            scene.fake.set_reachable(Imds, false);
        })
        .mended(|scene| {
            scene.fake.set_reachable(Arm, true);
            scene.fake.set_reachable(Imds, true);
        })
        .during(MEDIUM),
    ])
    .collect()
}
