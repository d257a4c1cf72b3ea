//! How fast a link can be, as far as its driver says.

use std::path::Path;

use super::INTERFACES;

/// The link's speed, Mbit/s; `None` where it is not known: no such link, a link without a carrier, or
/// one that has no speed of its own (tunnels, many virtual machines').
pub fn speed_mbit(interface: &str) -> Option<u32> {
    read(&std::fs::read_to_string(Path::new(INTERFACES).join(interface).join("speed")).ok()?)
}

/// The same from the text of `/sys/class/net/<interface>/speed`.
pub fn read(text: &str) -> Option<u32> {
    // -1 and 65535 have both been the drivers' word for not knowing.
    text.trim()
        .parse()
        .ok()
        .filter(|speed| !matches!(speed, 0 | 65_535))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_that_is_not_known_is_none() {
        assert_eq!(read("10000\n"), Some(10_000));
        for unknown in ["-1\n", "0\n", "65535\n", "4294967295x", ""] {
            assert_eq!(read(unknown), None, "{unknown:?}");
        }
        assert_eq!(speed_mbit("lo"), None);
    }
}
