//! Networks as people and the kernel name them: an address and how many of its bits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation; no bit of its address lies beyond the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// Why a text names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// It is no address with a prefix length.
    Syntax,
    /// The prefix is longer than the address; this is the longest.
    TooLong(u8),
    /// The address has bits beyond its prefix; this is the network it lies in.
    HostBits(Network),
}

impl Network {
    /// The network of this prefix length that holds `address`; a length beyond the address's own
    /// counts as that.
    pub fn holding(address: IpAddr, length: u8) -> Self {
        let length = length.min(bits(address));
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        };
        Self { address, length }
    }

    /// Its first address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits of the address count.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The first address after it; nothing when it ends with the last one there is.
    pub fn end(self) -> Option<IpAddr> {
        match self.address {
            IpAddr::V4(v4) => {
                let size = 1u32.checked_shl(32 - u32::from(self.length))?;
                let end = v4.to_bits().checked_add(size)?;
                Some(Ipv4Addr::from_bits(end).into())
            }
            IpAddr::V6(v6) => {
                let size = 1u128.checked_shl(128 - u32::from(self.length))?;
                let end = v6.to_bits().checked_add(size)?;
                Some(Ipv6Addr::from_bits(end).into())
            }
        }
    }

    /// Whether `other` lies in it.
    pub fn contains(self, other: Self) -> bool {
        other.length >= self.length && Self::holding(other.address, self.length) == self
    }

    /// The same addresses with as few networks as it takes without joining neighbours: none twice
    /// and none within another, in ascending order.
    pub fn merged(mut networks: Vec<Self>) -> Vec<Self> {
        // A network stands before all that lie in it.
        networks.sort_unstable();
        let mut kept: Vec<Self> = Vec::new();
        for network in networks {
            if !kept.last().is_some_and(|last| last.contains(network)) {
                kept.push(network);
            }
        }
        kept
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `10.0.0.0/8`, or an address alone as the network of that one address.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let most = bits(address);
        let length = match length {
            None => most,
            // `+8` and `08` are numbers, but nobody writes them on purpose.
            Some(text) if text.starts_with('+') || (text.len() > 1 && text.starts_with('0')) => {
                return Err(NetworkError::Syntax);
            }
            Some(text) => {
                let length: u32 = text.parse().map_err(|_| NetworkError::Syntax)?;
                u8::try_from(length)
                    .ok()
                    .filter(|length| *length <= most)
                    .ok_or(NetworkError::TooLong(most))?
            }
        };
        let network = Self::holding(address, length);
        if network.address == address {
            Ok(network)
        } else {
            Err(NetworkError::HostBits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_read_and_written() {
        for text in ["10.0.0.0/8", "192.168.7.0/24", "fd00::/8", "10.1.2.3/32"] {
            assert_eq!(net(text).to_string(), text);
        }
        assert_eq!(net("10.1.2.3").to_string(), "10.1.2.3/32");
        assert_eq!(net("::1").to_string(), "::1/128");
    }

    #[test]
    fn what_is_none_is_told_apart() {
        for text in [
            "",
            "/8",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "lan",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Syntax), "{text}");
        }
        let parse = |text: &str| text.parse::<Network>();
        assert_eq!(parse("10.0.0.0/33"), Err(NetworkError::TooLong(32)));
        assert_eq!(parse("fd00::/129"), Err(NetworkError::TooLong(128)));
        let meant = net("10.1.2.0/24");
        assert_eq!(parse("10.1.2.3/24"), Err(NetworkError::HostBits(meant)));
    }

    #[test]
    fn one_in_another_is_one() {
        let given = [
            "10.1.0.0/16",
            "fd00::/8",
            "10.0.0.0/8",
            "10.0.0.0/8",
            "fd01::/16",
        ];
        let merged = Network::merged(given.map(net).to_vec());
        assert_eq!(merged, [net("10.0.0.0/8"), net("fd00::/8")]);
    }

    #[test]
    fn the_end_is_the_next_address_if_there_is_one() {
        assert_eq!(net("10.0.0.0/8").end(), Some("11.0.0.0".parse().unwrap()));
        assert_eq!(net("255.0.0.0/8").end(), None);
        assert_eq!(net("0.0.0.0/0").end(), None);
        assert_eq!(net("fd00::/8").end(), Some("fe00::".parse().unwrap()));
        assert_eq!(net("ff00::/8").end(), None);
    }

    proptest! {
        #[test]
        fn merging_keeps_every_address_and_no_overlap(
            given in prop::collection::vec((any::<u32>(), 0u8..=32), 0..20), probe: u32,
        ) {
            let networks: Vec<_> = given
                .iter()
                .map(|(bits, length)| Network::holding(Ipv4Addr::from_bits(*bits).into(), *length))
                .collect();
            let probe = Network::holding(Ipv4Addr::from_bits(probe).into(), 32);
            let merged = Network::merged(networks.clone());
            let inside = |all: &[Network]| all.iter().filter(|net| net.contains(probe)).count();
            prop_assert_eq!(inside(&networks) > 0, inside(&merged) == 1);
            for (one, next) in merged.iter().zip(merged.iter().skip(1)) {
                prop_assert!(one.end().is_some_and(|end| end <= next.address()));
            }
        }
    }
}
