//! Whole billing months with a clock that tests turn: more than a year of them, twice, for every
//! awkward billing day and zone, over changes of the clocks and leap days.
//!
//! The edges that are expected are those of `edges.txt`, which `edges.py > edges.txt` beside it has
//! found by looking at the zones' clocks alone.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use bwflow_helper::bookkeeper::Bookkeeper;
use bwflow_helper::clock::Clock;
use bwflow_helper::counter::Counters;
use bwflow_helper::ledger::store::Store;
use bwflow_helper::meter::{Reading, Sight};
use bwflow_proto::config::load_str;
use bwflow_proto::grant::Grant;
use bwflow_proto::history::Resolution;
use bwflow_proto::ledger::LedgerView;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
const BUDGET: u64 = 100_000_000_000;
const BURST: u64 = 30_000_000_000;
/// What a queue may let through beside what is granted: one packet.
const PACKET: u64 = 1514;

/// The expected edges of one zone and billing day, microseconds since the Unix epoch.
struct Line {
    zone: String,
    billing_day: u8,
    edges: Vec<i64>,
}

fn lines(zone: &str) -> Vec<Line> {
    let text = include_str!("edges.txt");
    let lines = text.lines().map(|line| {
        let mut words = line.split(' ');
        let zone = words.next().unwrap().to_owned();
        Line {
            zone,
            billing_day: words.next().unwrap().parse().unwrap(),
            edges: words
                .map(|word| word.parse::<i64>().unwrap() * SECOND)
                .collect(),
        }
    });
    let lines: Vec<Line> = lines.filter(|line| line.zone == zone).collect();
    assert_eq!(lines.len(), 10, "two spans for each of five billing days");
    lines
}

/// A link behind a queue that keeps to the grant, and the helper that hands it out.
struct World {
    directory: tempfile::TempDir,
    config: String,
    books: Bookkeeper,
    now: i64,
    boot: std::sync::Arc<str>,
    booted: i64,
    sent: u64,
    /// What was charged to the current period by our own count.
    used: u64,
    grant: Grant,
    random: u64,
    looks: u64,
}

fn open(config: &str, directory: &Path) -> Bookkeeper {
    let config = load_str("config.toml", config).unwrap().config;
    Bookkeeper::new(config, Store::open(directory).unwrap()).unwrap()
}

impl World {
    fn new(line: &Line) -> Self {
        let config = format!(
            "[bandwidth]\nmonthly_budget = \"{BUDGET} B\"\npre_charge = \"{BURST} B\"\n\
             billing_day = {}\ntimezone = \"{}\"\n[network]\ninterface = \"eth0\"\n",
            line.billing_day, line.zone
        );
        // The ledger is written to without end here; what matters of disks is tested elsewhere.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let now = line.edges[0] + 3 * DAY + 7 * SECOND;
        let mut world = Self {
            books: open(&config, directory.path()),
            directory,
            config,
            now,
            boot: "a".into(),
            booted: now - DAY,
            sent: 0,
            used: 0,
            grant: Grant::default(),
            random: 0x9e37_79b9_7f4a_7c15,
            looks: 0,
        };
        world.look();
        world
    }

    /// Small numbers that look random (xorshift).
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn clock(&self) -> Clock {
        Clock {
            boot: self.boot.clone(),
            usec: self.now,
            boottime_usec: self.now - self.booted,
        }
    }

    /// Time goes by until `then`, and somebody wants to send so much.
    fn pass(&mut self, then: i64, wanted: u64) {
        self.now = then;
        let elapsed = u64::try_from(self.now - self.booted).unwrap() - self.grant.boottime_usec;
        let drip = u128::from(self.grant.drip_bytes_per_second) * u128::from(elapsed) / 1_000_000;
        let allowed = i128::from(self.grant.available_bytes) + i128::try_from(drip).unwrap()
            - i128::from(self.sent - self.grant.tx_counter);
        // A packet is let through while there is anything for it.
        let allowed = u64::try_from(allowed.max(0)).unwrap();
        let allowed = if allowed > 0 { allowed + PACKET } else { 0 };
        let moved = wanted.min(allowed);
        self.sent += moved;
        self.used += moved;
    }

    /// A look after which exactly what was sent in this period has been charged to it.
    fn look(&mut self) -> LedgerView {
        let view = self.look_late();
        assert_eq!(view.used_bytes, self.used, "lost or charged twice");
        view
    }

    /// As the helper's loop does it. If a period has ended since the last look, nobody knows what
    /// was sent in which.
    fn look_late(&mut self) -> LedgerView {
        self.looks += 1;
        let sight = Sight::Answer(Reading {
            interface: "eth0".to_owned(),
            interface_index: 2,
            counters: Counters {
                tx: self.sent,
                rx: 0,
            },
        });
        let clock = self.clock();
        self.books.observe(&[sight], &clock);
        self.books.commit_due().unwrap();
        let (grant, view) = self.books.figures("eth0", &clock).unwrap().unwrap();
        self.grant = grant;
        let over = i128::from(view.used_bytes) - i128::from(view.accrued_bytes);
        assert!(over <= i128::from(PACKET), "{over} bytes more than accrued");
        view
    }

    /// The helper ends, by SIGTERM or without a word, and another takes its place.
    fn restart(&mut self) {
        if self.random(2) == 0 {
            self.books.commit().unwrap();
        }
        self.books = open(&self.config, self.directory.path());
    }
}

/// What a span showed.
#[derive(Default)]
struct Shown {
    periods: u32,
    lifted: u32,
    looks: u64,
}

fn live(line: &Line) -> Shown {
    let mut world = World::new(line);
    let mut shown = Shown::default();
    let usec = |time: i64| u64::try_from(time).unwrap();
    for (n, pair) in line.edges.windows(2).enumerate() {
        let (start, end) = (pair[0], pair[1]);
        // Every third month is one of moderation; in the others all is sent that may be.
        let hungry = n % 3 != 1;
        loop {
            // Silence and coarse looks, at last each that the loop makes.
            let next = if end - world.now > 7 * HOUR {
                world.now + i64::try_from(world.random(5 * 3600) + 60).unwrap() * SECOND
            } else {
                world.books.next_edge(world.now)
            };
            assert!(
                next > world.now && next <= end,
                "the loop would sleep over the edge"
            );
            let wanted = if hungry {
                u64::MAX / 4
            } else {
                world.random(200_000_000)
            };
            world.pass(next, wanted);
            if world.now == end {
                break;
            }
            let view = world.look();
            assert_eq!(view.period_start_usec, usec(start), "{} {n}", line.zone);
            assert_eq!(view.period_end_usec, usec(end), "{} {n}", line.zone);
            assert_eq!(view.used_bytes, world.used);
            if world.random(40) == 0 {
                world.restart();
                world.look();
            }
        }
        let before = world.grant.available_bytes;
        let closing = std::mem::take(&mut world.used);
        let is_late = n % 4 == 3;
        let view = if is_late {
            // The machine slept over the edge.
            let wanted = if hungry { u64::MAX / 4 } else { 1_000_000 };
            world.pass(end + 420 * SECOND, wanted);
            world.look_late()
        } else {
            // The last bytes before the edge still belong to the period that ends.
            world.look()
        };
        assert_eq!(view.period_start_usec, usec(end), "{} {n}", line.zone);
        let dripped = view.accrued_bytes - BURST;
        assert!(is_late || dripped == 0, "the burst is credited, once");
        assert!(dripped < BUDGET / 2000, "{dripped}");
        // A queue that was never told of the edge has gone on with the drip.
        world.used = view.used_bytes;
        assert!(world.grant.available_bytes > i64::try_from(BURST).unwrap() / 100 * 99);
        if hungry {
            assert!(before < 1_000_000_000, "{before} were left before the edge");
            assert!(closing > BUDGET - 1_000_000_000, "{closing}");
            shown.lifted += 1;
        }
        assert!(closing <= BUDGET + PACKET, "{closing} in one period");
        shown.periods += 1;
    }
    world.books.commit().unwrap();
    let (rows, next) = world
        .books
        .history("eth0", Resolution::Months, 0, u64::MAX)
        .unwrap()
        .unwrap();
    let mut rows = rows;
    let mut from = next;
    while from != 0 {
        let page = world
            .books
            .history("eth0", Resolution::Months, from, u64::MAX);
        let (more, next) = page.unwrap().unwrap();
        rows.extend(more);
        from = next;
    }
    assert_eq!(
        rows.iter().map(|row| row.used_bytes).sum::<u64>(),
        world.sent
    );
    for (row, pair) in rows.iter().zip(line.edges.windows(2)) {
        assert_eq!(
            (row.start_usec, row.end_usec),
            (usec(pair[0]), usec(pair[1]))
        );
    }
    shown.looks = world.looks;
    shown
}

fn live_in(zone: &str) {
    let begin = Instant::now();
    let mut all = Shown::default();
    for line in lines(zone) {
        let shown = live(&line);
        assert_eq!(shown.periods, 16);
        all.periods += shown.periods;
        all.lifted += shown.lifted;
        all.looks += shown.looks;
    }
    println!(
        "MEASURED {zone}: {} billing periods with {} looks in {:.1} s: every edge to the \
         microsecond, the burst credited once in each, {} links that had used up everything let go \
         in the first look at or after \
         the edge, no byte lost or charged twice, never more than one packet \
         above what had accrued",
        all.periods,
        all.looks,
        begin.elapsed().as_secs_f64(),
        all.lifted
    );
}

#[test]
fn months_of_utc() {
    live_in("UTC");
}

#[test]
fn months_of_sao_paulo_whose_midnights_come_twice_or_never() {
    live_in("America/Sao_Paulo");
}

#[test]
fn months_of_lord_howe_with_half_an_hour_of_summer_time() {
    live_in("Australia/Lord_Howe");
}

#[test]
fn months_of_kathmandu_that_begin_within_an_hour() {
    live_in("Asia/Kathmandu");
}
