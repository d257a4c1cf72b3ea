//! The meter of money: what Azure says may be spent and was spent.

mod budget;
mod cost;
mod grain;
mod pause;
mod trouble;

use bwflow_proto::config;

pub use budget::{Budget, BudgetSource};
pub use cost::Cost;
pub use grain::Grain;
pub use pause::Pause;
pub use trouble::{Trouble, TroubleKind};

/// Azure, asked with the machine's managed identity.
#[derive(Debug)]
pub struct Azure {
    #[expect(dead_code, reason = "what uses it follows")]
    currency: String,
    pause: Pause,
}

impl Azure {
    /// Asks as configured, expecting amounts of this currency (ISO 4217). Nothing is sent yet.
    ///
    /// # Errors
    /// Which value of the configuration cannot be, in words.
    pub fn new(_azure: &config::Azure, currency: &str) -> Result<Self, String> {
        Ok(Self {
            currency: currency.to_owned(),
            pause: Pause::default(),
        })
    }

    /// Waits between tries in this way instead of on tokio's clock.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// The budget in force: the one asked for by name, or the only one that fits, or the
    /// configuration's.
    ///
    /// # Errors
    /// When the cloud cannot be asked, or has a budget of that name that cannot be used. Not having one is none
    /// as long as the configuration gives one.
    #[expect(clippy::unused_async, reason = "what waits follows")]
    pub async fn budget(&mut self) -> Result<Budget, Trouble> {
        Err(not_yet())
    }

    /// What was spent in this budget's period.
    ///
    /// # Errors
    /// When the cloud cannot be asked or its answer cannot be understood.
    #[expect(clippy::unused_async, reason = "what waits follows")]
    pub async fn cost(&mut self, _budget: &Budget) -> Result<Cost, Trouble> {
        Err(not_yet())
    }
}

fn not_yet() -> Trouble {
    Trouble::definite(
        TroubleKind::Refused,
        "this version cannot ask Azure for cost yet",
    )
}
