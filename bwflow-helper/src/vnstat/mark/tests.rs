use super::*;

const SECOND: i64 = 1_000_000;
const GB: u64 = 1_000_000_000;

fn sent(tx: u64) -> Counters {
    Counters { tx, rx: 0 }
}

/// A link whose counter stands at `counter` in boot `boot`, and that moved `moved` since ever.
fn anchor(boot: &str, index: u32, counter: u64, moved: u64) -> Anchor {
    Anchor {
        boot: boot.into(),
        interface_index: index,
        counters: sent(counter),
        moved: sent(moved),
        usec: 0,
        boottime_usec: 0,
    }
}

/// What vnStat has written at a second of the test.
fn seen(at: i64, counter: u64, total: u64) -> Seen {
    Seen {
        created: "2026-11-01 00:00:00".to_owned(),
        created_usec: -100 * SECOND,
        updated_usec: at * SECOND,
        counters: sent(counter),
        totals: sent(total),
        is_of_this_boot: true,
    }
}

fn of_last_boot(seen: Seen) -> Seen {
    Seen {
        is_of_this_boot: false,
        ..seen
    }
}

/// Compared at 1000 bytes, when vnStat had accounted 600 in all and we had seen 5000 move.
fn opened() -> Mark {
    let mark = mark(&seen(0, 1000, 600), &anchor("a", 2, 1040, 5040));
    assert_eq!((mark.counters.tx, mark.moved.tx), (1000, 5000));
    mark
}

/// Accounted, dropped, invented, missed.
fn figures(step: &Step) -> [u64; 4] {
    [step.accounted, step.dropped, step.invented, step.missed].map(|bytes| bytes.tx)
}

#[test]
fn what_vnstat_has_accounted_in_full_is_neither_dropped_nor_invented() {
    let anchor = anchor("a", 2, 1500, 5500);
    let step = step(&opened(), &seen(300, 1400, 1000), &anchor);
    assert_eq!(figures(&step), [400, 0, 0, 0]);
    assert_eq!(live(&step.mark, &anchor), sent(100));
}

#[test]
fn a_gap_of_more_than_360_seconds_is_dropped() {
    // The stored counter jumps, the total does not.
    let step = step(
        &opened(),
        &seen(400, 9000, 600),
        &anchor("a", 2, 9000, 13_000),
    );
    assert_eq!(figures(&step), [0, 8000, 0, 0]);
}

#[test]
fn a_rate_above_the_cap_is_dropped_in_both_directions() {
    let mut anchor = anchor("a", 2, 440 * GB + 1000, 440 * GB + 5000);
    anchor.counters.rx = GB;
    anchor.moved.rx = GB;
    let mut seen = seen(85, 440 * GB + 1000, 600);
    seen.counters.rx = GB;
    let step = step(&opened(), &seen, &anchor);
    assert_eq!(
        step.dropped,
        Counters {
            tx: 440 * GB,
            rx: GB
        }
    );
    assert_eq!(step.accounted, Counters::default());
}

#[test]
fn what_a_re_created_interface_makes_vnstat_invent_is_told_from_traffic() {
    // We saw 200 more of the old interface and 50 of the new; vnStat takes it for an overflow.
    let anchor = anchor("a", 3, 50, 5000 + 200 + 50);
    let phantom = u64::from(u32::MAX) - 1000 + 50;
    let step = step(&opened(), &seen(20, 50, 600 + phantom), &anchor);
    assert_eq!(figures(&step), [phantom, 0, phantom - 250, 0]);
}

#[test]
fn before_vnstat_sees_a_new_interface_all_of_it_is_live() {
    let anchor = anchor("a", 3, 50, 5000 + 200 + 50);
    assert_eq!(live(&opened(), &anchor), sent(250));
    // It wrote once more, still with the old interface's counter.
    let step = step(&opened(), &seen(20, 1100, 700), &anchor);
    assert_eq!(live(&step.mark, &anchor), sent(50));
    assert_eq!(figures(&step), [100, 100, 0, 0]);
}

#[test]
fn after_a_reboot_what_only_vnstat_saw_is_missed_traffic() {
    // We saw the counter at 1300 last; vnStat at 1900. The new boot stands at 70.
    let after = anchor("b", 2, 70, 5000 + 300 + 70);
    let last = of_last_boot(seen(500, 1900, 600 + 900));
    let step = step(&opened(), &last, &after);
    assert_eq!(figures(&step), [900, 0, 0, 600]);
    assert_eq!((step.mark.counters.tx, &*step.mark.boot), (0, "b"));
    assert_eq!(live(&step.mark, &after), sent(70));
    // From there on as ever: vnStat counts the new boot from zero.
    let later = anchor("b", 2, 100, 5000 + 300 + 100);
    let next = super::step(&step.mark, &seen(800, 90, 1500 + 90), &later);
    assert_eq!(figures(&next), [90, 0, 0, 0]);
}

#[test]
fn it_is_missed_also_if_vnstat_has_written_in_the_new_boot_already() {
    let after = anchor("b", 2, 70, 5000 + 300 + 70);
    let step = step(&opened(), &seen(500, 60, 600 + 900 + 60), &after);
    assert_eq!(figures(&step), [960, 0, 0, 600]);
    assert_eq!(live(&step.mark, &after), sent(10));
}

#[test]
fn what_vnstat_saw_less_of_before_a_reboot_takes_nothing_away() {
    let after = anchor("b", 2, 70, 5000 + 300 + 70);
    let step = step(&opened(), &of_last_boot(seen(200, 1200, 800)), &after);
    assert_eq!(figures(&step), [200, 100, 0, 0]);
}

#[test]
fn a_phantom_from_before_a_reboot_is_not_believed() {
    // Created anew after we saw 1300, it moved 40 more before the reboot.
    let after = anchor("b", 2, 70, 5000 + 300 + 70);
    let phantom = u64::from(u32::MAX) - 1000 + 40;
    let step = step(
        &opened(),
        &of_last_boot(seen(500, 40, 600 + phantom)),
        &after,
    );
    assert_eq!(step.missed, sent(40));
    assert_eq!(step.invented, sent(phantom - 300 - 40));
}

#[test]
fn more_than_a_link_can_move_is_not_believed() {
    let after = anchor("b", 2, 70, 5000 + 5 * GB + 70);
    let last = of_last_boot(seen(9, 1 << 60, 600 + (1 << 60)));
    assert_eq!(step(&opened(), &last, &after).missed, sent(0));
}

#[test]
fn a_link_created_anew_behind_our_back_without_a_reboot_gives_vnstat_no_say() {
    let after = anchor("a", 3, 50, 5000 + 300 + 50);
    let phantom = u64::from(u32::MAX) - 1000 + 50;
    let step = step(&opened(), &seen(20, 50, 600 + phantom), &after);
    assert_eq!(figures(&step), [phantom, 0, phantom - 350, 0]);
}

#[test]
fn a_new_database_begins_at_zero() {
    let again = Seen {
        created: "2026-11-22 00:00:00".to_owned(),
        created_usec: 10 * SECOND,
        ..seen(300, 3000, 150)
    };
    let step = step(&opened(), &again, &anchor("a", 2, 3000, 7000));
    assert_eq!(figures(&step), [150, 2000 - 150, 0, 0]);
}

#[test]
fn an_old_copy_that_comes_back_is_only_a_new_beginning() {
    let old = Seen {
        created_usec: -100 * SECOND,
        ..seen(-50, 500, 300)
    };
    let step = step(&opened(), &old, &anchor("a", 2, 1500, 5500));
    assert_eq!(figures(&step), [0, 0, 0, 0]);
    assert_eq!(step.mark.totals, sent(300));
}
