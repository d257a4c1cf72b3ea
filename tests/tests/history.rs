//! What the links moved before, as everybody may ask for it, also those who ask without end.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bwflow_helper::counter::{Anchor, Counters};
use bwflow_helper::ledger::slot::{HOUR_USEC, Slot};
use bwflow_helper::ledger::store::{Entry, Store};
use bwflow_proto::bus::HelperProxy;
use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{milliseconds, wait_for};
use serde_json::Value;
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(20);

/// What `bwflowctl history` prints with these words; it must succeed.
fn told(rig: &Rig, words: &[&str]) -> String {
    let output = rig.ctl(&[&["history"], words].concat());
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {talk}");
    String::from_utf8(output.stdout).unwrap()
}

fn link(rig: &Rig, words: &[&str]) -> Value {
    let history: Value = serde_json::from_str(&told(rig, words)).unwrap();
    assert_eq!(history["version"], 1);
    assert_eq!(history["links"][0]["interface"], LINK);
    history["links"][0].clone()
}

fn used(link: &Value) -> u64 {
    let rows = link["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| row["used_bytes"].as_u64().unwrap())
        .sum()
}

#[test]
fn hours_days_and_periods_hold_what_went_out_and_who_changed_what() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    let traffic = Traffic::start(&rig.pair);
    wait_for("traffic", LONG, || {
        (rig.pair.sent() > 20_000_000).then_some(())
    });
    drop(traffic);
    let added = rig.ctl(&["override", "--add", "5 GB", "--reason", "release day"]);
    assert!(added.status.success(), "{added:?}");
    for words in [&["--hours"][..], &["--days"], &["--months"], &[]] {
        let words = [words, &["--json"]].concat();
        // Fresh figures are to be had once a second.
        wait_for("every byte in the history", LONG, || {
            (used(&link(&rig, &words)) == rig.pair.sent()).then_some(())
        });
        let change = &link(&rig, &words)["adjustments"][0];
        assert_eq!(change["kind"], "topup");
        assert_eq!(change["bytes"], 5_000_000_000_u64);
        assert_eq!(change["owner"], "root");
        assert_eq!(change["reason"], "release day");
    }
    let month = &link(&rig, &["--months", "--json"])["rows"][0];
    let report = rig.report().unwrap();
    assert_eq!(month["start"], report["period"]["start"]);
    assert_eq!(month["end"], report["period"]["end"]);
    assert_eq!(month["used_bytes"], report["used_bytes"]);
    let table = told(&rig, &[]);
    assert!(
        table.contains(": top-up of 5 GB by root: release day\n"),
        "{table}"
    );
    let is_bar = |ink: &str| table.contains(&format!("  {}", ink.repeat(20)));
    assert!(is_bar("█") || is_bar("#"), "{table}");
    let csv = told(&rig, &["--csv", "--months"]);
    let last = csv.lines().last().unwrap();
    assert!(last.starts_with(&format!("{LINK},20")), "{csv}");
    assert!(last.ends_with(",bwflow"), "{csv}");
    // The daemon is not needed.
    rig.daemon.take().unwrap().terminate();
    assert_eq!(used(&link(&rig, &["--json"])), rig.pair.sent());
}

#[test]
fn nothing_to_tell_is_no_failure_and_nobody_to_tell_it_is() {
    let mut rig = Rig::new();
    rig.start(&young("20 GB", "10 GB", ""));
    let since = "2001-01-01";
    let output = rig.ctl(&["history", "--since", since]);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    // A veth pair may have said hello already.
    let is_quiet = rig.pair.sent() == 0;
    assert_eq!(output.status.code(), Some(0), "{talk}");
    if is_quiet {
        assert!(
            talk.contains("wan0: nothing was counted in that time"),
            "{talk}"
        );
    }
    let unknown = rig.ctl(&["history", "-i", "wan9"]);
    let talk = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(2), "{talk}");
    assert!(
        talk.contains("no link `wan9`: the configuration has wan0"),
        "{talk}"
    );
    rig.helper.take().unwrap().terminate();
    let absent = rig.ctl(&["history"]);
    let talk = String::from_utf8_lossy(&absent.stderr).into_owned();
    assert_eq!(absent.status.code(), Some(3), "{talk}");
    assert!(
        talk.contains("bwflow-helper is not running; start it"),
        "{talk}"
    );
}

/// A ledger of two years with an hour in each hour.
fn long_ledger(rig: &Rig) -> (u64, usize) {
    const HOURS: i64 = 2 * 365 * 24;
    let output = std::process::Command::new("date")
        .arg("+%s")
        .output()
        .unwrap();
    let now: i64 = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let this_hour = now * 1_000_000 - (now * 1_000_000) % HOUR_USEC;
    let slots: Vec<Slot> = (1..=HOURS)
        .map(|ago| Slot {
            start_usec: this_hour - ago * HOUR_USEC,
            bytes: Counters { tx: 1000, rx: 10 },
        })
        .collect();
    let anchor = Anchor {
        boot: "another".into(),
        interface_index: 1,
        counters: Counters::default(),
        moved: Counters::default(),
        usec: this_hour,
        boottime_usec: 0,
    };
    let mut store = Store::open(&rig.state()).unwrap();
    let entry = Entry {
        interface: LINK,
        slots: &slots,
        anchor: &anchor,
        excluded: None,
    };
    store.commit(&[entry]).unwrap();
    drop(store);
    // The helper's user is another.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(rig.state()).unwrap());
    for file in std::fs::read_dir(rig.state()).unwrap() {
        std::os::unix::fs::chown(file.unwrap().path(), Some(owner), None).unwrap();
    }
    (slots.len() as u64 * 1000, slots.len())
}

#[test]
fn a_flood_of_questions_holds_nothing_up() {
    const ASKERS: usize = 20;
    let mut rig = Rig::new();
    let (before, hours) = long_ledger(&rig);
    rig.start(&young(
        "9000 GB",
        "8999 GB",
        "[daemon]\npoll_interval_seconds = 1\n",
    ));
    let csv = told(&rig, &["--hours", "--since", "1000d", "--csv"]);
    assert!(csv.lines().count() > hours, "all pages are there");
    let flood = Arc::new(AtomicBool::new(true));
    let (answered, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let traffic = Traffic::start(&rig.pair);
    let (slowest, took) = runtime.block_on(async {
        let mut askers = Vec::new();
        for _ in 0..ASKERS {
            let connection = rig.bus.connect().await;
            let flags = (
                Arc::clone(&flood),
                Arc::clone(&answered),
                Arc::clone(&refused),
            );
            askers.push(tokio::spawn(async move {
                let helper = HelperProxy::new(&connection).await.unwrap();
                while flags.0.load(Ordering::Relaxed) {
                    match helper.history(LINK, "months", 0, u64::MAX).await {
                        Ok((rows, _)) => {
                            assert!(rows.len() == 1 || rows.len() == 2, "{rows:?}");
                            flags.1.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(zbus::Error::MethodError(name, ..)) => {
                            assert_eq!(name, "org.bwflow1.Error.LimitsExceeded");
                            flags.2.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }));
        }
        let connection = rig.bus.connect().await;
        let helper = HelperProxy::new(&connection).await.unwrap();
        let begin = Instant::now();
        let mut slowest = Duration::ZERO;
        while begin.elapsed() < Duration::from_secs(6) {
            let asked = Instant::now();
            helper.refresh().await.unwrap();
            slowest = slowest.max(asked.elapsed());
            sleep(Duration::from_millis(100)).await;
        }
        flood.store(false, Ordering::Relaxed);
        for asker in askers {
            asker.await.unwrap();
        }
        (slowest, begin.elapsed())
    });
    drop(traffic);
    let (answered, refused) = (
        answered.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed),
    );
    println!(
        "MEASURED {ASKERS} connections asking for the months of a long ledger over and over: {answered} \
         answers and {refused} refusals in {:.1} s, the slowest count and commit meanwhile {:.0} ms",
        took.as_secs_f64(),
        milliseconds(slowest)
    );
    assert!(refused > answered, "there was no flood");
    // 40 at once, 20 a second.
    let most = 40.0 + 20.0 * took.as_secs_f64() + 1.0;
    assert!(
        answered as f64 <= most && answered >= 40,
        "{answered} answers"
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    wait_for("every byte in the ledger", LONG, || {
        let history = link(&rig, &["--json", "--since", "1000d"]);
        (used(&history) == before + rig.pair.sent()).then_some(())
    });
}
