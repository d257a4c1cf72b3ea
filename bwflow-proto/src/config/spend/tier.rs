//! The tiers: what holds up to which share of the budget, each at most as generous as the one before.

use std::collections::HashSet;

use toml::de::DeValue;

use super::Tier;
use super::value::{bitrate, line, link_rate, percent, shown_percent};
use crate::config::problem::{Problems, Span};
use crate::config::schema;
use crate::config::section::{Entry, Section};
use crate::config::value::{Given, boolean};
use crate::units::{format_bit_rate_exact, format_rate, quoted};

/// The most that a budget can be overspent and still be told apart, hundredths of a percent.
const MOST_PERCENT: u32 = 100_000;

const LONGEST_NAME: usize = 32;

/// More than these nobody can tell apart.
const MOST_TIERS: usize = 100;

/// A tier as it stands in the file.
pub(super) struct Written {
    /// Where to point at what is missing of it.
    pub(super) span: Span,
    pub(super) name: Given<String>,
    pub(super) up_to: Given<u32>,
    pub(super) bitrate: Given<u32>,
    pub(super) link_rate: Given<u64>,
    pub(super) off: Given<bool>,
}

/// What holds when no tier is given.
pub(super) fn usual() -> Vec<Tier> {
    let tier = |name: &str, up_to, bitrate, off| Tier {
        name: name.to_owned(),
        up_to,
        bitrate: Some(bitrate),
        link_rate: None,
        off,
    };
    vec![
        tier("high", Some(5_000), 4_000_000, false),
        tier("medium", Some(9_000), 2_000_000, false),
        tier("disabled", None, 2_000_000, true),
    ]
}

/// Every `[[spend.tier]]`; `None` if the list as a whole is wrong.
pub(super) fn written(entry: Entry<'_>, problems: &mut Problems) -> Option<Vec<Written>> {
    const HOW: &str = "write [[spend.tier]] and its keys below, once for each tier";
    let items = match entry.value.get_ref() {
        DeValue::Array(items) if !items.is_empty() && items.len() <= MOST_TIERS => items,
        DeValue::Array(items) if items.len() > MOST_TIERS => {
            let message = format!("there are {} tiers, but at most {MOST_TIERS}", items.len());
            let hint = "three or four are what people can tell apart".to_owned();
            problems.error(entry.key_span(), message, Some(hint));
            return None;
        }
        DeValue::Table(_) => {
            let hint = "write [[spend.tier]] with two brackets: there are several".to_owned();
            problems.error(entry.key_span(), "`tier` is a list of tables", Some(hint));
            return None;
        }
        _ => {
            let hint = Some(HOW.to_owned());
            problems.error(entry.span(), "`tier` must be a list of tables", hint);
            return None;
        }
    };
    let mut tiers = Vec::new();
    for item in items {
        let DeValue::Table(keys) = item.get_ref() else {
            problems.error(item.span(), "a tier must be a table", Some(HOW.to_owned()));
            return None;
        };
        let section = Section::new("[[spend.tier]]", keys, schema::TIER, problems);
        let span = if item.span().is_empty() {
            entry.key_span()
        } else {
            item.span()
        };
        tiers.push(one(&section, span, problems));
    }
    Some(tiers)
}

fn one(section: &Section<'_>, span: Span, problems: &mut Problems) -> Written {
    let up_to = |entry: Entry<'_>, problems: &mut Problems| {
        percent(entry, 1..=MOST_PERCENT, "90", problems)
    };
    let name = |entry: Entry<'_>, problems: &mut Problems| {
        line(entry, LONGEST_NAME, "medium", problems).map(str::to_owned)
    };
    Written {
        span,
        name: Given::read(section.get("name"), problems, name),
        up_to: Given::read(section.get("up_to_percent"), problems, up_to),
        bitrate: Given::read(section.get("bitrate"), problems, bitrate),
        link_rate: Given::read(section.get("link_rate"), problems, link_rate),
        off: Given::read(section.get("off"), problems, boolean),
    }
}

/// Checks what the tiers mean together.
pub(super) fn checked(
    written: Vec<Written>,
    is_whole: bool,
    problems: &mut Problems,
) -> Option<Vec<Tier>> {
    check_names(&written, is_whole, problems);
    check_edges(&written, is_whole, problems);
    let mut tiers: Vec<Tier> = Vec::new();
    let mut is_right = true;
    let last_place = written.last().map(|tier| tier.span.clone());
    for tier in written {
        let span = tier.span.clone();
        let places = (place(&tier.bitrate), place(&tier.link_rate));
        let Some(mut tier) = read(tier) else {
            is_right = false;
            continue;
        };
        // One that could not be read has been reported; what follows it is compared with the one
        // before it.
        if let Some(before) = tiers.last() {
            is_right &= follows(before, &mut tier, &span, places, problems);
        }
        tiers.push(tier);
    }
    if let (Some(last), Some(place)) = (tiers.last(), last_place)
        && is_right
        && is_whole
        && !last.off
        && last.bitrate.is_none()
        && last.link_rate.is_none()
    {
        let hint = "give the last one bitrate, link_rate or off = true".to_owned();
        problems.error(place, "no tier limits anything", Some(hint));
        return None;
    }
    is_right.then_some(tiers)
}

fn place<T>(given: &Given<T>) -> Option<Span> {
    match given {
        Given::Is(_, span) => Some(span.clone()),
        Given::Not | Given::Wrong => None,
    }
}

/// The tier by itself; `None` if a part of it is wrong, which has been reported.
fn read(tier: Written) -> Option<Tier> {
    fn known<T>(given: Given<T>) -> Option<Option<T>> {
        match given {
            Given::Is(value, _) => Some(Some(value)),
            Given::Not => Some(None),
            Given::Wrong => None,
        }
    }
    Some(Tier {
        name: known(tier.name)?.unwrap_or_default(),
        up_to: known(tier.up_to)?,
        bitrate: known(tier.bitrate)?,
        link_rate: known(tier.link_rate)?,
        off: known(tier.off)?.unwrap_or(false),
    })
}

fn check_names(tiers: &[Written], is_whole: bool, problems: &mut Problems) {
    let mut names = HashSet::new();
    for tier in tiers {
        match &tier.name {
            Given::Is(name, span) if !names.insert(name) => {
                let message = format!("there is a tier {} already", quoted(name));
                let hint = "give each tier a name of its own".to_owned();
                problems.error(span.clone(), message, Some(hint));
            }
            Given::Not if is_whole => {
                let hint = "write name = \"medium\" below it, or what you call it".to_owned();
                problems.error(tier.span.clone(), "the tier has no name", Some(hint));
            }
            _ => {}
        }
    }
}

fn check_edges(tiers: &[Written], is_whole: bool, problems: &mut Problems) {
    let mut highest: Option<u32> = None;
    let last = tiers.len().saturating_sub(1);
    for (at, tier) in tiers.iter().enumerate() {
        match &tier.up_to {
            Given::Is(up_to, span) => {
                if let Some(before) = highest
                    && *up_to <= before
                {
                    let message = format!(
                        "`up_to_percent` is {}, but the tier before goes up to {}",
                        shown_percent(*up_to),
                        shown_percent(before)
                    );
                    let hint = "put the tiers in the order of their up_to_percent".to_owned();
                    problems.error(span.clone(), message, Some(hint));
                }
                highest = Some(highest.map_or(*up_to, |before| before.max(*up_to)));
                if at == last && is_whole {
                    let message = format!(
                        "nothing says what holds above {} %",
                        shown_percent(highest.unwrap_or(*up_to))
                    );
                    let hint = "take up_to_percent out of the last tier, or add one without it: \
                                [[spend.tier]], name = \"disabled\", off = true";
                    problems.error(span.clone(), message, Some(hint.to_owned()));
                }
            }
            Given::Not if at < last && is_whole => {
                let message = "the tier has no `up_to_percent`, so that those below it never hold";
                let hint = "write up_to_percent = 90 below it; only the last tier has none";
                problems.error(tier.span.clone(), message, Some(hint.to_owned()));
            }
            Given::Not | Given::Wrong => {}
        }
    }
}

/// Whether a tier is at most as generous as the one before; one that switches off takes from that
/// what it does not say itself.
fn follows(
    before: &Tier,
    tier: &mut Tier,
    span: &Span,
    (bitrate, link_rate): (Option<Span>, Option<Span>),
    problems: &mut Problems,
) -> bool {
    let mut is_right = true;
    let mut refuse = |span: &Span, message: String, hint: String| {
        is_right = false;
        problems.error(span.clone(), message, Some(hint));
    };
    let other = quoted(&before.name);
    if before.off && !tier.off {
        refuse(
            span,
            format!("the tier lets remote streaming in again, which {other} before it keeps out"),
            "write off = true in this one, too, or change their order".to_owned(),
        );
    }
    let exact = |bytes: u64| format_bit_rate_exact(bytes.saturating_mul(8));
    let own = |bits: u32| format_bit_rate_exact(bits.into());
    match (before.bitrate, tier.bitrate) {
        (Some(most), None) if tier.off => tier.bitrate = Some(most),
        (Some(most), None) => refuse(
            span,
            format!(
                "the tier has no `bitrate`, but {other} before it has {}",
                own(most)
            ),
            format!("write bitrate = \"{}\" or less", own(most)),
        ),
        (Some(most), Some(rate)) if rate > most => refuse(
            bitrate.as_ref().unwrap_or(span),
            format!(
                "`bitrate` is {}, but {other} before it has {}",
                own(rate),
                own(most)
            ),
            format!(
                "a later tier is at most as generous: write at most \"{}\"",
                own(most)
            ),
        ),
        _ => {}
    }
    match (before.link_rate, tier.link_rate) {
        (Some(most), None) if tier.off => tier.link_rate = Some(most),
        (Some(most), None) => refuse(
            span,
            format!(
                "the tier has no `link_rate`, but {other} before it has {}",
                format_rate(most)
            ),
            format!("write link_rate = \"{}\" or less", exact(most)),
        ),
        (Some(most), Some(rate)) if rate > most => refuse(
            link_rate.as_ref().unwrap_or(span),
            format!(
                "`link_rate` is {}, but {other} before it has {}",
                format_rate(rate),
                format_rate(most)
            ),
            format!(
                "a later tier is at most as generous: write at most \"{}\"",
                exact(most)
            ),
        ),
        _ => {}
    }
    is_right
}
