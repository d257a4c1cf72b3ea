use std::sync::LazyLock;
use std::time::Duration;

use bwflow_proto::config::Source;
use bwflow_proto::count::Count;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::counter::Counters;
use crate::ledger::Totals;
use crate::period::Period;

const SECOND: i64 = 1_000_000;
/// A period of a million seconds keeps the arithmetic readable.
const END: i64 = 1_000_000 * SECOND;

fn link(throttle: Throttle) -> Link {
    Link {
        interface: "eth0".to_owned(),
        budget_bytes: 100_000_000,
        burst_bytes: 0,
        billing_day: 1,
        timezone: TimeZone::UTC,
        count: Count::Tx,
        throttle,
        min_rate: 8,
        exclude: Vec::new(),
    }
}

fn config(link: &Link) -> Config {
    Config {
        links: vec![link.clone()],
        poll_interval: Duration::from_secs(15),
        alert_percents: vec![50, 80, 100],
        source: Source::Auto,
        spend: None,
        idle_jellyfin: None,
    }
}

fn balance(link: &Link, used: u64) -> Balance {
    Balance {
        period: Period {
            start_usec: 0,
            end_usec: END,
        },
        budget: link.budget_bytes,
        burst: link.burst_bytes,
        count: link.count,
        totals: Totals {
            traffic: Counters { tx: used, rx: 3 },
            ..Totals::default()
        },
    }
}

fn clock(usec: i64) -> Clock {
    Clock {
        boot: "a".into(),
        usec,
        boottime_usec: 77,
    }
}

fn anchor() -> Anchor {
    Anchor {
        boot: "a".into(),
        interface_index: 4,
        counters: Counters { tx: 1000, rx: 2000 },
        moved: Counters::default(),
        usec: END / 2,
        boottime_usec: 55,
    }
}

fn figures<'a>(
    link: &'a Link,
    used: u64,
    anchor: Option<&'a Anchor>,
    clock: &'a Clock,
) -> Figures<'a> {
    Figures {
        link,
        balance: balance(link, used),
        pace: Pace {
            bytes: 0,
            window_usec: 1,
        },
        anchor,
        exclusion: &NOTHING_EXCLUDED,
        exclusion_fault: "",
        peak: 0,
        origin: &KERNEL,
        clock,
    }
}

static NOTHING_EXCLUDED: LazyLock<Exclusion> = LazyLock::new(Exclusion::default);

static KERNEL: Origin = Origin::Kernel {
    note: String::new(),
};

#[test]
fn a_grant_says_what_is_left_from_exactly_which_counters() {
    let (link, clock, anchor) = (link(Throttle::Drip), clock(END / 2), anchor());
    let grant = figures(&link, 20_000_000, Some(&anchor), &clock).grant(&config(&link));
    let expected = Grant {
        count: "tx".to_owned(),
        interface_index: 4,
        tx_counter: 1000,
        rx_counter: 2000,
        boottime_usec: 77,
        available_bytes: 30_000_000,
        available_receive_bytes: 30_000_000,
        drip_bytes_per_second: 100,
        rate_bytes_per_second: 100,
        peak_bytes_per_second: 0,
        min_rate_bytes_per_second: 8,
        poll_interval_usec: 15_000_000,
        exclusion: None,
    };
    assert_eq!(grant, expected);
}

#[test]
fn an_absent_interface_is_granted_from_zero() {
    let (link, clock) = (link(Throttle::Drip), clock(END / 2));
    let grant = figures(&link, 0, None, &clock).grant(&config(&link));
    assert_eq!(
        (grant.interface_index, grant.tx_counter, grant.rx_counter),
        (0, 0, 0)
    );
    assert_eq!(
        (grant.boottime_usec, grant.available_bytes),
        (77, 50_000_000)
    );
}

#[test]
fn both_directions_have_their_own_rest_when_the_larger_is_billed() {
    let mut link = link(Throttle::Drip);
    link.count = Count::Max;
    let clock = clock(END / 2);
    let grant = figures(&link, 20_000_000, None, &clock).grant(&config(&link));
    assert_eq!(
        (grant.available_bytes, grant.available_receive_bytes),
        (30_000_000, 49_999_997)
    );
}

#[test]
fn the_view_agrees_with_itself() {
    let (link, clock) = (link(Throttle::Drip), clock(END / 2));
    let view = figures(&link, 80_000_000, None, &clock).view(&config(&link));
    assert_eq!(view.accrued_bytes, 50_000_000);
    assert_eq!(view.available_bytes, -30_000_000);
    assert_eq!((view.tx_bytes, view.rx_bytes), (80_000_000, 3));
    assert_eq!(
        (view.timezone.as_str(), view.source.as_str()),
        ("UTC", "kernel")
    );
    assert_eq!(
        (view.period_end_usec, view.updated_at_usec),
        (1_000_000_000_000, 500_000_000_000)
    );
    assert_eq!(view.exhausted_at_usec, view.updated_at_usec);
}

#[test]
fn thresholds_are_reached_to_the_byte() {
    let link = link(Throttle::Drip);
    let reached_at = |used| reached(&balance(&link, used), &[50, 80, 100]);
    assert_eq!(reached_at(49_999_999), 0);
    assert_eq!(reached_at(50_000_000), 50);
    assert_eq!(reached_at(99_999_999), 80);
    assert_eq!(reached_at(900_000_000), 100);
}

#[test]
fn without_debt_the_link_is_held_to_its_drip_even_below_min_rate() {
    let mut link = link(Throttle::Drip);
    assert_eq!(hold_rate(&link, &balance(&link, 0), 0), 100);
    link.min_rate = 5000;
    assert_eq!(hold_rate(&link, &balance(&link, 0), 0), 100);
    assert_eq!(
        hold_rate(&link, &balance(&link, 90_000_000), 0),
        100,
        "min_rate bounds the repayment at the drip"
    );
}

#[test]
fn a_debt_is_repaid_by_the_periods_end() {
    let link = link(Throttle::Drip);
    // 20 MB of debt over half a million seconds: 40 bytes a second less.
    assert_eq!(hold_rate(&link, &balance(&link, 70_000_000), END / 2), 60);
    assert_eq!(hold_rate(&link, &balance(&link, 99_999_999), END / 2), 8);
}

#[test]
fn where_nothing_drips_min_rate_is_all_there_is() {
    let mut link = link(Throttle::Drip);
    link.burst_bytes = link.budget_bytes;
    assert_eq!(hold_rate(&link, &balance(&link, 0), 0), 8);
    link.min_rate = 0;
    assert_eq!(hold_rate(&link, &balance(&link, 0), 0), 1);
}

#[test]
fn a_rate_that_was_told_is_held_as_told() {
    let link = link(Throttle::Rate(250_000));
    assert_eq!(hold_rate(&link, &balance(&link, 90_000_000), 0), 250_000);
}

proptest! {
    #[test]
    fn a_held_link_ends_the_period_within_its_budget(
        at in 0i64..999_000, used in 0u64..100_000_000, looks in 1i64..200,
    ) {
        let mut link = link(Throttle::Drip);
        link.min_rate = 0;
        let mut used = used;
        let mut now = at * SECOND;
        // Rates are whole bytes and at least 1: that byte a second is all that may be too much.
        let tolerance = u64::try_from((END - now) / SECOND).unwrap_or(0);
        let step = (END - now) / looks / SECOND * SECOND + SECOND;
        let mut exhausted = false;
        while now < END {
            let until = (now + step).min(END);
            let balance = balance(&link, used);
            exhausted |= balance.available(now) <= 0;
            if exhausted {
                let seconds = u64::try_from((until - now) / SECOND).unwrap_or(0);
                used += hold_rate(&link, &balance, now) * seconds;
            }
            now = until;
        }
        prop_assert!(used <= link.budget_bytes + tolerance);
    }
}

#[test]
fn what_is_excluded_is_neither_used_nor_forgotten() {
    let (mut link, clock, anchor) = (link(Throttle::Drip), clock(END / 2), anchor());
    link.exclude = vec!["10.0.0.0/8".parse().expect("a network")];
    let exclusion = Exclusion {
        epoch: 9,
        counters: Counters { tx: 700, rx: 800 },
        ..Exclusion::default()
    };
    let mut figures = figures(&link, 20_000_000, Some(&anchor), &clock);
    (figures.exclusion, figures.exclusion_fault) = (&exclusion, "no rules");
    figures.balance.totals.excluded = Counters {
        tx: 5_000_000,
        rx: 9,
    };
    let (grant, view) = (figures.grant(&config(&link)), figures.view(&config(&link)));
    assert_eq!(grant.available_bytes, 35_000_000);
    let told = grant.exclusion.expect("networks are excluded");
    assert_eq!((told.epoch, told.tx_bytes, told.rx_bytes), (9, 700, 800));
    assert_eq!(told.networks, ["10.0.0.0/8"]);
    assert_eq!((view.used_bytes, view.tx_bytes), (15_000_000, 20_000_000));
    assert_eq!(view.excluded_bytes, Some(5_000_000));
    assert_eq!(view.exclusion_fault.as_deref(), Some("no rules"));
}
