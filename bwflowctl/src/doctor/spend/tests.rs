use super::*;
use crate::doctor::finding::Grade;

fn view() -> SpendView {
    SpendView {
        knowledge: "fresh".to_owned(),
        tier: "high".to_owned(),
        checked_at_usec: 1,
        jellyfin_host: "10.0.0.2".to_owned(),
        jellyfin_port: 8080,
        jellyfin_state: "held".to_owned(),
        ..SpendView::default()
    }
}

fn grades(view: &SpendView) -> Vec<Grade> {
    judge(view).iter().map(|it| it.grade).collect()
}

#[test]
fn a_guard_in_order_is_well() {
    assert_eq!(grades(&view()), [Grade::Ok, Grade::Ok]);
    let mut alone = view();
    alone.jellyfin_host.clear();
    assert_eq!(grades(&alone), [Grade::Ok]);
}

#[test]
fn what_is_not_known_or_does_not_hold_is_told() {
    let change = |change: fn(&mut SpendView)| {
        let mut view = view();
        change(&mut view);
        grades(&view)
    };
    use Grade::{Note, Ok, Warning};
    assert_eq!(
        change(|it| it.cost_error = "denied".to_owned()),
        [Warning, Ok]
    );
    assert_eq!(
        change(|it| it.knowledge = "stale".to_owned()),
        [Warning, Ok]
    );
    assert_eq!(
        change(|it| it.knowledge = "unknown".to_owned()),
        [Warning, Ok]
    );
    let early = change(|it| {
        it.knowledge = "unknown".to_owned();
        it.checked_at_usec = 0;
    });
    assert_eq!(early, [Note, Ok]);
    for (state, error, grade) in [
        ("refused", "wrong key", Warning),
        ("unreachable", "down", Warning),
        ("pending", "dropped", Warning),
        ("pending", "", Note),
        ("foreign", "", Note),
        ("none", "", Ok),
    ] {
        let mut view = view();
        state.clone_into(&mut view.jellyfin_state);
        error.clone_into(&mut view.jellyfin_error);
        assert_eq!(grades(&view), [Ok, grade], "{state}");
    }
}

#[test]
fn each_reason_is_a_warning_with_its_cure() {
    let mut view = view();
    view.findings = ["user-limit", "of-tomorrow"]
        .map(|kind| Reason {
            kind: kind.to_owned(),
            subject: "anna".to_owned(),
        })
        .into();
    let told = &judge(&view)[2..];
    assert_eq!(told.len(), 2);
    for (told, cure) in told.iter().zip(["Users", "bwflow/spend.md.gz"]) {
        assert_eq!(told.grade, Grade::Warning);
        assert!(told.cure.as_ref().is_some_and(|it| it.contains(cure)));
    }
}
