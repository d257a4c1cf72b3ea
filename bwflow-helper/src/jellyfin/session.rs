//! Who is watching, and from where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bwflow_proto::network::{Network, NetworkError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::Document;
use super::list::{each, member};

/// What Jellyfin takes for its own network; its rule, for addresses as it sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Home {
    inside: Vec<Network>,
    outside: Vec<Network>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Its address as Jellyfin sees it.
    pub(super) address: IpAddr,
    /// What it plays.
    pub(super) stream: Option<Stream>,
}

/// A client that plays something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// The session's id, fit for a path.
    pub(super) session: String,
    /// The client's address as Jellyfin sees it.
    pub(super) address: IpAddr,
    /// Bits per second, as far as Jellyfin knows.
    pub(super) bitrate: Option<i64>,
}

impl Home {
    /// The rule by a server's network configuration.
    pub(super) fn of(network: &Document) -> Self {
        let mut home = Self::default();
        for entry in network.texts("LocalNetworkSubnets") {
            let entry = entry.trim();
            let (list, text) = match entry.strip_prefix('!') {
                Some(text) => (&mut home.outside, text),
                None => (&mut home.inside, entry),
            };
            list.extend(subnet(text));
        }
        home
    }

    /// Whether an address is one of the home network.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() {
            return true;
        }
        let is_in = |list: &[Network]| {
            list.iter()
                .any(|it| it.contains(Network::holding(address, 128)))
        };
        let is_inside = if self.inside.is_empty() {
            is_private(address)
        } else {
            is_in(&self.inside)
        };
        is_inside && !is_in(&self.outside)
    }
}

/// A session, as far as it is needed. Members are read one by one: an odd one spoils no other.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    remote_end_point: Option<&'a RawValue>,
    #[serde(borrow)]
    now_playing_item: Option<&'a RawValue>,
    #[serde(borrow)]
    play_state: Option<&'a RawValue>,
    #[serde(borrow)]
    transcoding_info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item<'a> {
    #[serde(borrow)]
    media_streams: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PlayState {
    play_method: Option<String>,
}

/// A transcoder's.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transcoding {
    bitrate: Option<i64>,
}

/// A film's picture or sound.
#[derive(Deserialize)]
struct Track {
    #[serde(rename = "BitRate")]
    bitrate: Option<i64>,
}

impl Session {
    /// One element of the list of sessions. What cannot be understood is left out.
    pub(super) fn read(text: &str) -> Option<Self> {
        let told: Told<'_> = serde_json::from_str(text).ok()?;
        let address = address(&member::<String>(told.remote_end_point)?)?;
        let stream = Stream::of(&told, address);
        Some(Self { address, stream })
    }

    /// Those that play.
    pub(super) fn streams(sessions: Vec<Self>) -> Vec<Stream> {
        sessions.into_iter().filter_map(|it| it.stream).collect()
    }
}

impl Stream {
    fn of(told: &Told<'_>, address: IpAddr) -> Option<Self> {
        let item: Item<'_> = member(told.now_playing_item)?;
        let id: String = member(told.id)?;
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
        if id.is_empty() || id.len() > 64 || !id.chars().all(is_plain) {
            return None;
        }
        Some(Self {
            session: id,
            address,
            bitrate: bitrate(told, &item),
        })
    }
}

/// The address of a session.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().split('%').next()?;
    let plain = text.parse().ok();
    let address: IpAddr = plain.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// The transcoder's rate, or else the sum of what is played directly.
fn bitrate(told: &Told<'_>, item: &Item<'_>) -> Option<i64> {
    let method = member(told.play_state).and_then(|it: PlayState| it.play_method);
    let transcoded = member(told.transcoding_info).and_then(|it: Transcoding| it.bitrate);
    if transcoded.is_some() && method.as_deref() != Some("DirectPlay") {
        return transcoded;
    }
    let rate = |text: &str| serde_json::from_str::<Track>(text).ok()?.bitrate;
    let rates = each(item.media_streams?.get().as_bytes(), rate).ok()?;
    let sum = rates.into_iter().fold(0_i64, i64::saturating_add);
    (sum > 0).then_some(sum)
}

/// What counts as the home network when the server names none.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || is_site_local(v6),
    }
}

const fn is_site_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfec0
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or an address.
fn subnet(text: &str) -> Option<Network> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Network::holding(address, 128));
    }
    match text.parse() {
        Ok(network) | Err(NetworkError::HostBits(network)) => return Some(network),
        Err(_) => {}
    }
    let (address, mask) = text.split_once('/')?;
    let mask = mask.parse::<Ipv4Addr>().ok()?.to_bits();
    let length = u8::try_from(mask.leading_ones()).ok()?;
    (mask.count_ones() == mask.leading_ones())
        .then_some(Network::holding(address.parse().ok()?, length))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn home(subnets: &str) -> Home {
        let text = format!(r#"{{"LocalNetworkSubnets":{subnets}}}"#);
        Home::of(&Document::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn addresses_are_local_as_jellyfin_takes_them() {
        for (subnets, address, is_home) in [
            ("[]", "10.0.0.1", true),
            ("[]", "172.18.0.2", true),
            ("[]", "192.168.1.50", true),
            ("[]", "127.0.0.1", true),
            ("[]", "::1", true),
            ("[]", "fd00::1", true),
            ("[]", "::ffff:192.168.1.1", true),
            ("[]", "203.0.113.7", false),
            ("[]", "172.32.0.1", false),
            ("[]", "2001:db8::1", false),
            (r#"["192.168.1.0/24"]"#, "10.0.0.1", false),
            (r#"["192.168.1.0/24"]"#, "192.168.1.9", true),
            (r#"["192.168.1.7/24"]"#, "192.168.1.9", true),
            (r#"["192.168.1.0/255.255.255.0"]"#, "192.168.1.9", true),
            (r#"["192.168.1.0/24"]"#, "127.0.0.1", true),
            (r#"["!10.0.0.1/32"]"#, "10.0.0.1", false),
            (r#"["!10.0.0.1"]"#, "10.0.0.2", true),
            ("null", "10.0.0.1", true),
        ] {
            let holds = home(subnets).holds(address.parse().unwrap());
            assert_eq!(holds, is_home, "{subnets} {address}");
        }
    }

    #[test]
    fn only_who_plays_is_a_stream() {
        let sessions = json!([
            {"Id": "a1", "RemoteEndPoint": "203.0.113.7", "NowPlayingItem": {},
             "PlayState": {"PlayMethod": "Transcode"}, "TranscodingInfo": {"Bitrate": 4_000_000}},
            {"Id": "a2", "RemoteEndPoint": "203.0.113.7:4711", "NowPlayingItem": {
                "MediaStreams": [{"BitRate": 8_000_000}, {"BitRate": 384_000}, {}]},
             "PlayState": {"PlayMethod": "DirectPlay"}},
            {"Id": "a3", "RemoteEndPoint": "203.0.113.7"},
            {"Id": "../../System/Shutdown?", "RemoteEndPoint": "203.0.113.7", "NowPlayingItem": {}},
            {"Id": "a4", "RemoteEndPoint": "nowhere", "NowPlayingItem": {}},
            {"Id": "a5", "RemoteEndPoint": "fe80::1%eth0", "NowPlayingItem": {}},
            null, 5,
        ]);
        let sessions = each(sessions.to_string().as_bytes(), Session::read).unwrap();
        assert_eq!(sessions.len(), 5);
        let streams = Session::streams(sessions);
        let seen: Vec<_> = streams
            .iter()
            .map(|it| (it.session.as_str(), it.bitrate))
            .collect();
        assert_eq!(
            seen,
            [
                ("a1", Some(4_000_000)),
                ("a2", Some(8_384_000)),
                ("a5", None)
            ]
        );
    }
}
