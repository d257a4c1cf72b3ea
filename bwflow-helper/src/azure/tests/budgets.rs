//! Which budget comes of which answers.

use serde_json::{Value, json};

use super::world::{ID, World, changed, config, days, fails, host, monthly, says};
use crate::azure::responder::Heard;
use crate::azure::{Azure, Budget, BudgetSource, Grain, Trouble, TroubleKind};

/// A cloud whose budgets change.
struct Cloud(World);

impl Cloud {
    async fn new() -> Self {
        Self(World::of(&config(), |_, _| fails(500, "x", "x")).await)
    }

    /// What comes of a budget of the name asked for and of this list; nothing stands for 404.
    async fn found(&mut self, named: Option<Value>, list: Vec<Value>) -> Result<Budget, Trouble> {
        self.answered(named, json!({ "value": list })).await
    }

    async fn answered(&mut self, named: Option<Value>, list: Value) -> Result<Budget, Trouble> {
        let reply = move |heard: &Heard, _: usize| match &named {
            Some(budget) if is_by_name(heard) => says(200, budget),
            None if is_by_name(heard) => fails(404, "ResourceNotFound", "gone"),
            _ => says(200, &list),
        };
        self.0.now(reply).azure.budget().await
    }
}

fn is_by_name(heard: &Heard) -> bool {
    heard.line().contains("/budgets/cap?")
}

#[tokio::test]
async fn a_budget_is_found_by_its_name() {
    let mut cloud = Cloud::new().await;
    let budget = cloud.found(Some(monthly("Cap")), vec![]).await.unwrap();
    assert_eq!(budget, super::world::budget());
}

#[tokio::test]
async fn what_it_counts_and_when_is_taken_over() {
    let mut cloud = Cloud::new().await;
    let filter = json!({ "dimensions": { "name": "MeterCategory", "operator": "In", "values": ["Bandwidth"] } });
    let spent = json!({ "amount": 1.5, "unit": "USD" });
    let of = json!({ "timeGrain": "Quarterly", "filter": filter, "currentSpend": spent, "amount": 1e2, "future": [1] });
    let budget = cloud
        .found(Some(changed("Cap", &of)), vec![])
        .await
        .unwrap();
    assert_eq!(
        (budget.grain, budget.filter),
        (Grain::Quarterly, Some(filter))
    );
    assert_eq!(
        (budget.period, budget.amount.micros),
        (days("2026-10-01", "2027-01-01"), 100_000_000)
    );
}

#[tokio::test]
async fn a_budget_that_is_there_but_cannot_be_used_is_trouble_and_not_the_fallback() {
    let mut cloud = Cloud::new().await;
    for (change, text) in [
        (
            json!({ "amount": 0 }),
            "is of 0.00, and not of more than zero",
        ),
        (
            json!({ "amount": -5.0 }),
            "is of -5.00, and not of more than zero",
        ),
        (json!({ "amount": "150" }), "has no number as its amount"),
        (json!({ "amount": 1e300 }), "too much money"),
        (
            json!({ "timeGrain": "Weekly" }),
            "has the time grain `Weekly`, which is not known",
        ),
        (
            json!({ "timeGrain": null }),
            "has the time grain ``, which is not known",
        ),
        (
            json!({ "category": "Usage" }),
            "counts `Usage` and not cost",
        ),
        (
            json!({ "filter": { "not": {} , "x": 1 } }),
            "has a filter that cannot be followed",
        ),
        (
            json!({ "filters": { "meters": ["a"] } }),
            "has a filter that cannot be followed",
        ),
        (
            json!({ "timePeriod": {} }),
            "has no beginning that is a date",
        ),
        (
            json!({ "timePeriod": { "startDate": "2026-01-01", "endDate": "x" } }),
            "no",
        ),
        (
            json!({ "currentSpend": { "amount": 1, "unit": "EUR" } }),
            "is in EUR, but USD is configured: set `currency`",
        ),
    ] {
        let trouble = cloud
            .found(Some(changed("Cap", &change)), vec![monthly("Other")])
            .await
            .unwrap_err();
        assert!(
            trouble.text.contains("`Cap`") && trouble.text.contains(text),
            "{trouble:?}"
        );
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (TroubleKind::Refused, true),
            "{trouble}"
        );
    }
}

#[tokio::test]
async fn the_only_one_that_fits_stands_in_and_is_said() {
    let mut cloud = Cloud::new().await;
    let elsewhere = json!({ "id": format!("subscriptions/{ID}/resourceGroups/rg/providers/Microsoft.Consumption/budgets/Other") });
    let mut of_a_group = monthly("Other");
    of_a_group["id"] = elsewhere["id"].clone();
    let mut nameless = monthly("X");
    nameless.as_object_mut().unwrap().remove("id");
    let unfit = [
        of_a_group,
        nameless,
        changed(
            "Filtered",
            &json!({ "filter": { "tags": { "name": "a", "operator": "In", "values": ["b"] } } }),
        ),
        changed("Yearly", &json!({ "timeGrain": "Annually" })),
        changed("Odd", &json!({ "timeGrain": "Fortnightly" })),
        changed(
            "Ended",
            &json!({ "timePeriod": { "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-11-21T00:00:00Z" } }),
        ),
        changed(
            "Future",
            &json!({ "timePeriod": { "startDate": "2026-12-01T00:00:00Z" } }),
        ),
        changed("Zero", &json!({ "amount": 0.0 })),
        changed(
            "Euro",
            &json!({ "currentSpend": { "amount": 1, "unit": "EUR" } }),
        ),
        changed("Usage", &json!({ "category": "Usage" })),
    ];
    for it in &unfit {
        let budget = cloud.found(None, vec![it.clone()]).await.unwrap();
        assert_eq!(
            (budget.source, budget.amount.micros),
            (BudgetSource::Fallback, 100_000_000),
            "{it}"
        );
        assert!(budget.note.contains("no budget fits: `"), "{}", budget.note);
    }
    let mut list = unfit.to_vec();
    list.push(changed("Other", &json!({ "timeGrain": "BillingMonth" })));
    let budget = cloud.found(None, list).await.unwrap();
    assert_eq!(
        (budget.source, budget.name.as_deref()),
        (BudgetSource::OnlyBudget, Some("Other"))
    );
    assert_eq!(
        budget.note,
        format!("subscriptions/{ID} has no budget `Cap`; `Other` is the only one that fits")
    );
}

#[tokio::test]
async fn of_several_none_is_taken() {
    let mut cloud = Cloud::new().await;
    for list in [
        vec![monthly("A"), monthly("B")],
        vec![monthly("A"), monthly("A")],
    ] {
        let budget = cloud.found(None, list).await.unwrap();
        assert_eq!(budget.source, BudgetSource::Fallback);
        assert!(
            budget
                .note
                .contains("2 other budgets fit, so that none is taken"),
            "{}",
            budget.note
        );
        assert_eq!(
            (budget.name, budget.period),
            (None, days("2026-11-01", "2026-12-01"))
        );
    }
}

#[tokio::test]
async fn a_named_one_that_is_over_or_to_come_is_said_and_passed_over() {
    let mut cloud = Cloud::new().await;
    for (period, note) in [
        (
            json!({ "startDate": "2018-11-01T00:00:00Z", "endDate": "2018-12-31T00:00:00Z" }),
            "the budget `Cap` ended with 2018-12-31",
        ),
        (
            json!({ "startDate": "2027-01-01T00:00:00Z" }),
            "the budget `Cap` begins on 2027-01-01",
        ),
    ] {
        let named = changed("Cap", &json!({ "timePeriod": period }));
        let budget = cloud.found(Some(named), vec![]).await.unwrap();
        assert_eq!(budget.source, BudgetSource::Fallback);
        assert!(budget.note.starts_with(note), "{}", budget.note);
    }
    // The last day is one of its days.
    let today = json!({ "timePeriod": { "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-11-22T00:00:00Z" } });
    let budget = cloud
        .found(Some(changed("Cap", &today)), vec![])
        .await
        .unwrap();
    assert_eq!(budget.source, BudgetSource::AzureBudget);
}

#[tokio::test]
async fn without_a_fallback_there_is_no_budget() {
    let mut config = config();
    config.fallback_budget = None;
    let reply = |heard: &Heard, _| match heard.line().contains("/cap?") {
        true => fails(404, "404", "gone"),
        false => says(200, &json!({ "value": [] })),
    };
    let trouble = World::of(&config, reply)
        .await
        .azure
        .budget()
        .await
        .unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Refused, true)
    );
    assert!(trouble.text.contains("create a budget"), "{trouble}");
}

#[tokio::test]
async fn garbage_is_trouble_and_not_the_fallback() {
    let mut cloud = Cloud::new().await;
    for body in [
        json!({}),
        json!([]),
        json!({ "value": null }),
        json!({ "value": [{}] }),
        json!({ "value": [1] }),
    ] {
        let trouble = cloud.answered(None, body.clone()).await.unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (TroubleKind::Invalid, false),
            "{body}"
        );
        let trouble = cloud.found(Some(body.clone()), vec![]).await.unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (TroubleKind::Invalid, false),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_list_has_pages_but_only_at_the_same_place_and_not_for_ever() {
    // The address of this server is in its own answers.
    let reply = |heard: &Heard, before: usize| {
        let host = host(heard);
        match before {
            0 => fails(404, "404", "gone"),
            1 => says(
                200,
                &json!({ "value": [], "nextLink": format!("http://{host}/further?x=1") }),
            ),
            _ => says(200, &json!({ "value": [monthly("Other")], "nextLink": "" })),
        }
    };
    let mut world = World::of(&config(), reply).await;
    assert_eq!(
        world.azure.budget().await.unwrap().source,
        BudgetSource::OnlyBudget
    );
    assert_eq!(world.asked().last().unwrap().line(), "get /further?x=1");

    for (next, requests) in [
        ("https://evil.example/x", 2),
        ("http://HOST/again", 21),
        ("/x", 2),
    ] {
        let reply = move |heard: &Heard, before: usize| {
            let host = host(heard);
            match before {
                0 => fails(404, "404", "gone"),
                _ => says(
                    200,
                    &json!({ "value": [monthly("Other")], "nextLink": next.replace("HOST", host) }),
                ),
            }
        };
        let mut world = World::of(&config(), reply).await;
        assert_eq!(
            world.azure.budget().await.unwrap_err().kind,
            TroubleKind::Invalid,
            "{next}"
        );
        assert_eq!(world.asked().len(), requests, "{next}");
    }
}

#[tokio::test]
async fn no_such_subscription_is_no_missing_budget() {
    let reply = |_: &Heard, _| {
        fails(
            404,
            "SubscriptionNotFound",
            "The subscription was not found.",
        )
    };
    let trouble = World::of(&config(), reply)
        .await
        .azure
        .budget()
        .await
        .unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Refused, true)
    );
    assert!(
        trouble
            .text
            .contains("SubscriptionNotFound: The subscription was not found."),
        "{trouble}"
    );
}

#[test]
fn a_budget_survives_the_state_file() {
    let budget = super::world::budget();
    let text = serde_json::to_string(&budget).unwrap();
    assert!(text.contains("\"amount_micros\":150500000"), "{text}");
    assert!(text.contains("\"azure_budget_api\""), "{text}");
    assert_eq!(serde_json::from_str::<Budget>(&text).unwrap(), budget);
}

#[test]
fn a_configuration_that_cannot_be_is_refused_before_anything_is_sent() {
    type Change = fn(&mut bwflow_proto::config::Azure);
    let changes: [Change; 7] = [
        |it| it.subscription_id = Some("../x".to_owned()),
        |it| it.resource_group = Some("a/b".to_owned()),
        |it| it.budget_name = Some("a/b".to_owned()),
        |it| it.endpoint = Some("http://management.azure.com".to_owned()),
        |it| it.imds_endpoint = Some("http://example.com".to_owned()),
        |it| it.fallback_budget = Some(bwflow_proto::money::Money::from_micros(0)),
        |it| it.endpoint = Some("nowhere".to_owned()),
    ];
    for change in changes {
        let mut config = config();
        change(&mut config);
        assert!(Azure::new(&config, "USD").is_err(), "{config:?}");
    }
    assert!(Azure::new(&config(), "$").is_err());
}

#[tokio::test]
async fn a_budget_that_repeats_the_token_is_not_shown() {
    let (start, end) = super::world::TOKEN.split_at(5);
    let name = format!("{start}\u{200b}{end}");
    let mut cloud = Cloud::new().await;
    let outcome = cloud.found(None, vec![monthly(&name)]).await;
    let shown = format!("{outcome:?}").replace("\\u{200b}", "");
    assert!(!shown.contains(super::world::TOKEN), "{shown}");
}

#[tokio::test]
async fn an_error_beside_budgets_is_trouble() {
    let mut cloud = Cloud::new().await;
    let error = json!({ "code": "Partial", "message": "Not all." });
    let list = json!({ "value": [monthly("Other")], "error": error });
    let trouble = cloud.answered(None, list).await.unwrap_err();
    assert!(trouble.text.contains("Partial: Not all."), "{trouble}");
    let mut named = monthly("Cap");
    named["error"] = error;
    let trouble = cloud.found(Some(named), vec![]).await.unwrap_err();
    assert!(trouble.text.contains("Partial: Not all."), "{trouble}");
}
