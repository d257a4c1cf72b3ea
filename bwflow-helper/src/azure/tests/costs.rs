//! Which cost comes of which answers.

use bwflow_proto::money::Money;
use serde_json::{Value, json};

use super::world::{ID, NOW, TOKEN, World, budget, config, costs, days, fails, host, page, says};
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

async fn nowhere() -> World {
    World::of(&config(), |_, _| fails(500, "x", "x")).await
}

async fn of(world: &mut World, body: Value) -> Result<Option<i64>, Trouble> {
    let world = world.now(move |_, _| says(200, &body));
    let cost = world.azure.cost(&budget()).await;
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
    let mut world = nowhere().await;
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
            vec![("CostInBillingCurrency", "Number"), money],
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
        assert_eq!(
            of(&mut world, body.clone()).await,
            Ok(Some(micros)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn nothing_reported_is_no_zero() {
    let mut world = nowhere().await;
    assert_eq!(of(&mut world, costs(&json!([]))).await, Ok(None));
    assert_eq!(
        of(&mut world, json!({ "properties": { "rows": [] } })).await,
        Ok(None)
    );
    let (cost, _) = answered(|_, _| {
        (
            204,
            vec![("Date".to_owned(), NOW.to_owned())],
            String::new(),
        )
    })
    .await;
    let cost = cost.unwrap();
    assert_eq!(
        (cost.amount, cost.currency, cost.period),
        (None, None, days("2026-11-01", "2026-12-01"))
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_trouble_and_no_zero() {
    let mut world = nowhere().await;
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
        with(&[("Count", "Number"), money], json!([[1, "USD"]])),
        json!({
            "error": { "code": "Partial", "message": "Not all." },
            "properties": costs(&json!([[1, "USD"]]))["properties"],
        }),
        with(&[("Cost", "String"), money], json!([["1", "USD"]])),
    ] {
        let trouble = of(&mut world, body.clone()).await.unwrap_err();
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
        (
            "application/json",
            r#"{"properties":{"columns":[{"name":"Cost","type":"Number"},{"name":"Currency","type":"String"}],"rows":[[9,"USD"]],"rows":[[1,"USD"]]}}"#,
        ),
        ("application/json", ""),
    ] {
        world.now(move |_, _| {
            let mut reply = says(200, &Value::Null);
            reply.1[0].1 = kind.to_owned();
            reply.2 = body.to_owned();
            reply
        });
        let cost = world.azure.cost(&budget()).await;
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
    let mut world = nowhere().await;
    let trouble = of(&mut world, costs(&json!([[1, "EUR"]])))
        .await
        .unwrap_err();
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
        let host = host(heard);
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
            let host = host(heard);
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
        let host = host(heard);
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
