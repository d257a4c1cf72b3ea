//! The guard: asks, decides, keeps, acts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bwflow_proto::config::{Config, Jellyfin as JellyfinConfig, Spend, Tier};
use bwflow_proto::spend::SpendView;

use super::asking;
use super::decision::{Decision, decide, unreported_since};
use super::failing::{Failing, note};
use super::moment::Moment;
use super::record::{Record, Standing};
use super::state::{Found, State};
use super::tier::last;
use super::usec;
use super::view::{Sources, view};
use super::world::{Cap, World};
use crate::azure::{Azure, Pause};
use crate::clock::Clock;
use crate::jellyfin::{Jellyfin, Outcome, State as Follows};

/// How long each question to the cloud may take; it ends by itself before.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// How soon to try again what did not work, doubled each time.
const RETRY: Duration = Duration::from_secs(60);
/// How long to wait at most while switched off.
const IDLE: Duration = Duration::from_secs(3600);

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
    config: Option<Arc<Spend>>,
    /// The server of a guard that is switched off.
    idle: Option<JellyfinConfig>,
    world: W,
    pub(super) state: State,
    pub(super) record: Record,
    /// What the file holds, as far as we know.
    pub(super) saved: Option<Record>,
    save_failing: Option<Failing>,
    pub(super) azure: Option<Azure>,
    pub(super) pause: Pause,
    pub(super) patience: Duration,
    pub(super) media: Option<Jellyfin>,
    pub(super) media_failures: u32,
    pub(super) outcome: Outcome,
    /// When the media server was last read back, microseconds since the Unix epoch.
    pub(super) seen_usec: i64,
    view: Option<SpendView>,
    wait_usec: Option<i64>,
}

impl<W: World> Guard<W> {
    /// Goes on from the state file in `directory`. Nothing is asked or changed before the first
    /// check. While the configuration switches the guard off, it only undoes what it has done
    /// before.
    pub fn open(directory: &Path, config: &Config, world: W) -> Self {
        let mut state = State::of(directory);
        let found = state.read();
        let mut saved = None;
        let record = match found {
            Found::Nothing => Record::default(),
            Found::Record(record) => {
                saved = Some((*record).clone());
                *record
            }
            Found::Lost(why) => {
                tracing::error!("{why}");
                let tiers = config.spend.as_ref().map_or(&[][..], |it| &it.tiers);
                Record::strictest(tiers.last().map(|tier| tier.name.as_str()))
            }
        };
        let mut guard = Self {
            config: None,
            idle: None,
            world,
            state,
            record,
            saved,
            save_failing: None,
            azure: None,
            pause: Pause::default(),
            patience: PATIENCE,
            media: None,
            media_failures: 0,
            outcome: Outcome::default(),
            seen_usec: 0,
            view: None,
            wait_usec: Some(0),
        };
        guard.reconfigure(config);
        guard
    }

    /// Whether there is anything to do in this directory with this configuration.
    pub fn is_needed(directory: &Path, config: &Config) -> bool {
        config.spend.is_some() || State::of(directory).is_there()
    }

    /// Waits between the tries of a question in this way, and at most so long for its answer.
    #[must_use]
    pub fn with_patience(self, pause: Pause, patience: Duration) -> Self {
        Self {
            pause,
            patience,
            ..self
        }
    }

    /// Follows another configuration from the next check on.
    pub fn reconfigure(&mut self, config: &Config) {
        self.config = config.spend.clone().map(Arc::new);
        self.idle.clone_from(&config.idle_jellyfin);
        (self.azure, self.media) = (None, None);
        self.media_failures = 0;
        self.wait_usec = Some(0);
        if self.view.is_none() {
            self.view = self.outlook();
        }
    }

    /// What is known before the first check, which may take minutes: who asks meanwhile is not to
    /// believe that nothing is looked after.
    fn outlook(&self) -> Option<SpendView> {
        let (config, clock) = (self.config.as_ref()?, self.now()?);
        let mut record = self.record.clone();
        record.turn_to(&source(config), &Moment::of(&clock));
        let outcome = Outcome {
            state: Follows::Pending,
            ..Outcome::default()
        };
        let early = view(&Sources {
            config,
            record: &record,
            decision: &decide(config, &record, None, &clock),
            tier: in_force(config, &record.standing),
            unreported_bytes: 0,
            outcome: &outcome,
            seen_usec: 0,
            usec: clock.usec,
            next_check_usec: 0,
            next_cost_usec: 0,
        });
        Some(SpendView {
            checked_at_usec: 0,
            ..early
        })
    }

    /// The cap that was in force when the state was written: it holds until a check says otherwise.
    pub fn held_cap(&self) -> Option<Cap> {
        let config = self.config.as_ref()?;
        cap(config, in_force(config, &self.record.standing))
    }

    /// What is known, decided and done; nothing while switched off.
    pub const fn view(&self) -> Option<&SpendView> {
        self.view.as_ref()
    }

    /// In how many microseconds to check again; nothing when there is nothing left to look after.
    pub const fn wait_usec(&self) -> Option<i64> {
        self.wait_usec
    }

    /// Asks what is due, decides, keeps the decision, and sees to it that it holds: first on the
    /// link, then in Jellyfin. What goes wrong with one of them stops none of the others.
    pub async fn check(&mut self, occasion: Occasion) {
        let Some(clock) = self.now() else {
            self.wait_usec = Some(usec(RETRY));
            return;
        };
        match self.config.clone() {
            Some(config) => self.hold(&config, occasion, clock).await,
            None => self.release(&clock).await,
        }
    }

    async fn hold(&mut self, config: &Spend, occasion: Occasion, clock: Clock) {
        self.record.turn_to(&source(config), &Moment::of(&clock));
        // What was decided before holds while the cloud thinks about its answer.
        let held = in_force(config, &self.record.standing);
        self.world.cap(cap(config, held).as_ref()).await;
        let asks = asking::wait_usec(config, &self.record, &clock, occasion) == 0;
        if asks {
            self.ask(config, &clock).await;
        }
        let clock = self.now().unwrap_or(clock);
        let bytes = self.unreported(config, &clock).await;
        let decision = decide(config, &self.record, bytes, &clock);
        self.tell(config, &decision);
        self.record.standing = decision.standing.clone();
        self.save(clock.usec);
        let tier = in_force(config, &self.record.standing).cloned();
        self.world.cap(cap(config, tier.as_ref()).as_ref()).await;
        if asks && self.record.asking.failures == 0 && decision.known.may_raise {
            self.world.is_sure().await;
        }
        self.hold_media(config, tier.as_ref()).await;
        let clock = self.now().unwrap_or(clock);
        self.save(clock.usec);
        let next_cost_usec = asking::wait_usec(config, &self.record, &clock, Occasion::Timer);
        let interval = usec(config.check_interval);
        let wait = interval.min(next_cost_usec).min(self.retry_usec(interval));
        self.wait_usec = Some(wait);
        self.view = Some(view(&Sources {
            config,
            record: &self.record,
            decision: &decision,
            tier: tier.as_ref(),
            unreported_bytes: bytes.unwrap_or(0),
            outcome: &self.outcome,
            seen_usec: self.seen_usec,
            usec: clock.usec,
            next_check_usec: wait,
            next_cost_usec,
        }));
    }

    /// Undoes everything, and forgets it then.
    async fn release(&mut self, clock: &Clock) {
        self.view = None;
        self.world.cap(None).await;
        let idle = self.idle.clone();
        let is_done = self.release_media(idle.as_ref()).await;
        if !is_done {
            self.save(clock.usec);
            self.wait_usec = Some(self.retry_usec(usec(IDLE)));
            return;
        }
        match self.state.remove() {
            Ok(()) => {
                tracing::info!("the spend guard is off");
                self.wait_usec = None;
            }
            Err(error) => {
                tracing::error!("the spend guard's state cannot be removed: {error}");
                self.wait_usec = None;
            }
        }
        (self.record, self.saved) = (Record::default(), None);
    }

    /// What the link has sent that no report covers; nothing if the ledger does not tell.
    async fn unreported(&self, config: &Spend, clock: &Clock) -> Option<u64> {
        let since = unreported_since(config, &self.record, clock);
        let (Some(interface), Some(since)) = (&config.interface, since) else {
            return Some(0);
        };
        self.world.sent(interface, since).await
    }

    /// Logs a decision that changes something.
    fn tell(&self, config: &Spend, decision: &Decision) {
        let (before, now) = (&self.record.standing, &decision.standing);
        let Some(tier) = now.tier.as_ref().filter(|_| now.tier != before.tier) else {
            return;
        };
        let from = before.tier.as_ref().map(|it| format!(", after {it}"));
        let spent = |what: &str, it: Option<i64>| {
            let money = it.map(bwflow_proto::money::Money::from_micros);
            money.map_or_else(String::new, |it| {
                format!("; {what} {it} {}", config.currency)
            })
        };
        let figure = self.record.figure.as_ref().map(|it| it.micros);
        let budget = self
            .record
            .budget
            .as_ref()
            .map(|it| it.budget.amount.micros);
        tracing::info!(
            "spend tier {tier}{}: {}{}{}{}",
            from.unwrap_or_default(),
            now.reason,
            spent("reported", figure),
            spent("estimated", decision.estimate.map(|it| it.micros)),
            spent("budget", budget)
        );
    }

    /// How soon to try again what did not work on the media server.
    fn retry_usec(&self, at_most: i64) -> i64 {
        // What is refused is refused until somebody changes something.
        let is_passing = self.outcome.state != Follows::Refused;
        let asked = self.outcome.retry_after.filter(|_| is_passing).map(usec);
        let doubled = match self.media_failures {
            0 => at_most,
            failures => usec(RETRY) << (failures - 1).min(10),
        };
        asked
            .unwrap_or(doubled)
            .clamp(1_000_000, at_most.max(1_000_000))
    }

    /// Keeps the record, if it has changed.
    pub(super) fn save(&mut self, now_usec: i64) {
        if self.saved.as_ref() == Some(&self.record) {
            return;
        }
        let written = self
            .state
            .write(&self.record)
            .map_err(|error| error.to_string());
        if written.is_ok() {
            self.saved = Some(self.record.clone());
        }
        let outcome = written.as_ref().map(|_| ()).map_err(String::as_str);
        note(
            &mut self.save_failing,
            outcome,
            "the spend guard's state",
            now_usec,
        );
    }

    pub(super) fn now(&self) -> Option<Clock> {
        match self.world.clock() {
            Ok(clock) => Some(clock),
            Err(error) => {
                tracing::error!("the clock cannot be read: {error}");
                None
            }
        }
    }
}

/// What tells one source of costs from another.
fn source(config: &Spend) -> String {
    format!("{:?} {}", config.azure, config.currency)
}

/// The tier that a standing names; the strictest if it is not there any more.
fn in_force<'a>(config: &'a Spend, standing: &Standing) -> Option<&'a Tier> {
    let name = standing.tier.as_ref()?;
    let tier = config.tiers.iter().find(|tier| tier.name == *name);
    tier.or_else(|| config.tiers.get(last(&config.tiers)))
}

/// The cap of a tier.
fn cap(config: &Spend, tier: Option<&Tier>) -> Option<Cap> {
    Some(Cap {
        interface: config.interface.clone()?,
        bytes_per_second: tier?.link_rate?,
    })
}
