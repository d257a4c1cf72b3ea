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
fn each_reason_has_its_cure() {
    for (kind, subject, found, cure) in [
        ("clients-local", "10.0.0.1", "10.0.0.1", "restart Jellyfin"),
        ("known-proxies", "", "X-Forwarded-For", "both proxies"),
        ("user-limit", "anna", "`anna`", "Users"),
        ("self-remote", "", "remote client", "LAN networks"),
        ("of-tomorrow", "x", "of-tomorrow x", "docs/spend.md"),
    ] {
        let reason = Reason {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
        };
        let told = judge_reason(&reason);
        assert_eq!(told.grade, Grade::Warning);
        assert!(told.found.contains(found), "{told:?}");
        assert!(told.cure.is_some_and(|it| it.contains(cure)), "{kind}");
    }
}
