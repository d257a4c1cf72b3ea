//! Requests to Azure: tokens, metadata, budgets, costs.

use std::path::Path;

use bwflow_helper::azure::{Azure, Pause};
use bwflow_proto::config::{self, Identity};
use bwflow_tests::documents::{identity_service, merged, read};
use bwflow_tests::fake::Fake;
use bwflow_tests::fake::azure::{Budget, Charge};
use bwflow_tests::prism::Prism;
use serde_json::json;

use super::violations;

/// Validators before the fake's cloud.
pub(super) struct Validators {
    arm: Prism,
    imds: Prism,
}

impl Validators {
    pub(super) fn start(directory: &Path, fake: &Fake) -> Self {
        let budgets = read(
            directory,
            "azure/consumption-budgets-2021-05-01-reduced.json",
        );
        let costs = read(
            directory,
            "azure/costmanagement-query-2025-03-01-reduced.json",
        );
        let identity = read(directory, "azure/imds-2021-02-01-reduced.json");
        Self {
            arm: Prism::start(&merged(&budgets, &costs), &fake.arm()),
            imds: Prism::start(&identity_service(&identity), &fake.imds()),
        }
    }

    /// A client that speaks to them.
    fn client(&self, change: impl FnOnce(&mut config::Azure)) -> Azure {
        let mut config = config::Azure {
            budget_name: Some("Monthly-Bandwidth-Limit".into()),
            endpoint: Some(self.arm.address()),
            imds_endpoint: Some(self.imds.address()),
            ..config::Azure::default()
        };
        change(&mut config);
        Azure::new(&config, "USD")
            .unwrap()
            .with_pause(Pause::none())
    }
}

pub(super) async fn all_requests_pass(validators: &Validators, fake: &Fake) {
    validators.arm.ready();
    validators.imds.ready();
    {
        let mut state = fake.state();
        let now = state.clock();
        state.azure.next_page_at = Some(validators.arm.address());
        state.azure.costs.charges = vec![Charge::dollars(now - 1, 45.23)];
    }
    let mut client = validators.client(|_| {});
    let budget = client.budget().await.unwrap();
    let cost = client.cost(&budget).await.unwrap();
    assert_eq!(cost.amount.unwrap().to_string(), "45.23");

    // The list, in pages, where there is none of that name.
    fake.state().azure.budgets_per_page = Some(1);
    fake.state()
        .azure
        .budgets
        .push(Budget::monthly("Of a group", 1.0).of_group("rg"));
    let mut client = validators.client(|it| it.budget_name = Some("nobody".into()));
    client.budget().await.unwrap();

    // The other periods, and a filter.
    let filter =
        json!({"dimensions": {"name": "MeterCategory", "operator": "In", "values": ["Bandwidth"]}});
    for grain in ["BillingMonth", "Quarterly", "Annually"] {
        let budget = Budget::monthly("Monthly-Bandwidth-Limit", 150.0)
            .with("timeGrain", json!(grain))
            .with("filter", filter.clone());
        fake.state().azure.budgets = vec![budget];
        let mut client = validators.client(|_| {});
        let budget = client.budget().await.unwrap();
        let cost = client.cost(&budget).await.unwrap();
        assert_eq!(cost.amount.unwrap().to_string(), "45.23", "{grain}");
    }

    // Nothing spent yet, in both ways of saying so, and more than a page of it.
    fake.state().azure.costs.charges.clear();
    client.cost(&budget).await.unwrap();
    {
        let mut state = fake.state();
        state.azure.costs.rows_per_currency = 2;
        state.azure.costs.rows_per_page = Some(1);
        let now = state.clock();
        state.azure.costs.charges = vec![Charge::dollars(now - 1, 45.23)];
    }
    client.cost(&budget).await.unwrap();

    // Every way of naming an identity.
    let own = fake.state().imds.identities[0].clone();
    for identity in [Identity::Client(own.client), Identity::Object(own.object)] {
        let mut client = validators.client(|it| it.identity = Some(identity));
        client.budget().await.unwrap();
    }
    fake.state().imds.identities[0].resource = "/subscriptions/s/identity".into();
    let identity = Identity::Resource("/subscriptions/s/identity".into());
    let mut client = validators.client(|it| it.identity = Some(identity));
    client.budget().await.unwrap();

    assert_eq!(violations(&validators.arm), [""; 0]);
    assert_eq!(violations(&validators.imds), [""; 0]);
    assert!(validators.arm.seen() >= 12, "{}", validators.arm.seen());
    assert!(validators.imds.seen() >= 5, "{}", validators.imds.seen());
}
