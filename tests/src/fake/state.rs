//! All that the fake is, does wrong and has seen.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::azure::Azure;
use super::fault::{Does, Fault};
use super::imds::Imds;
use super::jellyfin::Jellyfin;
use super::patch::merge;
use super::request::{Request, Service};

/// Everything that can be set. Serialises, so that other processes can set it, too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The clock of all services, seconds since the Unix epoch; nothing for the real one.
    pub now: Option<i64>,
    /// What the `Date` header says instead of that.
    pub date: Option<String>,
    /// What goes wrong; the first that fits a request happens.
    pub faults: Vec<Fault>,
    /// The cloud's bookkeeping.
    pub azure: Azure,
    /// The machine's identity.
    pub imds: Imds,
    /// The media server.
    pub jellyfin: Jellyfin,
    /// What has been seen.
    #[serde(skip)]
    pub log: Log,
}

/// What has been seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Log {
    /// Requests in order of arrival.
    pub requests: Vec<Request>,
    /// What no client may ever do, e.g. post a part of a document that replaces the whole. Stays when
    /// the requests are forgotten.
    pub misdeeds: Vec<String>,
    /// Every `RemoteClientBitrateLimit` that was posted.
    pub bitrates: Vec<i64>,
}

impl State {
    /// Seconds since the Unix epoch.
    pub fn clock(&self) -> i64 {
        self.now
            .unwrap_or_else(|| jiff::Timestamp::now().as_second())
    }

    /// Lets time pass; the clock stands still from now on.
    pub fn advance(&mut self, seconds: i64) {
        self.now = Some(self.clock() + seconds);
    }

    /// What the `Date` header is to say.
    pub fn date_header(&self) -> Option<String> {
        let shown = |now| {
            let time = jiff::Timestamp::from_second(now).ok()?;
            let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
            printer.timestamp_to_rfc9110_string(&time).ok()
        };
        self.date.clone().or_else(|| self.now.and_then(shown))
    }

    /// Changes what `patch` names, as RFC 7396 says.
    ///
    /// # Errors
    /// When the result is no state; then nothing has changed.
    pub fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let mut document = serde_json::to_value(&*self).map_err(|error| error.to_string())?;
        merge(&mut document, patch);
        let mut changed: Self =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        changed.log = std::mem::take(&mut self.log);
        *self = changed;
        Ok(())
    }

    /// Adds a fault that comes before those that are there.
    pub fn fail(&mut self, fault: Fault) {
        self.faults.insert(0, fault);
    }

    /// What goes wrong with a request, and that it has.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Does> {
        self.faults
            .iter_mut()
            .find_map(|fault| fault.strikes(request))
    }

    /// The requests that a service got, oldest first.
    pub fn requests(&self, service: Service) -> impl Iterator<Item = &Request> {
        self.log
            .requests
            .iter()
            .filter(move |it| it.service == service)
    }

    /// Everything that must not be seen anywhere: keys, tokens, passwords.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<_> = self.jellyfin.secrets();
        secrets.extend(self.imds.tokens.iter().map(|it| it.text.clone()));
        secrets
    }
}
