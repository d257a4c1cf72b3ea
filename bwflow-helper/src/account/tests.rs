#![allow(clippy::unwrap_used)]
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * HOUR_USEC;
/// 2026-05-05T10:00:00Z
const NOON: i64 = 1_777_975_200 * SECOND;

fn utc() -> Calendar {
    Calendar::new(1, TimeZone::UTC)
}

fn boot(name: &str, usec: i64, boottime_usec: i64) -> Clock {
    Clock {
        boot: name.into(),
        usec,
        boottime_usec,
    }
}

/// A clock of a machine that was booted ten days before noon.
fn clock(after_noon: i64) -> Clock {
    boot("a", NOON + after_noon, 10 * DAY + after_noon)
}

fn reading(interface: &str, interface_index: u32, tx: u64) -> Reading {
    Reading {
        interface: interface.to_owned(),
        interface_index,
        counters: Counters { tx, rx: tx / 2 },
    }
}

fn answer(index: u32, tx: u64) -> Sight {
    Sight::Answer(reading("eth0", index, tx))
}

fn notice(interface: &str, index: u32, tx: u64) -> Sight {
    Sight::Notice(reading(interface, index, tx))
}

fn gone(index: u32, tx: u64) -> Sight {
    Sight::Gone(reading("eth0", index, tx))
}

/// Sent bytes charged so far.
fn charged(account: &Account) -> u64 {
    within(&account.pending, i64::MIN, i64::MAX).tx
}

/// An account that saw interface 2 at 1000 bytes at noon, committed.
fn opened() -> Account {
    let mut account = Account::new("eth0", utc(), None);
    account.observe(&answer(2, 1000), &clock(0));
    assert!(
        account.unsaved().is_some(),
        "the first anchor is worth a commit"
    );
    account.saved();
    account
}

/// The same account after a restart of the helper.
fn restarted(account: &Account) -> Account {
    Account::new("eth0", account.calendar.clone(), account.anchor.clone())
}

#[test]
fn the_first_sight_charges_nothing() {
    assert_eq!(charged(&opened()), 0);
}

#[test]
fn each_byte_is_charged_once() {
    let mut account = opened();
    account.observe(&answer(2, 1500), &clock(15 * SECOND));
    account.observe(&notice("eth0", 2, 1600), &clock(16 * SECOND));
    account.observe(&answer(2, 1600), &clock(30 * SECOND));
    assert_eq!(charged(&account), 600);
}

#[test]
fn silence_commits_nothing_but_an_hour_of_it_does() {
    let mut account = opened();
    assert!(!account.observe(&answer(2, 1000), &clock(15 * SECOND)));
    assert_eq!(account.unsaved(), None);
    account.observe(&answer(2, 1000), &clock(HOUR_USEC));
    assert!(account.unsaved().is_some());
}

#[test]
fn bytes_after_silence_belong_to_the_last_moments() {
    let mut account = opened();
    account.observe(&answer(2, 1000), &clock(3 * HOUR_USEC - 15 * SECOND));
    account.observe(&answer(2, 1900), &clock(3 * HOUR_USEC));
    assert_eq!(account.pending.len(), 1);
    assert_eq!(account.pending[0].start_usec, NOON + 2 * HOUR_USEC);
}

#[test]
fn an_hour_without_the_helper_is_spread_over_its_time() {
    let mut account = restarted(&opened());
    account.observe(&answer(2, 1000 + 900), &clock(HOUR_USEC + HOUR_USEC / 2));
    let parts: Vec<_> = account.pending.iter().map(|slot| slot.bytes.tx).collect();
    assert_eq!(parts, [600, 300]);
}

#[test]
fn after_a_reboot_the_new_counter_is_charged_whole_and_since_the_boot() {
    let mut account = restarted(&opened());
    // Two days later, up for one hour.
    account.observe(&answer(2, 700), &boot("b", NOON + 2 * DAY, HOUR_USEC));
    assert_eq!(charged(&account), 700);
    assert_eq!(account.pending.len(), 1);
    assert_eq!(account.pending[0].start_usec, NOON + 2 * DAY - HOUR_USEC);
}

#[test]
fn the_last_bytes_of_a_vanishing_interface_are_charged() {
    let mut account = opened();
    account.observe(&gone(2, 1250), &clock(SECOND));
    assert_eq!(charged(&account), 250);
    assert!(account.present().is_none());
    account.observe(&Sight::Missing("eth0".to_owned()), &clock(2 * SECOND));
    account.observe(&notice("eth0", 3, 0), &clock(3 * SECOND));
    account.observe(&answer(3, 40), &clock(4 * SECOND));
    assert_eq!(charged(&account), 290);
}

#[test]
fn re_creation_behind_our_back_charges_the_new_counter_whole() {
    let mut account = restarted(&opened());
    account.observe(&answer(3, 40), &clock(SECOND));
    assert_eq!(charged(&account), 40);
}

#[test]
fn re_creation_with_the_same_index_is_a_reset() {
    let mut account = restarted(&opened());
    account.observe(&answer(2, 40), &clock(SECOND));
    assert_eq!(charged(&account), 40);
}

#[test]
fn a_re_creation_whose_new_counter_has_passed_the_old_one_loses_nothing_while_we_listen() {
    let mut account = opened();
    account.observe(&gone(2, 1100), &clock(SECOND));
    account.observe(&notice("eth0", 2, 0), &clock(SECOND));
    account.observe(&answer(2, 5000), &clock(2 * SECOND));
    assert_eq!(charged(&account), 5100);
}

#[test]
fn a_renamed_link_is_charged_until_the_rename_and_from_its_return() {
    let mut account = opened();
    account.observe(&notice("old0", 2, 1300), &clock(SECOND));
    assert!(account.present().is_none());
    account.observe(&notice("old0", 2, 9000), &clock(2 * SECOND));
    account.observe(&notice("eth0", 2, 9500), &clock(3 * SECOND));
    account.observe(&answer(2, 9507), &clock(4 * SECOND));
    assert_eq!(charged(&account), 307);
}

#[test]
fn another_link_that_takes_the_name_is_charged_from_then_on() {
    let mut account = opened();
    account.observe(&notice("old0", 2, 1300), &clock(SECOND));
    account.observe(&notice("eth0", 9, 77_000), &clock(2 * SECOND));
    account.observe(&answer(9, 77_005), &clock(3 * SECOND));
    assert_eq!(charged(&account), 305);
}

#[test]
fn a_notice_before_the_first_answer_waits_for_it() {
    let mut account = restarted(&opened());
    let clock = boot("b", NOON + DAY, HOUR_USEC);
    assert!(!account.observe(&notice("eth0", 2, 400), &clock));
    account.observe(&answer(2, 400), &clock);
    assert_eq!(charged(&account), 400);
}

#[test]
fn a_veth_that_has_lost_its_peer_has_not_been_reset() {
    let mut account = opened();
    let torn = Reading {
        counters: Counters { tx: 1250, rx: 0 },
        ..reading("eth0", 2, 0)
    };
    account.observe(&Sight::Notice(torn.clone()), &clock(SECOND));
    account.observe(&Sight::Gone(torn), &clock(SECOND));
    let all = within(&account.pending, i64::MIN, i64::MAX);
    assert_eq!(all, Counters { tx: 250, rx: 0 });
}

#[test]
fn a_reset_that_was_told_is_charged_with_the_next_answer() {
    let mut account = opened();
    account.observe(&notice("eth0", 2, 40), &clock(SECOND));
    account.observe(&answer(2, 60), &clock(2 * SECOND));
    assert_eq!(charged(&account), 60);
}

#[test]
fn after_lost_notices_the_next_answer_decides() {
    let mut account = opened();
    account.observe(&Sight::Overrun, &clock(SECOND));
    account.observe(&answer(3, 40), &clock(2 * SECOND));
    assert_eq!(charged(&account), 40);
    assert!(account.present().is_some());
}

#[test]
fn other_links_do_not_matter() {
    let mut account = opened();
    let other = reading("eth1", 3, 5);
    for sight in [
        Sight::Answer(other.clone()),
        Sight::Notice(other.clone()),
        Sight::Gone(other),
        Sight::Missing("eth1".to_owned()),
    ] {
        assert!(!account.observe(&sight, &clock(SECOND)));
    }
    assert_eq!(charged(&account), 0);
    assert!(account.present().is_some());
}

#[test]
fn a_clock_stepped_back_by_a_day_charges_where_the_clock_is() {
    let mut account = opened();
    account.observe(&answer(2, 1100), &clock(SECOND));
    // The wall clock is a day behind, the other one goes on.
    account.observe(
        &answer(2, 1300),
        &boot("a", NOON - DAY, 10 * DAY + 2 * SECOND),
    );
    assert_eq!(charged(&account), 300);
    let day_before = within(
        &account.pending,
        NOON - DAY - HOUR_USEC,
        NOON - DAY + HOUR_USEC,
    );
    assert_eq!(day_before.tx, 200);
}

#[test]
fn a_clock_stepped_back_over_a_period_edge_reenters_the_old_period() {
    let edge = NOON - 4 * DAY - 10 * HOUR_USEC;
    let mut account = opened();
    let period = utc().containing(edge);
    assert_eq!(period.start_usec, edge, "the test's own arithmetic");
    account.observe(&answer(2, 1100), &clock(SECOND));
    account.observe(
        &answer(2, 1300),
        &boot("a", edge - 1, 10 * DAY + 2 * SECOND),
    );
    account.observe(&answer(2, 1400), &clock(3 * SECOND));
    assert_eq!(within(&account.pending, i64::MIN, edge).tx, 200);
    assert_eq!(within(&account.pending, edge, i64::MAX).tx, 200);
}

#[test]
fn a_clock_stepped_forward_by_a_day_is_no_day_of_traffic() {
    let mut account = opened();
    account.observe(&answer(2, 1300), &boot("a", NOON + DAY, 10 * DAY + SECOND));
    assert_eq!(account.pending.len(), 1, "one second of traffic, not a day");
    assert_eq!(account.pending[0].bytes.tx, 300);
    assert_eq!(account.pending[0].start_usec, NOON + DAY - HOUR_USEC);
}

#[test]
fn a_failed_commit_keeps_the_charges() {
    let mut account = opened();
    account.observe(&answer(2, 1100), &clock(SECOND));
    // No `saved` here: the disk was full.
    account.observe(&answer(2, 1300), &clock(2 * SECOND));
    let (slots, anchor) = account.unsaved().unwrap();
    assert_eq!((slots.len(), slots[0].bytes.tx), (1, 300));
    assert_eq!(anchor.counters.tx, 1300);
}

/// Something that happens to a link or to the helper.
#[derive(Clone, Copy, Debug)]
enum Event {
    Traffic(u64),
    Look,
    Commit,
    Kill,
    Recreate,
    Reboot,
    ClockStep(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0u64..1 << 30).prop_map(Event::Traffic),
        4 => Just(Event::Look),
        2 => Just(Event::Commit),
        2 => Just(Event::Kill),
        1 => Just(Event::Recreate),
        1 => Just(Event::Reboot),
        1 => (-DAY..DAY).prop_map(Event::ClockStep),
    ];
    prop::collection::vec(event, 1..60)
}

proptest! {
    /// A model of the world beside the account: whatever happens, and whenever the helper dies,
    /// the ledger ends up with every byte once. Only bytes nobody could have seen are missing:
    /// those between the last look and a reboot.
    #[test]
    fn each_byte_once_whatever_happens(events in events(), zone in 0usize..3) {
        let zone = ["UTC", "Asia/Kathmandu", "America/Sao_Paulo"][zone];
        let calendar = Calendar::new(31, TimeZone::get(zone).unwrap());
        let mut account = Account::new("eth0", calendar.clone(), None);
        let (mut booted, mut index, mut now, mut up) = (0u32, 2u32, NOON, DAY);
        // What the kernel counts, what should be charged, and what of it nobody has seen.
        let (mut counter, mut expected, mut unseen) = (0u64, 0u64, 0u64);
        let mut ledger = 0;
        account.observe(&answer(index, counter), &boot("0", now, up));
        let (mut in_memory, mut saved_anchor) = (0u64, account.anchor.clone());
        account.saved();
        for event in events {
            now += 7 * SECOND;
            up += 7 * SECOND;
            let clock = boot(&booted.to_string(), now, up);
            match event {
                Event::Traffic(bytes) => {
                    counter += bytes;
                    expected += bytes;
                    unseen += bytes;
                }
                Event::Look => {
                    account.observe(&answer(index, counter), &clock);
                    in_memory += unseen;
                    unseen = 0;
                }
                Event::Commit => {
                    ledger += charged(&account);
                    saved_anchor = account.anchor.clone();
                    account.saved();
                    in_memory = 0;
                }
                Event::Kill => {
                    account = Account::new("eth0", calendar.clone(), saved_anchor.clone());
                    account.observe(&answer(index, counter), &clock);
                    in_memory += unseen;
                    unseen = 0;
                }
                Event::Recreate => {
                    account.observe(&gone(index, counter), &clock);
                    unseen = 0;
                    index += 1;
                    counter = 0;
                    account.observe(&notice("eth0", index, 0), &clock);
                    ledger += charged(&account);
                    saved_anchor = account.anchor.clone();
                    account.saved();
                    in_memory = 0;
                }
                Event::Reboot => {
                    expected -= unseen + in_memory;
                    (unseen, in_memory) = (0, 0);
                    booted += 1;
                    (counter, up) = (0, SECOND);
                    account = Account::new("eth0", calendar.clone(), saved_anchor.clone());
                    account.observe(&answer(index, 0), &boot(&booted.to_string(), now, up));
                }
                Event::ClockStep(step) => now += step,
            }
            prop_assert_eq!(ledger + charged(&account) + unseen, expected);
        }
    }
}

#[test]
fn chatter_waits_five_minutes_for_its_commit_and_traffic_does_not() {
    let mut account = opened();
    assert!(!account.commit_is_due());
    account.observe(&answer(2, 1070), &clock(15 * SECOND));
    assert!(!account.commit_is_due());
    assert!(account.unsaved().is_some(), "nothing is lost at the end");
    account.observe(&answer(2, 1070), &clock(299 * SECOND));
    assert!(!account.commit_is_due());
    account.observe(&answer(2, 1070), &clock(300 * SECOND));
    assert!(account.commit_is_due());
    account.saved();
    account.observe(&answer(2, 1070 + CHATTER), &clock(315 * SECOND));
    assert!(account.commit_is_due());
    account.saved();
    // Counters that fell, and another interface, must not be taken for what they were.
    account.observe(&answer(2, 10), &clock(330 * SECOND));
    assert!(account.commit_is_due());
    account.saved();
    account.observe(&answer(3, 0), &clock(331 * SECOND));
    assert!(account.commit_is_due());
}
