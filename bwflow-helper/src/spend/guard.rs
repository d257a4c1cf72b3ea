//! The guard: asks, decides, keeps, acts.

use std::path::Path;

use bwflow_proto::config::Spend;
use bwflow_proto::spend::SpendView;

use super::world::{Cap, World};

/// Why a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is time.
    Timer,
    /// Somebody wants to know now: the cost is asked for even if it is not due, once a minute.
    Hand,
}

/// Holds the bill within its budget.
#[derive(Debug)]
pub struct Guard<W> {
    config: Option<Spend>,
    world: W,
    view: SpendView,
}

impl<W: World> Guard<W> {
    /// Goes on from the state file in `directory`. Nothing is asked or changed before the first
    /// check. `config` is nothing while the guard is switched off: it then only undoes what it has
    /// done before.
    pub fn open(_directory: &Path, config: Option<Spend>, world: W) -> Self {
        Self {
            config,
            world,
            view: SpendView {
                cost_error: "this version has no spend guard".to_owned(),
                ..SpendView::default()
            },
        }
    }

    /// The cap that was in force when the state was written: it holds until a check says otherwise.
    pub const fn held_cap(&self) -> Option<&Cap> {
        None
    }

    /// Follows another configuration from the next check on.
    pub fn reconfigure(&mut self, config: Option<Spend>) {
        self.config = config;
    }

    /// Asks what is due, decides, keeps the decision, and sees to it that it holds: first on the
    /// link, then in Jellyfin.
    pub async fn check(&mut self, _occasion: Occasion) {
        let _ = self.world.clock();
    }

    /// What is known, decided and done.
    pub const fn view(&self) -> &SpendView {
        &self.view
    }

    /// When to check again, microseconds of `CLOCK_BOOTTIME` from now; nothing when there is nothing
    /// to look after.
    pub const fn wait_usec(&self) -> Option<i64> {
        None
    }
}
