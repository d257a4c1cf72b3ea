//! From two looks at the kernel's counters to the bytes between them.

use std::sync::Arc;

use bwflow_proto::counter::Step;

/// The two counters of an interface, or the bytes of two directions. In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sent.
    pub tx: u64,
    /// Received.
    pub rx: u64,
}

impl Counters {
    /// Whether nothing was sent or received.
    pub const fn is_zero(self) -> bool {
        self.tx == 0 && self.rx == 0
    }

    /// Both directions added up, each for itself.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tx: self.tx.saturating_add(other.tx),
            rx: self.rx.saturating_add(other.rx),
        }
    }
}

impl Counters {
    /// Both directions, each less the other's; never below zero.
    pub const fn less(self, other: Self) -> Self {
        Self {
            tx: self.tx.saturating_sub(other.tx),
            rx: self.rx.saturating_sub(other.rx),
        }
    }
}

/// Up to which counter values every byte has been charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The boot the counters belong to.
    pub boot: Arc<str>,
    /// The interface they belong to: a re-created one has another index.
    pub interface_index: u32,
    /// `IFLA_STATS64` at the last look.
    pub counters: Counters,
    /// All that was ever seen to be moved under this name: only differences mean anything.
    pub moved: Counters,
    /// Wall clock at the last look, microseconds since the Unix epoch.
    pub usec: i64,
    /// `CLOCK_BOOTTIME` at the last look, microseconds.
    pub boottime_usec: i64,
}

impl Anchor {
    /// The bytes an interface has moved since the anchor was set.
    ///
    /// Counters of another boot or another interface began at zero. Within one, a counter that
    /// fell has wrapped at 32 bits if it was in the upper half of that range and has since moved
    /// less than half of it; else it was reset. Drivers reset both counters at once, so one reset
    /// counts for both.
    pub fn bytes_until(&self, boot: &str, interface_index: u32, now: Counters) -> Counters {
        if *self.boot != *boot || self.interface_index != interface_index {
            return now;
        }
        let tx = Step::between(self.counters.tx, now.tx).bytes();
        let rx = Step::between(self.counters.rx, now.rx).bytes();
        match (tx, rx) {
            (Some(tx), Some(rx)) => Counters { tx, rx },
            _ => now,
        }
    }

    /// The bytes an interface has surely moved since the anchor was set, and the counters up to
    /// which it is then charged: a counter that fell says nothing and stays where it was.
    pub fn advance_to(&self, now: Counters) -> (Counters, Counters) {
        let moved = Counters {
            tx: now.tx.saturating_sub(self.counters.tx),
            rx: now.rx.saturating_sub(self.counters.rx),
        };
        (moved, self.counters.plus(moved))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF: u64 = 1 << 31;
    const WHOLE: u64 = 1 << 32;

    fn anchor(tx: u64, rx: u64) -> Anchor {
        Anchor {
            boot: "a".into(),
            interface_index: 2,
            counters: Counters { tx, rx },
            moved: Counters::default(),
            usec: 0,
            boottime_usec: 0,
        }
    }

    fn moved(before: (u64, u64), now: (u64, u64)) -> (u64, u64) {
        let now = Counters {
            tx: now.0,
            rx: now.1,
        };
        let bytes = anchor(before.0, before.1).bytes_until("a", 2, now);
        (bytes.tx, bytes.rx)
    }

    #[test]
    fn counters_that_advanced_give_the_difference() {
        assert_eq!(moved((100, 7), (150, 7)), (50, 0));
    }

    #[test]
    fn after_a_reboot_everything_counted_is_new() {
        let now = Counters { tx: 500, rx: 10 };
        assert_eq!(anchor(100, 5).bytes_until("b", 2, now), now);
    }

    #[test]
    fn after_re_creation_everything_counted_is_new() {
        let now = Counters { tx: 500, rx: 10 };
        assert_eq!(anchor(100, 5).bytes_until("a", 3, now), now);
    }

    #[test]
    fn a_reset_of_one_counter_is_a_reset_of_both() {
        // The received bytes have already passed the anchor again: 50, not 30.
        assert_eq!(moved((1000, 20), (40, 50)), (40, 50));
        assert_eq!(moved((20, 1000), (50, 40)), (50, 40));
    }

    #[test]
    fn a_wrap_at_32_bits_loses_nothing() {
        assert_eq!(moved((WHOLE - 10, 5), (20, 6)), (30, 1));
        assert_eq!(moved((WHOLE - 1, 0), (HALF - 2, 0)), (HALF - 1, 0));
    }

    #[test]
    fn a_wrap_needs_an_anchor_in_the_upper_half_and_a_short_way() {
        // Exactly half the range ahead is no longer a short way: a reset.
        assert_eq!(moved((HALF + 1, 0), (1, 0)), (1, 0));
        assert_eq!(moved((HALF + 1, 0), (0, 0)), (HALF - 1, 0));
        assert_eq!(moved((HALF - 1, 0), (5, 0)), (5, 0));
        assert_eq!(moved((WHOLE, 0), (5, 0)), (5, 0));
        assert_eq!(moved((WHOLE + 10, 0), (5, 0)), (5, 0));
    }

    #[test]
    fn a_counter_that_falls_while_its_interface_is_taken_apart_is_no_reset() {
        let now = Counters { tx: 1010, rx: 0 };
        let (moved, counters) = anchor(1000, HALF + 5).advance_to(now);
        assert_eq!(moved, Counters { tx: 10, rx: 0 });
        let kept = Counters {
            tx: 1010,
            rx: HALF + 5,
        };
        assert_eq!(counters, kept);
    }

    proptest! {
        #[test]
        fn any_split_of_the_way_gives_the_same_bytes(
            start in 0u64..1 << 60, steps in prop::collection::vec((0u64..1 << 40, 0u64..1 << 40), 1..20),
        ) {
            let mut at = Counters { tx: start, rx: start / 2 };
            let first = anchor(at.tx, at.rx);
            let mut sum = Counters::default();
            for (tx, rx) in steps {
                let before = anchor(at.tx, at.rx);
                at = at.plus(Counters { tx, rx });
                sum = sum.plus(before.bytes_until("a", 2, at));
            }
            prop_assert_eq!(sum, first.bytes_until("a", 2, at));
        }

        #[test]
        fn never_more_than_the_counter_can_have_moved(before: (u64, u64), now: (u64, u64)) {
            let bytes = moved(before, now);
            prop_assert!(bytes.0 <= now.0.max(HALF) && bytes.1 <= now.1.max(HALF));
        }
    }
}
