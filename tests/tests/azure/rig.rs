//! A cloud, and who asks it.

use std::sync::Arc;
use std::time::Duration;

use bwflow_helper::azure::{Azure, Budget, Cost, Pause, Trouble};
use bwflow_proto::config;
use bwflow_proto::money::Money;
use bwflow_tests::fake::azure::Charge;
use bwflow_tests::fake::{Fake, Service};

/// Sunday, 22 November 2026, 12:00 UTC.
pub(super) const NOON: i64 = 1_795_348_800;

pub(super) struct Rig {
    pub(super) fake: Arc<Fake>,
    pub(super) azure: Azure,
}

impl Rig {
    /// 45.23 dollars are spent of 150, and bwflow asks as an administrator would have it ask.
    pub(super) async fn new() -> Self {
        Self::configured(config::Azure::default()).await
    }

    /// The same with what is configured besides, and a fallback of 100 dollars.
    pub(super) async fn configured(config: config::Azure) -> Self {
        let fake = Arc::new(Fake::start().await);
        {
            let mut state = fake.state();
            state.now = Some(NOON);
            state.azure.costs.charges = vec![Charge::dollars(NOON - 86_400, 45.23)];
        }
        let config = config::Azure {
            budget_name: config
                .budget_name
                .or(Some("Monthly-Bandwidth-Limit".to_owned())),
            fallback_budget: Some(Money::from_micros(100_000_000)),
            endpoint: Some(fake.arm()),
            imds_endpoint: Some(fake.imds()),
            ..config
        };
        // Nobody waits here, but time passes in the cloud.
        let clock = Arc::clone(&fake);
        let pause = Pause::new(move |time: Duration| {
            let seconds = i64::try_from(time.as_secs()).unwrap();
            clock.state().advance(seconds + 1);
            std::future::ready(())
        });
        let azure = Azure::new(&config, "USD").unwrap().with_pause(pause);
        Self { fake, azure }
    }

    pub(super) async fn budget(&mut self) -> Result<Budget, Trouble> {
        let budget = self.azure.budget().await;
        self.check(&budget);
        budget
    }

    /// The cost of the budget that there is.
    pub(super) async fn cost(&mut self) -> Result<Cost, Trouble> {
        let budget = self.budget().await?;
        let cost = self.azure.cost(&budget).await;
        self.check(&cost);
        cost
    }

    /// Millionths of what is spent.
    pub(super) async fn spent(&mut self) -> Result<Option<i64>, Trouble> {
        self.cost().await.map(|it| it.amount.map(|it| it.micros))
    }

    /// How many requests a service got.
    pub(super) fn asked(&self, service: Service) -> usize {
        self.fake.state().requests(service).count()
    }

    /// Whatever came of it, it shows no secret.
    fn check<T: std::fmt::Debug>(&self, outcome: &Result<T, Trouble>) {
        let shown = format!("{outcome:?} {:?}", self.azure);
        for secret in self.fake.state().secrets() {
            assert!(!shown.contains(&secret), "{shown}");
        }
    }
}
