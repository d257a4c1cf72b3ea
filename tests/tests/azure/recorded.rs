//! What the real cloud is known to have said, as recorded by others. Needs the API documents.

use bwflow_helper::azure::{BudgetSource, TroubleKind};
use bwflow_proto::config;
use bwflow_tests::documents;
use bwflow_tests::fake::Service::{Arm, Imds};
use bwflow_tests::fake::fault::{Does, Fault};
use serde_json::Value;

use super::rig::Rig;

fn read(path: &str) -> Option<Value> {
    let azure = documents::directory()?.join("azure");
    Some(documents::read(&azure, path))
}

/// A rig whose cloud shows this time and is asked for this budget of this subscription.
async fn rig(time: &str, subscription: &str, name: &str) -> Rig {
    let rig = Rig::configured(config::Azure {
        subscription_id: Some(subscription.to_owned()),
        budget_name: Some(name.to_owned()),
        ..config::Azure::default()
    })
    .await;
    let time: jiff::Timestamp = time.parse().unwrap();
    rig.fake.state().now = Some(time.as_second());
    rig
}

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// The sum of the first column, in millionths, found in another way than the program does.
fn sum(body: &Value) -> i64 {
    let rows = body["properties"]["rows"].as_array().unwrap();
    let cells = rows
        .iter()
        .map(|row| (row[0].as_f64().unwrap() * 1e6).round());
    format!("{:.0}", cells.sum::<f64>()).parse().unwrap()
}

#[tokio::test]
async fn the_recorded_budget_was_good_in_its_days() {
    let Some(recorded) = read("recorded/budget-get-200.json") else {
        return;
    };
    let body = &recorded["response"]["body"];
    for (time, source, amount) in [
        ("2018-11-15T00:00:00Z", BudgetSource::AzureBudget, 800),
        ("2018-12-31T23:59:59Z", BudgetSource::AzureBudget, 800),
        ("2019-01-01T00:00:00Z", BudgetSource::Fallback, 100),
        ("2018-10-31T00:00:00Z", BudgetSource::Fallback, 100),
    ] {
        let mut rig = rig(time, NOBODY, "havTest01").await;
        let list = serde_json::json!({ "value": [body] });
        rig.fake
            .state()
            .fail(Fault::of(Arm, Does::json(200, &list)).at("/budgets"));
        rig.fake
            .state()
            .fail(Fault::of(Arm, Does::json(200, body)).at("/budgets/"));
        let budget = rig.budget().await.unwrap();
        assert_eq!(
            (budget.source, budget.amount.micros / 1_000_000),
            (source, amount),
            "{time}"
        );
    }
}

#[tokio::test]
async fn the_official_budgets_are_of_a_group_and_so_not_taken() {
    let Some(list) = read("examples/consumption-2021-05-01-BudgetsList.json") else {
        return;
    };
    let one = read("examples/consumption-2021-05-01-Budget.json").unwrap();
    let body = |it: &Value| it["responses"]["200"]["body"].clone();
    let mut rig = rig("2018-01-15T00:00:00Z", NOBODY, "TestBudget").await;
    rig.fake
        .state()
        .fail(Fault::of(Arm, Does::json(200, &body(&list))).at("/budgets"));
    rig.fake
        .state()
        .fail(Fault::of(Arm, Does::json(200, &body(&one))).at("/budgets/"));
    let budget = rig.budget().await.unwrap();
    assert_eq!(budget.source, BudgetSource::Fallback);
    assert!(
        budget
            .note
            .contains("the budget `TestBudget` is of another scope than"),
        "{}",
        budget.note
    );
}

#[tokio::test]
async fn recorded_costs_are_added_up() {
    if documents::directory().is_none() {
        return;
    }
    for (path, at, time) in [
        (
            "recorded/cost-query-daily-200.json",
            "/response/body",
            "2020-04-30T12:00:00Z",
        ),
        (
            "examples/costmanagement-2020-06-01-SubscriptionQuery.json",
            "/responses/200/body",
            "2018-04-30T00:00:00Z",
        ),
        (
            "examples/costmanagement-2020-06-01-SubscriptionQueryGrouping.json",
            "/responses/200/body",
            "2018-04-30T00:00:00Z",
        ),
        (
            "examples/costmanagement-2020-06-01-ResourceGroupQuery.json",
            "/responses/200/body",
            "2018-04-30T00:00:00Z",
        ),
        (
            "examples/costmanagement-2020-06-01-SubscriptionForecast.json",
            "/responses/200/body",
            "2018-04-30T00:00:00Z",
        ),
    ] {
        let document = read(path).unwrap();
        let body = document.pointer(at).unwrap();
        let mut rig = rig(
            time,
            bwflow_tests::fake::azure::SUBSCRIPTION,
            "Monthly-Bandwidth-Limit",
        )
        .await;
        rig.fake
            .state()
            .fail(Fault::of(Arm, Does::json(200, body)).at("/query"));
        let spent = rig.spent().await.unwrap().unwrap();
        // Less than a millionth of each row is cut off.
        assert!((sum(body) - spent).abs() <= 4, "{path}: {spent}");
    }
}

#[tokio::test]
async fn recorded_errors_are_understood() {
    let Some(recorded) = read("recorded/error-bodies.json") else {
        return;
    };
    for case in recorded["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let status = u16::try_from(case["status"].as_u64().unwrap_or(400)).unwrap();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let given = case["headers"].as_object().into_iter().flatten();
        headers
            .extend(given.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
        let body = if case["body"].is_null() {
            String::new()
        } else {
            case["body"].to_string()
        };
        let answer = Does::Answer {
            status,
            headers,
            body,
        };
        let (service, path) = if name.starts_with("imds-") {
            (Imds, "token")
        } else {
            (Arm, "/query")
        };
        let mut rig = Rig::new().await;
        rig.fake.state().fail(Fault::of(service, answer).at(path));
        let (kind, text) = match name {
            "query-no-role" | "arm-no-role" => {
                (TroubleKind::Denied, "the role \"Cost Management Reader\"")
            }
            "query-throttled" => (TroubleKind::Throttled, "Too many requests. Please retry."),
            "unsupported-offer" => (TroubleKind::Refused, "MS-AZR-0036P"),
            // Its body was not recorded: an empty one is none.
            "query-ok-quota-headers" => (TroubleKind::Invalid, "an empty answer"),
            "imds-missing-header" => (
                TroubleKind::Identity,
                "Required metadata header not specified",
            ),
            "imds-updating" => (TroubleKind::Unreachable, "410"),
            "imds-multiple-identities" => (TroubleKind::Identity, "please specify the clientId"),
            "imds-identity-not-found" => (TroubleKind::Identity, "Identity not found"),
            "imds-no-api-version" => (TroubleKind::Identity, "api-version was not specified"),
            other => panic!("what is expected of {other}?"),
        };
        let trouble = rig.spent().await.unwrap_err();
        assert!(
            trouble.kind == kind && trouble.text.contains(text),
            "{name}: {trouble:?}"
        );
    }
}

#[tokio::test]
async fn the_documented_token_and_metadata_are_used() {
    let Some(recorded) = read("recorded/imds-token-200.json") else {
        return;
    };
    let machine = read("examples/imds-2021-02-01-GetInstanceMetadata.json").unwrap();
    let token = &recorded["response"]["body"];
    let compute = &machine["responses"]["200"]["body"]["compute"];
    let mut rig = Rig::new().await;
    rig.fake
        .state()
        .fail(Fault::of(Imds, Does::json(200, token)).at("/oauth2/token"));
    rig.fake
        .state()
        .fail(Fault::of(Imds, Does::json(200, compute)).at("/instance/compute"));
    // The fake knows neither.
    let trouble = rig.budget().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied);
    let state = rig.fake.state();
    let request = state.requests(Arm).next().unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert!(
        request
            .path
            .contains(compute["subscriptionId"].as_str().unwrap()),
        "{}",
        request.path
    );
    assert!(!trouble.text.contains("made-up"), "{trouble}");
}
