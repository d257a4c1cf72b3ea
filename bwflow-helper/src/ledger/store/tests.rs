#![allow(clippy::unwrap_used)]
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::*;
use crate::ledger::imports::Stretch;

const HOUR: i64 = crate::ledger::slot::HOUR_USEC;

fn anchor(tx: u64, rx: u64) -> Anchor {
    Anchor {
        boot: "boot".into(),
        interface_index: 7,
        counters: Counters { tx, rx },
        moved: Counters { tx: rx, rx: tx },
        usec: 12,
        boottime_usec: 34,
    }
}

fn slot(hour: i64, tx: u64, rx: u64) -> Slot {
    Slot {
        start_usec: hour * HOUR,
        bytes: Counters { tx, rx },
    }
}

fn book(store: &mut Store, interface: &str, slots: &[Slot], anchor: &Anchor) {
    store
        .commit(&[Entry {
            interface,
            slots,
            anchor,
            excluded: None,
        }])
        .unwrap();
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    assert_eq!(store.anchor("eth0").unwrap(), None);
    let last = anchor(u64::MAX, 1 << 63);
    book(
        &mut store,
        "eth0",
        &[slot(1, 5, 6), slot(2, 7, 8)],
        &anchor(1, 1),
    );
    book(&mut store, "eth0", &[slot(2, 10, 10)], &last);
    book(&mut store, "eth1", &[slot(2, 99, 99)], &anchor(1, 1));
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.anchor("eth0").unwrap(), Some(last));
    let sum = store.traffic("eth0", HOUR, 3 * HOUR).unwrap();
    assert_eq!(sum, Counters { tx: 22, rx: 24 });
    let first = store.traffic("eth0", HOUR, 2 * HOUR).unwrap();
    assert_eq!(first, Counters { tx: 5, rx: 6 });
}

#[test]
fn the_first_sight_of_a_link_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    book(&mut store, "eth0", &[], &anchor(1, 1));
    let later = Anchor {
        usec: 99,
        ..anchor(2, 2)
    };
    book(&mut store, "eth0", &[], &later);
    assert_eq!(store.first_seen("eth0").unwrap(), Some(12));
}

#[test]
fn adjustments_of_the_period_are_in_its_totals() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .db
        .execute_batch(
            "INSERT INTO adjustments (interface, usec, kind, bytes) VALUES
             ('eth0', 100, 'topup', 1000), ('eth0', 199, 'topup', 500),
             ('eth0', 99, 'topup', 7), ('eth0', 200, 'correction', 7), ('eth1', 150, 'topup', 7),
             ('eth0', 150, 'correction', 300), ('eth0', 160, 'correction', -420)",
        )
        .unwrap();
    let period = Period {
        start_usec: 100,
        end_usec: 200,
    };
    let totals = store.totals("eth0", &period).unwrap();
    assert_eq!((totals.topup, totals.correction), (1500, -120));
}

#[test]
fn a_refused_commit_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    book(&mut store, "eth0", &[slot(1, 5, 6)], &anchor(1, 1));
    store
        .db
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE ON links BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let entry = Entry {
        interface: "eth0",
        slots: &[slot(1, 5, 6)],
        anchor: &anchor(2, 2),
        excluded: None,
    };
    store.commit(&[entry]).unwrap_err();
    assert_eq!(store.anchor("eth0").unwrap(), Some(anchor(1, 1)));
    let sum = store.traffic("eth0", 0, 9 * HOUR).unwrap();
    assert_eq!(sum, Counters { tx: 5, rx: 6 });
}

#[test]
fn the_directory_is_made_for_owner_and_group() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    Store::open(&directory).unwrap();
    let mode = fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o750, 0, "{mode:o}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named_with_its_cure() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let text = Store::open(&file.join("sub")).unwrap_err().to_string();
    assert!(
        text.contains("file/sub") && text.contains("--state-directory"),
        "{text}"
    );
}

fn refusal(content: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    fs::write(&path, content).unwrap();
    let text = Store::open(directory.path()).unwrap_err().to_string();
    assert!(
        text.contains("ledger.db") && text.contains("hint: "),
        "{text}"
    );
    assert_eq!(fs::read(&path).unwrap(), content, "the file was touched");
    text
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(&[7; 5000]).contains("damaged"));
}

#[test]
fn a_ledger_with_a_torn_page_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let slots: Vec<_> = (0..2000).map(|hour| slot(hour, 1, 1)).collect();
    book(&mut store, "eth0", &slots, &anchor(1, 1));
    drop(store);
    let path = directory.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 5 * 4096);
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xa5;
    }
    fs::write(&path, &bytes).unwrap();
    let text = Store::open(directory.path()).unwrap_err().to_string();
    assert!(text.contains("damaged"), "{text}");
}

#[test]
fn a_foreign_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let db = Connection::open(directory.path().join(FILE)).unwrap();
    db.execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    drop(db);
    let text = Store::open(directory.path()).unwrap_err().to_string();
    assert!(text.contains("not a bwflow ledger"), "{text}");
}

#[test]
fn a_newer_ledger_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.db.pragma_update(None, "user_version", 7).unwrap();
    drop(store);
    let text = Store::open(directory.path()).unwrap_err().to_string();
    assert!(
        text.contains("schema 7") && text.contains("newer bwflow"),
        "{text}"
    );
}

#[test]
fn a_creation_that_died_halfway_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("ledger.db.new"), "half").unwrap();
    Store::open(directory.path()).unwrap();
}

#[test]
fn commits_sync_to_disk() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let pragma = |name| {
        store
            .db
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2i64.into());
}

const CHILD: &str = "BWFLOW_TEST_COMMIT_UNTIL_KILLED";
const NAME: &str =
    "ledger::store::tests::sigkill_at_any_moment_leaves_charges_and_anchor_in_agreement";

/// What the process that is to be killed does.
fn commit_until_killed(directory: &Path) -> ! {
    let mut store = Store::open(directory).unwrap();
    let mut counters = store
        .anchor("eth0")
        .unwrap()
        .map_or(Counters::default(), |anchor| anchor.counters);
    loop {
        let step = Counters { tx: 3, rx: 5 };
        counters = counters.plus(step);
        let hour = i64::try_from(counters.tx % 50).unwrap();
        book(
            &mut store,
            "eth0",
            &[slot(hour, 3, 0), slot(hour + 1, 0, 5)],
            &anchor(counters.tx, counters.rx),
        );
        println!("committed {}", counters.tx);
    }
}

#[test]
fn sigkill_at_any_moment_leaves_charges_and_anchor_in_agreement() {
    // The child is this very test, told what to be.
    if let Ok(directory) = std::env::var(CHILD) {
        commit_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut reached = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", NAME])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut commits = 0;
        while commits <= round * 3 {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the child ended");
            commits += usize::from(line.contains("committed "));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still managed to say before it died was committed, too.
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        let said = format!("{line}{rest}")
            .lines()
            .filter_map(|line| line.split_once("committed ")?.1.parse::<u64>().ok())
            .max()
            .unwrap();
        let store = Store::open(directory.path()).unwrap();
        let anchor = store.anchor("eth0").unwrap().unwrap();
        let sum = store.traffic("eth0", 0, 100 * HOUR).unwrap();
        assert_eq!(sum, anchor.counters);
        assert!(sum.tx >= said && sum.tx > reached);
        reached = sum.tx;
    }
}

fn top_up(id: &str, bytes: u64) -> TopUp {
    TopUp {
        id: id.to_owned(),
        bytes,
        owner: "alice".to_owned(),
        reason: "release day".to_owned(),
        at_usec: 150,
        ..TopUp::default()
    }
}

fn topped_up(store: &Store) -> u64 {
    let period = Period {
        start_usec: 100,
        end_usec: 200,
    };
    store.totals("eth0", &period).unwrap().topup
}

#[test]
fn a_top_up_is_booked_once_however_often_it_is_handed_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.book("eth0", &[top_up("a", 5)]).unwrap();
    store
        .book("eth0", &[top_up("a", 5), top_up("b", 7)])
        .unwrap();
    drop(store);
    let mut store = Store::open(directory.path()).unwrap();
    store.book("eth0", &[top_up("b", 7)]).unwrap();
    assert_eq!(topped_up(&store), 12);
}

#[test]
fn more_top_ups_than_an_integer_holds_are_summed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let most = u64::try_from(i64::MAX).unwrap();
    let many: Vec<_> = (0..2).map(|n| top_up(&n.to_string(), most)).collect();
    store.book("eth0", &many).unwrap();
    assert_eq!(topped_up(&store), 2 * most);
    store.book("eth0", &[top_up("one more", most)]).unwrap();
    assert_eq!(topped_up(&store), u64::MAX);
}

#[test]
fn a_ledger_of_the_first_schema_keeps_its_adjustments() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    fs::File::create_new(&path).unwrap();
    let mut db = connect(&path).unwrap();
    schema::migrate_to(&mut db, 0, 1).unwrap();
    db.execute_batch(
        "INSERT INTO adjustments (interface, usec, kind, bytes) VALUES
         ('eth0', 150, 'topup', 1000), ('eth0', 151, 'topup', 1000)",
    )
    .unwrap();
    drop(db);
    let mut store = Store::open(directory.path()).unwrap();
    store.book("eth0", &[top_up("a", 1)]).unwrap();
    assert_eq!(topped_up(&store), 2001);
}

fn stretch(start_usec: i64, end_usec: i64, tx: u64) -> Stretch {
    Stretch {
        start_usec,
        end_usec,
        bytes: Counters { tx, rx: 1 },
    }
}

#[test]
fn what_was_before_is_imported_once_and_counts_into_the_period_of_its_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let rows = [
        stretch(50, 100, 1),
        stretch(100, 199, 20),
        stretch(199, 300, 300),
    ];
    assert!(!store.import("eth0", &rows).unwrap(), "it was never seen");
    book(&mut store, "eth0", &[slot(0, 4000, 0)], &anchor(1, 1));
    book(&mut store, "eth1", &[], &anchor(1, 1));
    let period = Period {
        start_usec: 0,
        end_usec: 200,
    };
    assert_eq!(store.totals("eth0", &period).unwrap().traffic.tx, 4000);
    assert!(store.import("eth0", &rows).unwrap());
    drop(store);
    let mut store = Store::open(directory.path()).unwrap();
    assert!(store.is_imported("eth0").unwrap() && !store.is_imported("eth1").unwrap());
    assert!(!store.import("eth0", &rows).unwrap());
    book(&mut store, "eth0", &[], &anchor(2, 2));
    assert!(store.is_imported("eth0").unwrap(), "whatever is committed");
    let total = |start_usec, end_usec| {
        let period = Period {
            start_usec,
            end_usec,
        };
        store.totals("eth0", &period).unwrap().traffic
    };
    assert_eq!(total(0, 200), Counters { tx: 4321, rx: 3 });
    assert_eq!(total(100, 199).tx, 20);
    assert_eq!(total(200, 300).tx, 0);
}

#[test]
fn a_refused_import_is_not_taken_for_done() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    book(&mut store, "eth0", &[], &anchor(1, 1));
    let backwards = [stretch(0, 9, 5), stretch(10, 10, 5)];
    store.import("eth0", &backwards).unwrap_err();
    assert!(!store.is_imported("eth0").unwrap());
    let period = Period {
        start_usec: 0,
        end_usec: 200,
    };
    assert_eq!(store.totals("eth0", &period).unwrap().traffic.tx, 0);
}
