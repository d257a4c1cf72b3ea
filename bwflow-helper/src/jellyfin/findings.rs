//! Why the limit may have no effect although it is set.

use std::net::{IpAddr, UdpSocket};

use bwflow_proto::spend::Finding;
use serde::Deserialize;

use super::client::Client;
use super::document::Document;
use super::key::ApiKey;
use super::problem::Problem;
use super::session::{Home, Session, Stream};
use super::setting::REMOTE_ACCESS;
use super::shown::shown;

/// The longest part of a user's name that is shown, characters.
const LONGEST_NAME: usize = 64;

/// What was seen of the server. Judged apart from how it was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether it takes ourselves for a client of its network.
    pub(super) is_self_local: Option<bool>,
    /// Whether it takes a stranger behind a proxy for one.
    pub(super) is_stranger_local: Option<bool>,
    /// What it takes for its network.
    pub(super) home: Home,
    /// Whether it knows no proxy at all.
    pub(super) has_no_proxies: bool,
    /// The addresses of all its sessions.
    pub(super) addresses: Vec<IpAddr>,
    /// What is being played.
    pub(super) streams: Vec<Stream>,
    /// Users who may come from outside, with limits of their own, bits per second.
    pub(super) user_limits: Vec<(String, i64)>,
    /// Both ends of our way there.
    pub(super) way: Vec<IpAddr>,
}

/// Looks at everything. What cannot be seen is left out.
pub(super) async fn look(client: &Client, host: &str) -> Seen {
    let mut seen = Seen {
        is_self_local: ok(client.is_in_network(false).await),
        is_stranger_local: match client.is_in_network(true).await {
            // Kept out: as remote as can be.
            Err(Problem::Blocked | Problem::Empty) => Some(false),
            answer => ok(answer),
        },
        way: way(host),
        ..Seen::default()
    };
    if let Some(network) = ok(client.document(REMOTE_ACCESS.path).await) {
        seen.home = Home::of(&network);
        seen.has_no_proxies = knows_no_proxies(&network);
    }
    if let Some(sessions) = ok(client.list("/Sessions", Session::read).await) {
        seen.addresses = sessions.iter().map(|it| it.address).collect();
        seen.streams = Session::streams(sessions);
    }
    let limit = |user: &str| user_limit(user, client.key());
    seen.user_limits = ok(client.list("/Users", limit).await).unwrap_or_default();
    seen
}

/// What follows for a limit, bits per second.
pub(super) fn judge(seen: &Seen, limit: Option<i64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |kind: &str, subject: String| {
        let kind = kind.to_owned();
        let finding = Finding { kind, subject };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    };
    if seen.is_self_local == Some(false) {
        found("self-remote", String::new());
    }
    // Somebody is seen with an address from outside, so addresses do get through.
    let sees_strangers = seen.addresses.iter().any(|it| !seen.home.holds(*it));
    let ignores_proxies = seen.is_stranger_local == Some(true);
    if ignores_proxies && (seen.has_no_proxies || !sees_strangers) {
        found("known-proxies", String::new());
    }
    for stream in &seen.streams {
        let is_tunnel = seen.way.contains(&stream.address);
        let is_doubtful = ignores_proxies && !sees_strangers;
        if seen.home.holds(stream.address) && (is_tunnel || is_doubtful) {
            found("clients-local", stream.address.to_string());
        }
    }
    for (user, own) in &seen.user_limits {
        if limit.is_some_and(|limit| *own > limit) {
            found("user-limit", user.clone());
        }
    }
    findings
}

fn knows_no_proxies(network: &Document) -> bool {
    let proxies = network.texts("KnownProxies");
    proxies.iter().all(|it| it.trim().is_empty())
}

/// A user, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    name: String,
    policy: Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    is_disabled: Option<bool>,
    enable_remote_access: Option<bool>,
    remote_client_bitrate_limit: Option<i64>,
}

/// The own limit, which goes before the server's, of a user who may come from outside.
fn user_limit(user: &str, key: &ApiKey) -> Option<(String, i64)> {
    let User { name, policy } = serde_json::from_str(user).ok()?;
    let own = policy.remote_client_bitrate_limit?;
    let may_come = policy.is_disabled != Some(true) && policy.enable_remote_access != Some(false);
    (own > 0 && may_come).then(|| (shown(&name, key, LONGEST_NAME), own))
}

/// The addresses at both ends of our way to a host given as an address. Nothing is sent.
fn way(host: &str) -> Vec<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(there) = host.parse::<IpAddr>() else {
        return Vec::new();
    };
    let any = match there {
        IpAddr::V4(_) => "0.0.0.0:0",
        IpAddr::V6(_) => "[::]:0",
    };
    let here = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((there, 9))?;
        socket.local_addr()
    });
    here.map_or_else(|_| vec![there], |here| vec![here.ip(), there])
}

fn ok<T>(answer: Result<T, Problem>) -> Option<T> {
    answer
        .inspect_err(|problem| {
            tracing::debug!("cannot see why a limit may have no effect: {problem}");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn stream(address: &str) -> Stream {
        Stream {
            session: "a".to_owned(),
            address: address.parse().unwrap(),
            bitrate: None,
        }
    }

    fn seen(streams: &[&str]) -> Seen {
        Seen {
            is_self_local: Some(true),
            is_stranger_local: Some(false),
            addresses: streams.iter().map(|it| it.parse().unwrap()).collect(),
            streams: streams.iter().map(|it| stream(it)).collect(),
            way: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
            ..Seen::default()
        }
    }

    fn kinds(seen: &Seen) -> Vec<(String, String)> {
        let found = judge(seen, Some(2_000_000)).into_iter();
        found.map(|it| (it.kind, it.subject)).collect()
    }

    fn found(kind: &str, subject: &str) -> (String, String) {
        (kind.to_owned(), subject.to_owned())
    }

    #[test]
    fn a_sound_server_gives_nothing() {
        assert_eq!(kinds(&seen(&["203.0.113.7", "192.168.1.50"])), []);
        // All at home, and proxies are heeded.
        assert_eq!(kinds(&seen(&["192.168.1.50"])), []);
        assert_eq!(judge(&Seen::default(), None), []);
    }

    #[test]
    fn ignored_proxies_make_clients_local() {
        let mut seen = seen(&["172.18.0.2", "172.18.0.2"]);
        seen.is_stranger_local = Some(true);
        seen.has_no_proxies = true;
        let expected = [
            found("known-proxies", ""),
            found("clients-local", "172.18.0.2"),
        ];
        assert_eq!(kinds(&seen), expected);
    }

    #[test]
    fn an_end_of_the_tunnel_is_no_viewer_at_home() {
        let expected = [found("clients-local", "10.0.0.1")];
        assert_eq!(kinds(&seen(&["10.0.0.1", "203.0.113.7"])), expected);
    }

    #[test]
    fn whom_strangers_reach_without_a_proxy_is_at_home_in_peace() {
        let mut seen = seen(&["203.0.113.7", "192.168.1.50"]);
        seen.is_stranger_local = Some(true);
        assert_eq!(kinds(&seen), []);
    }

    #[test]
    fn we_ourselves_may_be_the_stranger() {
        let mut seen = seen(&[]);
        seen.is_self_local = Some(false);
        assert_eq!(kinds(&seen), [found("self-remote", "")]);
    }

    #[test]
    fn only_limits_above_ours_of_who_may_come_are_told() {
        let user = |name: &str, limit: i64, is_disabled: bool, may_come: bool| {
            json!({"Name": name, "Policy": {"RemoteClientBitrateLimit": limit,
                "IsDisabled": is_disabled, "EnableRemoteAccess": may_come}})
        };
        let users = [
            user("high\n", 20_000_000, false, true),
            user("low", 1_000_000, false, true),
            user("none", 0, false, true),
            user("gone", 20_000_000, true, true),
            user("home", 20_000_000, false, false),
            json!({"Name": "bare"}),
        ];
        let mut seen = seen(&[]);
        let key = ApiKey::of("key");
        let limit = |it: &serde_json::Value| user_limit(&it.to_string(), &key);
        seen.user_limits = users.iter().filter_map(limit).collect();
        assert_eq!(kinds(&seen), [found("user-limit", "high")]);
        assert_eq!(judge(&seen, None), []);
    }

    #[test]
    fn both_ends_of_the_way_are_known_for_an_address() {
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(way("127.0.0.1"), [loopback, loopback]);
        assert_eq!(way("jellyfin.example.com"), Vec::<IpAddr>::new());
    }
}
