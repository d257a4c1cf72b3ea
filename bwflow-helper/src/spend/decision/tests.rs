#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bwflow_proto::config::{Azure, Tier};
use proptest::prelude::*;

use super::*;
use crate::azure::{Budget, BudgetSource, Cost, Grain};
use crate::period::Period;
use crate::spend::moment::Moment;
use crate::spend::record::KnownBudget;

pub(crate) const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// First instant of the period in which the tests begin; periods are 30 days.
const START: i64 = 1_000 * DAY;
const NEXT: i64 = START + 30 * DAY;

pub(crate) fn config() -> Spend {
    let tier = |name: &str, up_to, off| Tier {
        name: name.to_owned(),
        up_to,
        bitrate: Some(1),
        link_rate: None,
        off,
    };
    Spend {
        check_interval: Duration::from_secs(3600),
        cost_interval: Duration::from_secs(4 * 3600),
        stale_after: Duration::from_secs(12 * 3600),
        cost_delay: Duration::from_secs(24 * 3600),
        hysteresis: 200,
        currency: "USD".to_owned(),
        price_per_gb: Some(Money::from_micros(87_000)),
        price_preset: None,
        interface: Some("eth0".to_owned()),
        azure: Azure::default(),
        tiers: vec![
            tier("high", Some(5_000), false),
            tier("medium", Some(9_000), false),
            tier("low", Some(10_000), false),
            tier("off", None, true),
        ],
        jellyfin: None,
    }
}

/// The clocks `usec` after the beginning of the first period, in the boot of this number.
pub(crate) fn at(usec: i64, boot: u32) -> Clock {
    Clock {
        boot: boot.to_string().into(),
        boottime_usec: usec,
        usec: START + usec,
    }
}

fn period(start_usec: i64) -> Period {
    Period {
        start_usec,
        end_usec: start_usec + 30 * DAY,
    }
}

fn budget(start_usec: i64) -> Budget {
    Budget {
        name: Some("month".to_owned()),
        amount: Money::from_micros(100_000_000),
        currency: "USD".to_owned(),
        source: BudgetSource::AzureBudget,
        note: String::new(),
        grain: Grain::Monthly,
        anchor_usec: 0,
        period: period(start_usec),
        filter: None,
        scope: "subscriptions/0".to_owned(),
    }
}

/// What the cloud says: that so many hundredths of a percent are spent, or that it has no figure.
fn tell(record: &mut Record, share: Option<i64>, clock: &Clock) {
    record.turn_to("azure", &Moment::of(clock));
    let start_usec = START + (clock.usec - START).div_euclid(30 * DAY) * 30 * DAY;
    let now = Moment::of(clock);
    record.budget = Some(KnownBudget {
        budget: budget(start_usec),
        at: now.clone(),
        is_confirmed: true,
    });
    let cost = Cost {
        amount: share.map(|share| Money::from_micros(share * 10_000)),
        currency: share.map(|_| "USD".to_owned()),
        server_usec: clock.usec,
        period: period(start_usec),
    };
    record.learn(&cost, &now);
}

fn step(record: &mut Record, bytes: u64, clock: &Clock) -> Decision {
    record.turn_to("azure", &Moment::of(clock));
    let decision = decide(&config(), record, Some(bytes), clock);
    record.standing = decision.standing.clone();
    decision
}

fn tier(record: &Record) -> &str {
    record.standing.tier.as_deref().unwrap_or("none")
}

fn index(record: &Record) -> Option<usize> {
    let name = record.standing.tier.as_ref()?;
    config().tiers.iter().position(|tier| tier.name == *name)
}

#[test]
fn nothing_is_applied_before_the_first_figure_but_ignorance_does_not_last_for_ever() {
    let mut record = Record::default();
    for (hours, expected) in [
        (0, "none"),
        (11, "none"),
        (12, "medium"),
        (23, "medium"),
        (24, "low"),
        (36, "off"),
        (500, "off"),
    ] {
        let decision = step(&mut record, 0, &at(hours * HOUR, 1));
        assert_eq!(decision.known.knowledge, Knowledge::Unknown);
        assert_eq!(tier(&record), expected, "after {hours} h");
    }
    tell(&mut record, Some(100), &at(501 * HOUR, 1));
    step(&mut record, 0, &at(501 * HOUR, 1));
    assert_eq!(tier(&record), "high", "a fresh figure decides directly");
}

#[test]
fn the_edges_are_inclusive_and_the_way_back_has_slack() {
    let mut record = Record::default();
    for (hour, share, expected) in [
        (1, 5_000, "high"),
        (2, 5_001, "medium"),
        (3, 4_801, "medium"),
        (4, 4_800, "high"),
        (5, 9_000, "medium"),
        (6, 9_001, "low"),
        (7, 10_001, "off"),
        (8, 9_801, "off"),
        (9, 9_800, "low"),
    ] {
        let clock = at(hour * HOUR, 1);
        tell(&mut record, Some(share), &clock);
        let decision = step(&mut record, 0, &clock);
        assert_eq!(decision.known.knowledge, Knowledge::Fresh);
        assert_eq!(tier(&record), expected, "{share}");
    }
    // The least that there is above an edge, which is less than a hundredth of a percent.
    let clock = at(10 * HOUR, 1);
    tell(&mut record, Some(5_000), &clock);
    record.figure.as_mut().unwrap().micros += 1;
    let decision = step(&mut record, 0, &clock);
    let strictest = strict(&config().tiers, decision.share.unwrap());
    assert_eq!((decision.share, strictest), (Some(5_001), 1));
}

#[test]
fn a_figure_grows_stale_and_the_tier_goes_down_step_by_step_and_comes_back_at_once() {
    let mut record = Record::default();
    tell(&mut record, Some(4_900), &at(0, 1));
    for (hours, knowledge, expected) in [
        (0, Knowledge::Fresh, "high"),
        (7, Knowledge::Fresh, "high"),
        (8, Knowledge::Stale, "high"),
        (19, Knowledge::Stale, "high"),
        (20, Knowledge::Stale, "medium"),
        (31, Knowledge::Stale, "medium"),
        (44, Knowledge::Stale, "off"),
    ] {
        let decision = step(&mut record, 0, &at(hours * HOUR, 1));
        assert_eq!(decision.known.knowledge, knowledge, "{hours} h");
        assert_eq!(tier(&record), expected, "{hours} h");
    }
    // In between edge and slack: as it was before, not as ignorance had it.
    tell(&mut record, Some(4_900), &at(45 * HOUR, 1));
    step(&mut record, 0, &at(45 * HOUR, 1));
    assert_eq!((tier(&record), record.standing.steps), ("high", 0));
}

#[test]
fn a_new_period_lifts_only_on_its_own_figures() {
    let mut record = Record::default();
    let eve = 30 * DAY - HOUR;
    tell(&mut record, Some(9_500), &at(eve, 1));
    step(&mut record, 0, &at(eve, 1));
    assert_eq!(tier(&record), "low");
    // The month is over, by our count and by the cloud's, and nothing is reported of the next.
    let decision = step(&mut record, 0, &at(30 * DAY + HOUR, 1));
    assert_eq!(decision.known.knowledge, Knowledge::Unknown);
    tell(&mut record, None, &at(30 * DAY + 2 * HOUR, 1));
    let decision = step(&mut record, 0, &at(30 * DAY + 2 * HOUR, 1));
    assert_eq!(decision.known.knowledge, Knowledge::Unknown);
    assert_eq!(tier(&record), "low");
    // Between edge and slack, but nothing was decided in this period yet.
    tell(&mut record, Some(4_900), &at(30 * DAY + 9 * HOUR, 1));
    step(&mut record, 0, &at(30 * DAY + 9 * HOUR, 1));
    assert_eq!(tier(&record), "high");
}

#[test]
fn what_the_link_sent_may_lower_before_the_report_does() {
    let mut record = Record::default();
    tell(&mut record, Some(4_000), &at(10 * DAY, 1));
    let clock = at(10 * DAY + HOUR, 1);
    let since = unreported_since(&config(), &record, &clock).unwrap();
    assert_eq!(since, START + 9 * DAY, "the report, less what it is behind");
    // 120 GB cost 10.44.
    let decision = step(&mut record, 120_000_000_000, &clock);
    assert_eq!((decision.share, tier(&record)), (Some(5_044), "medium"));
    assert_eq!(decision.estimate.unwrap().to_string(), "50.44");
    // At the beginning of a period nothing of the one before counts.
    tell(&mut record, Some(0), &at(30 * DAY + 5 * HOUR, 1));
    let clock = at(30 * DAY + 6 * HOUR, 1);
    assert_eq!(unreported_since(&config(), &record, &clock), Some(NEXT));
}

#[test]
fn in_an_unreported_period_the_links_own_bytes_lower_but_never_lift() {
    let mut record = Record::default();
    tell(&mut record, Some(1_000), &at(30 * DAY - HOUR, 1));
    step(&mut record, 0, &at(30 * DAY - HOUR, 1));
    let clock = at(30 * DAY + 5 * HOUR, 1);
    assert_eq!(unreported_since(&config(), &record, &clock), Some(NEXT));
    let decision = step(&mut record, 1_100_000_000_000, &clock);
    assert_eq!(decision.known.knowledge, Knowledge::Unknown);
    assert_eq!((decision.share, tier(&record)), (Some(9_570), "low"));
    step(&mut record, 0, &clock);
    assert_eq!(tier(&record), "low");
}

#[test]
fn a_budget_that_nobody_confirms_loosens_nothing() {
    let mut record = Record::default();
    tell(&mut record, Some(6_000), &at(0, 1));
    step(&mut record, 0, &at(0, 1));
    let old = record.budget.clone();
    // The cost is told still, the budget is not.
    tell(&mut record, Some(1_000), &at(9 * HOUR, 1));
    record.budget = old;
    let decision = step(&mut record, 0, &at(9 * HOUR, 1));
    assert!(!decision.known.may_raise);
    assert_eq!(tier(&record), "medium");
    tell(&mut record, Some(1_000), &at(10 * HOUR, 1));
    step(&mut record, 0, &at(10 * HOUR, 1));
    assert_eq!(tier(&record), "high");
}

#[test]
fn a_ledger_that_does_not_tell_what_was_sent_loosens_nothing() {
    let mut record = Record::default();
    tell(&mut record, Some(6_000), &at(0, 1));
    step(&mut record, 0, &at(0, 1));
    tell(&mut record, Some(1_000), &at(4 * HOUR, 1));
    let decision = decide(&config(), &record, None, &at(4 * HOUR, 1));
    assert!(!decision.known.may_raise);
    assert_eq!(decision.standing.tier.as_deref(), Some("medium"));
    step(&mut record, 0, &at(4 * HOUR, 1));
    assert_eq!(tier(&record), "high");
}

#[test]
fn lost_memory_and_renamed_tiers_are_as_strict_as_can_be_until_something_is_known() {
    let mut gone = Record::default();
    gone.standing.tier = Some("gold".to_owned());
    for mut record in [Record::strictest(Some("off")), gone] {
        step(&mut record, 0, &at(0, 1));
        assert_eq!(tier(&record), "off");
        tell(&mut record, None, &at(HOUR, 1));
        step(&mut record, 0, &at(HOUR, 1));
        assert_eq!(tier(&record), "off");
        tell(&mut record, Some(4_900), &at(2 * HOUR, 1));
        step(&mut record, 0, &at(2 * HOUR, 1));
        assert_eq!(tier(&record), "high");
    }
}

#[test]
fn another_source_does_not_inherit_what_the_first_has_said() {
    let mut record = Record::default();
    tell(&mut record, Some(9_500), &at(0, 1));
    step(&mut record, 0, &at(0, 1));
    record.turn_to("another", &Moment::of(&at(HOUR, 1)));
    assert_eq!((&record.figure, &record.budget), (&None, &None));
    let decision = decide(&config(), &record, Some(0), &at(HOUR, 1));
    assert_eq!(decision.known.knowledge, Knowledge::Unknown);
    assert_eq!(decision.standing.tier.as_deref(), Some("low"));
}

#[test]
fn a_wall_clock_that_is_set_changes_nothing() {
    for jump in [-400 * DAY, -HOUR, HOUR, 400 * DAY] {
        let mut record = Record::default();
        tell(&mut record, Some(4_000), &at(10 * DAY, 1));
        step(&mut record, 0, &at(10 * DAY, 1));
        let mut clock = at(10 * DAY + HOUR, 1);
        clock.usec += jump;
        let decision = step(&mut record, 0, &clock);
        assert_eq!(decision.known.knowledge, Knowledge::Fresh, "{jump}");
        assert_eq!(tier(&record), "high", "{jump}");
        let since = unreported_since(&config(), &record, &clock).unwrap();
        assert_eq!(since, START + 9 * DAY + jump);
    }
}

/// What may happen to a guard.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The cloud tells a share.
    Told(i64),
    /// The cloud has nothing yet.
    Nothing,
    /// The cloud does not answer.
    Silence,
    /// The machine restarts.
    Reboot,
}

fn events() -> impl Strategy<Value = Vec<(Event, i64, u64)>> {
    let event = prop_oneof![
        4 => (-50i64..12_000).prop_map(Event::Told),
        1 => Just(Event::Nothing),
        3 => Just(Event::Silence),
        1 => Just(Event::Reboot),
    ];
    let wait = prop_oneof![0..HOUR, 0..3 * DAY];
    prop::collection::vec((event, wait, 0..400_000_000_000u64), 1..40)
}

proptest! {
    #[test]
    fn no_limit_is_loosened_without_fresh_knowledge_and_deciding_again_changes_nothing(
        events in events(),
        jumps in prop::collection::vec(-2 * DAY..2 * DAY, 40),
    ) {
        let mut record = Record::default();
        let (mut now, mut boot) = (5 * DAY, 1);
        for ((event, wait, bytes), jump) in events.into_iter().zip(jumps) {
            now += wait;
            let mut clock = at(now, boot);
            let mut is_told = false;
            match event {
                Event::Told(share) => {
                    is_told = true;
                    tell(&mut record, Some(share), &clock);
                }
                Event::Nothing => tell(&mut record, None, &clock),
                Event::Silence => {}
                Event::Reboot => {
                    boot += 1;
                    clock = at(now, boot);
                    clock.usec += jump;
                }
            }
            let before = index(&record);
            let kept = record.clone();
            let decision = step(&mut record, bytes, &clock);
            let after = index(&record);
            if decision.known.knowledge != Knowledge::Fresh {
                prop_assert!(after >= before, "{before:?} to {after:?}: {:?}", decision);
            }
            if is_told {
                prop_assert_eq!(decision.known.knowledge, Knowledge::Fresh);
                let share = decision.share.unwrap();
                prop_assert!(after.unwrap() >= strict(&config().tiers, share));
            }
            // Never looser than what fresh knowledge asks for.
            // The same again, and the same from the disk.
            let again = decide(&config(), &record, Some(bytes), &clock);
            prop_assert_eq!(&again.standing, &record.standing);
            let text = serde_json::to_string(&kept).unwrap();
            let kept: Record = serde_json::from_str(&text).unwrap();
            let restarted = decide(&config(), &kept, Some(bytes), &clock);
            prop_assert_eq!(&restarted.standing, &record.standing);
        }
    }

    #[test]
    fn more_cost_never_means_a_more_generous_tier(
        first in -50i64..12_000,
        second in -50i64..12_000,
        more in 0i64..12_000,
        age in 0..3 * DAY,
        bytes in 0..400_000_000_000u64,
    ) {
        let decided = |second| {
            let mut record = Record::default();
            tell(&mut record, Some(first), &at(0, 1));
            step(&mut record, 0, &at(0, 1));
            tell(&mut record, Some(second), &at(HOUR, 1));
            step(&mut record, bytes, &at(HOUR + age, 1));
            index(&record)
        };
        prop_assert!(decided(second + more) >= decided(second));
    }
}
