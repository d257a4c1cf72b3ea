//! The money side for people: one look must tell what it costs, what is done and what is wrong.

use bwflow_proto::money::Money;
use bwflow_proto::spend::SpendView;
use bwflow_proto::units::{format_bit_rate, format_bytes, format_rate};
use jiff::tz::TimeZone;

use super::trouble::trouble;
use crate::by_hand::paragraph;
use crate::grid::printable;
use crate::money::{percent, shown};
use crate::time::{in_year, local, span};

/// A line for each figure, and below what is wrong with its cure.
pub(super) fn render(view: &SpendView) -> String {
    let mut lines = vec![
        ("cost", cost(view)),
        ("budget", budget(view)),
        ("share", share(view)),
        ("tier", tier(view)),
        ("asked for", asked_for(view)),
        ("Jellyfin", jellyfin(view)),
        ("checked", checks(view)),
    ];
    lines.retain(|(_, text)| !text.is_empty());
    let mut out = String::new();
    for (name, text) in lines {
        out.push_str(&format!("{name:<11}{}\n", printable(&text)));
    }
    let troubles: Vec<String> = troubles(view).iter().map(|line| printable(line)).collect();
    out + &paragraph(&troubles)
}

/// Cloud periods are UTC's.
fn at(usec: u64) -> String {
    local(usec, &TimeZone::UTC)
}

fn money(micros: i64, view: &SpendView) -> String {
    shown(Money::from_micros(micros), &view.currency)
}

fn cost(view: &SpendView) -> String {
    let Some(reported) = view.cost_micros else {
        return "not known for this period".to_owned();
    };
    let stale = match view.knowledge.as_str() {
        "fresh" => "",
        _ => ", too long ago",
    };
    let mut text = format!(
        "{} as of {}{stale}",
        money(reported, view),
        in_year(view.cost_at_usec, &TimeZone::UTC)
    );
    if let Some(estimate) = view.estimate_micros
        && view.price_per_gb_micros.is_some()
    {
        text.push_str(&format!(
            "; {} by now, with {} sent since",
            money(estimate, view),
            format_bytes(view.unreported_bytes)
        ));
    }
    text
}

fn budget(view: &SpendView) -> String {
    let Some(budget) = view.budget_micros else {
        return "not known".to_owned();
    };
    let source = match view.budget_source.as_str() {
        "azure_budget_api" => format!("{} of Azure", view.azure_budget_name),
        "azure_only_budget" => "the only one of Azure that fits".to_owned(),
        "fallback" => "the configuration's".to_owned(),
        other => other.to_owned(),
    };
    let period = match view.period_end_usec {
        0 => String::new(),
        end => format!(", {}", span(view.period_start_usec, end, &TimeZone::UTC)),
    };
    format!("{}, {source}{period}", money(budget, view))
}

fn share(view: &SpendView) -> String {
    view.basis_points
        .map_or_else(|| "not known".to_owned(), percent)
}

fn tier(view: &SpendView) -> String {
    if view.tier.is_empty() {
        return "none yet".to_owned();
    }
    let reason = match view.tier_reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("{} since {}{reason}", view.tier, at(view.tier_since_usec))
}

/// What the tier demands.
fn asked_for(view: &SpendView) -> String {
    if view.tier.is_empty() {
        return "nothing".to_owned();
    }
    let streams = match view.bitrate_bits_per_second {
        _ if view.off => "remote streaming off".to_owned(),
        0 => "no limit for streams".to_owned(),
        rate => format!("{} a remote stream", format_bit_rate(rate.into())),
    };
    match view.link_rate_bytes_per_second {
        0 => streams,
        rate => format!(
            "{streams}, {} capped to {}",
            view.interface,
            format_rate(rate)
        ),
    }
}

fn jellyfin(view: &SpendView) -> String {
    if view.jellyfin_host.is_empty() {
        return String::new();
    }
    let state = match view.jellyfin_state.as_str() {
        "held" => "follows",
        "pending" => "is being told",
        "unreachable" => "cannot be reached",
        "foreign" => "holds a stricter limit that somebody set, which is left alone",
        "refused" => "does not follow",
        "none" | "" => "is asked for nothing",
        other => other,
    };
    let mut text = format!("{}:{} {state}", view.jellyfin_host, view.jellyfin_port);
    if view.jellyfin_at_usec > 0 {
        let limit = match view.jellyfin_bitrate {
            ..0 => "a limit not known".to_owned(),
            0 => "no limit".to_owned(),
            rate => format_bit_rate(rate.unsigned_abs()),
        };
        let access = match view.jellyfin_remote_access.as_str() {
            "yes" => ", remote access on",
            "no" => ", remote access off",
            _ => "",
        };
        let time = in_year(view.jellyfin_at_usec, &TimeZone::UTC);
        text.push_str(&format!("; it has {limit}{access} as of {time}"));
    }
    text
}

fn checks(view: &SpendView) -> String {
    if view.checked_at_usec == 0 {
        return "not yet; the first check is under way".to_owned();
    }
    let mut text = in_year(view.checked_at_usec, &TimeZone::UTC);
    if view.next_check_usec > 0 {
        text.push_str(&format!(
            ", next {}",
            in_year(view.next_check_usec, &TimeZone::UTC)
        ));
    }
    if view.next_cost_usec > 0 {
        text.push_str(&format!(
            ", next cost {}",
            in_year(view.next_cost_usec, &TimeZone::UTC)
        ));
    }
    text
}

/// What is wrong, each in one paragraph with what to do about it.
fn troubles(view: &SpendView) -> Vec<String> {
    let mut troubles = Vec::new();
    let since = |usec: u64| match usec {
        0 => String::new(),
        time => format!(" since {}", at(time)),
    };
    if !view.cost_error.is_empty() {
        troubles.push(format!(
            "The cost cannot be asked for{}: {}",
            since(view.cost_error_since_usec),
            view.cost_error
        ));
    }
    if !view.budget_note.is_empty() {
        troubles.push(format!("Budget: {}", view.budget_note));
    }
    if !view.jellyfin_error.is_empty() {
        troubles.push(format!(
            "Jellyfin does not follow{}: {}",
            since(view.jellyfin_error_since_usec),
            view.jellyfin_error
        ));
    }
    troubles.extend(view.findings.iter().map(|finding| {
        let trouble = trouble(finding);
        format!("{}. Cure: {}", capital(&trouble.found), trouble.cure)
    }));
    troubles
}

/// As a sentence begins.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use bwflow_proto::spend::Finding;

    use super::*;

    /// 2026-11-22T00:00:00Z.
    const DAY: u64 = 1_795_305_600_000_000;
    const HOUR: u64 = 3_600_000_000;

    pub(in crate::spend) fn view() -> SpendView {
        SpendView {
            knowledge: "fresh".to_owned(),
            currency: "USD".to_owned(),
            azure_budget_name: "Monthly-Bandwidth-Limit".to_owned(),
            fallback_budget_micros: Some(150_000_000),
            budget_micros: Some(150_000_000),
            budget_source: "azure_budget_api".to_owned(),
            period_start_usec: DAY - 21 * 24 * HOUR,
            period_end_usec: DAY + 9 * 24 * HOUR,
            cost_micros: Some(90_230_000),
            cost_at_usec: DAY + 2 * HOUR,
            estimate_micros: Some(94_230_000),
            unreported_bytes: 45_977_011_494,
            price_per_gb_micros: Some(87_000),
            basis_points: Some(6_282),
            tier: "medium".to_owned(),
            tier_since_usec: DAY - 48 * HOUR,
            tier_reason: "62.82 % of the budget is more than 50 %".to_owned(),
            bitrate_bits_per_second: 2_000_000,
            interface: "eth0".to_owned(),
            link_rate_bytes_per_second: 2_500_000,
            jellyfin_host: "10.0.0.2".to_owned(),
            jellyfin_port: 8080,
            jellyfin_state: "held".to_owned(),
            jellyfin_bitrate: 2_000_000,
            jellyfin_remote_access: "yes".to_owned(),
            jellyfin_at_usec: DAY + 4 * HOUR + HOUR / 2,
            jellyfin_version: "10.11.11".to_owned(),
            checked_at_usec: DAY + 4 * HOUR + HOUR / 2,
            next_check_usec: DAY + 5 * HOUR + HOUR / 2,
            next_cost_usec: DAY + 6 * HOUR,
            ..SpendView::default()
        }
    }

    #[test]
    fn one_look_tells_everything() {
        assert_eq!(
            render(&view()),
            "\
cost       90.23 USD as of 11-22 02:00 UTC; 94.23 USD by now, with 46 GB sent since
budget     150.00 USD, Monthly-Bandwidth-Limit of Azure, 11-01 to 12-01 UTC
share      62.82 %
tier       medium since 2026-11-20 00:00 UTC: 62.82 % of the budget is more than 50 %
asked for  2 Mbit/s a remote stream, eth0 capped to 20 Mbit/s
Jellyfin   10.0.0.2:8080 follows; it has 2 Mbit/s, remote access on as of 11-22 04:30 UTC
checked    11-22 04:30 UTC, next 11-22 05:30 UTC, next cost 11-22 06:00 UTC
"
        );
    }

    #[test]
    fn what_is_wrong_stands_below_with_its_cure() {
        let text = render(&SpendView {
            knowledge: "stale".to_owned(),
            price_per_gb_micros: None,
            off: true,
            link_rate_bytes_per_second: 0,
            jellyfin_state: "refused".to_owned(),
            cost_error: "the identity lacks the role Cost Management Reader".to_owned(),
            cost_error_since_usec: DAY,
            jellyfin_error: "the key is refused".to_owned(),
            findings: vec![Finding {
                kind: "user-limit".to_owned(),
                subject: "ann\u{1b}".to_owned(),
            }],
            ..view()
        });
        let (figures, troubles) = text.split_once("\n\n").unwrap_or_default();
        assert!(figures.starts_with("cost       90.23 USD as of 11-22 02:00 UTC, too long ago\n"));
        assert!(
            figures.contains("\nasked for  remote streaming off\n"),
            "{figures}"
        );
        assert_eq!(
            troubles,
            "\
The cost cannot be asked for since 2026-11-22 00:00 UTC: the identity lacks the
  role Cost Management Reader
Jellyfin does not follow: the key is refused
The limit of user `ann?` is above the server's and goes before it. Cure: in
  Jellyfin's dashboard, Users, this user, Playback: lower the bitrate limit, or
  set it to 0
"
        );
    }

    #[test]
    fn nothing_known_is_said_so_and_no_zero_is_shown() {
        let text = render(&SpendView::default());
        assert_eq!(
            text,
            "cost       not known for this period\nbudget     not known\nshare      not known\n\
             tier       none yet\nasked for  nothing\nchecked    not yet; the first check is under way\n"
        );
    }
}
