//! What holds after a decision, in sentences.

use bwflow_proto::state::LinkState;
use bwflow_proto::units::{format_bytes, format_rate, format_signed_bytes};

use super::Request;
use crate::by_hand::until;
use crate::failure::no_helper;
use crate::grid::printable;
use crate::snapshot::LinkRecord;

/// What became of a top-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Booking {
    /// None was asked for.
    None,
    /// The ledger has it.
    Done,
    /// The daemon has it, and the helper runs.
    Waiting,
    /// The daemon has it, and there is no helper.
    NoHelper,
}

/// What holds now, by what the daemon showed `before` and shows `after`; then what stands against
/// it.
pub(crate) fn told(
    request: &Request,
    before: &LinkRecord,
    after: &LinkRecord,
    booking: Booking,
) -> Vec<String> {
    let name = printable(&after.interface);
    let mut lines: Vec<String> = [
        decided(request, before, after),
        booked(request, after, booking),
    ]
    .into_iter()
    .flatten()
    .map(|text| format!("{name}: {text}"))
    .collect();
    lines.extend(warning(request, after).map(|text| format!("{name}: {text}")));
    lines
}

fn decided(request: &Request, before: &LinkRecord, after: &LinkRecord) -> Option<String> {
    Some(match request {
        Request::TopUp(..) | Request::Correct(..) => return None,
        Request::Throttle(..) => {
            let Some(claim) = &after.throttle else {
                return Some("the throttle has ended already".to_owned());
            };
            let rate = format_rate(claim.rate_bytes_per_second);
            let mut text = format!("capped to {rate} until {}", until(claim, after));
            if after.override_claim.is_some() {
                text.push_str("; the override in force goes before it");
            }
            text
        }
        Request::Override(_) => {
            let Some(claim) = &after.override_claim else {
                return Some("the override has ended already".to_owned());
            };
            let what = match claim.rate_bytes_per_second {
                0 => "no limit".to_owned(),
                rate => format!("held to {}", format_rate(rate)),
            };
            let until = until(claim, after);
            format!("{what} until {until}; what flows is still charged")
        }
        Request::ClearThrottle if before.throttle.is_none() => {
            format!("there was no throttle; {}", now(after))
        }
        Request::ClearThrottle => format!("the throttle is cleared; {}", now(after)),
        Request::ClearOverride if before.override_claim.is_none() => {
            format!("there was no override; {}", now(after))
        }
        Request::ClearOverride => format!("the override is cleared; {}", now(after)),
    })
}

/// `open, no limit: budget left`.
fn now(link: &LinkRecord) -> String {
    let limit = match link.limit_bytes_per_second {
        0 => "no limit".to_owned(),
        limit => format_rate(limit),
    };
    match link.reason() {
        reason if reason.is_empty() => format!("now {}, {limit}", link.state),
        reason => format!("now {}, {limit}: {reason}", link.state),
    }
}

fn booked(request: &Request, link: &LinkRecord, booking: Booking) -> Option<String> {
    if let Request::Correct(used, _) = request {
        return corrected(*used, link, booking);
    }
    let amount = format_bytes(request.top_up_bytes());
    Some(match (booking, &link.ledger) {
        (Booking::None, _) => return None,
        (Booking::Done, Some(ledger)) => format!(
            "{amount} added: the budget of this period is {}, {} available",
            format_bytes(ledger.budget_bytes.saturating_add(ledger.topup_bytes)),
            format_signed_bytes(ledger.available_bytes)
        ),
        (Booking::Done, None) => format!("{amount} added to the budget of this period"),
        (Booking::Waiting, _) => {
            format!("{amount} kept; bwflow-helper has not booked it yet, and will")
        }
        (Booking::NoHelper, _) => format!(
            "{amount} kept; it is booked as soon as bwflow-helper runs ({})",
            no_helper()
        ),
    })
}

fn corrected(used: u64, link: &LinkRecord, booking: Booking) -> Option<String> {
    let used = format_bytes(used);
    Some(match (booking, &link.ledger) {
        (Booking::None, _) => return None,
        (Booking::Done, Some(ledger)) => format!(
            "corrected: {} used of {}, {} available; {}",
            format_bytes(ledger.used_bytes),
            format_bytes(ledger.budget_bytes.saturating_add(ledger.topup_bytes)),
            format_signed_bytes(ledger.available_bytes),
            now(link)
        ),
        (Booking::Done, None) => format!("corrected: {used} used"),
        (Booking::Waiting, _) => {
            format!(
                "the correction to {used} is kept; bwflow-helper has not booked it yet, and will"
            )
        }
        (Booking::NoHelper, _) => format!(
            "the correction to {used} is kept; it is booked as soon as bwflow-helper runs ({})",
            no_helper()
        ),
    })
}

/// What keeps a decision from having its effect.
fn warning(request: &Request, link: &LinkRecord) -> Option<String> {
    if !matches!(request, Request::Throttle(..) | Request::Override(_)) {
        return None;
    }
    match link.state.parse() {
        Ok(LinkState::Blocked) => {
            let reason = link.reason();
            Some(format!(
                "recorded, but {reason}: nothing is held until it is gone"
            ))
        }
        Ok(LinkState::Absent) => {
            Some("recorded, but there is no such interface now: it holds once there is".to_owned())
        }
        Ok(LinkState::Throttled) if matches!(request, Request::Throttle(..)) => {
            let rate = format_rate(link.limit_bytes_per_second);
            let why = if link.has_figures() {
                "the budget is used up"
            } else {
                "an earlier limit stays in force"
            };
            Some(format!("{why}, so it is held to {rate} now"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::claim::Options;
    use bwflow_proto::grant::Grant;
    use bwflow_proto::ledger::LedgerView;

    use super::*;
    use crate::by_hand::tests::decided as decided_link;

    fn link(state: &str) -> LinkRecord {
        LinkRecord {
            state: state.to_owned(),
            grant: Some(Grant::default()),
            ..decided_link()
        }
    }

    fn throttled(state: &str) -> Vec<String> {
        let after = LinkRecord {
            override_claim: None,
            blocked_by: "htb 1:".to_owned(),
            limit_bytes_per_second: 1_000,
            ..link(state)
        };
        let request = Request::Throttle(625_000, Options::default());
        told(&request, &LinkRecord::default(), &after, Booking::None)
    }

    #[test]
    fn a_throttle_says_its_rate_and_its_end_and_what_is_in_the_way() {
        let capped = "wan0: capped to 5 Mbit/s until 2026-11-22 18:00 UTC";
        assert_eq!(throttled("manual"), [capped]);
        for (state, warning) in [
            (
                "blocked",
                "recorded, but htb 1: is in the way: nothing is held until it is gone",
            ),
            (
                "absent",
                "recorded, but there is no such interface now: it holds once there is",
            ),
            (
                "throttled",
                "the budget is used up, so it is held to 8 kbit/s now",
            ),
        ] {
            assert_eq!(throttled(state), [capped, &format!("wan0: {warning}")]);
        }
        let request = Request::Throttle(625_000, Options::default());
        let under = told(&request, &link("open"), &link("overridden"), Booking::None);
        assert!(
            under[0].ends_with("; the override in force goes before it"),
            "{under:?}"
        );
    }

    #[test]
    fn an_override_says_that_what_flows_is_charged() {
        let request = Request::Override(Options::default());
        let mut after = link("overridden");
        assert_eq!(
            told(&request, &link("open"), &after, Booking::None),
            ["wan0: no limit until it is cleared; what flows is still charged"]
        );
        after.override_claim.as_mut().unwrap().rate_bytes_per_second = 125_000;
        assert_eq!(
            told(&request, &link("open"), &after, Booking::None),
            ["wan0: held to 1 Mbit/s until it is cleared; what flows is still charged"]
        );
        after.override_claim = None;
        let ended = told(&request, &link("open"), &after, Booking::None);
        assert_eq!(ended, ["wan0: the override has ended already"]);
    }

    #[test]
    fn what_is_cleared_leaves_what_holds_now() {
        let after = LinkRecord {
            throttle: None,
            limit_bytes_per_second: 0,
            ..link("open")
        };
        assert_eq!(
            told(
                &Request::ClearThrottle,
                &link("manual"),
                &after,
                Booking::None
            ),
            ["wan0: the throttle is cleared; now open, no limit: budget left"]
        );
        assert_eq!(
            told(&Request::ClearThrottle, &after, &after, Booking::None),
            ["wan0: there was no throttle; now open, no limit: budget left"]
        );
    }

    #[test]
    fn no_budget_is_claimed_where_none_is_known() {
        let unknown = |state: &str| LinkRecord {
            grant: None,
            override_claim: None,
            limit_bytes_per_second: 1_000,
            ..link(state)
        };
        let request = Request::Throttle(625_000, Options::default());
        let lines = told(
            &request,
            &unknown("throttled"),
            &unknown("throttled"),
            Booking::None,
        );
        assert_eq!(
            lines[1],
            "wan0: an earlier limit stays in force, so it is held to 8 kbit/s now"
        );
        for state in ["open", "armed", "throttled"] {
            let after = unknown(state);
            let lines = told(&Request::ClearThrottle, &after, &after, Booking::None);
            assert!(lines[0].contains("what is left is not known"), "{lines:?}");
            assert!(!lines[0].contains("budget left"), "{lines:?}");
            assert!(!lines[0].contains("is used"), "{lines:?}");
        }
    }

    #[test]
    fn a_correction_says_the_new_figures_and_what_they_demand() {
        let request = Request::Correct(86_500_000_000, Options::default());
        let mut after = link("throttled");
        after.ledger = Some(LedgerView {
            budget_bytes: 100_000_000_000,
            used_bytes: 86_500_000_000,
            available_bytes: -1_200_000_000,
            ..LedgerView::default()
        });
        let told = |booking| told(&request, &link("open"), &after, booking);
        assert_eq!(
            told(Booking::Done),
            [
                "wan0: corrected: 86.5 GB used of 100 GB, -1.2 GB available; now throttled, 5 Mbit/s: \
              all that has accrued is used"
            ]
        );
        let without = told(Booking::NoHelper);
        assert!(
            without[0].starts_with("wan0: the correction to 86.5 GB is kept; it is booked as soon"),
            "{without:?}"
        );
    }

    #[test]
    fn a_top_up_says_the_new_figures_or_what_it_waits_for() {
        let request = Request::TopUp(10_000_000_000, Options::default());
        let mut after = link("open");
        after.ledger = Some(LedgerView {
            budget_bytes: 100_000_000_000,
            topup_bytes: 10_000_000_000,
            available_bytes: 23_500_000_000,
            ..LedgerView::default()
        });
        let told = |booking| told(&request, &link("open"), &after, booking);
        assert_eq!(
            told(Booking::Done),
            ["wan0: 10 GB added: the budget of this period is 110 GB, 23.5 GB available"]
        );
        assert_eq!(
            told(Booking::Waiting),
            ["wan0: 10 GB kept; bwflow-helper has not booked it yet, and will"]
        );
        let without = told(Booking::NoHelper);
        assert!(
            without[0].starts_with("wan0: 10 GB kept; it is booked as soon as bwflow-helper runs"),
            "{without:?}"
        );
    }
}
