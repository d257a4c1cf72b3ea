//! Sees to it that the media server follows, and puts right again what is not looked after any more.

use std::io;
use std::time::Duration;

use bwflow_proto::config;
use bwflow_proto::config::{Spend, Tier};
use tokio::time::timeout;

use super::failing::note;
use super::guard::Guard;
use super::record::Record;
use super::state::State as File;
use super::world::World;
use crate::jellyfin::{ApiKey, Jellyfin, Outcome, Owned, State, Wanted};

/// How long one server may keep us: it ends by itself before.
const PATIENCE: Duration = Duration::from_secs(90);

impl<W: World> Guard<W> {
    /// Holds the configured server to a tier, and restores all others.
    pub(super) async fn hold_media(&mut self, config: &Spend, tier: Option<&Tier>) {
        let wanted = tier.map_or_else(Wanted::default, |tier| Wanted {
            bitrate: tier.bitrate,
            off: tier.off,
        });
        let mut outcome = match &config.jellyfin {
            Some(jellyfin) => self.converge(jellyfin, &wanted).await,
            None => Outcome::default(),
        };
        if tier.is_none() {
            // Nothing is asked of it yet that could have no effect.
            outcome.findings.clear();
        }
        let undone = self.restore_others(config.jellyfin.as_ref()).await;
        self.report(outcome, undone.as_deref());
    }

    /// Restores everything. Whether nothing is left to be done.
    pub(super) async fn release_media(&mut self, idle: Option<&config::Jellyfin>) -> bool {
        // The key may have moved since.
        let mut undone = None;
        if let Some(idle) = idle.filter(|idle| self.record.owned.is_left_at(idle)) {
            undone = self.restore(idle, false).await.error;
        }
        let others = self.restore_others(idle).await;
        let undone = undone.or(others);
        self.report(Outcome::default(), undone.as_deref());
        self.record.owned.is_empty()
    }

    async fn converge(&mut self, jellyfin: &config::Jellyfin, wanted: &Wanted) -> Outcome {
        let mut server = match self.media.take().map_or_else(|| self.connect(jellyfin), Ok) {
            Ok(server) => server,
            Err(outcome) => return outcome,
        };
        let mut owned = self.record.owned.clone();
        let patience = self.patience.min(PATIENCE);
        // Whatever is in the file then, it is not what was saved last.
        self.saved = None;
        let outcome = {
            let mut save = saving(&self.state, &mut self.record);
            timeout(patience, server.converge(wanted, &mut owned, &mut save)).await
        };
        let Ok(outcome) = outcome else {
            return late(patience);
        };
        self.record.owned = owned;
        // What was refused may have been the key, which is then read anew.
        if outcome.state != State::Refused {
            self.media = Some(server);
        }
        outcome
    }

    /// Restores all servers but this one; says what is left undone.
    async fn restore_others(&mut self, but: Option<&config::Jellyfin>) -> Option<String> {
        let mut undone = None;
        for place in self.record.owned.places() {
            let is_kept = but
                .is_some_and(|it| (&it.url, &it.host_header) == (&place.url, &place.host_header));
            if is_kept {
                continue;
            }
            let outcome = self.restore(&place, true).await;
            let text = outcome.error.map(|error| {
                format!(
                    "what was changed at {} is not restored yet: {error}",
                    place.url
                )
            });
            undone = undone.or(text);
        }
        undone
    }

    fn connect(&self, jellyfin: &config::Jellyfin) -> Result<Jellyfin, Outcome> {
        let refused = |error| Outcome {
            state: State::Refused,
            error: Some(error),
            ..Outcome::default()
        };
        let key = ApiKey::load(jellyfin).map_err(refused)?;
        let server = Jellyfin::new(jellyfin, key).map_err(refused)?;
        Ok(server.with_pause(self.pause.clone()))
    }

    /// Restores one server; one of the past only with the key that it was changed with.
    async fn restore(&mut self, place: &config::Jellyfin, is_past: bool) -> Outcome {
        let mut server = match self.connect(place) {
            Ok(server) if is_past => server.of_the_past(),
            Ok(server) => server,
            Err(outcome) => return outcome,
        };
        let mut owned = self.record.owned.clone();
        let patience = self.patience.min(PATIENCE);
        // Whatever is in the file then, it is not what was saved last.
        self.saved = None;
        let outcome = {
            let mut save = saving(&self.state, &mut self.record);
            timeout(patience, server.restore(&mut owned, &mut save)).await
        };
        let Ok(outcome) = outcome else {
            return late(patience);
        };
        self.record.owned = owned;
        outcome
    }

    /// Takes note of what has come of it, and logs what is new.
    fn report(&mut self, outcome: Outcome, undone: Option<&str>) {
        let now = self.now().map_or(0, |now| now.usec);
        let error = outcome.error.as_deref().or(undone);
        note(
            &mut self.record.media_failing,
            error.map_or(Ok(()), Err),
            "Jellyfin",
            now,
        );
        self.media_failures = match error {
            Some(_) => self.media_failures.saturating_add(1),
            None => 0,
        };
        let said = |it: &Outcome| (it.state, it.bitrate, it.remote_access);
        if said(&outcome) != said(&self.outcome) && outcome.error.is_none() {
            tracing::info!("Jellyfin: {}", summary(&outcome));
        }
        if outcome.bitrate.is_some() || outcome.remote_access.is_some() {
            self.seen_usec = now;
        }
        self.outcome = outcome;
    }
}

/// Keeps what is ours together with all the rest.
fn saving<'a>(
    file: &'a File,
    record: &'a mut Record,
) -> impl FnMut(&Owned) -> io::Result<()> + Send + 'a {
    move |owned| {
        record.owned = owned.clone();
        file.write(record)
    }
}

fn late(patience: Duration) -> Outcome {
    Outcome {
        state: State::Unreachable,
        error: Some(format!(
            "it has not answered within {} seconds",
            patience.as_secs()
        )),
        ..Outcome::default()
    }
}

/// What it is like now.
fn summary(outcome: &Outcome) -> String {
    let bitrate = match outcome.bitrate {
        Some(bitrate) if bitrate > 0 => format!(", at most {bitrate} bit/s a remote stream"),
        Some(_) => ", no limit for remote streams".to_owned(),
        None => String::new(),
    };
    let off = match outcome.remote_access {
        Some(false) => ", remote access off",
        _ => "",
    };
    format!("{}{bitrate}{off}", outcome.state.word())
}

#[cfg(test)]
mod tests {
    use super::super::guard;
    use super::PATIENCE;

    #[test]
    fn who_never_answers_is_waited_for_so_long_and_no_longer() {
        // Each ends by itself before it is ended from outside.
        let inner = (crate::azure::LONGEST, crate::jellyfin::PATIENCE);
        let outer = (guard::PATIENCE, PATIENCE);
        assert_eq!((inner.0.as_secs(), outer.0.as_secs()), (240, 300));
        assert_eq!((inner.1.as_secs(), outer.1.as_secs()), (60, 90));
        // Budget, cost and one server.
        let check = 2 * outer.0 + outer.1;
        assert!(check.as_secs() < 15 * 60, "{check:?}");
    }
}
