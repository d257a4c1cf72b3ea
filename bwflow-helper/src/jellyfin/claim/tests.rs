#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Lives through our steps with a server that keeps what it is sent.
fn settle(claim: &mut Option<Claim<i64>>, present: &mut i64, wanted: Option<i64>) -> Step<i64> {
    let first = step(claim, *present, wanted);
    match first {
        Step::Keep => {}
        Step::Write(value) => {
            *present = value;
            confirm(claim, value);
        }
        Step::PutBack(value) => {
            *present = value;
            put_back(claim);
        }
    }
    first
}

#[test]
fn tiers_come_and_go_and_the_original_returns() {
    for original in [0, -1, 8_000_000] {
        let (mut claim, mut present) = (None, original);
        for wanted in [4_000_000, 2_000_000, 4_000_000] {
            assert_eq!(
                settle(&mut claim, &mut present, Some(wanted)),
                Step::Write(wanted)
            );
            assert_eq!(settle(&mut claim, &mut present, Some(wanted)), Step::Keep);
        }
        assert_eq!(
            settle(&mut claim, &mut present, None),
            Step::PutBack(original)
        );
        assert_eq!(claim, None);
    }
}

#[test]
fn what_is_stricter_already_is_left_and_never_becomes_ours() {
    let (mut claim, mut present) = (None, 1_000_000);
    assert_eq!(
        settle(&mut claim, &mut present, Some(4_000_000)),
        Step::Keep
    );
    assert_eq!(claim, None);
    // Lower than that, and back up: the administrator's own is not exceeded.
    let down = settle(&mut claim, &mut present, Some(500_000));
    assert_eq!(down, Step::Write(500_000));
    let up = settle(&mut claim, &mut present, Some(4_000_000));
    assert_eq!((up, claim), (Step::PutBack(1_000_000), None));
}

#[test]
fn a_looser_choice_is_overruled_and_put_back_in_the_end() {
    let (mut claim, mut present) = (None, 0);
    settle(&mut claim, &mut present, Some(2_000_000));
    present = 20_000_000;
    let overruled = settle(&mut claim, &mut present, Some(2_000_000));
    assert_eq!(overruled, Step::Write(2_000_000));
    let restored = settle(&mut claim, &mut present, None);
    assert_eq!(restored, Step::PutBack(20_000_000));
}

#[test]
fn a_stricter_choice_takes_over() {
    let (mut claim, mut present) = (None, 0);
    settle(&mut claim, &mut present, Some(2_000_000));
    present = 1_000_000;
    let taken = settle(&mut claim, &mut present, Some(2_000_000));
    assert_eq!((taken, claim), (Step::Keep, None));
}

#[test]
fn a_former_value_that_was_replaced_for_certain_is_a_choice_like_any_other() {
    let (mut claim, mut present) = (None, 0);
    settle(&mut claim, &mut present, Some(4_000_000));
    settle(&mut claim, &mut present, Some(2_000_000));
    present = 4_000_000;
    settle(&mut claim, &mut present, Some(2_000_000));
    assert_eq!(
        settle(&mut claim, &mut present, None),
        Step::PutBack(4_000_000)
    );
}

#[test]
fn what_was_sent_but_never_seen_may_still_arrive_until_the_next_look() {
    let (mut claim, mut present) = (None, 0);
    // Lost on the way, as it seems.
    step(&mut claim, present, Some(4_000_000));
    settle(&mut claim, &mut present, Some(2_000_000));
    present = 4_000_000;
    settle(&mut claim, &mut present, Some(2_000_000));
    let mut late = claim.clone();
    assert_eq!(settle(&mut late, &mut present, None), Step::PutBack(0));
    // Seen to hold once more: whatever comes now is a choice.
    present = 2_000_000;
    settle(&mut claim, &mut present, Some(2_000_000));
    present = 4_000_000;
    settle(&mut claim, &mut present, Some(2_000_000));
    let restored = settle(&mut claim, &mut present, None);
    assert_eq!(restored, Step::PutBack(4_000_000));
}

#[test]
fn what_changed_since_is_not_put_back() {
    let (mut claim, mut present) = (None, 0);
    settle(&mut claim, &mut present, Some(4_000_000));
    present = 20_000_000;
    assert_eq!(settle(&mut claim, &mut present, None), Step::Keep);
    assert_eq!(claim, None);
}

#[test]
fn access_is_put_back_only_if_we_took_it() {
    let mut claim = None;
    assert_eq!(step(&mut claim, false, Some(false)), Step::Keep);
    assert_eq!(step(&mut claim, false, None), Step::Keep);
    assert_eq!(step(&mut claim, true, Some(false)), Step::Write(false));
    confirm(&mut claim, false);
    assert_eq!(step(&mut claim, true, Some(false)), Step::Write(false));
    confirm(&mut claim, false);
    assert_eq!(step(&mut claim, false, None), Step::PutBack(true));
    // An administrator was faster.
    assert_eq!(step(&mut claim, true, None), Step::Keep);
    assert_eq!(claim, None);
}

/// Where we die on the way of one change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    BeforeSave,
    BeforeWrite,
    /// The request was lost, or is taken and dropped.
    Dropped,
    BeforeReadBack,
    BeforeLastSave,
    Never,
}

#[derive(Clone, Debug)]
enum Event {
    Admin(i64),
    Tier(Option<i64>, Death),
}

fn event() -> impl Strategy<Value = Event> {
    let death = prop::sample::select(vec![
        Death::BeforeSave,
        Death::BeforeWrite,
        Death::Dropped,
        Death::BeforeReadBack,
        Death::BeforeLastSave,
        Death::Never,
        Death::Never,
    ]);
    // Odd ones are never ours, so that the model knows who wrote what.
    let admin = prop::sample::select(vec![0_i64, -1, 1, 3, 5, 7, 9]);
    let tier = prop::option::weighted(0.8, prop::sample::select(vec![2_i64, 4, 6, 8]));
    prop_oneof![
        1 => admin.prop_map(Event::Admin),
        3 => (tier, death).prop_map(|(tier, death)| Event::Tier(tier, death)),
    ]
}

/// One change, which may end anywhere; gives what is on the disk then.
fn change(
    disk: Option<Claim<i64>>,
    present: &mut i64,
    wanted: Option<i64>,
    death: Death,
    mut sent: impl FnMut(i64),
) -> Option<Claim<i64>> {
    let mut claim = disk.clone();
    let step = step(&mut claim, *present, wanted);
    if death == Death::BeforeSave {
        return disk;
    }
    let (Step::Write(value) | Step::PutBack(value)) = step else {
        return claim;
    };
    if death == Death::BeforeWrite {
        return claim;
    }
    sent(value);
    if death == Death::Dropped {
        return claim;
    }
    *present = value;
    if matches!(death, Death::BeforeReadBack | Death::BeforeLastSave) {
        return claim;
    }
    match step {
        Step::PutBack(_) => put_back(&mut claim),
        _ => confirm(&mut claim, value),
    }
    claim
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever happens in which order: nothing is written but a tier's value or an
    /// administrator's, and in the end there is what the administrator chose last.
    #[test]
    fn nothing_is_lost_nor_made_up(
        first in prop::sample::select(vec![0_i64, -1, 1, 3, 5, 7, 9]),
        events in prop::collection::vec(event(), 0..30),
    ) {
        let (mut present, mut chosen, mut disk) = (first, first, None);
        let mut asked = vec![first];
        let end = [Event::Tier(None, Death::Never)];
        for event in events.into_iter().chain(end) {
            match event {
                Event::Admin(value) => {
                    (present, chosen) = (value, value);
                    asked.push(value);
                }
                Event::Tier(wanted, death) => {
                    let before = present;
                    let mut sent = None;
                    disk = change(disk, &mut present, wanted, death, |value| sent = Some(value));
                    if let Some(sent) = sent {
                        let by_tier = wanted == Some(sent);
                        prop_assert!(by_tier || sent == chosen, "{sent} written over {before}");
                        prop_assert!(sent != 0 || asked.contains(&0));
                    }
                    if let (Some(wanted), Death::Never) = (wanted, death) {
                        prop_assert!(present.satisfies(wanted), "{present} for {wanted}");
                    }
                }
            }
        }
        prop_assert_eq!(present, chosen);
        prop_assert_eq!(disk, None);
    }
}
