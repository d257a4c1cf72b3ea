#![allow(clippy::unwrap_used)]
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::bookkeeper::tests::{answer, books, clock, config};
use crate::vnstat::watch::tests::SCHEMA;

/// Twenty absurd hours, and more of them between the full ones.
fn absurd(db: &Connection) {
    db.execute_batch("BEGIN").unwrap();
    for hour in 0..20 {
        for minute in 0..60 {
            db.execute(
                "INSERT INTO hour (interface, date, rx, tx) VALUES (4, ?1, ?2, ?2)",
                rusqlite::params![format!("2026-05-04 {hour:02}:{minute:02}:00"), 1_i64 << 52],
            )
            .unwrap();
        }
    }
    db.execute_batch("COMMIT").unwrap();
}

#[test]
fn an_absurd_database_is_told_and_not_taken_until_it_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let vnstat = tempfile::tempdir().unwrap();
    let settings = vnstat.path().join("vnstat.conf");
    let text = format!("DatabaseDir \"{}\"\nUseUTC 1\n", vnstat.path().display());
    std::fs::write(&settings, text).unwrap();
    let db = Connection::open(vnstat.path().join("vnstat.db")).unwrap();
    db.execute_batch(SCHEMA).unwrap();
    db.execute_batch(
        "DELETE FROM hour;
         INSERT INTO day VALUES (1, 4, '2026-05-03', 0, 700);
         UPDATE interface SET created = '2026-05-01 00:00:00', updated = '2026-05-05 09:59:00',
             txcounter = 1000, rxcounter = 0",
    )
    .unwrap();
    absurd(&db);

    let mut watch = Watch::new(Some(&settings), Path::new("vnstat")).settled();
    let link = "[bandwidth]\nmonthly_budget_gb = 100\npre_charge_gb = 50\n\
                [network]\ninterface = \"wan0\"\n";
    let mut books = books(directory.path(), config(link));
    books.observe(&[answer("wan0", 5000)], &clock(0));
    let mut look = |books: &mut Bookkeeper, after| {
        let new = books.without_mark();
        watch.look(&books.interfaces(), &new, &clock(after));
        books.compare(&watch, &clock(after)).unwrap();
        books.figures("wan0", &clock(after)).unwrap().unwrap()
    };
    for after in 1..3 {
        let (grant, view) = look(&mut books, after);
        assert_eq!((view.used_bytes, view.source.as_str()), (0, "kernel"));
        assert!(
            view.source_note.contains("more than any link moves"),
            "{}",
            view.source_note
        );
        assert!(grant.available_bytes > 0);
    }
    db.execute_batch("DELETE FROM hour").unwrap();
    let (_, view) = look(&mut books, 3);
    assert_eq!(
        (view.source.as_str(), view.source_note.as_str()),
        ("vnstat", "")
    );
    // What vnStat has, and what the kernel counted since it wrote.
    assert_eq!(view.used_bytes, 700 + 4000);
}
