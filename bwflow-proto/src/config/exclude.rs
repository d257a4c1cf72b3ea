//! The list `exclude`: networks whose traffic is neither charged nor held back.

use toml::de::DeValue;

use super::problem::Problems;
use super::section::Entry;
use super::value::{text, wrong_type};
use crate::exclusion::MAX_NETWORKS;
use crate::network::{Network, NetworkError};
use crate::units::quoted;

const EXAMPLE: &str = "write exclude = [\"10.0.0.0/8\", \"fd00::/8\"]";

/// Reads the list; overlaps are merged, and what is wrong is reported, all of it.
pub(super) fn networks(entry: Entry<'_>, problems: &mut Problems) -> Option<Vec<Network>> {
    let DeValue::Array(items) = entry.value.get_ref() else {
        wrong_type(entry, "a list of networks", EXAMPLE.to_owned(), problems);
        return None;
    };
    if items.len() > MAX_NETWORKS {
        let message = format!(
            "`exclude` names {} networks, but may name {MAX_NETWORKS} at most",
            items.len()
        );
        let hint = "name larger networks that hold several of them".to_owned();
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    let read = items.iter().map(|item| {
        let item = Entry {
            value: item,
            ..entry
        };
        network(item, problems)
    });
    // Collected first so that every wrong one is reported.
    let read: Vec<Option<Network>> = read.collect();
    let networks = read.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Network::merged(networks))
}

fn network(entry: Entry<'_>, problems: &mut Problems) -> Option<Network> {
    let DeValue::String(_) = entry.value.get_ref() else {
        wrong_type(entry, "networks in quotes", EXAMPLE.to_owned(), problems);
        return None;
    };
    let text = text(entry, "10.0.0.0/8", problems)?;
    let (message, hint) = match text.parse::<Network>() {
        Ok(network) if network.length() == 0 => (
            format!("`exclude`: {} is everything there is", quoted(text)),
            "name the networks that are free; a link that needs no budget needs no bwflow"
                .to_owned(),
        ),
        Ok(network) if network.address().is_ipv6() && is_mapped(network) => (
            format!("`exclude`: {} is an IPv4 network in disguise", quoted(text)),
            "write it as IPv4, like \"10.0.0.0/8\": no packet carries the mapped form".to_owned(),
        ),
        Ok(network) => return Some(network),
        Err(NetworkError::Syntax) => (
            format!("`exclude`: {} is no network", quoted(text)),
            "write an address and how many of its bits count, like \"10.0.0.0/8\" or \"fd00::/8\""
                .to_owned(),
        ),
        Err(NetworkError::TooLong(most)) => (
            format!(
                "`exclude`: {} has a prefix of more than {most} bits",
                quoted(text)
            ),
            format!("a prefix of {most} bits is a single address"),
        ),
        Err(NetworkError::HostBits(network)) => (
            format!("`exclude`: {} is an address within a network", quoted(text)),
            format!("write \"{network}\" for the network"),
        ),
    };
    problems.error(entry.span(), message, Some(hint));
    None
}

/// Whether all its addresses are `::ffff:a.b.c.d`.
fn is_mapped(network: Network) -> bool {
    let mapped = std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
    Network::holding(mapped.into(), 96).contains(network)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::{Config, load_str};

    fn load(list: &str, link: &str) -> Result<Config, String> {
        let text = format!(
            "[bandwidth]\nmonthly_budget_gb = 100\nexclude = {list}\n[[link]]\n\
             interface = \"eth0\"\n{link}"
        );
        let loaded = load_str("c.toml", &text);
        loaded.map(|it| it.config).map_err(|it| it.to_string())
    }

    fn names(config: &Config) -> Vec<String> {
        let networks = config.links[0].exclude.iter();
        networks.map(ToString::to_string).collect()
    }

    #[test]
    fn networks_are_taken_over_merged_and_in_order() {
        let list = r#"["fd00::/8", "10.1.0.0/16", "10.0.0.0/8", "192.0.2.7"]"#;
        let config = load(list, "").unwrap();
        assert_eq!(names(&config), ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]);
    }

    #[test]
    fn a_link_s_own_list_replaces_that_of_all() {
        let config = load(r#"["10.0.0.0/8"]"#, "exclude = []\n").unwrap();
        assert_eq!(names(&config), [""; 0]);
    }

    #[test]
    fn an_address_that_is_no_network_is_mended() {
        assert_eq!(
            load(r#"["10.0.0.0/8", "10.1.2.3/24"]"#, "").unwrap_err(),
            r#"error: `exclude`: `10.1.2.3/24` is an address within a network
 --> c.toml:3:26
  |
3 | exclude = ["10.0.0.0/8", "10.1.2.3/24"]
  |                          ^^^^^^^^^^^^^
  |
  = hint: write "10.1.2.0/24" for the network"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_cure() {
        for (list, message, hint) in [
            (r#"["lan"]"#, "is no network", "like \"10.0.0.0/8\""),
            (
                r#"["10.0.0.0/40"]"#,
                "more than 32 bits",
                "a single address",
            ),
            (
                r#"["0.0.0.0/0"]"#,
                "is everything there is",
                "name the networks",
            ),
            (r#"["::/0"]"#, "is everything there is", "name the networks"),
            (
                r#"["::ffff:10.0.0.0/104"]"#,
                "in disguise",
                "write it as IPv4",
            ),
            (
                "[10]",
                "wants networks in quotes, not a whole number",
                "write exclude",
            ),
            (
                r#""10.0.0.0/8""#,
                "wants a list of networks, not a string",
                "write exclude",
            ),
        ] {
            let told = load(list, "").unwrap_err();
            assert!(
                told.contains(message) && told.contains(hint),
                "{list}: {told}"
            );
        }
    }

    #[test]
    fn a_list_is_at_most_256_long() {
        let list = |many: u32| {
            let items: Vec<_> = (0..many)
                .map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256))
                .collect();
            format!("[{}]", items.join(","))
        };
        assert_eq!(load(&list(256), "").unwrap().links[0].exclude.len(), 256);
        let told = load(&list(257), "").unwrap_err();
        assert!(
            told.contains("names 257 networks, but may name 256"),
            "{told}"
        );
    }
}
