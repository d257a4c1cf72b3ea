//! Who calls, as the server sees it: through its proxies, and from which side of the house.

use std::net::IpAddr;

use serde_json::Value;

use super::auth::Who;
use super::{Document, Jellyfin};
use crate::fake::request::Request;

impl Jellyfin {
    /// The caller's address after forwarded headers.
    pub(super) fn caller(&self, request: &Request) -> IpAddr {
        let peer = self.caller.unwrap_or(request.peer);
        let said = request
            .headers
            .iter()
            .filter(|(name, _)| name == "x-forwarded-for");
        let said: Vec<_> = said.map(|(_, value)| value.as_str()).collect();
        let said = said.join(",");
        let said = said.split(',').filter_map(|it| it.trim().parse().ok());
        let believed = self.via.is_empty() || self.via_believes;
        let said = said.filter(|_| believed).collect();
        self.seen(peer, said, &self.via)
    }

    /// How `peer`, which says that it forwards for `said`, is seen through these proxies.
    pub(super) fn seen(&self, peer: IpAddr, said: Vec<IpAddr>, via: &[IpAddr]) -> IpAddr {
        let (mut peer, mut chain) = (peer, said);
        for proxy in via {
            chain.push(peer);
            peer = *proxy;
        }
        let known = texts(&self.network_at_start, "KnownProxies");
        let trusts_everyone = self.numbers() < (10, 10, 7);
        if known.is_empty() {
            // One hop only.
            return chain.pop().filter(|_| trusts_everyone).unwrap_or(peer);
        }
        while known
            .iter()
            .any(|it| Network::parse(it).is_some_and(|it| it.holds(peer)))
        {
            match chain.pop() {
                Some(next) => peer = next,
                None => break,
            }
        }
        peer
    }

    /// Whether that address counts as being at home.
    pub(super) fn is_in_network(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() {
            return true;
        }
        let configured = texts(&self.network, "LocalNetworkSubnets");
        let (outside, inside): (Vec<_>, Vec<_>) =
            configured.iter().partition(|it| it.starts_with('!'));
        let holds = |text: &str| Network::parse(text).is_some_and(|it| it.holds(address));
        let home = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fec0::/10",
        ];
        let is_inside = if inside.is_empty() {
            home.into_iter().any(holds)
        } else {
            inside.into_iter().any(&holds)
        };
        is_inside && !outside.into_iter().any(|it| holds(&it[1..]))
    }

    /// Whether the remote-access filter lets an address through.
    pub(super) fn is_admitted(&self, address: IpAddr) -> bool {
        if address.is_loopback() || self.own_address == Some(address) || self.is_in_network(address)
        {
            return true;
        }
        if !self.remote_access() {
            return false;
        }
        let listed = texts(&self.network, "RemoteIPFilter");
        let is_listed = listed
            .iter()
            .any(|it| Network::parse(it).is_some_and(|it| it.holds(address)));
        let is_black = self.network.get("IsRemoteIPFilterBlacklist") == Some(&Value::Bool(true));
        listed.is_empty() || is_listed != is_black
    }

    /// Whether a user's policy keeps them out from there; keys have no policy.
    pub(super) fn keeps_out(&self, who: &Who, address: IpAddr) -> bool {
        let Who::User(id) = who else {
            return false;
        };
        let user = self.users.iter().find(|it| it.id == *id);
        user.is_some_and(|user| user.flag("EnableRemoteAccess") == Some(false))
            && !self.is_in_network(address)
    }

    pub(super) fn is_administrator(&self, who: &Who) -> bool {
        match who {
            Who::Nobody => false,
            Who::Key => true,
            Who::User(id) => {
                let user = self.users.iter().find(|it| it.id == *id);
                user.is_some_and(|user| user.flag("IsAdministrator") == Some(true))
            }
        }
    }
}

fn texts<'a>(document: &'a Document, name: &str) -> Vec<&'a str> {
    let list = document.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// An address with the length of its network's prefix.
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.trim().parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |it| it.parse().ok())?;
        (prefix <= longest).then_some(Self { address, prefix })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let bits = |address| match address {
            IpAddr::V4(it) => u128::from(it.to_bits()) << 96,
            IpAddr::V6(it) => it.to_bits(),
        };
        let differ = bits(self.address) ^ bits(address);
        self.address.is_ipv4() == address.is_ipv4()
            && differ.leading_zeros() >= self.prefix.min(128)
            || differ == 0 && self.address.is_ipv4() == address.is_ipv4()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_taken_from_the_right_while_they_are_known_proxies() {
        let via = [ip("10.0.0.1"), ip("172.18.0.2")];
        for (version, known, seen) in [
            // An empty list trusts whoever it is for one hop, until 10.10.7.
            ("10.8.13", &[][..], "10.0.0.1"),
            ("10.10.6", &[], "10.0.0.1"),
            ("10.10.7", &[], "172.18.0.2"),
            ("12.0.0", &[], "172.18.0.2"),
            ("10.11.11", &["172.18.0.2"], "10.0.0.1"),
            ("10.11.11", &["10.0.0.1"], "172.18.0.2"),
            ("10.11.11", &["172.18.0.0/16", "10.0.0.1"], "203.0.113.7"),
        ] {
            let mut server = Jellyfin::default();
            server.set_version(version);
            server.set_known_proxies(known);
            let found = server.seen(ip("203.0.113.7"), vec![], &via);
            assert_eq!(found, ip(seen), "{version} {known:?}");
        }
    }

    #[test]
    fn proxies_are_read_at_start_only() {
        let mut server = Jellyfin::default();
        server.set_network("KnownProxies", json!(["10.0.0.1"]));
        let seen = |server: &Jellyfin| server.seen(ip("203.0.113.7"), vec![], &[ip("10.0.0.1")]);
        assert_eq!(seen(&server), ip("10.0.0.1"));
        server.restart();
        assert_eq!(seen(&server), ip("203.0.113.7"));
    }

    #[test]
    fn home_is_what_is_private_or_what_is_listed() {
        let mut server = Jellyfin::default();
        let mut check = |subnets: &[&str], address: &str, at_home: bool| {
            server.set_network("LocalNetworkSubnets", json!(subnets));
            assert_eq!(
                server.is_in_network(ip(address)),
                at_home,
                "{subnets:?} {address}"
            );
        };
        check(&[], "10.0.0.1", true);
        check(&[], "fd00::1", true);
        check(&[], "203.0.113.7", false);
        check(&["!10.0.0.1/32"], "10.0.0.1", false);
        check(&["!10.0.0.1/32"], "10.0.0.2", true);
        check(&["192.168.1.0/24"], "10.0.0.1", false);
        check(&["192.168.1.0/24"], "127.0.0.1", true);
        check(&["192.168.1.0/24"], "::ffff:192.168.1.9", true);
    }
}
