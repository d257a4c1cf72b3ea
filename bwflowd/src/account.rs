//! What is left of a grant: pure arithmetic over readings of a link's counters.

use std::time::Duration;

use bwflow_proto::count::Count;
use bwflow_proto::counter::Step;
use bwflow_proto::grant::Grant;
use bwflow_proto::network::Network;

/// A link's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The interface index the counters belong to.
    pub index: u32,
    /// Bytes sent.
    pub tx: u64,
    /// Bytes received.
    pub rx: u64,
}

/// A grant and what has been spent of it.
#[derive(Clone, Debug)]
pub struct Account {
    grant: Grant,
    count: Count,
    last: Reading,
    spent_tx: u64,
    spent_rx: u64,
    /// What had been excluded when the grant was made; not known before the first answer.
    excluded_before: Option<(u64, u64)>,
    free_tx: u64,
    free_rx: u64,
}

impl Account {
    /// Opens an account; `None` when the grant's way of counting is unknown.
    pub fn open(grant: Grant) -> Option<Self> {
        let count = grant.count.parse().ok()?;
        let last = Reading {
            index: grant.interface_index,
            tx: grant.tx_counter,
            rx: grant.rx_counter,
        };
        Some(Self {
            grant,
            count,
            last,
            spent_tx: 0,
            spent_rx: 0,
            excluded_before: None,
            free_tx: 0,
            free_rx: 0,
        })
    }

    /// The grant as it was handed over.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The networks whose traffic is not charged; what is no network is left out.
    pub fn excluded_networks(&self) -> Vec<Network> {
        let networks = self.grant.exclusion.iter().flat_map(|it| &it.networks);
        Network::merged(networks.filter_map(|text| text.parse().ok()).collect())
    }

    /// Whether only what is sent is charged, so that holding the sending side holds the account.
    pub fn counts_sending_only(&self) -> bool {
        self.count == Count::Tx
    }

    /// Charges what the link has carried since the last reading. The counters of an interface
    /// that was created anew began at zero.
    pub fn observe(&mut self, reading: Reading) {
        let (tx, rx) = if reading.index == self.last.index {
            // Drivers reset both counters at once, so that one reset counts for both.
            let tx = Step::between(self.last.tx, reading.tx).bytes();
            let rx = Step::between(self.last.rx, reading.rx).bytes();
            tx.zip(rx).unwrap_or((reading.tx, reading.rx))
        } else {
            (reading.tx, reading.rx)
        };
        self.charge(tx, rx);
        self.last = reading;
    }

    /// Charges what a link that was deleted had carried to its end. Counters that fell while the
    /// kernel took the link apart say nothing. Whatever comes next began at zero, also if the
    /// kernel gives it the same index.
    pub fn close_link(&mut self, reading: Reading) {
        if reading.index == self.last.index {
            self.charge(
                reading.tx.saturating_sub(self.last.tx),
                reading.rx.saturating_sub(self.last.rx),
            );
            self.last = Reading::default();
        }
    }

    /// Takes in how much has been excluded by now in the count `epoch`, bytes.
    pub fn exclude(&mut self, epoch: u64, tx: u64, rx: u64) {
        let before = match &self.grant.exclusion {
            Some(known) if known.epoch == epoch => (known.tx_bytes, known.rx_bytes),
            // A count that began after the grant's figures were made.
            Some(known) if known.epoch != 0 => (0, 0),
            _ => (tx, rx),
        };
        let (tx_before, rx_before) = *self.excluded_before.get_or_insert(before);
        self.free_tx = self.free_tx.max(tx.saturating_sub(tx_before));
        self.free_rx = self.free_rx.max(rx.saturating_sub(rx_before));
    }

    fn charge(&mut self, tx: u64, rx: u64) {
        self.spent_tx = self.spent_tx.saturating_add(tx);
        self.spent_rx = self.spent_rx.saturating_add(rx);
    }

    /// Bytes that may still flow at `now` (`CLOCK_BOOTTIME`); negative is debt.
    pub fn remaining(&self, now: Duration) -> i64 {
        let granted_at = Duration::from_micros(self.grant.boottime_usec);
        let elapsed = now.saturating_sub(granted_at).as_nanos();
        let dripped =
            u128::from(self.grant.drip_bytes_per_second).saturating_mul(elapsed) / 1_000_000_000;
        let dripped = i128::try_from(dripped).unwrap_or(i128::MAX / 2);
        let left = |available: i64, spent: u64| i128::from(available) + dripped - i128::from(spent);
        // Never more than was carried at all.
        let spent_tx = self.spent_tx.saturating_sub(self.free_tx);
        let spent_rx = self.spent_rx.saturating_sub(self.free_rx);
        let send = self.grant.available_bytes;
        let receive = self.grant.available_receive_bytes;
        let remaining = match self.count {
            Count::Tx => left(send, spent_tx),
            Count::Rx => left(send, spent_rx),
            Count::Sum => left(send, spent_tx.saturating_add(spent_rx)),
            Count::Max => left(send, spent_tx).min(left(receive, spent_rx)),
        };
        i64::try_from(remaining.clamp(i128::from(i64::MIN), i128::from(i64::MAX)))
            .expect("was clamped")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn grant(count: &str) -> Grant {
        Grant {
            count: count.into(),
            interface_index: 3,
            tx_counter: 100,
            rx_counter: 1000,
            boottime_usec: 10_000_000,
            available_bytes: 5000,
            available_receive_bytes: 300,
            drip_bytes_per_second: 7,
            rate_bytes_per_second: 7,
            ..Grant::default()
        }
    }

    const AT: Duration = Duration::from_secs(20);

    #[test]
    fn the_drip_comes_in_and_the_counter_goes_out() {
        let mut account = Account::open(grant("tx")).unwrap();
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000);
        account.observe(Reading {
            index: 3,
            tx: 600,
            rx: 9000,
        });
        assert_eq!(account.remaining(AT), 5000 + 70 - 500);
    }

    #[test]
    fn each_way_of_counting_charges_its_own_side() {
        let reading = Reading {
            index: 3,
            tx: 150,
            rx: 1020,
        };
        let remaining = ["tx", "rx", "sum", "max"].map(|count| {
            let mut account = Account::open(grant(count)).unwrap();
            account.observe(reading);
            account.remaining(Duration::from_secs(10))
        });
        assert_eq!(remaining, [4950, 4980, 4930, 280]);
    }

    #[test]
    fn a_link_created_anew_is_charged_from_zero() {
        let mut account = Account::open(grant("tx")).unwrap();
        account.observe(Reading {
            index: 3,
            tx: 200,
            rx: 1000,
        });
        account.observe(Reading {
            index: 9,
            tx: 40,
            rx: 0,
        });
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000 - 100 - 40);
    }

    #[test]
    fn a_deleted_link_is_charged_to_its_end_and_its_successor_from_zero() {
        let mut account = Account::open(grant("sum")).unwrap();
        // A veth has forgotten what it received by the time it is deleted.
        account.close_link(Reading {
            index: 3,
            tx: 400,
            rx: 0,
        });
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000 - 300);
        account.observe(Reading {
            index: 3,
            tx: 500,
            rx: 0,
        });
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000 - 300 - 500);
    }

    #[test]
    fn one_reset_counts_for_both_counters() {
        let mut account = Account::open(grant("sum")).unwrap();
        account.observe(Reading {
            index: 3,
            tx: 20,
            rx: 1500,
        });
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000 - 20 - 1500);
    }

    #[test]
    fn a_grant_for_an_absent_link_is_charged_when_it_appears() {
        let mut account = Account::open(Grant {
            interface_index: 0,
            tx_counter: 0,
            rx_counter: 0,
            ..grant("tx")
        })
        .unwrap();
        account.observe(Reading {
            index: 4,
            tx: 40,
            rx: 0,
        });
        assert_eq!(account.remaining(Duration::from_secs(10)), 5000 - 40);
    }

    #[test]
    fn an_unknown_way_of_counting_is_refused() {
        assert!(Account::open(grant("both")).is_none());
    }

    fn excluding(epoch: u64) -> Account {
        let exclusion = bwflow_proto::exclusion::Exclusion {
            epoch,
            tx_bytes: 400,
            ..Default::default()
        };
        Account::open(Grant {
            exclusion: Some(exclusion),
            ..grant("tx")
        })
        .unwrap()
    }

    #[test]
    fn what_is_excluded_since_the_grant_is_not_spent() {
        let granted_at = Duration::from_secs(10);
        let send = |account: &mut Account, tx| {
            account.observe(Reading {
                index: 3,
                tx,
                rx: 1000,
            });
        };
        let mut same = excluding(9);
        same.exclude(9, 700, 0);
        assert_eq!(same.remaining(granted_at), 5000, "not more than was sent");
        send(&mut same, 1100);
        assert_eq!(same.remaining(granted_at), 5000 - 1000 + 300);
        same.exclude(9, 900, 0);
        assert_eq!(same.remaining(granted_at), 5000 - 1000 + 500);
        // Another count began after the grant's figures were made.
        let mut other = excluding(8);
        other.exclude(9, 700, 0);
        send(&mut other, 1100);
        assert_eq!(other.remaining(granted_at), 5000 - 1000 + 700);
        // Of what was excluded before, nobody knows whether it was charged.
        let mut first = excluding(0);
        first.exclude(9, 700, 0);
        send(&mut first, 1100);
        assert_eq!(first.remaining(granted_at), 5000 - 1000);
    }

    proptest! {
        #[test]
        fn how_often_one_looks_makes_no_difference(steps in prop::collection::vec(0u64..1 << 40, 1..20)) {
            let mut often = Account::open(grant("tx")).unwrap();
            let mut tx = 100;
            for step in &steps {
                tx += step;
                often.observe(Reading { index: 3, tx, rx: 1000 });
            }
            let mut once = Account::open(grant("tx")).unwrap();
            once.observe(Reading { index: 3, tx, rx: 1000 });
            prop_assert_eq!(often.remaining(AT), once.remaining(AT));
        }

        #[test]
        fn no_figures_overflow(available: i64, drip: u64, tx: u64, seconds in 0u64..1 << 40) {
            let mut account = Account::open(Grant {
                available_bytes: available,
                drip_bytes_per_second: drip,
                tx_counter: 0,
                ..grant("tx")
            }).unwrap();
            account.observe(Reading { index: 3, tx, rx: u64::MAX });
            let _ = account.remaining(Duration::from_secs(seconds));
        }
    }
}
