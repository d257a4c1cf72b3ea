//! What the guard remembers over its restarts. No secret is in it.

use bwflow_proto::money::Money;
use serde::{Deserialize, Serialize};

use super::asking::Asking;
use super::failing::Failing;
use super::moment::Moment;
use crate::azure::{Budget, Cost};
use crate::jellyfin::Owned;
use crate::period::Period;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whom the figures are of: what was asked, and in which currency. Another one's are of no use.
    pub source: String,
    /// Since when this source is asked.
    pub began: Option<Moment>,
    /// The budget last known.
    pub budget: Option<KnownBudget>,
    /// The cost last known.
    pub figure: Option<Figure>,
    /// What the cloud's clock said last.
    pub server: Option<ServerTime>,
    /// What was decided.
    pub standing: Standing,
    /// When the cloud was asked, and with what success.
    pub asking: Asking,
    /// What of which media server is ours.
    pub owned: Owned,
    /// Why the media server does not follow.
    pub media_failing: Option<Failing>,
}

/// A budget, and since when it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBudget {
    /// What it is.
    pub budget: Budget,
    /// When it was told.
    pub at: Moment,
    /// Whether it was told when it was last asked for. One that may be another by now loosens nothing.
    #[serde(default)]
    pub is_confirmed: bool,
}

/// What the cloud has reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// How much, millionths of the configured currency's unit.
    pub micros: i64,
    /// When, by the cloud's clock, microseconds since the Unix epoch.
    pub server_usec: i64,
    /// When, by ours.
    pub at: Moment,
    /// The period that is of.
    pub period: Period,
}

impl Figure {
    /// How much.
    pub const fn amount(&self) -> Money {
        Money::from_micros(self.micros)
    }
}

/// What the cloud's clock said at a moment of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTime {
    /// Microseconds since the Unix epoch.
    pub usec: i64,
    /// The period it was in then.
    pub period: Period,
    /// When that was, by our clocks.
    pub at: Moment,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The name of the tier in force; nothing before the first decision.
    pub tier: Option<String>,
    /// When it was entered, microseconds since the Unix epoch.
    pub since_usec: i64,
    /// Why it is in force.
    pub reason: String,
    /// What was decided when everything was known last: the way back up counts from there.
    pub base: Option<Base>,
    /// How many tiers were gone down since for want of knowledge.
    pub steps: u32,
}

/// A decision on full knowledge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The tier's name.
    pub tier: String,
    /// First instant of the period in which it was made.
    pub period_start_usec: i64,
}

impl Record {
    /// What there is when all memory is lost: the strictest tier until fresh figures say otherwise.
    pub fn strictest(tier: Option<&str>) -> Self {
        Self {
            standing: Standing {
                tier: tier.map(str::to_owned),
                reason: "what was decided before is not known any more".to_owned(),
                ..Standing::default()
            },
            ..Self::default()
        }
    }

    /// Turns to a source, and forgets what another one has said.
    pub fn turn_to(&mut self, source: &str, now: &Moment) {
        if self.source == source && self.began.is_some() {
            return;
        }
        source.clone_into(&mut self.source);
        self.began = Some(now.clone());
        (self.budget, self.figure, self.server) = (None, None, None);
        self.asking = Asking::default();
        // The tier stays until this source has said something, whatever it was then.
        self.standing.base = None;
    }

    /// Takes in what the cloud has said; an answer without an amount tells only what time it is.
    pub fn learn(&mut self, cost: &Cost, now: &Moment) {
        self.server = Some(ServerTime {
            usec: cost.server_usec,
            period: cost.period,
            at: now.clone(),
        });
        if let Some(amount) = cost.amount {
            self.figure = Some(Figure {
                micros: amount.micros,
                server_usec: cost.server_usec,
                at: now.clone(),
                period: cost.period,
            });
        }
    }
}
