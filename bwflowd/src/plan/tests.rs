//! The decisions, one by one.

use super::*;

const TERMS: Terms = Terms {
    drip: 20_000,
    rate: 20_000,
    peak: 0,
    poll: Duration::from_secs(15),
    packet: 1518,
    fastest: 125_000_000,
    sending_only: true,
    exact: false,
};

const HELD: Form = Form::Held {
    rate: 20_000,
    packet: 1518,
};

fn bucket(size: u32, spent: u64) -> Form {
    let mut bucket = Bucket::full(TERMS.rate, size, 0, Duration::ZERO);
    bucket.observe(spent, Duration::ZERO);
    Form::Armed(bucket)
}

#[test]
fn nothing_is_attached_while_plenty_is_left() {
    assert_eq!(TERMS.decide(ARM_BELOW + 1, &Form::Open, false), Step::Keep);
    assert_eq!(TERMS.decide(ARM_BELOW, &Form::Open, false), Step::Arm);
}

#[test]
fn an_armed_link_opens_only_far_above_the_arming_level() {
    assert_eq!(
        TERMS.decide(OPEN_ABOVE, &bucket(4_000_000_000, 0), false),
        Step::Keep
    );
    assert_eq!(
        TERMS.decide(OPEN_ABOVE + 1, &bucket(4_000_000_000, 0), false),
        Step::Open
    );
    assert_eq!(TERMS.decide(OPEN_ABOVE + 1, &HELD, false), Step::Open);
    assert_eq!(
        TERMS.decide(OPEN_ABOVE + 1, &Form::Unknown, false),
        Step::Open
    );
}

#[test]
fn a_dry_bucket_is_filled_with_what_the_ledger_still_has() {
    assert_eq!(
        TERMS.decide(13_000_000, &bucket(300_000_000, 300_000_000), false),
        Step::Arm
    );
    assert_eq!(
        TERMS.decide(1000, &bucket(300_000_000, 300_000_000), false),
        Step::Hold
    );
    assert_eq!(
        TERMS.decide(-1000, &bucket(300_000_000, 300_000_000), false),
        Step::Hold
    );
}

#[test]
fn a_bucket_ahead_of_the_ledger_is_corrected() {
    assert_eq!(
        TERMS.decide(300_000_000, &bucket(300_000_000, 0), false),
        Step::Keep
    );
    assert_eq!(
        TERMS.decide(299_960_000, &bucket(300_000_000, 0), false),
        Step::Arm
    );
    assert_eq!(TERMS.decide(-5, &bucket(300_000_000, 0), false), Step::Hold);
}

#[test]
fn quiet_time_fills_a_held_link_s_bucket() {
    let held = HELD;
    assert_eq!(TERMS.decide(2 * WORTHWHILE - 1, &held, false), Step::Keep);
    assert_eq!(TERMS.decide(2 * WORTHWHILE, &held, false), Step::Arm);
}

#[test]
fn a_larger_packet_gets_a_larger_bucket() {
    let terms = Terms {
        packet: 9064,
        ..TERMS
    };
    assert_eq!(terms.decide(0, &HELD, false), Step::Hold);
    assert_eq!(terms.decide(200_000, &bucket(4000, 0), false), Step::Arm);
}

#[test]
fn what_stands_still_is_helped() {
    assert_eq!(TERMS.decide(0, &HELD, true), Step::Hold);
    let armed = bucket(300_000_000, 299_000_000);
    assert_eq!(TERMS.decide(13_000_000, &armed, true), Step::Arm);
    assert_eq!(TERMS.decide(100_000, &armed, true), Step::Hold);
}

#[test]
fn a_link_that_is_not_armed_opens_above_the_arming_level() {
    for form in [HELD, Form::Unknown] {
        assert_eq!(TERMS.decide(ARM_BELOW + 1, &form, false), Step::Open);
        assert_eq!(TERMS.decide(ARM_BELOW, &form, false), Step::Arm);
    }
}

#[test]
fn a_rate_is_changed_only_when_it_matters() {
    let held = |rate| Form::Held { rate, packet: 1518 };
    assert_eq!(TERMS.decide(0, &held(19_900), false), Step::Keep);
    assert_eq!(TERMS.decide(0, &held(19_000), false), Step::Hold);
    assert_eq!(
        TERMS.decide(0, &held(20_001), false),
        Step::Hold,
        "more than granted is too much"
    );
    let asked_for = Terms {
        exact: true,
        ..TERMS
    };
    assert_eq!(asked_for.decide(0, &held(19_999), false), Step::Hold);
    assert_eq!(asked_for.decide(0, &held(20_000), false), Step::Keep);
}

#[test]
fn another_cap_is_installed_at_once() {
    for (installed, wanted) in [(0, 1_000_000), (1_000_000, 0), (1_000_000, 1_000_001)] {
        let terms = Terms {
            peak: wanted,
            ..TERMS
        };
        let bucket = Bucket::full(TERMS.rate, 300_000_000, 0, Duration::ZERO).capped(installed);
        let step = terms.decide(300_000_000, &Form::Armed(bucket), false);
        assert_eq!(step, Step::Arm, "{installed} -> {wanted}");
        let bucket = bucket.capped(wanted);
        let step = terms.decide(300_000_000, &Form::Armed(bucket), false);
        assert_eq!(step, Step::Keep);
    }
}

#[test]
fn a_chosen_rate_above_the_drip_does_not_fill_the_armed_bucket() {
    let terms = Terms {
        rate: 250_000,
        ..TERMS
    };
    assert_eq!(terms.armed(1_000_000).rate, 20_000);
    assert_eq!(terms.held().rate, 250_000);
}

#[test]
fn a_cap_keeps_a_bucket_on_the_link_at_any_level() {
    let terms = Terms {
        peak: 1_000_000,
        ..TERMS
    };
    assert_eq!(terms.decide(i64::MAX, &Form::Open, false), Step::Arm);
    let tbf = terms.armed(i64::MAX);
    assert_eq!(tbf.peak.map(|peak| peak.rate), Some(1_000_000));
    let flat = Terms {
        peak: 10_000,
        ..TERMS
    };
    assert_eq!(flat.decide(i64::MAX, &Form::Open, false), Step::Hold);
    assert_eq!(flat.held().rate, 10_000);
}

#[test]
fn a_bucket_always_takes_the_largest_packet() {
    for packet in [1518, 9018, 65_550] {
        for rate in [1, 20_000, 12_500_000, 5_000_000_000] {
            let terms = Terms {
                packet,
                rate,
                drip: rate,
                ..TERMS
            };
            assert!(terms.held().burst >= packet);
            assert!(terms.held().limit >= packet);
            assert!(terms.held().peak.is_none_or(|peak| peak.burst >= packet));
            assert!(terms.armed(1).burst >= packet);
        }
    }
}

#[test]
fn an_open_link_is_looked_at_before_half_of_the_rest_can_be_gone() {
    let next = TERMS.next_look(5_000_000_000, &Form::Open, 0, false);
    assert_eq!(next, Duration::from_secs(15));
    let next = TERMS.next_look(2_500_000_000, &Form::Open, 0, false);
    assert_eq!(next, Duration::from_secs(10));
}

#[test]
fn a_link_that_cannot_use_its_rest_up_for_long_is_looked_at_seldom() {
    let next = |left| TERMS.next_look(left, &Form::Open, 0, false).as_secs();
    assert_eq!(next(15_000_000_000), 15);
    assert_eq!(next(50_000_000_000), 50);
    assert_eq!(next(i64::MAX), 300);
}

#[test]
fn an_idle_link_costs_a_look_a_second_at_most() {
    let next = TERMS.next_look(100_000_000, &bucket(100_000_000, 0), 10_000_000_000, false);
    assert_eq!(next, SOONEST);
    let next = TERMS.next_look(10_000_000, &bucket(10_000_000, 0), 10, false);
    assert_eq!(next, CALM);
    assert_eq!(
        TERMS.next_look(0, &HELD, 10, false),
        Duration::from_secs(13)
    );
    assert_eq!(TERMS.next_look(0, &HELD, 10, true), CALM);
}
