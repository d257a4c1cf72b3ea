//! Holds one member of one of Jellyfin's configurations: read, change, read back, until it is so.

use std::fmt::Display;
use std::time::Duration;

use super::Save;
use super::claim::{self, Claim, Setting, Step};
use super::client::Client;
use super::document::Document;
use super::key::ApiKey;
use super::owned::{Owned, Place, Server};
use super::problem::Problem;
use crate::azure::Pause;

/// How often a change is tried before it is left to the next call.
const TRIES: u32 = 4;
/// How long to wait before the second try; before each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A member that we set.
pub(super) struct Member<T> {
    /// Where its document is read and written.
    pub(super) path: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    read: fn(&Document) -> Result<T, Problem>,
    claim: fn(&mut Server) -> &mut Option<Claim<T>>,
}

/// What each remote stream is limited to, bits per second.
pub(super) const BITRATE: Member<i64> = Member {
    path: "/System/Configuration",
    name: "RemoteClientBitrateLimit",
    read: |document| {
        // What this lacks would reopen the wizard to whoever comes first.
        if !document
            .flag("IsStartupWizardCompleted")
            .map_err(Problem::Unfit)?
        {
            return Err(Problem::NotSetUp);
        }
        document
            .integer("RemoteClientBitrateLimit")
            .map_err(Problem::Unfit)
    },
    claim: |server| &mut server.bitrate,
};

/// Whether remote clients are let in. The path's case matters: another one is stored without effect.
pub(super) const REMOTE_ACCESS: Member<bool> = Member {
    path: "/System/Configuration/network",
    name: "EnableRemoteAccess",
    read: |document| document.flag("EnableRemoteAccess").map_err(Problem::Unfit),
    claim: |server| &mut server.remote_access,
};

/// What is known about a server, and where to keep it.
pub(super) struct Book<'a, 'b> {
    pub(super) owned: &'a mut Owned,
    pub(super) save: &'a mut Save<'b>,
    pub(super) server: &'a str,
    pub(super) place: &'a Place,
}

impl Book<'_, '_> {
    /// Changes the record and keeps it; when that fails, it is as before.
    fn update<R>(
        &mut self,
        key: &ApiKey,
        change: impl FnOnce(&mut Server) -> R,
    ) -> Result<R, Problem> {
        let before = self.owned.clone();
        let result = self.owned.update(self.server, self.place, |server| {
            server.note_key(key);
            change(server)
        });
        if *self.owned != before
            && let Err(error) = (self.save)(self.owned)
        {
            *self.owned = before;
            return Err(Problem::Record(error.to_string()));
        }
        Ok(result)
    }

    /// Whether remote access may be off by our doing.
    pub(super) fn has_closed(&self) -> bool {
        let server = self.owned.of(self.server);
        server.is_some_and(|it| it.remote_access.is_some())
    }
}

impl<T: Setting + Display + 'static> Member<T> {
    /// Its value in a document.
    pub(super) fn of(&self, document: &Document) -> Result<T, Problem> {
        (self.read)(document)
    }

    /// Its value now.
    pub(super) async fn read(&self, client: &Client) -> Result<T, Problem> {
        (self.read)(&client.document(self.path).await?)
    }

    /// Makes it so, and gives what was read back last. Nothing wanted is what was there before us.
    pub(super) async fn hold(
        &self,
        client: &Client,
        wanted: Option<T>,
        book: &mut Book<'_, '_>,
        pause: &Pause,
    ) -> Result<T, Problem> {
        let mut wait = FIRST_WAIT;
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                pause.wait(wait).await;
                wait *= 2;
            }
            match self.attempt(client, wanted, book).await {
                Ok(value) => return Ok(value),
                Err(problem) if problem.is_passing() => last = Some(problem),
                Err(problem) => return Err(problem),
            }
        }
        Err(last.unwrap_or(Problem::TooSlow))
    }

    async fn attempt(
        &self,
        client: &Client,
        wanted: Option<T>,
        book: &mut Book<'_, '_>,
    ) -> Result<T, Problem> {
        let document = client.document(self.path).await?;
        let present = (self.read)(&document)?;
        let claim = self.claim;
        let (step, is_given_up) = book.update(client.key(), |server| {
            let claim = claim(server);
            let was_held = claim.is_some();
            let step = claim::step(claim, present, wanted);
            (step, was_held && claim.is_none())
        })?;
        if is_given_up {
            let name = self.name;
            tracing::info!("{name} = {present} in Jellyfin is not bwflow's: left alone");
        }
        let (Step::Write(value) | Step::PutBack(value)) = step else {
            return Ok(present);
        };
        let body = document.with(self.name, &value.to_string());
        let body = body.map_err(Problem::Unfit)?;
        // Whatever becomes of the request, what is there afterwards is what counts.
        let sent = client.replace(self.path, body).await;
        let now = match (self.read(client).await, &sent) {
            (Ok(now), _) => now,
            (Err(_), Err(problem)) => return Err(problem.clone()),
            (Err(problem), Ok(())) => return Err(problem),
        };
        if now != value {
            sent?;
            let (wanted, present) = (value.to_string(), now.to_string());
            let name = self.name;
            return Err(Problem::NotKept {
                name,
                wanted,
                present,
            });
        }
        book.update(client.key(), |server| match step {
            Step::PutBack(_) => claim::put_back(claim(server)),
            _ => claim::confirm(claim(server), value),
        })?;
        let why = match step {
            Step::PutBack(_) => ", as it was before bwflow",
            _ => "",
        };
        tracing::info!(
            "Jellyfin now has {} = {value}{why} (was {present})",
            self.name
        );
        Ok(now)
    }
}
