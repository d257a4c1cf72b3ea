//! What the spend guard needs of the books, and what it has them grant.

use super::Bookkeeper;
use crate::account::within;
use crate::ledger::slot::HOUR_USEC;
use crate::ledger::store::StoreError;
use crate::spend::world::Cap;

impl Bookkeeper {
    /// How many bytes a link has sent that are charged, from the hour that holds `since_usec`
    /// (microseconds since the Unix epoch) on; nothing for a link that is not ours.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn sent(&self, interface: &str, since_usec: i64) -> Result<Option<u64>, StoreError> {
        let Some(account) = self.accounts.iter().find(|a| a.interface() == interface) else {
            return Ok(None);
        };
        // Hours are all that the ledger knows; a whole one is the cautious part of it.
        let from = since_usec.div_euclid(HOUR_USEC).saturating_mul(HOUR_USEC);
        let moved = self.store.traffic(interface, from, i64::MAX)?;
        let moved = moved.plus(within(account.pending(), from, i64::MAX));
        let excluded = self.store.excluded(interface, from, i64::MAX)?;
        let excluded = excluded.plus(within(account.pending_excluded(), from, i64::MAX));
        Ok(Some(moved.less(excluded).tx))
    }

    /// Caps this link and no other, or none, with the next grants. Whether that changes them.
    pub fn cap(&mut self, cap: Option<Cap>) -> bool {
        let is_other = self.cap != cap;
        self.cap = cap;
        is_other
    }

    /// The cap of a link, bytes per second; 0 is none.
    pub(super) fn peak(&self, interface: &str) -> u64 {
        let cap = self.cap.as_ref().filter(|cap| cap.interface == interface);
        cap.map_or(0, |cap| cap.bytes_per_second)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::exclusion::Excluded;

    use super::super::tests::{NOW, answer, books, clock, config};
    use super::*;

    const TWO: &str = "[bandwidth]\nmonthly_budget_gb = 200\n[[link]]\ninterface = \"eth0\"\n\
                       [[link]]\ninterface = \"eth1\"\nexclude = [\"10.0.0.0/8\"]\n";

    #[test]
    fn what_was_sent_is_told_by_hours_committed_or_not_without_what_costs_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), config(TWO));
        let both = |bytes| [answer("eth0", bytes), answer("eth1", bytes)];
        books.observe(&both(0), &clock(0));
        books.observe(&both(1000), &clock(HOUR_USEC / 2));
        books.commit().unwrap();
        books.observe(&both(1700), &clock(HOUR_USEC));
        let hour = NOW.div_euclid(HOUR_USEC) * HOUR_USEC;
        let sent = |books: &Bookkeeper, name: &str, since| books.sent(name, since).unwrap();
        assert_eq!(sent(&books, "eth0", i64::MIN), Some(1700));
        assert_eq!(sent(&books, "eth0", hour + HOUR_USEC - 1), Some(1700));
        assert_eq!(sent(&books, "eth0", i64::MAX), Some(0));
        assert_eq!(sent(&books, "eth9", 0), None);
        let excluded = |tx_bytes| Excluded {
            epoch: 1,
            tx_bytes,
            ..Excluded::default()
        };
        books.exclude("eth1", &excluded(0), &clock(HOUR_USEC));
        books.observe(&both(2000), &clock(HOUR_USEC + 9));
        books.exclude("eth1", &excluded(200), &clock(HOUR_USEC + 9));
        assert_eq!(sent(&books, "eth0", 0), Some(2000));
        assert_eq!(sent(&books, "eth1", 0), Some(1800));
        books.commit().unwrap();
        assert_eq!(sent(&books, "eth1", 0), Some(1800));
    }

    #[test]
    fn a_cap_is_of_one_link_and_goes_with_the_next_grant() {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), config(TWO));
        books.observe(&[answer("eth0", 0), answer("eth1", 0)], &clock(0));
        let cap = |bytes_per_second| {
            let interface = "eth1".to_owned();
            Some(Cap {
                interface,
                bytes_per_second,
            })
        };
        let peaks = |books: &Bookkeeper| {
            ["eth0", "eth1"].map(|name| {
                let (grant, _) = books.figures(name, &clock(1)).unwrap().unwrap();
                grant.peak_bytes_per_second
            })
        };
        assert_eq!(peaks(&books), [0, 0]);
        assert!(books.cap(cap(250_000)));
        assert!(!books.cap(cap(250_000)), "nothing new");
        assert_eq!(peaks(&books), [0, 250_000]);
        books.reconfigure(config(TWO)).unwrap();
        assert_eq!(peaks(&books), [0, 250_000]);
        assert!(books.cap(None));
        assert_eq!(peaks(&books), [0, 0]);
    }
}
