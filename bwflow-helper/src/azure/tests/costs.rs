//! Which cost comes of which answers.

use bwflow_proto::money::Money;
use serde_json::{Value, json};

use super::world::{ID, NOW, TOKEN, World, budget, config, costs, days, fails, page, says};
use crate::azure::responder::{Heard, Reply};
use crate::azure::{Cost, Grain, Trouble, TroubleKind};

async fn answered<F>(reply: F) -> (Result<Cost, Trouble>, World)
where
    F: Fn(&Heard, usize) -> Reply + Send + Sync + 'static,
{
    let mut world = World::of(&config(), reply).await;
    let cost = world.azure.cost(&budget()).await;
    (cost, world)
}

async fn of(body: Value) -> Result<Option<i64>, Trouble> {
    let (cost, _) = answered(move |_, _| says(200, &body)).await;
    cost.map(|it| it.amount.map(|it| it.micros))
}

#[tokio::test]
async fn the_cost_is_asked_for_with_the_machines_identity() {
    let (cost, world) = answered(|_, _| says(200, &costs(&json!([[45.23, "USD"]])))).await;
    let cost = cost.unwrap();
    assert_eq!(
        (cost.amount, cost.currency.as_deref()),
        (Some(Money::from_micros(45_230_000)), Some("USD"))
    );
    assert_eq!(cost.period, days("2026-11-01", "2026-12-01"));
    let noon = days("2026-11-22", "2026-11-23").start_usec + 43_200_000_000;
    assert_eq!(cost.server_usec, noon);

    let heard = world.server.heard();
    let lines: Vec<_> = heard.iter().map(Heard::line).collect();
    assert_eq!(
        lines,
        [
            "get /metadata/instance/compute?api-version=2021-02-01",
            "get /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3a%2f%2fmanagement.azure.com%2f",
            &format!(
                "post /subscriptions/{ID}/providers/microsoft.costmanagement/query?api-version=2025-03-01"
            ),
        ]
    );
    assert!(
        heard[..2]
            .iter()
            .all(|it| it.head.contains("\r\nmetadata: true"))
    );
    assert!(
        heard[..2]
            .iter()
            .all(|it| !it.head.contains("x-forwarded-for") && !it.head.contains("authorization"))
    );
    let head = &heard[2].head;
    assert!(
        head.contains(&format!(
            "\r\nauthorization: bearer {}",
            TOKEN.to_lowercase()
        )),
        "{head}"
    );
    assert!(
        head.contains("\r\nclienttype: bwflow")
            && head.contains("\r\ncontent-type: application/json"),
        "{head}"
    );
    let body: Value = serde_json::from_str(&heard[2].body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "ActualCost",
            "timeframe": "MonthToDate",
            "dataset": { "aggregation": { "totalCost": { "name": "Cost", "function": "Sum" } } },
        })
    );
}

#[tokio::test]
async fn columns_are_found_by_name_and_type() {
    let (cost, date, money) = (
        ("PreTaxCost", "Number"),
        ("UsageDate", "Number"),
        ("Currency", "String"),
    );
    for (columns, rows, micros) in [
        (
            vec![cost, date, money],
            json!([[1.5, 20_261_101, "USD"], [0.25, 20_261_102, "USD"]]),
            1_750_000,
        ),
        (
            vec![money, date, cost],
            json!([["USD", 20_261_101, 1.5]]),
            1_500_000,
        ),
        (
            vec![("totalCost", "number"), ("currency", "string")],
            json!([[2, "usd"]]),
            2_000_000,
        ),
        (
            vec![("Kosten", "Number"), money],
            json!([[3, "USD"]]),
            3_000_000,
        ),
        (
            vec![("CostUSD", "Number"), ("Cost", "Number"), money],
            json!([[9, 4, "USD"]]),
            4_000_000,
        ),
        (
            vec![("ResourceGroup", "String"), cost, money],
            json!([["5", 5, "USD"]]),
            5_000_000,
        ),
        (vec![cost, money], json!([[0, "USD"]]), 0),
        (
            vec![cost, money],
            json!([[-2.5, "USD"], [1, "USD"]]),
            -1_500_000,
        ),
        (
            vec![cost, money],
            json!([[1.23e-7, "USD"], [416.613_981, "USD"]]),
            416_613_981,
        ),
    ] {
        let body = page(&columns, &rows, &Value::Null);
        assert_eq!(of(body.clone()).await, Ok(Some(micros)), "{body}");
    }
}

#[tokio::test]
async fn nothing_reported_is_no_zero() {
    assert_eq!(of(costs(&json!([]))).await, Ok(None));
    assert_eq!(of(json!({ "properties": { "rows": [] } })).await, Ok(None));
    let (cost, _) = answered(|_, _| (204, vec![("Date", NOW.to_owned())], String::new())).await;
    let cost = cost.unwrap();
    assert_eq!(
        (cost.amount, cost.currency, cost.period),
        (None, None, days("2026-11-01", "2026-12-01"))
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_trouble_and_no_zero() {
    let (cost, money) = (("Cost", "Number"), ("Currency", "String"));
    let with = |columns: &[(&str, &str)], rows: Value| page(columns, &rows, &Value::Null);
    for body in [
        json!({}),
        json!(null),
        json!([]),
        json!({ "properties": {} }),
        json!({ "properties": { "rows": null } }),
        json!({ "properties": { "rows": [[1, "USD"]] } }),
        json!({ "properties": { "rows": [], "nextLink": 5 } }),
        with(&[cost, money], json!([["45.23", "USD"]])),
        with(&[cost, money], json!([["NaN", "USD"]])),
        with(&[cost, money], json!([[null, "USD"]])),
        with(&[cost, money], json!([["USD", 45.23]])),
        with(&[cost, money], json!([[45.23]])),
        with(&[cost, money], json!([[45.23, "USD", 1]])),
        with(&[cost, money], json!([45.23])),
        with(&[cost, money], json!([[45.23, ""]])),
        with(&[cost, money], json!([[45.23, null]])),
        with(&[cost, money], json!([[45.23, "$"]])),
        with(&[cost, money], json!([[1e300, "USD"]])),
        with(&[cost, money], json!([[9e12, "USD"], [9e12, "USD"]])),
        with(&[cost, money], json!([[1, "USD"], [1, "EUR"]])),
        with(&[cost], json!([[45.23]])),
        with(&[money], json!([["USD"]])),
        with(&[cost, cost, money], json!([[1, 1, "USD"]])),
        with(
            &[("A", "Number"), ("B", "Number"), money],
            json!([[1, 1, "USD"]]),
        ),
        with(
            &[("UsageDate", "Number"), money],
            json!([[20_261_101, "USD"]]),
        ),
        with(&[("CostUSD", "Number"), money], json!([[1, "EUR"]])),
        with(&[("Cost", "String"), money], json!([["1", "USD"]])),
    ] {
        let trouble = of(body.clone()).await.unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (TroubleKind::Invalid, false),
            "{body}"
        );
        assert!(trouble.text.starts_with("Azure gave "), "{trouble}");
    }
    for (kind, body) in [
        ("text/html", "<html>busy</html>"),
        ("application/json", "{\"a\""),
        ("application/json", ""),
    ] {
        let (cost, _) = answered(move |_, _| {
            (
                200,
                vec![("Date", NOW.to_owned()), ("Content-Type", kind.to_owned())],
                body.to_owned(),
            )
        })
        .await;
        assert_eq!(
            cost.unwrap_err().kind,
            TroubleKind::Invalid,
            "{kind} {body}"
        );
    }
    let (cost, _) = answered(|_, _| (204, vec![], String::new())).await;
    assert!(cost.unwrap_err().text.contains("without its time"));
}

#[tokio::test]
async fn another_currency_than_the_budgets_makes_no_share() {
    let trouble = of(costs(&json!([[1, "EUR"]]))).await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Refused, true)
    );
    assert!(
        trouble
            .text
            .contains("the cost is in EUR, but the budget in USD"),
        "{trouble}"
    );
}

#[tokio::test]
async fn all_pages_are_added_by_posting_the_same_again() {
    let reply = |heard: &Heard, before: usize| {
        let host = heard
            .head
            .lines()
            .find_map(|it| it.strip_prefix("host: "))
            .unwrap();
        let next = if before < 2 {
            json!(format!("http://{host}/p?{before}"))
        } else {
            Value::Null
        };
        // Each page may have its own order.
        let money = ("Currency", "String");
        match before {
            1 => says(
                200,
                &page(&[money, ("Cost", "Number")], &json!([["USD", 10]]), &next),
            ),
            _ => says(
                200,
                &page(&[("Cost", "Number"), money], &json!([[1, "USD"]]), &next),
            ),
        }
    };
    let (cost, world) = answered(reply).await;
    assert_eq!(cost.unwrap().amount, Some(Money::from_micros(12_000_000)));
    let asked = world.asked();
    assert_eq!(
        asked.iter().map(|it| it.line()).collect::<Vec<_>>()[1..],
        ["post /p?0", "post /p?1"]
    );
    assert!(
        asked
            .iter()
            .all(|it| it.body == asked[0].body && it.body.contains("MonthToDate"))
    );
}

#[tokio::test]
async fn half_of_the_pages_is_no_cost() {
    for (next, requests) in [
        ("https://evil.example/x", 1),
        ("http://HOST/a", 2),
        ("http://HOST/N", 20),
        ("http://HOST/fail", 2),
    ] {
        let reply = move |heard: &Heard, before: usize| {
            let host = heard
                .head
                .lines()
                .find_map(|it| it.strip_prefix("host: "))
                .unwrap();
            if heard.line().ends_with("fail") {
                return fails(400, "BadRequest", "no");
            }
            let next = next.replace("HOST", host).replace('N', &before.to_string());
            says(
                200,
                &page(
                    &[("Cost", "Number"), ("Currency", "String")],
                    &json!([[1, "USD"]]),
                    &json!(next),
                ),
            )
        };
        let (cost, world) = answered(reply).await;
        assert!(cost.is_err(), "{next}");
        assert_eq!(world.asked().len(), requests, "{next}");
    }
}

#[tokio::test]
async fn a_quarter_is_asked_for_by_the_clouds_clock_and_with_the_budgets_filter() {
    let mut quarter = budget();
    quarter.grain = Grain::Quarterly;
    quarter.scope = format!("subscriptions/{ID}/resourceGroups/rg");
    quarter.filter = Some(json!({ "tags": { "name": "a", "operator": "In", "values": ["b"] } }));
    // Long ago by the clock here, whatever that shows.
    let reply = |_: &Heard, _: usize| {
        let mut reply = says(200, &costs(&json!([[1, "USD"]])));
        reply.1[1].1 = "Tue, 31 Mar 2026 23:59:59 GMT".to_owned();
        reply
    };
    let mut world = World::of(&config(), reply).await;
    let cost = world.azure.cost(&quarter).await.unwrap();
    assert_eq!(cost.period, days("2026-01-01", "2026-04-01"));
    let asked = world.asked();
    assert!(
        asked
            .iter()
            .all(|it| it.line().contains("/resourcegroups/rg/providers/"))
    );
    let body: Value = serde_json::from_str(&asked.last().unwrap().body).unwrap();
    assert_eq!(body["timeframe"], "Custom");
    assert_eq!(
        body["timePeriod"],
        json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-03-31T23:59:59Z" })
    );
    assert_eq!(body["dataset"]["filter"], quarter.filter.unwrap());
}

#[tokio::test]
async fn a_month_that_ends_between_two_pages_is_asked_for_again() {
    let reply = |heard: &Heard, before: usize| {
        let host = heard
            .head
            .lines()
            .find_map(|it| it.strip_prefix("host: "))
            .unwrap();
        let next = if before == 0 {
            json!(format!("http://{host}/p"))
        } else {
            Value::Null
        };
        let body = page(
            &[("Cost", "Number"), ("Currency", "String")],
            &json!([[7, "USD"]]),
            &next,
        );
        let mut reply = says(200, &body);
        let date = [
            "Mon, 30 Nov 2026 23:59:59 GMT",
            "Tue, 01 Dec 2026 00:00:00 GMT",
        ][before.min(1)];
        reply.1[1].1 = date.to_owned();
        reply
    };
    let (cost, world) = answered(reply).await;
    let cost = cost.unwrap();
    assert_eq!(
        (cost.amount, cost.period),
        (
            Some(Money::from_micros(7_000_000)),
            days("2026-12-01", "2027-01-01")
        )
    );
    assert_eq!(world.asked().len(), 3);
}

#[tokio::test]
async fn a_failure_is_named_with_its_cure_and_tried_again_only_where_that_helps() {
    let entity = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
    let role = "the role \"Cost Management Reader\"";
    for (status, code, message, header, kind, is_definite, requests, text) in [
        (
            401,
            "RBACAccessDenied",
            "The client does not have authorization.",
            None,
            TroubleKind::Denied,
            true,
            1,
            role,
        ),
        (
            403,
            "AuthorizationFailed",
            "x",
            None,
            TroubleKind::Denied,
            true,
            1,
            role,
        ),
        (
            401,
            "ExpiredAuthenticationToken",
            "x",
            None,
            TroubleKind::Denied,
            true,
            2,
            "not even a new one",
        ),
        (
            400,
            "400",
            "Cost Management supports only Enterprise Agreement",
            None,
            TroubleKind::Refused,
            true,
            1,
            "(400): Cost Management supports only",
        ),
        (
            404,
            "SubscriptionNotFound",
            "x",
            None,
            TroubleKind::Refused,
            true,
            1,
            "SubscriptionNotFound: x",
        ),
        (
            302,
            "",
            "",
            Some(("Location", "http://127.0.0.1:1/")),
            TroubleKind::Refused,
            true,
            1,
            "(302)",
        ),
        (
            429,
            "429",
            "Too many requests. Please retry.",
            Some((entity, "32")),
            TroubleKind::Throttled,
            false,
            3,
            "Too many requests. Please retry.",
        ),
        (
            429,
            "429",
            "x",
            Some((entity, "600")),
            TroubleKind::Throttled,
            false,
            1,
            "too often",
        ),
        (
            429,
            "429",
            "x",
            None,
            TroubleKind::Throttled,
            false,
            3,
            "too often",
        ),
        (
            503,
            "ServiceUnavailable",
            "x",
            Some(("Retry-After", "1")),
            TroubleKind::Unreachable,
            false,
            3,
            "at present (503)",
        ),
        (
            500,
            "InternalServerError",
            "x",
            Some((entity, "3000")),
            TroubleKind::Unreachable,
            false,
            3,
            "at present (500)",
        ),
        (
            408,
            "",
            "",
            None,
            TroubleKind::Unreachable,
            false,
            3,
            "at present (408): nothing",
        ),
    ] {
        let (cost, world) = answered(move |_, _| {
            let mut reply = fails(status, code, message);
            reply
                .1
                .extend(header.map(|(name, value)| (name, value.to_owned())));
            reply
        })
        .await;
        let trouble = cost.unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (kind, is_definite),
            "{trouble:?}"
        );
        assert_eq!(world.asked().len(), requests, "{trouble:?}");
        assert!(trouble.text.contains(text), "{trouble:?}");
        let is_throttled = matches!(status, 429 | 503);
        assert_eq!(trouble.retry_after.is_some(), is_throttled, "{trouble:?}");
        let least = if is_throttled { 30 } else { 2 };
        assert!(
            world.waits().iter().all(|it| (least..=60).contains(it)),
            "{:?}",
            world.waits()
        );
        if header == Some((entity, "600")) {
            assert_eq!(trouble.retry_after.unwrap().as_secs(), 600);
        }
    }
}

#[tokio::test]
async fn hints_beside_a_good_answer_delay_nothing() {
    let (cost, world) = answered(|_, _| {
        let mut reply = says(200, &costs(&json!([[1, "USD"]])));
        let name = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
        reply.1.push((name, "60".to_owned()));
        reply
    })
    .await;
    assert!(cost.is_ok());
    assert!(world.waits().is_empty());
}

#[tokio::test]
async fn a_moments_failure_is_not_noticed() {
    for status in [429, 500, 503] {
        let (cost, world) = answered(move |_, before| match before {
            0 => fails(status, "x", "x"),
            _ => says(200, &costs(&json!([[1, "USD"]]))),
        })
        .await;
        assert!(cost.is_ok(), "{status}");
        assert_eq!(world.waits().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn no_secret_comes_back_in_an_error() {
    let message = format!("Bearer {TOKEN} is not good");
    let (cost, world) = answered(move |_, _| fails(400, "Bad", &message)).await;
    let trouble = cost.unwrap_err();
    assert!(
        trouble.text.contains("Bearer [secret] is not good"),
        "{trouble}"
    );
    let shown = format!("{:?} {trouble:?}", world.azure);
    assert!(!shown.contains("secret.x"), "{shown}");
}
