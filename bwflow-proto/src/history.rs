//! The past of a link, as the helper tells it. Times are microseconds since the Unix epoch, UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zbus::Type;

/// The most rows that one call returns.
pub const MAX_ROWS: usize = 1000;

/// How finely the past is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Hours of UTC.
    Hours,
    /// Days of the link's time zone.
    Days,
    /// Billing periods.
    Months,
}

impl Resolution {
    /// Every resolution, from the finest.
    pub const ALL: [Self; 3] = [Self::Hours, Self::Days, Self::Months];

    /// The word on the bus and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Months => "months",
        }
    }
}

/// The word names no resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownResolution;

impl fmt::Display for UnknownResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one of hours, days, months")
    }
}

impl std::error::Error for UnknownResolution {}

impl FromStr for Resolution {
    type Err = UnknownResolution;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|resolution| resolution.as_str() == word)
            .ok_or(UnknownResolution)
    }
}

/// A link that has a past. Travels as `(sss)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Link {
    /// The interface's name.
    pub interface: String,
    /// IANA name of the time zone whose midnights begin days and periods.
    pub timezone: String,
    /// What is charged: `tx`, `rx`, `sum` or `max`.
    pub counted: String,
}

/// What was moved in one stretch of time. Travels as `(ttttts)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Row {
    /// First instant.
    pub start_usec: u64,
    /// First instant that does not belong to it any more.
    pub end_usec: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes charged. In billing periods this includes corrections, else it is the traffic's share.
    pub used_bytes: u64,
    /// Who counted: `bwflow`, `vnstat`, or `both` for parts each.
    pub source: String,
}

/// A change of the figures by hand. Travels as `(tsxss)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Change {
    /// When it was decided; it belongs to the billing period of that instant.
    pub at_usec: u64,
    /// `topup` or `correction`.
    pub kind: String,
    /// Bytes added to the budget, or to what was used; only the latter may be negative.
    pub bytes: i64,
    /// Whoever decided it; may be empty.
    pub owner: String,
    /// Why, as given; may be empty.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for resolution in Resolution::ALL {
            assert_eq!(resolution.as_str().parse(), Ok(resolution));
        }
        assert_eq!("weeks".parse::<Resolution>(), Err(UnknownResolution));
    }

    #[test]
    fn the_signatures_are_the_documented_ones() {
        assert_eq!(Link::SIGNATURE.to_string(), "(sss)");
        assert_eq!(Row::SIGNATURE.to_string(), "(ttttts)");
        assert_eq!(Change::SIGNATURE.to_string(), "(tsxss)");
    }
}
