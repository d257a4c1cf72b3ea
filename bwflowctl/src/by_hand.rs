//! What was decided by hand, for people and for programs.

use bwflow_proto::claim::{Claim, TopUp};
use bwflow_proto::units::{format_bytes, format_rate};
use serde::Serialize;

use crate::grid::printable;
use crate::snapshot::LinkRecord;
use crate::time::{end, local, rfc3339};

/// The columns of a terminal that text has to fit.
pub(crate) const WIDTH: usize = 80;

/// Why a link is `manual`.
pub(crate) fn why_manual(link: &LinkRecord) -> String {
    let Some(claim) = &link.throttle else {
        return "throttled by hand".to_owned();
    };
    format!("throttled by hand {}", terms(claim, link))
}

/// Why a link is `overridden`.
pub(crate) fn why_overridden(link: &LinkRecord) -> String {
    let Some(claim) = &link.override_claim else {
        return "override in force".to_owned();
    };
    let what = match claim.rate_bytes_per_second {
        0 => "limit lifted by hand".to_owned(),
        rate => format!("held to {} by hand", format_rate(rate)),
    };
    format!("{what} {}", terms(claim, link))
}

/// `by alice until 2026-11-22 18:00 UTC: backup runs`.
fn terms(claim: &Claim, link: &LinkRecord) -> String {
    format!(
        "by {} until {}{}",
        owner(&claim.owner, claim.owner_uid),
        until(claim, link),
        because(&claim.reason)
    )
}

/// `2026-11-22 18:00 UTC`, or `it is cleared`.
pub(crate) fn until(claim: &Claim, link: &LinkRecord) -> String {
    match claim.expires_usec {
        0 => "it is cleared".to_owned(),
        time => end(time, &link.zone(), link.read_usec),
    }
}

fn owner(name: &str, uid: u32) -> String {
    if name.is_empty() {
        format!("uid {uid}")
    } else {
        name.to_owned()
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// Each decision about a link in a sentence, and why it is counted otherwise than was asked for.
pub(crate) fn notes(link: &LinkRecord) -> Vec<String> {
    let zone = link.zone();
    let name = printable(&link.interface);
    let claim = |what: String, claim: &Claim| {
        format!(
            "{name}: {what} by {}, set {}, until {}{}",
            owner(&claim.owner, claim.owner_uid),
            local(claim.set_at_usec, &zone),
            until(claim, link),
            because(&claim.reason)
        )
    };
    let throttle = link.throttle.as_ref().map(|throttle| {
        let rate = format_rate(throttle.rate_bytes_per_second);
        claim(format!("throttle of {rate}"), throttle)
    });
    let override_claim = link.override_claim.as_ref().map(|lift| {
        let what = match lift.rate_bytes_per_second {
            0 => "override without limit".to_owned(),
            rate => format!("override to {}", format_rate(rate)),
        };
        claim(what, lift)
    });
    let top_ups = link.pending_top_ups.iter().map(|top_up| {
        let what = match top_up.used_bytes {
            None => format!("top-up of {}", format_bytes(top_up.bytes)),
            Some(used) => format!("correction to {} used", format_bytes(used)),
        };
        format!(
            "{name}: {what} by {}, added {}, not booked yet{}",
            owner(&top_up.owner, top_up.owner_uid),
            local(top_up.at_usec, &zone),
            because(&top_up.reason)
        )
    });
    let source = link
        .source_note()
        .map(|note| format!("{name}: counted by the kernel alone: {}", printable(note)));
    throttle
        .into_iter()
        .chain(override_claim)
        .chain(top_ups)
        .chain(source)
        .collect()
}

/// Lines below a table, after an empty one; nothing for none. What is too long is continued two
/// columns in.
pub(crate) fn paragraph(lines: &[String]) -> String {
    let mut out = String::new();
    for line in lines {
        if out.is_empty() {
            out.push('\n');
        }
        let mut width = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if width > 0 && width + 1 + length > WIDTH {
                out.push_str("\n  ");
                width = 2;
            } else if width > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(word);
            width += length;
        }
        out.push('\n');
    }
    out
}

/// A throttle or an override in JSON.
#[derive(Serialize)]
pub(crate) struct ClaimRecord<'a> {
    /// Null in an override that lifts every limit.
    rate_bytes_per_second: Option<u64>,
    owner: &'a str,
    owner_uid: u32,
    reason: &'a str,
    set_at: Option<String>,
    /// Null if it holds until it is cleared.
    expires_at: Option<String>,
}

impl<'a> ClaimRecord<'a> {
    pub(crate) fn of(claim: &'a Claim) -> Self {
        let rate = claim.rate_bytes_per_second;
        Self {
            rate_bytes_per_second: (rate != 0).then_some(rate),
            owner: &claim.owner,
            owner_uid: claim.owner_uid,
            reason: &claim.reason,
            set_at: rfc3339(claim.set_at_usec),
            expires_at: rfc3339(claim.expires_usec),
        }
    }
}

/// A top-up that has not been booked, in JSON.
#[derive(Serialize)]
pub(crate) struct TopUpRecord<'a> {
    id: &'a str,
    bytes: u64,
    owner: &'a str,
    owner_uid: u32,
    reason: &'a str,
    added_at: Option<String>,
}

/// A correction that has not been booked, in JSON.
#[derive(Serialize)]
pub(crate) struct CorrectionRecord<'a> {
    id: &'a str,
    used_bytes: u64,
    owner: &'a str,
    owner_uid: u32,
    reason: &'a str,
    decided_at: Option<String>,
}

impl<'a> CorrectionRecord<'a> {
    /// The corrections among what waits to be booked.
    pub(crate) fn among(pending: &'a [TopUp]) -> Vec<Self> {
        let corrections = pending.iter().filter_map(|it| {
            Some(Self {
                id: &it.id,
                used_bytes: it.used_bytes?,
                owner: &it.owner,
                owner_uid: it.owner_uid,
                reason: &it.reason,
                decided_at: rfc3339(it.at_usec),
            })
        });
        corrections.collect()
    }
}

impl<'a> TopUpRecord<'a> {
    /// The top-ups among what waits to be booked.
    pub(crate) fn among(pending: &'a [TopUp]) -> Vec<Self> {
        let top_ups = pending.iter().filter(|it| it.used_bytes.is_none());
        top_ups.map(Self::of).collect()
    }

    fn of(top_up: &'a TopUp) -> Self {
        Self {
            id: &top_up.id,
            bytes: top_up.bytes,
            owner: &top_up.owner,
            owner_uid: top_up.owner_uid,
            reason: &top_up.reason,
            added_at: rfc3339(top_up.at_usec),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 2026-11-22T00:00:00Z.
    const MIDNIGHT: u64 = 1_795_305_600_000_000;

    /// A link about which everything was decided by hand that can be.
    pub(crate) fn decided() -> LinkRecord {
        LinkRecord {
            interface: "wan0".to_owned(),
            state: "manual".to_owned(),
            limit_bytes_per_second: 625_000,
            throttle: Some(Claim {
                rate_bytes_per_second: 625_000,
                owner_uid: 1000,
                owner: "alice".to_owned(),
                reason: "backup runs".to_owned(),
                set_at_usec: MIDNIGHT,
                expires_usec: MIDNIGHT + 18 * 3_600_000_000,
            }),
            override_claim: Some(Claim {
                owner: "root".to_owned(),
                set_at_usec: MIDNIGHT,
                ..Claim::default()
            }),
            pending_top_ups: vec![TopUp {
                id: format!("{:032x}", 1),
                bytes: 10_000_000_000,
                owner_uid: 1001,
                at_usec: MIDNIGHT,
                ..TopUp::default()
            }],
            ..LinkRecord::default()
        }
    }

    #[test]
    fn who_decided_it_and_until_when_is_the_reason() {
        let mut link = decided();
        assert_eq!(
            link.reason(),
            "throttled by hand by alice until 2026-11-22 18:00 UTC: backup runs"
        );
        link.read_usec = MIDNIGHT + 18 * 3_600_000_000 - 30_000_000;
        assert_eq!(
            link.reason(),
            "throttled by hand by alice until 2026-11-22 18:00:00 UTC: backup runs"
        );
        link.state = "overridden".to_owned();
        assert_eq!(
            link.reason(),
            "limit lifted by hand by root until it is cleared"
        );
        link.override_claim = Some(Claim {
            rate_bytes_per_second: 2_500_000,
            owner_uid: 7,
            ..Claim::default()
        });
        assert_eq!(
            link.reason(),
            "held to 20 Mbit/s by hand by uid 7 until it is cleared"
        );
        link.override_claim = None;
        assert_eq!(link.reason(), "override in force");
    }

    #[test]
    fn a_word_longer_than_a_line_stands_on_its_own() {
        let long = "x".repeat(200);
        let text = paragraph(&[format!("eth0: {long} y")]);
        assert_eq!(text, format!("\neth0:\n  {long}\n  y\n"));
        assert_eq!(paragraph(&[]), "");
    }
}
