//! What the bus shows, written by the enforcer and read by everybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bwflow_proto::claim::{Claim, TopUp};
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use bwflow_proto::state::LinkState;
use tokio::sync::Notify;

/// One link as the bus shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkView {
    /// The kernel's index; 0 while absent.
    pub index: u32,
    /// What holds the link.
    pub state: LinkState,
    /// When that began, microseconds since the Unix epoch.
    pub since_usec: u64,
    /// The rate the kernel holds it to, bytes per second; 0 when none.
    pub limit: u64,
    /// What forbids enforcement; empty when nothing does.
    pub blocked_by: String,
    /// The grant in force.
    pub grant: Option<Grant>,
    /// The ledger as last published.
    pub ledger: Option<LedgerView>,
    /// The manual throttle in force.
    pub throttle: Option<Claim>,
    /// The override in force.
    pub override_claim: Option<Claim>,
    /// What the helper has yet to book, oldest first.
    pub top_ups: Vec<TopUp>,
}

/// All links, by interface name, and a bell that rings when one has changed.
#[derive(Debug, Default)]
pub struct Board {
    links: Mutex<BTreeMap<String, LinkView>>,
    changed: Notify,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, LinkView>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One link.
    pub fn link(&self, name: &str) -> Option<LinkView> {
        self.lock().get(name).cloned()
    }

    /// Every link.
    pub fn links(&self) -> BTreeMap<String, LinkView> {
        self.lock().clone()
    }

    /// Shows a link; rings if that is news.
    pub fn show(&self, name: &str, view: LinkView) {
        let before = self.lock().insert(name.to_owned(), view.clone());
        if before != Some(view) {
            self.changed.notify_one();
        }
    }

    /// Takes a link down.
    pub fn remove(&self, name: &str) {
        if self.lock().remove(name).is_some() {
            self.changed.notify_one();
        }
    }

    /// Waits until something has changed since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
