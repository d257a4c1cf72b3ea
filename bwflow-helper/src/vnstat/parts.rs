//! Whose count the used bytes are, and how they are made up. Pure.

use crate::counter::Counters;
use crate::ledger::Balance;
use crate::ledger::vnstat::Shares;

/// Whose count a balance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel's alone.
    Kernel {
        /// Why not vnStat's though that is wanted; empty if it is not.
        note: String,
    },
    /// vnStat's, with what it lacks.
    Vnstat {
        /// Its version.
        version: String,
        /// When it last wrote.
        updated_usec: i64,
        /// Its part in the period.
        shares: Shares,
        /// What was moved since it last wrote.
        live: Counters,
    },
}

/// What `used` is made up of: vnStat, live and correction add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// What vnStat has accounted.
    pub vnstat: u64,
    /// What the kernel has counted beyond it.
    pub live: u64,
    /// Everything else.
    pub correction: i64,
    /// What vnStat dropped.
    pub dropped: u64,
    /// What vnStat invented.
    pub invented: u64,
}

impl Origin {
    /// The word for it.
    pub const fn source(&self) -> &'static str {
        match self {
            Self::Kernel { .. } => "kernel",
            Self::Vnstat { .. } => "vnstat",
        }
    }

    /// Why vnStat is not used though it is wanted; else empty.
    pub fn note(&self) -> &str {
        match self {
            Self::Kernel { note } => note,
            Self::Vnstat { .. } => "",
        }
    }

    /// vnStat's version; empty while it is not used.
    pub fn version(&self) -> &str {
        match self {
            Self::Kernel { .. } => "",
            Self::Vnstat { version, .. } => version,
        }
    }

    /// When vnStat last wrote; 0 while it is not used.
    pub const fn updated_usec(&self) -> i64 {
        match self {
            Self::Kernel { .. } => 0,
            Self::Vnstat { updated_usec, .. } => *updated_usec,
        }
    }

    /// What the balance's used bytes are made up of.
    pub fn parts(&self, balance: &Balance) -> Parts {
        let charge = |bytes: Counters| balance.count.charge(bytes.tx, bytes.rx);
        let traffic = balance.totals.charged();
        let (vnstat, live, shares) = match self {
            Self::Kernel { .. } => (0, charge(traffic), Shares::default()),
            Self::Vnstat { shares, live, .. } => {
                let vnstat = charge(shares.accounted);
                // What vnStat has not written of the last period is not live in this one.
                let live = Counters {
                    tx: live.tx.min(traffic.tx),
                    rx: live.rx.min(traffic.rx),
                };
                // Of the larger direction only that is live by which it grows.
                let with_live = charge(shares.accounted.plus(live));
                (vnstat, with_live - vnstat, *shares)
            }
        };
        let rest = i128::from(balance.used()) - i128::from(vnstat) - i128::from(live);
        Parts {
            vnstat,
            live,
            correction: i64::try_from(rest).unwrap_or(if rest < 0 { i64::MIN } else { i64::MAX }),
            dropped: charge(shares.dropped),
            invented: charge(shares.invented),
        }
    }
}

#[cfg(test)]
mod tests {
    use bwflow_proto::count::Count;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Totals;
    use crate::period::Period;

    fn balance(count: Count, traffic: Counters, correction: i64) -> Balance {
        Balance {
            period: Period {
                start_usec: 0,
                end_usec: 1_000_000,
            },
            budget: 0,
            burst: 0,
            count,
            totals: Totals {
                traffic,
                correction,
                ..Totals::default()
            },
        }
    }

    fn vnstat(accounted: Counters, live: Counters) -> Origin {
        Origin::Vnstat {
            version: "2.10".to_owned(),
            updated_usec: 7,
            shares: Shares {
                accounted,
                ..Shares::default()
            },
            live,
        }
    }

    fn bytes(tx: u64, rx: u64) -> Counters {
        Counters { tx, rx }
    }

    #[test]
    fn the_kernel_alone_has_counted_everything_live() {
        let kernel = Origin::Kernel {
            note: String::new(),
        };
        let parts = kernel.parts(&balance(Count::Sum, bytes(5, 7), -2));
        assert_eq!((parts.vnstat, parts.live, parts.correction), (0, 12, -2));
    }

    #[test]
    fn what_vnstat_dropped_and_invented_is_a_correction() {
        let origin = vnstat(bytes(100, 0), bytes(10, 0));
        let dropped = origin.parts(&balance(Count::Tx, bytes(150, 0), 0));
        assert_eq!(
            (dropped.vnstat, dropped.live, dropped.correction),
            (100, 10, 40)
        );
        let invented = origin.parts(&balance(Count::Tx, bytes(70, 0), 5));
        assert_eq!(
            (invented.vnstat, invented.live, invented.correction),
            (100, 10, -35)
        );
    }

    #[test]
    fn what_is_left_from_the_last_period_is_not_live_in_this() {
        let origin = vnstat(bytes(0, 0), bytes(1000, 0));
        let parts = origin.parts(&balance(Count::Tx, bytes(3, 0), 0));
        assert_eq!((parts.vnstat, parts.live, parts.correction), (0, 3, 0));
    }

    proptest! {
        #[test]
        fn the_three_parts_are_the_used_bytes(
            accounted in (0u64..1 << 60, 0u64..1 << 60), live in (0u64..1 << 60, 0u64..1 << 60),
            traffic in (0u64..1 << 60, 0u64..1 << 60), correction in -(1i64 << 60)..1 << 60,
            count in prop::sample::select(Count::ALL.to_vec()), with_vnstat: bool,
        ) {
            let balance = balance(count, bytes(traffic.0, traffic.1), correction);
            let origin = if with_vnstat {
                vnstat(bytes(accounted.0, accounted.1), bytes(live.0, live.1))
            } else {
                Origin::Kernel { note: String::new() }
            };
            let parts = origin.parts(&balance);
            let sum = i128::from(parts.vnstat) + i128::from(parts.live) + i128::from(parts.correction);
            prop_assert_eq!(sum, i128::from(balance.used()));
        }
    }
}
