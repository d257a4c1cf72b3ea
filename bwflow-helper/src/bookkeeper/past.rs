//! The links' past, as it is asked for.

use bwflow_proto::history::{self, Change, MAX_ROWS, Resolution, Row};

use super::Bookkeeper;
use crate::account::{Account, within};
use crate::counter::Counters;
use crate::history::{MAX_SLOTS, Piece, Sum, bucket, cut, gather, stop};
use crate::ledger::store::StoreError;
use crate::period::Period;

/// Rows, and as the next question's beginning where to go on; 0 if this is all.
type Page<T> = (Vec<T>, u64);

impl Bookkeeper {
    /// The links that have a past to tell.
    pub fn storied(&self) -> Vec<history::Link> {
        let links = self.config.links.iter();
        links
            .map(|link| history::Link {
                interface: link.interface.clone(),
                timezone: link.timezone.iana_name().unwrap_or("UTC").to_owned(),
                counted: link.count.to_string(),
            })
            .collect()
    }

    /// What a link moved in the stretches that begin in `[since, until)` (microseconds since the
    /// Unix epoch), the one that holds `since` included; nothing for a link that is not ours.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn history(
        &self,
        interface: &str,
        resolution: Resolution,
        since_usec: u64,
        until_usec: u64,
    ) -> Result<Option<Page<Row>>, StoreError> {
        let link = self.config.links.iter().find(|l| l.interface == interface);
        let account = self.accounts.iter().find(|a| a.interface() == interface);
        let (Some(link), Some(account)) = (link, account) else {
            return Ok(None);
        };
        let calendar = account.calendar();
        let from = bucket(resolution, calendar, signed(since_usec)).start_usec;
        let until = signed(until_usec);
        let slots = self.store.slots(interface, from, until, MAX_SLOTS)?;
        let others = self.store.imports(interface, from, until, MAX_SLOTS)?;
        let stops = [
            stop(&slots, |slot| slot.start_usec, resolution, calendar),
            stop(&others, |it| it.start_usec, resolution, calendar),
        ];
        let stops = stops.into_iter().flatten().min();
        let pending = account.pending().iter().copied();
        let mut pieces: Vec<Piece> = slots.into_iter().chain(pending).map(Piece::own).collect();
        pieces.extend(others.into_iter().map(|it| Piece {
            start_usec: it.start_usec,
            end_usec: Some(it.end_usec),
            bytes: it.bytes,
        }));
        let end = stops.unwrap_or(until);
        pieces.retain(|piece| (from..end).contains(&piece.start_usec));
        pieces.sort_by_key(|piece| piece.start_usec);
        let mut sums = gather(&pieces, resolution, calendar);
        let next = cut(&mut sums).or(stops);
        let mut rows = Vec::with_capacity(sums.len());
        for sum in sums {
            let (period, bytes) = (sum.period, sum.bytes);
            let used = match resolution {
                // As the report says it, corrections included; without what has a row of its own.
                Resolution::Months if !sum.is_coarse => {
                    let mut balance = self.balance(link, account, period)?;
                    balance.totals.traffic = bytes;
                    balance.used()
                }
                _ => {
                    let charged = bytes.less(self.excluded(account, period)?);
                    link.count.charge(charged.tx, charged.rx)
                }
            };
            rows.push(Row {
                start_usec: unsigned(period.start_usec),
                end_usec: unsigned(period.end_usec),
                tx_bytes: bytes.tx,
                rx_bytes: bytes.rx,
                used_bytes: used,
                source: source(&sum).to_owned(),
            });
        }
        Ok(Some((rows, next.map_or(0, unsigned))))
    }

    /// What of a stretch is not charged.
    fn excluded(&self, account: &Account, period: Period) -> Result<Counters, StoreError> {
        if account.exclusion().epoch == 0 {
            return Ok(Counters::default());
        }
        let Period {
            start_usec,
            end_usec,
        } = period;
        let booked = self
            .store
            .excluded(account.interface(), start_usec, end_usec)?;
        Ok(booked.plus(within(account.pending_excluded(), start_usec, end_usec)))
    }

    /// The top-ups and corrections of a link in `[since, until)`; nothing for a link that is not
    /// ours.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn changes(
        &self,
        interface: &str,
        since_usec: u64,
        until_usec: u64,
    ) -> Result<Option<Page<Change>>, StoreError> {
        if !self.accounts.iter().any(|a| a.interface() == interface) {
            return Ok(None);
        }
        let (from, until) = (signed(since_usec), signed(until_usec));
        let mut changes = self.store.changes(interface, from, until, MAX_ROWS + 1)?;
        let mut next = 0;
        if changes.len() > MAX_ROWS {
            // Those of one instant stay together, so that none is passed over.
            next = changes[MAX_ROWS].at_usec;
            changes.retain(|change| change.at_usec < next);
        }
        Ok(Some((changes, next)))
    }
}

/// Who counted.
const fn source(sum: &Sum) -> &'static str {
    match (sum.has_own, sum.has_others) {
        (true, true) => "both",
        (false, true) => "vnstat",
        _ => "bwflow",
    }
}

fn signed(usec: u64) -> i64 {
    i64::try_from(usec).unwrap_or(i64::MAX)
}

fn unsigned(usec: i64) -> u64 {
    u64::try_from(usec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::claim::TopUp;

    use super::super::tests::{NOW, answer, books, clock, config, one_link};
    use super::*;
    use crate::counter::Counters;
    use crate::ledger::imports::Stretch;
    use crate::ledger::slot::HOUR_USEC;

    const ALL: u64 = u64::MAX;

    fn unsigned_now() -> u64 {
        u64::try_from(NOW).unwrap()
    }

    #[test]
    fn the_past_is_what_was_charged_committed_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), one_link());
        books.observe(&[answer("eth0", 0)], &clock(0));
        books.observe(&[answer("eth0", 1000)], &clock(HOUR_USEC));
        books.commit().unwrap();
        books.observe(&[answer("eth0", 1700)], &clock(HOUR_USEC + 5));
        let past = |resolution, since| {
            let page = books.history("eth0", resolution, since, ALL).unwrap();
            let (rows, next) = page.unwrap();
            assert_eq!(next, 0);
            rows.iter()
                .map(|row| (row.start_usec, row.used_bytes))
                .collect::<Vec<_>>()
        };
        let (now, hour) = (unsigned_now(), HOUR_USEC.unsigned_abs());
        let hours = [(now, 1000), (now + hour, 700)];
        assert_eq!(past(Resolution::Hours, 0), hours);
        // The hour that holds the beginning is told as a whole.
        assert_eq!(past(Resolution::Hours, now + hour - 1), hours);
        assert_eq!(past(Resolution::Hours, now + hour), hours[1..]);
        assert_eq!(past(Resolution::Days, now + 1), [(now - 10 * hour, 1700)]);
        let months = past(Resolution::Months, now);
        let (_, view) = books
            .figures("eth0", &clock(HOUR_USEC + 6))
            .unwrap()
            .unwrap();
        assert_eq!(months, [(view.period_start_usec, view.used_bytes)]);
        assert_eq!(
            books.history("eth9", Resolution::Days, 0, ALL).unwrap(),
            None
        );
    }

    #[test]
    fn what_vnstat_saw_before_stands_in_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), one_link());
        books.observe(&[answer("eth0", 0)], &clock(0));
        books.commit().unwrap();
        let saw = |hours: std::ops::Range<i64>, tx| Stretch {
            start_usec: NOW + hours.start * HOUR_USEC,
            end_usec: NOW + hours.end * HOUR_USEC,
            bytes: Counters { tx, rx: 0 },
        };
        // Yesterday as a whole, and this morning's hours until now.
        let saw = [saw(-34..-10, 500), saw(-2..-1, 20), saw(-1..0, 30)];
        assert!(books.store.import("eth0", &saw).unwrap());
        books.observe(&[answer("eth0", 7)], &clock(HOUR_USEC / 2));
        let told = |resolution| {
            let (rows, _) = books.history("eth0", resolution, 0, ALL).unwrap().unwrap();
            let hours = |row: &Row| (row.end_usec - row.start_usec) / HOUR_USEC.unsigned_abs();
            rows.iter()
                .map(|row| (hours(row), row.used_bytes, row.source.clone()))
                .collect::<Vec<_>>()
        };
        let row = |hours, used, source: &str| (hours, used, source.to_owned());
        assert_eq!(
            told(Resolution::Hours),
            [
                row(24, 500, "vnstat"),
                row(1, 20, "vnstat"),
                row(1, 30, "vnstat"),
                row(1, 7, "bwflow")
            ]
        );
        assert_eq!(
            told(Resolution::Days),
            [row(24, 500, "vnstat"), row(24, 57, "both")]
        );
        assert_eq!(told(Resolution::Months), [row(744, 557, "both")]);

        // A day of another zone over the period's edge, and a month of vnStat's: each in one row.
        let start = books.history("eth0", Resolution::Months, 0, ALL).unwrap();
        let start = signed(start.unwrap().0[0].start_usec);
        let other = |hours: std::ops::Range<i64>, tx| Stretch {
            start_usec: start + hours.start * HOUR_USEC,
            end_usec: start + hours.end * HOUR_USEC,
            bytes: Counters { tx, rx: 0 },
        };
        let mut books = self::books(tempfile::tempdir().unwrap().path(), one_link());
        books.observe(&[answer("eth0", 0)], &clock(0));
        books.commit().unwrap();
        let saw = [
            other(-900..-180, 4000),
            other(-2..22, 300),
            other(22..46, 20),
        ];
        assert!(books.store.import("eth0", &saw).unwrap());
        let (rows, _) = books
            .history("eth0", Resolution::Months, 0, ALL)
            .unwrap()
            .unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.tx_bytes, row.used_bytes))
            .collect();
        assert_eq!(told.iter().map(|row| row.0).sum::<u64>(), 4320);
        assert!(told.iter().all(|row| row.0 == row.1), "{told:?}");
    }

    #[test]
    fn adjustments_are_told_with_their_authors_page_by_page() {
        let directory = tempfile::tempdir().unwrap();
        let mut books = books(directory.path(), one_link());
        let top_ups: Vec<TopUp> = (0..1500)
            .map(|n| TopUp {
                id: format!("{n:032x}"),
                bytes: 5,
                owner: "alice".to_owned(),
                reason: "release day".to_owned(),
                // Two at every instant.
                at_usec: 10 + n / 2,
                ..TopUp::default()
            })
            .collect();
        books.book("eth0", &top_ups).unwrap();
        let (first, next) = books.changes("eth0", 0, ALL).unwrap().unwrap();
        let (second, end) = books.changes("eth0", next, ALL).unwrap().unwrap();
        assert_eq!((first.len(), second.len(), end), (1000, 500, 0));
        assert_eq!(
            first[3],
            Change {
                at_usec: 11,
                kind: "topup".to_owned(),
                bytes: 5,
                owner: "alice".to_owned(),
                reason: "release day".to_owned(),
            }
        );
        assert_eq!(books.changes("eth0", 759, ALL).unwrap().unwrap().0.len(), 2);
        assert_eq!(books.changes("eth9", 0, ALL).unwrap(), None);
    }

    #[test]
    fn every_configured_link_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let two = config(
            "[bandwidth]\nmonthly_budget_gb = 200\ntimezone = \"Asia/Kathmandu\"\n\
             [[link]]\ninterface = \"eth1\"\n[[link]]\ninterface = \"eth0\"\ncount = \"max\"\n",
        );
        let links = books(directory.path(), two).storied();
        let shown = links.iter().map(|link| {
            let history::Link {
                interface,
                timezone,
                counted,
            } = link;
            format!("{interface} {timezone} {counted}")
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["eth1 Asia/Kathmandu tx", "eth0 Asia/Kathmandu max"]
        );
    }
}
