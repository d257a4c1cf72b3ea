//! How much of a link's traffic is not charged: pure arithmetic over what the kernel has counted.
//!
//! The kernel counts at its egress hook, before the link's queue, so that a packet which the queue
//! drops is counted and never sent. Whatever may have been dropped is taken off again, at the size
//! of the largest packet there is: rather charge too much than exclude what was never sent.

use serde::{Deserialize, Serialize};

use crate::netlink::nft::Counted;

/// What the kernel tells of a link's excluded traffic at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the rules have counted.
    pub counted: Counted,
    /// Whose drops these are: another one's began elsewhere.
    pub way: Way,
    /// Packets that were lost on the way to the wire, at least; in any units that only grow.
    pub lost: i64,
    /// The same, at most: packets on their way may be in one and not in the other.
    pub lost_most: i64,
}

/// Which queue excluded packets go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The root discipline's handle.
    pub handle: u32,
    /// How often we have made one.
    pub made: u32,
}

/// What has been excluded, carried on over the loss of the kernel's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Which count this is, microseconds since the Unix epoch at its beginning; 0 before it.
    pub epoch: u64,
    /// Bytes sent to excluded networks, never more than were.
    pub tx: u64,
    /// Bytes received from them.
    pub rx: u64,
    /// The table whose counters are part of that up to these.
    table: u64,
    tx_counter: u64,
    rx_counter: u64,
    /// What had been lost on the way at most when that was read; another run knows nothing of it.
    #[serde(skip)]
    lost: Option<(Way, u64, i64)>,
}

impl Tally {
    /// Begins to count, if that has not begun.
    pub fn begin(&mut self, wall_usec: u64) {
        if self.epoch == 0 {
            self.epoch = wall_usec.max(1);
        }
    }

    /// Whether both count by the same table.
    pub fn is_of_table_of(&self, other: &Self) -> bool {
        (self.epoch, self.table) == (other.epoch, other.table)
    }

    /// Takes in what the kernel tells; no packet is larger than `largest` bytes.
    pub fn observe(&mut self, seen: &Seen, largest: u64) {
        let Counted {
            table,
            tx_bytes,
            rx_bytes,
            ..
        } = seen.counted;
        if table != self.table {
            // A table is made with its counters at zero.
            (self.table, self.tx_counter, self.rx_counter) = (table, 0, 0);
        }
        let sent = tx_bytes.saturating_sub(self.tx_counter);
        let received = rx_bytes.saturating_sub(self.rx_counter);
        (self.tx_counter, self.rx_counter) = (tx_bytes, rx_bytes);
        let lost = match self.lost {
            Some((way, table, before)) if way == seen.way && table == seen.counted.table => {
                self.lost = Some((way, table, before.max(seen.lost)));
                u64::try_from(seen.lost.saturating_sub(before)).unwrap_or(0)
            }
            _ => {
                self.lost = Some((seen.way, seen.counted.table, seen.lost_most));
                0
            }
        };
        let sent = sent.saturating_sub(lost.saturating_mul(largest));
        self.tx = self.tx.saturating_add(sent);
        self.rx = self.rx.saturating_add(received);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn seen(table: u64, tx_bytes: u64, lost: i64) -> Seen {
        Seen {
            counted: Counted {
                table,
                tx_bytes,
                rx_bytes: tx_bytes / 2,
                ..Counted::default()
            },
            lost,
            lost_most: lost,
            ..Seen::default()
        }
    }

    #[test]
    fn what_is_counted_adds_up_over_the_loss_of_a_counter_and_a_restart() {
        let mut tally = Tally::default();
        tally.observe(&seen(7, 1000, 0), 1500);
        tally.observe(&seen(7, 5000, 0), 1500);
        let text = serde_json::to_string(&tally).unwrap();
        let mut tally: Tally = serde_json::from_str(&text).unwrap();
        tally.observe(&seen(7, 6000, 0), 1500);
        assert_eq!((tally.tx, tally.rx), (6000, 3000));
        // Somebody flushed the rules; what was counted since is charged.
        tally.observe(&seen(9, 400, 0), 1500);
        assert_eq!((tally.tx, tally.rx), (6400, 3200));
    }

    #[test]
    fn what_the_queue_may_have_dropped_is_not_excluded() {
        let mut tally = Tally::default();
        tally.observe(&seen(7, 0, 100), 1500);
        tally.observe(&seen(7, 10_000, 102), 1500);
        assert_eq!(tally.tx, 7000);
        tally.observe(&seen(7, 10_100, 200), 1500);
        assert_eq!(tally.tx, 7000, "never falls");
        // Another queue has dropped other packets.
        let other = Seen {
            way: Way { handle: 1, made: 1 },
            ..seen(7, 20_100, 5000)
        };
        tally.observe(&other, 1500);
        assert_eq!(tally.tx, 17_000);
    }

    #[test]
    fn packets_on_their_way_are_not_lost() {
        let mut tally = Tally::default();
        let on_the_way = Seen {
            lost_most: 8,
            ..seen(7, 0, 2)
        };
        tally.observe(&on_the_way, 1500);
        tally.observe(&seen(7, 10_000, 8), 1500);
        assert_eq!(tally.tx, 10_000);
        tally.observe(&seen(7, 20_000, 3), 1500);
        tally.observe(&seen(7, 30_000, 8), 1500);
        assert_eq!(tally.tx, 30_000);
    }

    #[test]
    fn a_count_begins_once() {
        let mut tally = Tally::default();
        tally.begin(5);
        tally.begin(9);
        assert_eq!(tally.epoch, 5);
    }

    proptest! {
        #[test]
        fn it_never_falls_and_never_exceeds_what_was_counted(
            steps in prop::collection::vec((0u64..3, 0u64..1 << 40, 0i64..1 << 40, 0u64..1 << 20), 1..30),
        ) {
            let mut tally = Tally::default();
            let mut counters = std::collections::BTreeMap::new();
            let mut lost = 0;
            for (table, bytes, drops, largest) in steps {
                // Old tables do not come back: each of these numbers stands for one more.
                let last = counters.keys().last().copied().unwrap_or(0);
                let table = last.max(table);
                *counters.entry(table).or_insert(0u64) += bytes;
                lost += drops;
                let before = (tally.tx, tally.rx);
                tally.observe(&seen(table, counters[&table], lost), largest);
                prop_assert!(tally.tx >= before.0 && tally.rx >= before.1);
                prop_assert!(tally.tx <= counters.values().sum());
            }
        }
    }
}
