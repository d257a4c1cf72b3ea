//! Sums that always are: SQLite's own ends in an error where it does not fit 64 bits, and a ledger
//! that cannot be added up sets no limit.

use rusqlite::Row;

use crate::counter::Counters;

/// SQL for the sum of a column, in two halves that fit; of the rows of a condition, if one is given.
macro_rules! halves {
    ($column:literal) => {
        concat!(
            " COALESCE(SUM(",
            $column,
            " >> 32), 0),",
            " COALESCE(SUM(",
            $column,
            " & 0xffffffff), 0) "
        )
    };
    ($column:literal, $condition:literal) => {
        concat!(
            " COALESCE(SUM(",
            $column,
            " >> 32) FILTER (WHERE ",
            $condition,
            "), 0),",
            " COALESCE(SUM(",
            $column,
            " & 0xffffffff) FILTER (WHERE ",
            $condition,
            "), 0) "
        )
    };
}

pub(super) use halves;

/// The sum whose halves are in two columns from `at` on.
pub(super) fn sum(row: &Row<'_>, at: usize) -> rusqlite::Result<i128> {
    let (high, low): (i64, i64) = (row.get(at)?, row.get(at + 1)?);
    Ok((i128::from(high) << 32) + i128::from(low))
}

/// The sum of bytes, held at what can be said.
pub(super) fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let sum = sum(row, at)?.max(0);
    Ok(u64::try_from(sum).unwrap_or(u64::MAX))
}

/// The sums of what was sent and received.
pub(super) fn counters(row: &Row<'_>, at: usize) -> rusqlite::Result<Counters> {
    Ok(Counters {
        tx: bytes(row, at)?,
        rx: bytes(row, at + 2)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::ledger::store::Store;
    use crate::period::Period;

    #[test]
    fn a_ledger_that_holds_absurd_amounts_still_adds_up() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store
            .db
            .execute_batch(&format!(
                "INSERT INTO hours (interface, start_usec, tx, rx)
                     SELECT 'eth0', value, {}, {} FROM json_each('[1, 2, 3]')",
                i64::MAX,
                1_i64 << 62
            ))
            .unwrap();
        let period = Period {
            start_usec: 0,
            end_usec: 9,
        };
        for table in ["hours", "excluded_hours", "imports"] {
            let end = if table == "imports" { ", end_usec" } else { "" };
            let value = if end.is_empty() {
                ""
            } else {
                ", start_usec + 9"
            };
            store
                .db
                .execute_batch(&format!(
                    "INSERT OR REPLACE INTO {table} (interface, start_usec, tx, rx{end})
                     SELECT interface, start_usec, tx, rx{value} FROM hours"
                ))
                .unwrap();
        }
        store
            .db
            .execute_batch(
                "INSERT INTO adjustments (interface, usec, kind, bytes) SELECT interface, start_usec,
                     'correction', -9223372036854775807 FROM hours;
                 INSERT INTO vnstat_hours SELECT interface, start_usec, tx, tx, tx, tx, tx, tx
                     FROM hours",
            )
            .unwrap();
        let totals = store.totals("eth0", &period).unwrap();
        assert_eq!(totals.traffic.tx, u64::MAX);
        assert_eq!(totals.excluded.rx, 3 << 62);
        assert_eq!(totals.correction, i64::MIN);
        let shares = store.shares("eth0", &period).unwrap();
        assert_eq!(shares.invented.rx, u64::MAX);
    }
}
