#![allow(clippy::unwrap_used)]
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use std::fs;

/// What vnStat 2 makes, as far as it is read.
pub(crate) const SCHEMA: &str = "
CREATE TABLE info (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, value TEXT NOT NULL);
CREATE TABLE interface (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, alias TEXT,
    active INTEGER NOT NULL, created DATE NOT NULL, updated DATE NOT NULL,
    rxcounter INTEGER NOT NULL, txcounter INTEGER NOT NULL,
    rxtotal INTEGER NOT NULL, txtotal INTEGER NOT NULL);
CREATE TABLE fiveminute (id INTEGER PRIMARY KEY, interface INTEGER, date DATE, rx INTEGER, tx INTEGER);
CREATE TABLE hour (id INTEGER PRIMARY KEY, interface INTEGER, date DATE, rx INTEGER, tx INTEGER);
CREATE TABLE day (id INTEGER PRIMARY KEY, interface INTEGER, date DATE, rx INTEGER, tx INTEGER);
CREATE TABLE month (id INTEGER PRIMARY KEY, interface INTEGER, date DATE, rx INTEGER, tx INTEGER);
INSERT INTO info (name, value) VALUES ('dbversion', '1'), ('vnstatversion', '2.6'), ('btime', '1000');
INSERT INTO interface VALUES (4, 'wan0', NULL, 1, '2026-11-01 00:00:00', '2026-11-22 11:22:00', 5, 6, 7, 8);
INSERT INTO hour VALUES (1, 4, '2026-11-22 11:00:00', 7, 8), (2, 9, '2026-11-22 11:00:00', 1, 1);
";

struct World {
    directory: TempDir,
    watch: Watch,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("vnstat.conf");
        let text = format!("DatabaseDir \"{}\"\nUseUTC 1\n", directory.path().display());
        fs::write(&config, text).unwrap();
        let watch = Watch::new(Some(&config), Path::new("vnstat")).settled();
        Self { watch, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("vnstat.db")
    }

    fn create(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.execute_batch(SCHEMA).unwrap();
        db
    }

    fn look(&mut self) -> Result<Snapshot, Trouble> {
        let clock = Clock {
            boot: "a".into(),
            usec: 1_010_000_000,
            boottime_usec: 0,
        };
        let names = ["wan0".to_owned(), "other0".to_owned()];
        self.watch.look(&names, &names[..1], &clock);
        self.watch.current().clone()
    }
}

#[test]
fn a_database_that_vnstat_has_only_just_begun_is_left_alone() {
    let mut world = World::new();
    world.watch.settling = Duration::from_secs(3600);
    let _db = world.create();
    assert_eq!(world.look(), Err(Trouble::Unfinished(world.path())));
    world.watch.settling = Duration::ZERO;
    assert!(
        world.look().is_ok(),
        "it is asked for again, though it has not changed"
    );
}

#[test]
fn what_vnstat_has_written_is_read_once_for_each_change() {
    let mut world = World::new();
    assert_eq!(world.look(), Err(Trouble::Missing(world.path())));
    let db = world.create();
    let snapshot = world.look().unwrap();
    assert_eq!(
        (snapshot.version.as_str(), snapshot.links.len()),
        ("2.6", 1)
    );
    let link = &snapshot.links["wan0"];
    assert_eq!((link.seen.counters.tx, link.seen.counters.rx), (6, 5));
    assert_eq!((link.seen.totals.tx, link.seen.totals.rx), (8, 7));
    assert!(
        link.seen.is_of_this_boot,
        "ten seconds are within vnStat's own tolerance"
    );
    assert_eq!(link.rows.as_ref().unwrap().hours.len(), 1, "only its own");
    let generation = world.watch.generation();
    world.look().unwrap();
    assert_eq!(world.watch.generation(), generation);
    db.execute("UPDATE interface SET txcounter = 60, txtotal = 62", [])
        .unwrap();
    assert_eq!(world.look().unwrap().links["wan0"].seen.totals.tx, 62);
    assert_ne!(world.watch.generation(), generation);
}

#[test]
fn a_locked_database_is_asked_again_and_nobody_waits_for_it() {
    let mut world = World::new();
    let db = world.create();
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(world.look(), Err(Trouble::Locked(world.path())));
    assert!(begin.elapsed() < Duration::from_secs(1));
    db.execute_batch("COMMIT").unwrap();
    world.look().unwrap();
}

#[test]
fn reading_keeps_no_lock() {
    let mut world = World::new();
    let db = world.create();
    world.look().unwrap();
    db.busy_timeout(Duration::ZERO).unwrap();
    db.execute_batch("BEGIN EXCLUSIVE; COMMIT").unwrap();
}

#[test]
fn what_is_no_database_of_vnstat_is_named() {
    let mut world = World::new();
    fs::write(
        world.path(),
        "no database at all, just some text that is long enough",
    )
    .unwrap();
    assert_eq!(world.look(), Err(Trouble::Foreign(world.path())));
    fs::write(world.path(), "").unwrap();
    assert_eq!(world.look(), Err(Trouble::Foreign(world.path())));
    fs::remove_file(world.path()).unwrap();
    let db = Connection::open(world.path()).unwrap();
    db.execute_batch("CREATE TABLE info (id, name, value)")
        .unwrap();
    assert_eq!(world.look(), Err(Trouble::Foreign(world.path())));
}

#[test]
fn a_truncated_database_is_damaged_and_a_directory_unreadable() {
    let mut world = World::new();
    drop(world.create());
    let file = fs::File::options().write(true).open(world.path()).unwrap();
    file.set_len(5000).unwrap();
    let trouble = world.look().unwrap_err();
    assert!(matches!(trouble, Trouble::Damaged(..)), "{trouble:?}");
    fs::remove_file(world.path()).unwrap();
    fs::create_dir(world.path()).unwrap();
    let trouble = world.look().unwrap_err();
    assert!(matches!(trouble, Trouble::Unreadable(..)), "{trouble:?}");
}

#[test]
fn a_removed_database_and_its_return_are_noticed() {
    let mut world = World::new();
    drop(world.create());
    world.look().unwrap();
    fs::rename(world.path(), world.directory.path().join("away")).unwrap();
    assert_eq!(world.look(), Err(Trouble::Missing(world.path())));
    fs::rename(world.directory.path().join("away"), world.path()).unwrap();
    world.look().unwrap();
}

#[test]
fn figures_of_another_boot_are_known_as_such() {
    let mut world = World::new();
    let db = world.create();
    db.execute_batch(
        "UPDATE info SET value = '900' WHERE name = 'btime';
         UPDATE interface SET updated = '1970-01-01 00:10:00'",
    )
    .unwrap();
    assert!(!world.look().unwrap().links["wan0"].seen.is_of_this_boot);
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Looks in another thread: whoever opens a FIFO would wait for ever.
fn look_in_time(mut world: World) -> Result<Snapshot, Trouble> {
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || answer.send(world.look()));
    let answer = answered.recv_timeout(Duration::from_secs(10));
    answer.expect("it waits")
}

#[test]
fn what_is_no_file_is_not_opened() {
    let refused = |world: World| {
        let trouble = look_in_time(world).unwrap_err();
        assert!(
            trouble.to_string().contains("no regular file"),
            "{trouble:?}"
        );
    };
    let world = World::new();
    fifo(&world.path());
    refused(world);
    let world = World::new();
    fs::create_dir(world.path()).unwrap();
    refused(world);
    let world = World::new();
    std::os::unix::fs::symlink("/dev/zero", world.path()).unwrap();
    refused(world);
    for companion in ["-journal", "-wal", "-shm"] {
        let world = World::new();
        world.create();
        fifo(&world.directory.path().join(format!("vnstat.db{companion}")));
        refused(world);
    }
}

#[test]
fn a_configuration_that_is_no_file_or_endless_is_told() {
    let told = |make: &dyn Fn(&Path), why: &str| {
        let world = World::new();
        world.create();
        let config = world.directory.path().join("vnstat.conf");
        fs::remove_file(&config).unwrap();
        make(&config);
        let (answer, answered) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            answer.send(Box::new(Watch::new(Some(&config), Path::new("vnstat"))))
        });
        let watch = answered.recv_timeout(Duration::from_secs(10));
        let watch = *watch.expect("it waits");
        let directory = world.directory;
        let trouble = World { directory, watch }.look().unwrap_err();
        assert!(
            matches!(&trouble, Trouble::Unconfigured(_, said) if said.contains(why)),
            "{trouble:?}"
        );
    };
    told(&|path| fifo(path), "no regular file");
    told(&|path| fs::create_dir(path).unwrap(), "no regular file");
    told(
        &|path| {
            let file = fs::File::create(path).unwrap();
            file.set_len(50 << 30).unwrap();
        },
        "larger",
    );
}

#[test]
fn rows_of_times_to_come_are_not_read() {
    let mut world = World::new();
    let db = world.create();
    db.execute_batch(
        "INSERT INTO hour VALUES (3, 4, '2026-11-22 14:00:00', 1, 1);
         INSERT INTO day VALUES (3, 4, '2026-11-25', 1, 1);",
    )
    .unwrap();
    let rows = world.look().unwrap().links["wan0"].rows.clone().unwrap();
    assert_eq!((rows.hours.len(), rows.days.len()), (1, 0));
}
