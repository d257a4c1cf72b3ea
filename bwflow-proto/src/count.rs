//! What the provider bills.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which bytes of a link are charged to its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// What the link sends: the usual meaning of "egress".
    #[default]
    Tx,
    /// What the link receives.
    Rx,
    /// Both directions added up.
    Sum,
    /// The larger of the two directions' totals over the period.
    Max,
}

impl Count {
    /// Every way of counting, in the order the documentation lists them.
    pub const ALL: [Self; 4] = [Self::Tx, Self::Rx, Self::Sum, Self::Max];

    /// The word used in the configuration, on the bus and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tx => "tx",
            Self::Rx => "rx",
            Self::Sum => "sum",
            Self::Max => "max",
        }
    }

    /// Bytes charged when the link has sent `tx` and received `rx` bytes in a period.
    pub const fn charge(self, tx: u64, rx: u64) -> u64 {
        match self {
            Self::Tx => tx,
            Self::Rx => rx,
            Self::Sum => tx.saturating_add(rx),
            Self::Max => {
                if tx > rx {
                    tx
                } else {
                    rx
                }
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is none of `tx`, `rx`, `sum`, `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCount;

impl fmt::Display for UnknownCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one of tx, rx, sum, max")
    }
}

impl std::error::Error for UnknownCount {}

impl FromStr for Count {
    type Err = UnknownCount;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|count| count.as_str() == word)
            .ok_or(UnknownCount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for count in Count::ALL {
            assert_eq!(count.as_str().parse(), Ok(count));
        }
        assert_eq!("both".parse::<Count>(), Err(UnknownCount));
    }

    #[test]
    fn each_way_charges_what_it_says() {
        let charged = Count::ALL.map(|count| count.charge(5, 7));
        assert_eq!(charged, [5, 7, 12, 7]);
    }
}
