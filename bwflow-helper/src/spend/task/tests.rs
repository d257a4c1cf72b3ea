#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::Mutex;

use bwflow_proto::config::{Config, load_str};

use super::super::world::Cap;
use super::*;
use crate::azure::Pause;
use crate::clock::Clock;
use crate::spend::state::FILE;

/// Gives an order from within a check.
struct Meddler {
    order: Mutex<Option<Order>>,
    orders: mpsc::UnboundedSender<Order>,
}

impl World for Meddler {
    fn clock(&self) -> io::Result<Clock> {
        Ok(Clock {
            boot: "a".into(),
            usec: 1_795_348_800_000_000,
            boottime_usec: 1_000_000,
        })
    }

    async fn sent(&self, _interface: &str, _since_usec: i64) -> Option<u64> {
        None
    }

    async fn cap(&self, _cap: Option<&Cap>) {
        if let Some(order) = self.order.lock().unwrap().take() {
            self.orders.send(order).unwrap();
        }
    }
}

fn config(is_on: bool) -> Config {
    let text = format!(
        "[network]\ninterface = \"lo\"\n[bandwidth]\nmonthly_budget_gb = 100\n\
         [spend]\nenabled = {is_on}\ncurrency = \"USD\"\n\
         [spend.azure]\ncloud = \"public\"\nendpoint = \"http://127.0.0.1:1\"\n\
         imds_endpoint = \"http://127.0.0.1:1\"\n\
         [[spend.tier]]\nname = \"high\"\nup_to_percent = 50\nlink_rate = \"8 Mbit/s\"\n\
         [[spend.tier]]\nname = \"low\"\nlink_rate = \"1 Mbit/s\"\n"
    );
    load_str("config.toml", &text).unwrap().config
}

#[tokio::test]
async fn who_is_switched_on_while_it_finishes_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE), "{\"version\": 1}").unwrap();
    let (orders, given) = mpsc::unbounded_channel();
    let world = Meddler {
        order: Mutex::new(Some(Order::Reconfigure(Box::new(config(true))))),
        orders: orders.clone(),
    };
    // Switched off: the first check undoes everything and would be the last one.
    let guard = Guard::open(directory.path(), &config(false), world)
        .with_patience(Pause::none(), Duration::from_secs(2));
    let (shown, mut seen) = watch::channel(None);
    let guard = tokio::spawn(run(guard, given, shown));
    let is_checked = |it: &Option<SpendView>| it.as_ref().is_some_and(|it| it.checked_at_usec > 0);
    let is_shown = seen.wait_for(is_checked);
    let is_shown = tokio::time::timeout(Duration::from_secs(10), is_shown).await;
    assert!(is_shown.is_ok_and(|it| it.is_ok()), "it has ended");
    assert!(!orders.is_closed());
    guard.abort();
}

#[tokio::test]
async fn who_has_nothing_left_to_do_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    std::fs::write(&path, "{\"version\": 1}").unwrap();
    let (orders, given) = mpsc::unbounded_channel();
    let world = Meddler {
        order: Mutex::new(None),
        orders: orders.clone(),
    };
    let guard = Guard::open(directory.path(), &config(false), world);
    let (shown, _seen) = watch::channel(None);
    let ending = run(guard, given, shown);
    tokio::time::timeout(Duration::from_secs(10), ending)
        .await
        .unwrap();
    assert!(orders.is_closed());
    assert!(!path.exists());
}
