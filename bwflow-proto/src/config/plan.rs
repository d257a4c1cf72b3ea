//! What a table says about a link's plan, before defaults are filled in.

use jiff::tz::TimeZone;

use super::Throttle;
use super::exclude::networks;
use super::problem::Problems;
use super::section::{Entry, Section};
use super::value::{Given, amount, gigabytes, text, timezone, unit_error, whole};
use crate::count::Count;
use crate::network::Network;
use crate::units::{parse_rate, quoted};

/// The keys of `[bandwidth]` and `[throttle]`, all of which a `[[link]]` may have too.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) budget: Given<u64>,
    pub(super) burst: Given<u64>,
    pub(super) billing_day: Given<i8>,
    pub(super) timezone: Given<TimeZone>,
    pub(super) count: Given<Count>,
    pub(super) throttle: Given<Throttle>,
    pub(super) min_rate: Given<u64>,
    pub(super) exclude: Given<Vec<Network>>,
}

impl Plan {
    /// Reads whichever of the keys `section` holds.
    pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Self {
        Self {
            budget: bytes(section, "monthly_budget", "monthly_budget_gb", problems),
            burst: bytes(section, "pre_charge", "pre_charge_gb", problems),
            billing_day: Given::read(section.get("billing_day"), problems, |entry, problems| {
                whole(entry, 1..=31, "1", problems).and_then(|day| i8::try_from(day).ok())
            }),
            timezone: Given::read(section.get("timezone"), problems, timezone),
            count: Given::read(section.get("count"), problems, count),
            throttle: Given::read(section.get("rate"), problems, throttle),
            exclude: Given::read(section.get("exclude"), problems, networks),
            min_rate: Given::read(section.get("min_rate"), problems, |entry, problems| {
                let rate = parse_rate(text(entry, "64 kbit/s", problems)?);
                rate.map_err(|error| unit_error(entry, &error, problems))
                    .ok()
            }),
        }
    }

    /// Fills what is not given from `defaults`, all but the burst, which belongs to its budget.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        Self {
            budget: self.budget.or(defaults.budget),
            burst: self.burst,
            billing_day: self.billing_day.or(defaults.billing_day),
            timezone: self.timezone.or(defaults.timezone),
            count: self.count.or(defaults.count),
            throttle: self.throttle.or(defaults.throttle),
            min_rate: self.min_rate.or(defaults.min_rate),
            exclude: self.exclude.or(defaults.exclude),
        }
    }
}

/// An amount that has two spellings.
fn bytes(
    section: &Section<'_>,
    with_unit: &'static str,
    in_gigabytes: &'static str,
    problems: &mut Problems,
) -> Given<u64> {
    let (text, number) = (section.get(with_unit), section.get(in_gigabytes));
    if let (Some(text), Some(number)) = (text, number) {
        let (first, second) = if text.key_span().start < number.key_span().start {
            (text, number)
        } else {
            (number, text)
        };
        let message = format!("`{}` and `{}` say the same thing", first.key, second.key);
        let hint = Some("keep one of the two".to_owned());
        problems.error(second.key_span(), message, hint);
        return Given::Wrong;
    }
    Given::read(text, problems, amount).or(Given::read(number, problems, gigabytes))
}

fn count(entry: Entry<'_>, problems: &mut Problems) -> Option<Count> {
    let word = text(entry, "tx", problems)?;
    let count = word.parse().ok();
    if count.is_none() {
        let hint = "write \"tx\" (sent), \"rx\" (received), \"sum\" (both) or \"max\" (the larger)";
        let message = format!("`count` is {}, which is none of its words", quoted(word));
        problems.error(entry.span(), message, Some(hint.to_owned()));
    }
    count
}

fn throttle(entry: Entry<'_>, problems: &mut Problems) -> Option<Throttle> {
    let word = text(entry, "drip", problems)?;
    if word == "drip" {
        return Some(Throttle::Drip);
    }
    match parse_rate(word) {
        Ok(rate) => Some(Throttle::Rate(rate)),
        Err(_) if !word.trim().starts_with(|c: char| c.is_ascii_digit()) => {
            let message = format!("`rate`: {} is neither \"drip\" nor a rate", quoted(word));
            let hint = "write rate = \"drip\" or a rate like \"2 Mbit/s\"".to_owned();
            problems.error(entry.span(), message, Some(hint));
            None
        }
        Err(error) => {
            unit_error(entry, &error, problems);
            None
        }
    }
}
