//! A second pair of addresses, and counters at the peer's end that tell the two apart.

use serde_json::Value;

use crate::net::{Namespace, Pair};
use crate::process::run;

/// The peer's address that every [`Pair`] has.
pub const CHARGED: &str = "10.99.0.2";
/// The peer's address that [`Counts::start`] adds.
pub const FREE: &str = "10.98.0.2";
/// A network that the latter is in, and the former is not.
pub const FREE_NETWORK: &str = "10.98.0.0/16";

const HEADER: u64 = 14;

/// What arrives for each address, counted by the peer's own kernel.
#[derive(Debug)]
pub struct Counts<'a>(&'a Namespace);

/// Runs `nft` in a namespace.
pub fn nft(place: &Namespace, words: &[&str]) -> String {
    run(
        "ip",
        &[&["netns", "exec", place.name(), "nft"], words].concat(),
    )
}

impl<'a> Counts<'a> {
    /// Adds the addresses and begins to count.
    pub fn start(pair: &'a Pair) -> Self {
        pair.inside.ip("addr add 10.98.0.1/24 dev wan0");
        pair.outside.ip("addr add 10.98.0.2/24 dev peer0");
        let rules = format!(
            "table netdev count {{
                counter charged {{ }}
                counter free {{ }}
                chain in {{
                    type filter hook ingress device \"peer0\" priority 0; policy accept;
                    ip daddr {CHARGED} counter name \"charged\"
                    ip daddr {FREE} counter name \"free\"
                }}
            }}"
        );
        nft(&pair.outside, &[&rules]);
        Self(&pair.outside)
    }

    /// Bytes that came for [`CHARGED`], with their link-layer headers.
    pub fn charged(&self) -> u64 {
        self.read("charged")
    }

    /// Bytes that came for [`FREE`], with their link-layer headers.
    pub fn free(&self) -> u64 {
        self.read("free")
    }

    /// # Panics
    /// When `nft` tells something else.
    fn read(&self, counter: &str) -> u64 {
        let told = nft(
            self.0,
            &["-j", "list", "counter", "netdev", "count", counter],
        );
        let told: Value = serde_json::from_str(&told).unwrap();
        let objects = told["nftables"].as_array().unwrap();
        let found = objects.iter().find_map(|object| object.get("counter"));
        let number = |key: &str| found.unwrap()[key].as_u64().unwrap();
        // The header has been taken off where nftables counts.
        number("bytes") + HEADER * number("packets")
    }
}
