//! Whether what vnStat's rows say can have been moved. Pure.
//!
//! Whoever may write vnStat's database must not be able to use up a budget for ever: what no link
//! can move is not taken, and nothing beside it, because then nothing is known of the rest either.

use bwflow_proto::vnstat::LONGEST_GAP_SECONDS;
use jiff::Timestamp;

use super::rows::Rows;
use crate::counter::Counters;
use crate::ledger::imports::Stretch;

/// No link that vnStat counts is faster; bytes a second (400 Gbit/s, the highest limit that any
/// version takes).
const FASTEST: u64 = 50_000_000_000;
/// What all rows may add up to, bytes.
const MOST: u128 = 1 << 62;

/// Refuses rows that cannot be true.
///
/// # Errors
/// In words that follow "vnStat's rows are not taken:".
pub fn check(rows: &Rows) -> Result<(), String> {
    let mut sum = (0_u128, 0_u128);
    let tables = [&rows.five_minutes, &rows.hours, &rows.days, &rows.months];
    for row in tables.into_iter().flatten() {
        let most = most(row);
        let Counters { tx, rx } = row.bytes;
        if tx > most || rx > most {
            let from = Timestamp::from_microsecond(row.start_usec).unwrap_or_default();
            return Err(format!(
                "{} B from {from} on are more than any link moves",
                tx.max(rx)
            ));
        }
        sum = (sum.0 + u128::from(tx), sum.1 + u128::from(rx));
    }
    if sum.0 > MOST || sum.1 > MOST {
        return Err("together they are more than any link moves".to_owned());
    }
    Ok(())
}

/// What can have been moved in a row's time. vnStat credits it with what follows until the next
/// update, too.
fn most(row: &Stretch) -> u64 {
    let seconds = row.end_usec.saturating_sub(row.start_usec) / 1_000_000 + 1;
    let seconds = u64::try_from(seconds).unwrap_or(0) + LONGEST_GAP_SECONDS;
    seconds.saturating_mul(FASTEST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn row(hours: i64, tx: u64) -> Stretch {
        Stretch {
            start_usec: 0,
            end_usec: hours * HOUR,
            bytes: Counters { tx, rx: 1 },
        }
    }

    fn hours(tx: u64) -> Rows {
        Rows {
            hours: vec![row(1, 5), row(1, tx)],
            ..Rows::default()
        }
    }

    #[test]
    fn a_full_link_of_400_gigabits_is_believed_and_no_faster_one() {
        let most = FASTEST * 3961;
        assert_eq!(check(&hours(FASTEST * 3600)), Ok(()));
        assert_eq!(check(&hours(most)), Ok(()));
        for absurd in [most + 1, 1 << 52, u64::MAX] {
            let why = check(&hours(absurd)).unwrap_err();
            assert_eq!(
                why,
                format!("{absurd} B from 1970-01-01T00:00:00Z on are more than any link moves")
            );
        }
        let mut received = hours(0);
        received.hours[0].bytes.rx = 1 << 52;
        assert!(check(&received).is_err());
    }

    #[test]
    fn many_rows_that_no_ledger_adds_up_are_refused() {
        let month = 31 * 24;
        let rows = |count| Rows {
            months: vec![row(month, 1 << 56); count],
            ..Rows::default()
        };
        assert_eq!(check(&rows(64)), Ok(()));
        assert!(check(&rows(65)).unwrap_err().contains("together"));
    }
}
