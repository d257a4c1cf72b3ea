//! What of which Jellyfin server is ours: the durable record.

use std::path::PathBuf;

use bwflow_proto::config;
use serde::{Deserialize, Serialize};

use super::claim::Claim;
use super::key::ApiKey;
use super::mark::Mark;

/// How many servers are remembered. One that is gone for good is forgotten when as many others have
/// come.
const REMEMBERED: usize = 8;

/// The durable record: what we have changed on which server, and what was there before. It holds no
/// secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owned {
    /// The one used last at the end.
    servers: Vec<Server>,
}

/// One server. Known by its id, which stays when it moves and changes when it is installed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    id: String,
    place: Place,
    /// Of the key that it was changed with. Without one, no key is known to be this server's.
    #[serde(default)]
    key: Option<Mark>,
    /// `RemoteClientBitrateLimit`, bits per second.
    pub(super) bitrate: Option<Claim<i64>>,
    /// `EnableRemoteAccess`.
    pub(super) remote_access: Option<Claim<bool>>,
}

/// Where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    url: String,
    host_header: Option<String>,
    api_key_file: Option<PathBuf>,
}

impl Owned {
    /// Whether nothing of ours is left anywhere, as far as is known.
    pub const fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Where the servers are on which something of ours is left, to restore them although the
    /// configuration names another one or none; the one used last at the end.
    pub fn places(&self) -> Vec<config::Jellyfin> {
        self.servers.iter().map(|it| it.place.config()).collect()
    }

    /// Whether something of ours is left on the server that was at this address.
    pub fn is_left_at(&self, config: &config::Jellyfin) -> bool {
        self.is_at(&Place::of(config))
    }

    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.servers.iter().any(|it| it.place.is_same(place))
    }

    /// Changes what is known of a server; forgets it when nothing of ours is left there.
    pub(super) fn update<R>(
        &mut self,
        id: &str,
        place: &Place,
        change: impl FnOnce(&mut Server) -> R,
    ) -> R {
        let found = self.servers.iter().position(|it| it.id == id);
        let mut server = found.map_or_else(
            || Server {
                id: id.to_owned(),
                place: place.clone(),
                key: None,
                bitrate: None,
                remote_access: None,
            },
            |index| self.servers.remove(index),
        );
        server.place = place.clone();
        let result = change(&mut server);
        if server.bitrate.is_some() || server.remote_access.is_some() {
            self.servers.push(server);
            let excess = self.servers.len().saturating_sub(REMEMBERED);
            self.servers.drain(..excess);
        }
        result
    }

    /// What is known of a server.
    pub(super) fn of(&self, id: &str) -> Option<&Server> {
        self.servers.iter().find(|it| it.id == id)
    }
}

impl Server {
    /// Whether this is the key that it was changed with last.
    pub(super) fn is_changed_with(&self, key: &ApiKey) -> bool {
        self.key.as_ref().is_some_and(|it| key.is_marked(it))
    }

    /// Notes that it takes this key.
    pub(super) fn note_key(&mut self, key: &ApiKey) {
        if !self.is_changed_with(key) {
            self.key = key.mark();
        }
    }
}

impl Place {
    pub(super) fn of(config: &config::Jellyfin) -> Self {
        Self {
            url: config.url.clone(),
            host_header: config.host_header.clone(),
            api_key_file: config.api_key_file.clone(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let url = |it: &Self| it.url.trim_end_matches('/').to_owned();
        url(self) == url(other) && self.host_header == other.host_header
    }

    fn config(&self) -> config::Jellyfin {
        config::Jellyfin {
            url: self.url.clone(),
            host_header: self.host_header.clone(),
            api_key_file: self.api_key_file.clone(),
            message: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::claim::{confirm, step};
    use super::*;

    fn place(url: &str) -> Place {
        Place {
            url: url.to_owned(),
            host_header: None,
            api_key_file: None,
        }
    }

    fn hold(owned: &mut Owned, id: &str, limit: i64) {
        owned.update(id, &place("http://10.0.0.2"), |server| {
            step(&mut server.bitrate, 0, Some(limit));
            confirm(&mut server.bitrate, limit);
        });
    }

    #[test]
    fn it_is_read_back_as_it_was_kept() {
        let mut owned = Owned::default();
        hold(&mut owned, "a", 4);
        owned.update("a", &place("http://10.0.0.2"), |server| {
            step(&mut server.remote_access, true, Some(false));
        });
        let text = serde_json::to_string(&owned).unwrap();
        assert_eq!(serde_json::from_str::<Owned>(&text).unwrap(), owned);
        assert_eq!(
            serde_json::from_str::<Owned>("{}").unwrap(),
            Owned::default()
        );
    }

    #[test]
    fn each_server_keeps_its_own() {
        let mut owned = Owned::default();
        hold(&mut owned, "a", 4);
        // Installed anew at the same address: another id.
        hold(&mut owned, "b", 4);
        assert!(owned.of("a").is_some() && owned.of("b").is_some());
        owned.update("b", &place("http://10.0.0.2"), |server| {
            server.bitrate = None;
        });
        assert!(owned.of("b").is_none() && !owned.is_empty());
        assert!(owned.is_left_at(&place("http://10.0.0.2/").config()));
        assert!(!owned.is_left_at(&place("http://10.0.0.3").config()));
    }

    #[test]
    fn it_stays_small() {
        let mut owned = Owned::default();
        for number in 0..50 {
            hold(&mut owned, &number.to_string(), 4);
        }
        assert_eq!(owned.servers.len(), REMEMBERED);
        assert!(owned.of("49").is_some());
    }
}
