//! What comes of what the cloud does when all is well with it.

use bwflow_helper::azure::{BudgetSource, Grain, TroubleKind};
use bwflow_proto::config::{self, Cloud};
use bwflow_tests::fake::Service;
use bwflow_tests::fake::azure::{Budget, Charge, Empty, SUBSCRIPTION};
use bwflow_tests::fake::imds::Identity;
use serde_json::{Value, json};

use super::rig::{NOON, Rig};

const NAME: &str = "Monthly-Bandwidth-Limit";

#[tokio::test]
async fn budget_and_cost_are_what_the_cloud_has() {
    let mut rig = Rig::new().await;
    let budget = rig.budget().await.unwrap();
    assert_eq!(
        (budget.source, budget.amount.micros),
        (BudgetSource::AzureBudget, 150_000_000)
    );
    assert_eq!(
        (budget.name.as_deref(), budget.note.as_str()),
        (Some(NAME), "")
    );
    assert_eq!(budget.scope, format!("subscriptions/{SUBSCRIPTION}"));
    let cost = rig.cost().await.unwrap();
    assert_eq!(cost.amount.unwrap().micros, 45_230_000);
    assert_eq!(
        (cost.server_usec, cost.period),
        (NOON * 1_000_000, budget.period)
    );
    // One token, one look at the metadata; the budget twice, the cost once.
    assert_eq!((rig.asked(Service::Imds), rig.asked(Service::Arm)), (2, 3));
}

#[tokio::test]
async fn which_budget_it_is_depends_on_what_is_there() {
    let other = || Budget::monthly("Other", 80.0);
    let old = json!({"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-12-31T00:00:00Z"});
    let filter = json!({"tags": {"name": "team", "operator": "In", "values": ["home"]}});
    for (budgets, expected) in [
        (vec![other()], Ok((BudgetSource::OnlyBudget, 80))),
        (vec![], Ok((BudgetSource::Fallback, 100))),
        (
            vec![other(), Budget::monthly("Third", 90.0)],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (
            vec![other(), Budget::monthly("Third", 90.0).of_group("rg")],
            Ok((BudgetSource::OnlyBudget, 80)),
        ),
        (
            vec![other(), other().of_group("rg")],
            Ok((BudgetSource::OnlyBudget, 80)),
        ),
        // The one asked for is there, but only in a group.
        (
            vec![Budget::monthly(NAME, 5.0).of_group("rg")],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (
            vec![
                Budget::monthly(NAME, 5.0).of_group("rg"),
                Budget::monthly(NAME, 6.0),
            ],
            Ok((BudgetSource::AzureBudget, 6)),
        ),
        (
            vec![other().with("timeGrain", json!("Annually"))],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (
            vec![other().with("filter", filter)],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (
            vec![other().with("timePeriod", old.clone())],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (
            vec![Budget::monthly(NAME, 5.0).with("timePeriod", old)],
            Ok((BudgetSource::Fallback, 100)),
        ),
        (vec![Budget::monthly(NAME, 0.0)], Err(TroubleKind::Refused)),
        (
            vec![Budget::monthly(NAME, 5.0).with("timeGrain", json!("Weekly"))],
            Err(TroubleKind::Refused),
        ),
        (
            vec![Budget::monthly(NAME, 5.0).with("currentSpend", Value::Null)],
            Ok((BudgetSource::AzureBudget, 5)),
        ),
    ] {
        let mut rig = Rig::new().await;
        // One a page, so that each is seen only by who turns pages.
        rig.fake.state().azure.budgets_per_page = Some(1);
        rig.fake.state().azure.budgets = budgets.clone();
        let found = rig.budget().await;
        let found = found.map(|it| (it.source, it.amount.micros / 1_000_000));
        assert_eq!(found.map_err(|it| it.kind), expected, "{budgets:?}");
    }
}

#[tokio::test]
async fn the_cost_is_of_the_budgets_own_period_and_filter() {
    let charges = |now: i64| {
        let day = 86_400;
        let mut storage = Charge::dollars(now - day, 1000.0);
        storage
            .dimensions
            .insert("MeterCategory".to_owned(), "Storage".to_owned());
        // This month, this billing month, this quarter, this year; and storage.
        let bandwidth = [
            (1, 1.0),
            (10, 2.0),
            (30, 4.0),
            (70, 8.0),
            (300, 16.0),
            (400, 32.0),
        ];
        let bandwidth = bandwidth.map(|(days, amount)| Charge::dollars(now - days * day, amount));
        bandwidth.into_iter().chain([storage]).collect::<Vec<_>>()
    };
    let bandwidth =
        json!({"dimensions": {"name": "MeterCategory", "operator": "In", "values": ["Bandwidth"]}});
    let start = |day: &str| json!({"startDate": format!("{day}T00:00:00Z")});
    for (grain, begins, filter, word, dollars) in [
        ("Monthly", "2026-01-01", Value::Null, Grain::Monthly, 1003),
        (
            "Monthly",
            "2026-01-01",
            bandwidth.clone(),
            Grain::Monthly,
            3,
        ),
        (
            "BillingMonth",
            "2026-01-15",
            bandwidth.clone(),
            Grain::BillingMonth,
            1,
        ),
        (
            "Quarterly",
            "2026-09-01",
            bandwidth.clone(),
            Grain::Quarterly,
            15,
        ),
        (
            "BillingQuarter",
            "2026-10-15",
            bandwidth.clone(),
            Grain::BillingQuarter,
            7,
        ),
        (
            "Annually",
            "2026-01-01",
            bandwidth.clone(),
            Grain::Annually,
            31,
        ),
        (
            "BillingAnnual",
            "2025-10-15",
            bandwidth,
            Grain::BillingAnnual,
            7,
        ),
    ] {
        let mut rig = Rig::new().await;
        {
            let azure = &mut rig.fake.state().azure;
            azure.costs.charges = charges(NOON);
            azure.costs.billing_day = 15;
            let budget = Budget::monthly(NAME, 5000.0).with("timeGrain", json!(grain));
            azure.budgets = vec![
                budget
                    .with("filter", filter)
                    .with("timePeriod", start(begins)),
            ];
        }
        let budget = rig.budget().await.unwrap();
        assert_eq!(budget.grain, word);
        assert_eq!(
            rig.spent().await,
            Ok(Some(dollars * 1_000_000)),
            "{grain} {budget:?}"
        );
    }
}

#[tokio::test]
async fn a_resource_group_is_asked_for_its_own() {
    let mut rig = Rig::configured(config::Azure {
        resource_group: Some("rg-tunnel".to_owned()),
        ..config::Azure::default()
    })
    .await;
    {
        let azure = &mut rig.fake.state().azure;
        azure
            .budgets
            .push(Budget::monthly(NAME, 20.0).of_group("RG-Tunnel"));
        let mut elsewhere = Charge::dollars(NOON - 60, 7.0);
        elsewhere
            .dimensions
            .insert("ResourceGroup".to_owned(), "other".to_owned());
        azure.costs.charges.push(elsewhere);
    }
    assert_eq!(rig.budget().await.unwrap().amount.micros, 20_000_000);
    assert_eq!(rig.spent().await, Ok(Some(45_230_000)));
}

#[tokio::test]
async fn however_the_cost_is_told_it_is_the_same() {
    type Telling = fn(&mut bwflow_tests::fake::azure::Costs);
    let tellings: [(Telling, Option<i64>); 7] = [
        (|_| {}, Some(45_230_000)),
        (
            |it| {
                it.columns = ["currency", "UsageDate", "cost"]
                    .map(str::to_owned)
                    .to_vec();
            },
            Some(45_230_000),
        ),
        (
            |it| (it.rows_per_currency, it.rows_per_page) = (3, Some(1)),
            Some(45_230_000),
        ),
        (
            |it| it.charges.push(Charge::dollars(NOON - 60, -50.0)),
            Some(-4_770_000),
        ),
        (|it| it.charges.clear(), None),
        (
            |it| (it.charges, it.empty) = (vec![], Empty::NoContent),
            None,
        ),
        (|it| it.delay = 24 * 3600 + 1, None),
    ];
    for (number, (telling, expected)) in tellings.into_iter().enumerate() {
        let mut rig = Rig::new().await;
        telling(&mut rig.fake.state().azure.costs);
        let spent = rig.spent().await.unwrap();
        // Thirds of cents are cut off.
        let is_same = match (spent, expected) {
            (Some(spent), Some(expected)) => (expected - spent).abs() <= 3,
            other => other.0 == other.1,
        };
        assert!(is_same, "{number}: {spent:?}");
    }
}

#[tokio::test]
async fn the_identity_is_the_one_that_is_configured() {
    let identity = |number: u8| Identity {
        client: format!("c0000000-0000-4000-8000-00000000000{number}"),
        object: format!("0b000000-0000-4000-8000-00000000000{number}"),
        resource: format!("/subscriptions/{SUBSCRIPTION}/identity{number}"),
    };
    let (one, two) = (identity(1), identity(2));
    for (wanted, is_found) in [
        (None, false),
        (Some(config::Identity::Client(two.client.clone())), true),
        (Some(config::Identity::Object(two.object.clone())), true),
        (Some(config::Identity::Resource(two.resource.clone())), true),
        (Some(config::Identity::Client("x".to_owned())), false),
    ] {
        let mut rig = Rig::configured(config::Azure {
            identity: wanted.clone(),
            ..config::Azure::default()
        })
        .await;
        rig.fake.state().imds.identities = vec![one.clone(), two.clone()];
        rig.fake.state().azure.readers = Some(vec![two.client.clone()]);
        match rig.spent().await {
            Ok(spent) => assert!(is_found && spent.is_some(), "{wanted:?}"),
            Err(trouble) => {
                assert!(!is_found && trouble.is_definite, "{wanted:?} {trouble:?}");
                assert_eq!(trouble.kind, TroubleKind::Identity, "{trouble:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_cloud_is_the_machines_or_the_configured_one() {
    for (cloud, environment, resource) in [
        (None, "AZUREPUBLICCLOUD", "https://management.azure.com/"),
        (
            None,
            "AzureUSGovernmentCloud",
            "https://management.usgovcloudapi.net/",
        ),
        (
            Some(Cloud::China),
            "AzurePublicCloud",
            "https://management.chinacloudapi.cn/",
        ),
    ] {
        let mut rig = Rig::configured(config::Azure {
            cloud,
            ..config::Azure::default()
        })
        .await;
        environment.clone_into(&mut rig.fake.state().imds.environment);
        assert!(rig.spent().await.is_ok(), "{environment}");
        assert_eq!(rig.fake.state().imds.tokens[0].resource, resource);
    }
}
