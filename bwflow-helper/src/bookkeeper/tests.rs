#![allow(clippy::unwrap_used)]
use std::path::Path;

use bwflow_proto::config::load_str;

use super::pace::DAY_USEC;
use super::*;
use crate::counter::Counters;
use crate::ledger::slot::HOUR_USEC;
use crate::meter::Reading;

/// 2026-05-05T10:00:00Z
pub(crate) const NOW: i64 = 1_777_975_200_000_000;

pub(crate) fn config(text: &str) -> Config {
    load_str("config.toml", text).unwrap().config
}

pub(crate) fn one_link() -> Config {
    config(
        "[bandwidth]\nmonthly_budget_gb = 100\npre_charge_gb = 50\n\
         [network]\ninterface = \"eth0\"\n",
    )
}

pub(crate) fn books(directory: &Path, config: Config) -> Bookkeeper {
    Bookkeeper::new(config, Store::open(directory).unwrap()).unwrap()
}

pub(crate) fn clock(after: i64) -> Clock {
    Clock {
        boot: "a".into(),
        usec: NOW + after,
        boottime_usec: 50 * DAY_USEC + after,
    }
}

pub(crate) fn answer(interface: &str, tx: u64) -> Sight {
    Sight::Answer(Reading {
        interface: interface.to_owned(),
        interface_index: 2,
        counters: Counters { tx, rx: 0 },
    })
}

#[test]
fn figures_hold_across_a_restart_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    let mut before = books(directory.path(), one_link());
    before.observe(&[answer("eth0", 1000)], &clock(0));
    before.commit().unwrap();
    assert_eq!(
        before.observe(&[answer("eth0", 4000)], &clock(5)),
        ["eth0".to_owned()]
    );
    before.commit().unwrap();
    // Seen, but never committed: counted again after the restart.
    before.observe(&[answer("eth0", 4400)], &clock(6));
    let lost = before.figures("eth0", &clock(6)).unwrap().unwrap();
    drop(before);
    let mut after = books(directory.path(), one_link());
    after.observe(&[answer("eth0", 4400)], &clock(6));
    let found = after.figures("eth0", &clock(6)).unwrap().unwrap();
    assert_eq!(found, lost);
    assert_eq!((found.1.used_bytes, found.0.tx_counter), (3400, 4400));
    assert_eq!(
        found.1.available_bytes,
        i64::try_from(found.1.accrued_bytes).unwrap() - 3400
    );
}

#[test]
fn a_link_that_was_never_there_has_figures_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = books(directory.path(), one_link());
    books.observe(&[Sight::Missing("eth0".to_owned())], &clock(0));
    books.commit().unwrap();
    let (grant, view) = books.figures("eth0", &clock(0)).unwrap().unwrap();
    assert_eq!((grant.interface_index, view.used_bytes), (0, 0));
    assert_eq!(view.forecast_bytes, 0);
}

#[test]
fn a_new_configuration_keeps_what_was_charged() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = books(directory.path(), one_link());
    books.observe(&[answer("eth0", 1000)], &clock(0));
    books.observe(&[answer("eth0", 1500)], &clock(1));
    let two = config(
        "[bandwidth]\nmonthly_budget_gb = 200\n[[link]]\ninterface = \"eth1\"\n\
         [[link]]\ninterface = \"eth0\"\n",
    );
    books.reconfigure(two).unwrap();
    assert_eq!(books.interfaces(), ["eth1", "eth0"]);
    let (_, view) = books.figures("eth0", &clock(2)).unwrap().unwrap();
    assert_eq!((view.used_bytes, view.budget_bytes), (500, 200_000_000_000));
}

#[test]
fn a_correction_holds_from_now_on_in_its_period_and_is_booked_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = books(directory.path(), one_link());
    books.observe(&[answer("eth0", 0)], &clock(0));
    books.commit().unwrap();
    // Not committed, and corrected all the same.
    books.observe(&[answer("eth0", 4000)], &clock(5));
    let correction = |n: u32, used, after: i64| TopUp {
        id: format!("{n:032x}"),
        used_bytes: Some(used),
        owner: "alice".to_owned(),
        at_usec: u64::try_from(NOW + after).unwrap(),
        ..TopUp::default()
    };
    let used = |books: &Bookkeeper, after| {
        let (grant, view) = books.figures("eth0", &clock(after)).unwrap().unwrap();
        assert_eq!(grant.available_bytes, view.available_bytes);
        (view.used_bytes, view.correction_bytes)
    };
    books.book("eth0", &[correction(1, 7000, 5)]).unwrap();
    assert_eq!(used(&books, 5), (7000, 3000));
    books.observe(&[answer("eth0", 4100)], &clock(6));
    // Handed over again, it is not booked again.
    books.book("eth0", &[correction(1, 7000, 5)]).unwrap();
    assert_eq!(used(&books, 6), (7100, 3000));
    // Of two at once the later one holds.
    let both = [correction(2, 1, 6), correction(3, 50, 6)];
    books.book("eth0", &both).unwrap();
    assert_eq!(used(&books, 6), (50, 50 - 4100));
    // Of the period that begins then nothing is corrected, though that is booked in it.
    let next = 30 * DAY_USEC;
    books.observe(&[answer("eth0", 4105)], &clock(next));
    assert_eq!(used(&books, next).1, 0);
    let before = used(&books, next);
    books.book("eth0", &[correction(4, 90_000, 7)]).unwrap();
    assert_eq!(used(&books, next), before);
    assert!(!books.book("eth9", &both).unwrap());
    let months = books
        .history(
            "eth0",
            bwflow_proto::history::Resolution::Months,
            0,
            u64::MAX,
        )
        .unwrap()
        .unwrap();
    assert_eq!(months.0[0].used_bytes, 90_000);
}

#[test]
fn what_is_excluded_is_in_no_figure_before_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut before = books(directory.path(), one_link());
    let excluded = |tx_bytes| Excluded {
        epoch: 9,
        tx_bytes,
        ..Excluded::default()
    };
    let used = |books: &Bookkeeper| {
        let hours = bwflow_proto::history::Resolution::Hours;
        let until = u64::try_from(NOW + HOUR_USEC).unwrap();
        let (rows, _) = books.history("eth0", hours, 0, until).unwrap().unwrap();
        let (_, view) = books.figures("eth0", &clock(20)).unwrap().unwrap();
        let past: u64 = rows.iter().map(|row| row.used_bytes).sum();
        (view.used_bytes, past, view.excluded_bytes)
    };
    before.observe(&[answer("eth0", 0)], &clock(0));
    assert!(before.exclude("eth0", &excluded(0), &clock(0)), "news");
    before.observe(&[answer("eth0", 5000)], &clock(10));
    before.exclude("eth0", &excluded(3000), &clock(10));
    assert_eq!(used(&before), (2000, 2000, Some(3000)));
    before.commit().unwrap();
    assert_eq!(used(&before), (2000, 2000, Some(3000)));
    drop(before);
    let mut after = books(directory.path(), one_link());
    // The daemon counted on meanwhile.
    after.observe(&[answer("eth0", 6000)], &clock(15));
    after.exclude("eth0", &excluded(3700), &clock(15));
    assert_eq!(used(&after), (2300, 2300, Some(3700)));
}

#[test]
fn the_pace_begins_with_the_first_sight() {
    let directory = tempfile::tempdir().unwrap();
    let mut books = books(directory.path(), one_link());
    books.observe(&[answer("eth0", 0)], &clock(0));
    books.commit().unwrap();
    // 10 MB in ten minutes, and 26 days and 13 h 50 min to go.
    books.observe(&[answer("eth0", 10_000_000)], &clock(HOUR_USEC / 6));
    let (_, view) = books
        .figures("eth0", &clock(HOUR_USEC / 6))
        .unwrap()
        .unwrap();
    let minutes = 26 * 24 * 60 + 13 * 60 + 50;
    assert_eq!(view.forecast_bytes, 10_000_000 + minutes * 1_000_000);
}

#[test]
fn the_loop_is_to_wake_at_the_next_edge_of_any_link() {
    let directory = tempfile::tempdir().unwrap();
    let books = books(directory.path(), one_link());
    assert_eq!(books.next_edge(NOW), NOW + HOUR_USEC);
    assert_eq!(books.next_edge(NOW - 1), NOW);
}
