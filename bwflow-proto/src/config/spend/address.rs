//! Addresses of services: what of a URL can be checked without asking anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A base address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) is_encrypted: bool,
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    /// Without a slash at its end; empty, or it begins with one.
    pub(super) path: String,
}

/// A host as it stands in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    Name(String),
}

/// What is wrong with an address. No part of it is repeated: it may hold a password.
pub(super) type Wrong = &'static str;

impl Address {
    /// Reads `http` or `https`, a host, a port, a path.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let (scheme, rest) = text.split_once("://").ok_or("has no http:// or https://")?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("is neither http nor https"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("holds a user's name or password");
        }
        if path.contains('?') {
            return Err("has a query (from `?` on)");
        }
        if path.contains('#') {
            return Err("has a fragment (from `#` on)");
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !"\\<>\"{}|^`".contains(c);
        if !path.chars().all(is_plain) {
            return Err("has a path with characters that must be written as %XX");
        }
        if path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("has a path with `.` or `..`");
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            is_encrypted,
            host,
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// What was meant by what is no address: without the parts that do not belong in one, with
    /// `scheme` if it has none. Nothing where a password or a key could be taken for a part of it.
    pub(super) fn meant(text: &str, scheme: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some(parts) => parts,
            // A key has neither of the two.
            None if text.contains(['.', ':']) => (scheme, text),
            None => return None,
        };
        let place = match rest.split_once('@') {
            Some((user, place)) if !user.contains(['/', '?', '#']) && !place.contains('@') => place,
            Some(_) => return None,
            None => rest,
        };
        let end = place.find(['?', '#']).unwrap_or(place.len());
        let meant = Self::parse(&format!("{scheme}://{}", &place[..end])).ok()?;
        Some(meant.without_page().unwrap_or(meant))
    }

    /// The server's address, if this is that of the page which a browser shows.
    pub(super) fn without_page(&self) -> Option<Self> {
        let path = self.path.strip_suffix("/index.html").unwrap_or(&self.path);
        let path = path.strip_suffix("/web")?.to_owned();
        Some(Self {
            path,
            ..self.clone()
        })
    }

    /// The address in its one form: the scheme in small letters, no slash at its end.
    pub(super) fn text(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let host = match &self.host {
            Host::Ip(IpAddr::V6(address)) => format!("[{address}]"),
            Host::Ip(IpAddr::V4(address)) => address.to_string(),
            Host::Name(name) => name.clone(),
        };
        let port = self.port.map(|port| format!(":{port}"));
        format!("{scheme}://{host}{}{}", port.unwrap_or_default(), self.path)
    }

    /// Whether nobody else can listen in: this machine, or Azure's metadata service.
    pub(super) fn is_on_this_machine(&self) -> bool {
        match &self.host {
            Host::Ip(address) => {
                address.is_loopback() || *address == Ipv4Addr::new(169, 254, 169, 254)
            }
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// Whether it can be told that the host is out on the internet.
    pub(super) fn is_public(&self) -> bool {
        match &self.host {
            Host::Ip(address) => !is_private(*address),
            Host::Name(name) => {
                let name = name.trim_end_matches('.');
                let last = name.rsplit('.').next().unwrap_or(name);
                let is_own = ["localhost", "local", "lan", "home", "internal", "arpa"];
                name.contains('.') && !is_own.contains(&last)
            }
        }
    }
}

/// A host and its port, as they stand in an address and in a `Host` header.
pub(super) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), Wrong> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("has no `]` after its address")?;
        let address: Ipv6Addr = address.parse().map_err(|_| "has no IPv6 address in []")?;
        return Ok((Host::Ip(address.into()), port(rest)?));
    }
    let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
    if rest.matches(':').count() > 1 {
        return Err("has an IPv6 address without [] around it");
    }
    let port = port(rest)?;
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok((Host::Ip(address.into()), port));
    }
    let name = host.to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let labels = name.strip_suffix('.').unwrap_or(&name);
    if name.is_empty() {
        Err("names no host")
    } else if labels.len() > 253 || !labels.split('.').all(label) {
        Err("has a host that is no name and no address")
    } else if labels.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        Err("has a host that is no IPv4 address")
    } else {
        Ok((Host::Name(name), port))
    }
}

/// The port after a host: nothing, or a colon and a number.
fn port(text: &str) -> Result<Option<u16>, Wrong> {
    let Some(digits) = text.strip_prefix(':') else {
        return if text.is_empty() {
            Ok(None)
        } else {
            Err("has more after its host than a port")
        };
    };
    let port = digits.parse::<u16>().ok().filter(|port| *port > 0);
    // `parse` would take a plus sign.
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    match port {
        Some(port) if is_number => Ok(Some(port)),
        _ => Err("has a port that is none of 1 to 65535"),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                // Shared address space, where overlay networks live.
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_private(address.into()),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_brought_to_one_form() {
        for (text, form) in [
            ("http://10.0.0.2:8080", "http://10.0.0.2:8080"),
            ("HTTPS://Media.Example.COM/", "https://media.example.com"),
            ("http://h/jellyfin//", "http://h/jellyfin"),
            ("http://[fd00::2]:8096/a/b", "http://[fd00::2]:8096/a/b"),
            ("http://h/a%20b", "http://h/a%20b"),
        ] {
            assert_eq!(Address::parse(text).unwrap().text(), form);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for (text, wrong) in [
            ("10.0.0.2:8080", "has no http:// or https://"),
            ("ftp://h", "is neither http nor https"),
            ("http://", "names no host"),
            ("http:///path", "names no host"),
            ("http://u:p@h", "holds a user's name or password"),
            ("http://u@h/x", "holds a user's name or password"),
            ("http://h?x=1", "has a query (from `?` on)"),
            ("http://h/#x", "has a fragment (from `#` on)"),
            (
                "http://h/ä",
                "has a path with characters that must be written as %XX",
            ),
            (
                "http://h/a b",
                "has a path with characters that must be written as %XX",
            ),
            ("http://h/../x", "has a path with `.` or `..`"),
            ("http://h:0", "has a port that is none of 1 to 65535"),
            ("http://h:+80", "has a port that is none of 1 to 65535"),
            ("http://h:", "has a port that is none of 1 to 65535"),
            ("http://fd00::2", "has an IPv6 address without [] around it"),
            ("http://[fd00::2", "has no `]` after its address"),
            ("http://[x]", "has no IPv6 address in []"),
            ("http://[::1]x", "has more after its host than a port"),
            ("http://1.2.3", "has a host that is no IPv4 address"),
            ("http://-x", "has a host that is no name and no address"),
            ("http://a b", "has a host that is no name and no address"),
            ("http://a..b", "has a host that is no name and no address"),
        ] {
            assert_eq!(Address::parse(text), Err(wrong), "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_told_without_a_secret() {
        for (text, meant) in [
            ("10.0.0.2:8080", Some("http://10.0.0.2:8080")),
            (
                "http://10.0.0.2:8080/?x=geheim",
                Some("http://10.0.0.2:8080"),
            ),
            (
                "http://u:geheim@10.0.0.2:8080/j",
                Some("http://10.0.0.2:8080/j"),
            ),
            ("http://h:8096/j/web/#/home", Some("http://h:8096/j")),
            ("http://h/web/index.html?x#!/home", Some("http://h")),
            ("http://u:ge@heim@h", None),
            ("http://u:ge@heim/x@h", None),
            ("http://u:80?geheim@h", None),
            ("http://u:geheim?x", None),
            ("0123456789abcdef0123456789abcdef", None),
            ("ftp://h", None),
        ] {
            let told = Address::meant(text, "http").map(|it| it.text());
            assert_eq!(told.as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn who_could_listen_in_is_told_apart() {
        for (text, is_on_this_machine, is_public) in [
            ("http://127.0.0.1:1", true, false),
            ("http://[::1]", true, false),
            ("http://localhost", true, false),
            ("http://169.254.169.254", true, false),
            ("http://169.254.1.1", false, false),
            ("http://10.0.0.2", false, false),
            ("http://100.64.0.1", false, false),
            ("http://100.128.0.1", false, true),
            ("http://[fd00::1]", false, false),
            ("http://[::ffff:10.0.0.1]", false, false),
            ("http://nas", false, false),
            ("http://nas.lan", false, false),
            ("http://203.0.113.1", false, true),
            ("http://[2001:db8::1]", false, true),
            ("http://jellyfin.example.com", false, true),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.is_on_this_machine(), address.is_public()),
                (is_on_this_machine, is_public),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_read_back(text in "https?://[a-z0-9.:@\\[\\]/?#%-]{0,20}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.text()), Ok(address));
            }
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = Address::parse(&text);
            let _ = host_and_port(&text);
        }
    }
}
