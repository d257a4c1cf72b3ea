//! Jellyfin, held to a tier: its limit for remote streams, and remote access switched off.
//!
//! The rules are in [`claim`]; what one change takes is in [`setting`].

use std::io;
use std::time::{Duration, Instant};

use bwflow_proto::config;
use bwflow_proto::spend::Finding;
use reqwest::Url;

mod claim;
mod client;
mod document;
mod findings;
mod key;
mod list;
mod mark;
mod off;
mod outcome;
mod owned;
mod problem;
mod session;
mod setting;
mod shown;

pub use key::ApiKey;
pub use outcome::{Outcome, State, Wanted};
pub use owned::Owned;

use crate::azure::Pause;
use crate::http::Patience;
use client::Client;
use owned::Place;
use problem::Problem;
use session::Home;
use setting::{BITRATE, Book, REMOTE_ACCESS};

/// The longest that one call may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How soon to try again after a failure; twice as long after each further one.
const FIRST_RETRY: Duration = Duration::from_secs(15);
/// The longest time until then.
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);
/// How often to look for reasons why the limit has no effect, if the tier stays.
const FINDINGS_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the record durably. Called before each write to Jellyfin; when it fails, nothing is
/// written.
pub type Save<'a> = dyn FnMut(&Owned) -> io::Result<()> + Send + 'a;

/// One Jellyfin server, by its address.
#[derive(Debug)]
pub struct Jellyfin {
    client: Client,
    place: Place,
    host: String,
    message: Option<String>,
    /// Whether viewers were told since it was last not off.
    has_told: bool,
    /// Whether the key is only for servers that it is recorded for.
    is_past: bool,
    pause: Pause,
    /// Failures in a row.
    failures: u32,
    findings: Vec<Finding>,
    /// What they were looked for last for, and when.
    looked: Option<(Wanted, Instant)>,
}

impl Jellyfin {
    /// The server at the configured address. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When TLS cannot be set up or the address cannot be one.
    pub fn new(config: &config::Jellyfin, key: ApiKey) -> Result<Self, String> {
        Self::with_patience(config, key, client::PATIENCE)
    }

    /// The same, waiting so long for each answer.
    ///
    /// # Errors
    /// As above.
    pub fn with_patience(
        config: &config::Jellyfin,
        key: ApiKey,
        patience: Patience,
    ) -> Result<Self, String> {
        let url = Url::parse(&config.url);
        let url = url.map_err(|error| format!("url in [spend.jellyfin] is no address: {error}"))?;
        Ok(Self {
            client: Client::new(config, key, patience)?,
            place: Place::of(config),
            host: url.host_str().unwrap_or("").to_owned(),
            message: config.message.clone(),
            has_told: false,
            is_past: false,
            pause: Pause::default(),
            failures: 0,
            findings: Vec::new(),
            looked: None,
        })
    }

    /// Waits between tries in this way instead of on tokio's clock.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// Takes it for a server of the past ([`Owned::places`]): where its key was, another server's may
    /// be by now, which is then not sent.
    #[must_use]
    pub const fn of_the_past(mut self) -> Self {
        self.is_past = true;
        self
    }

    /// Makes Jellyfin do what is wanted, or sees that it still does. Ends within a minute, whatever
    /// happens on the way; may be called as often as liked.
    pub async fn converge(
        &mut self,
        wanted: &Wanted,
        owned: &mut Owned,
        save: &mut Save<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let work = self.hold(wanted, owned, save, &mut outcome);
        let done = tokio::time::timeout(PATIENCE, work).await;
        self.conclude(done.unwrap_or(Err(Problem::TooSlow)), &mut outcome);
        outcome.findings.clone_from(&self.findings);
        outcome
    }

    /// Puts back what is still ours, and forgets it then: nothing of ours is left there when the
    /// state is `none` ([`Owned::is_left_at`]).
    pub async fn restore(&mut self, owned: &mut Owned, save: &mut Save<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        if owned.is_empty() {
            return outcome;
        }
        let work = self.put_back(owned, save, &mut outcome);
        let done = tokio::time::timeout(PATIENCE, work).await;
        self.conclude(done.unwrap_or(Err(Problem::TooSlow)), &mut outcome);
        outcome
    }

    async fn hold(
        &mut self,
        wanted: &Wanted,
        owned: &mut Owned,
        save: &mut Save<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let identity = self.identity().await?;
        outcome.version = Some(identity.version);
        let mut book = Book {
            owned,
            save,
            server: &identity.id,
            place: &self.place,
        };
        let (client, pause) = (&self.client, &self.pause);
        let mut problem = None;
        // First, and whatever becomes of the rest: this is what saves money.
        if wanted.off {
            let message = self.message.as_deref().filter(|_| !self.has_told);
            let off = off::switch_off(client, message, &mut book, pause).await;
            outcome.remote_access = off.remote_access;
            outcome.ignoring_stop = off.ignoring;
            self.has_told |= off.has_told;
            problem = off.problem;
        } else {
            self.has_told = false;
        }
        // Zero would lift the limit.
        let limit = wanted.bitrate.map(|it| i64::from(it.clamp(1, LARGEST)));
        let bitrate = if limit.is_none() && wanted.off {
            BITRATE.read(client).await
        } else {
            BITRATE.hold(client, limit, &mut book, pause).await
        };
        match bitrate {
            Ok(bitrate) => {
                outcome.bitrate = Some(bitrate);
                outcome.state = match limit {
                    _ if wanted.off => State::Held,
                    Some(limit) if bitrate != limit => State::Foreign,
                    Some(_) => State::Held,
                    None => State::None,
                };
            }
            Err(error) => problem = problem.or(Some(error)),
        }
        // Nobody is let in again while there is no limit.
        if problem.is_none() && !wanted.off && book.has_closed() {
            let access = REMOTE_ACCESS.hold(client, None, &mut book, pause).await?;
            outcome.remote_access = Some(access);
        }
        if matches!(problem, None | Some(Problem::SelfRemote)) {
            self.look(wanted, limit, outcome).await;
        }
        problem.map_or(Ok(()), Err)
    }

    async fn put_back(
        &mut self,
        owned: &mut Owned,
        save: &mut Save<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        // Without the key, so that it is known by then whose it is.
        let identity = self.identity().await?;
        outcome.version = Some(identity.version);
        let Some(server) = owned.of(&identity.id) else {
            let is_elsewhere = owned.is_at(&self.place);
            return if is_elsewhere {
                Err(Problem::AnotherServer)
            } else {
                Ok(())
            };
        };
        if self.is_past && !server.is_changed_with(self.client.key()) {
            return Err(Problem::AnotherKey);
        }
        let mut book = Book {
            owned,
            save,
            server: &identity.id,
            place: &self.place,
        };
        let (client, pause) = (&self.client, &self.pause);
        // Access first: whoever waits for it waits longest.
        if book.has_closed() {
            let access = REMOTE_ACCESS.hold(client, None, &mut book, pause).await?;
            outcome.remote_access = Some(access);
        }
        let bitrate = BITRATE.hold(client, None, &mut book, pause).await?;
        outcome.bitrate = Some(bitrate);
        Ok(())
    }

    /// Who answers; waits a little for one that is just starting.
    async fn identity(&self) -> Result<client::Identity, Problem> {
        const LONGEST: Duration = Duration::from_secs(6);
        let first = self.client.identity().await;
        let Err(problem) = &first else { return first };
        let wait = problem.asked_wait().unwrap_or(Duration::from_secs(2));
        if !problem.is_passing() || wait > LONGEST {
            return first;
        }
        self.pause.wait(wait).await;
        self.client.identity().await
    }

    /// Looks whether the limit has an effect, and who runs above it; not at each check.
    async fn look(&mut self, wanted: &Wanted, limit: Option<i64>, outcome: &mut Outcome) {
        let is_due = self
            .looked
            .as_ref()
            .is_none_or(|(last, when)| last != wanted || when.elapsed() >= FINDINGS_INTERVAL);
        if !is_due {
            return;
        }
        let seen = findings::look(&self.client, &self.host).await;
        self.findings = findings::judge(&seen, limit);
        self.looked = Some((*wanted, Instant::now()));
        outcome.above_limit = above(&seen.streams, &seen.home, limit);
        if outcome.above_limit > 0 {
            let streams = outcome.above_limit;
            tracing::info!(
                "remote streams that began before this limit and run on above it: {streams}"
            );
        }
    }

    fn conclude(&mut self, done: Result<(), Problem>, outcome: &mut Outcome) {
        let Err(problem) = done else {
            self.failures = 0;
            return;
        };
        outcome.state = problem.state();
        outcome.error = Some(problem.to_string());
        let wait = FIRST_RETRY
            .saturating_mul(1 << self.failures.min(6))
            .min(LAST_RETRY);
        self.failures = self.failures.saturating_add(1);
        // What an administrator has to mend does not mend itself in seconds.
        outcome.retry_after = match outcome.state {
            State::Refused => None,
            _ => Some(wait.max(problem.asked_wait().unwrap_or_default())),
        };
    }
}

/// The largest limit that Jellyfin's 32 bits hold.
const LARGEST: u32 = i32::MAX.unsigned_abs();

/// How many remote streams run above a limit.
fn above(streams: &[session::Stream], home: &Home, limit: Option<i64>) -> u32 {
    let Some(limit) = limit else { return 0 };
    let is_above = |it: &&session::Stream| {
        !home.holds(it.address) && it.bitrate.is_some_and(|bitrate| bitrate > limit)
    };
    u32::try_from(streams.iter().filter(is_above).count()).unwrap_or(u32::MAX)
}
