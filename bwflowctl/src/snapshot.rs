//! What the daemon knows, as plain values.

use std::collections::HashMap;

use bwflow_proto::claim::{Claim, TopUp};
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use bwflow_proto::state::LinkState;
use bwflow_proto::units::{format_rate, is_unprintable};
use jiff::tz::TimeZone;
use zbus::fdo::ManagedObjects;
use zbus::{OwnedVariant, Variant};

use crate::by_hand;
use crate::failure::{Failure, LOOK_AT_CONFIG, no_helper};
use crate::grid;
use crate::time::zone;

/// The daemon's side of the bus at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// Whether the daemon owns its name.
    pub(crate) has_daemon: bool,
    /// Whether the helper owns its name.
    pub(crate) has_helper: bool,
    /// In the order of their names.
    pub(crate) links: Vec<LinkRecord>,
}

/// One link as the daemon shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LinkRecord {
    pub(crate) interface: String,
    /// The word on the bus, which may be one that this version does not know.
    pub(crate) state: String,
    pub(crate) state_since_usec: u64,
    /// Bytes per second; 0 when there is none.
    pub(crate) limit_bytes_per_second: u64,
    pub(crate) blocked_by: String,
    /// When the daemon was asked; 0 for long ago.
    pub(crate) read_usec: u64,
    pub(crate) grant: Option<Grant>,
    pub(crate) ledger: Option<LedgerView>,
    pub(crate) throttle: Option<Claim>,
    pub(crate) override_claim: Option<Claim>,
    /// What the helper has yet to book, oldest first.
    pub(crate) pending_top_ups: Vec<TopUp>,
}

/// What a person is told while the helper is not there.
impl Snapshot {
    /// What its absence means for the links.
    pub(crate) fn without_helper(&self) -> String {
        if self.links.iter().any(|link| link.grant.is_some()) {
            format!(
                "bwflow-helper is not running: the last grants are carried on; {LOOK_AT_CONFIG}"
            )
        } else {
            no_helper()
        }
    }
}

impl LinkRecord {
    /// Why the link is in its state; empty when only the daemon could tell.
    pub(crate) fn reason(&self) -> String {
        match self.state.parse() {
            Ok(LinkState::Armed | LinkState::Throttled) if !self.has_figures() => {
                "an earlier limit stays in force; what is left is not known until bwflow-helper \
                 runs"
                    .to_owned()
            }
            Ok(LinkState::Open) if !self.has_figures() => "what is left is not known".to_owned(),
            Ok(LinkState::Open) => "budget left".to_owned(),
            // Not by hand, so it is the grant's own cap.
            Ok(LinkState::Armed | LinkState::Throttled) if self.is_capped() => format!(
                "capped to {} by the spend guard, see `bwflowctl spend`",
                format_rate(self.limit_bytes_per_second)
            ),
            Ok(LinkState::Armed) => "little of what has accrued is left".to_owned(),
            Ok(LinkState::Throttled) => "all that has accrued is used".to_owned(),
            Ok(LinkState::Overridden) => by_hand::why_overridden(self),
            Ok(LinkState::Manual) => by_hand::why_manual(self),
            Ok(LinkState::Blocked) if self.blocked_by.is_empty() => {
                "a foreign queueing discipline is in the way".to_owned()
            }
            Ok(LinkState::Blocked) => format!("{} is in the way", self.blocked_by),
            Ok(LinkState::Absent) => "no such interface".to_owned(),
            Err(_) => String::new(),
        }
    }

    /// That the spend guard caps it, if it does.
    pub(crate) fn cap_note(&self) -> Option<String> {
        let holds = matches!(
            self.state.parse(),
            Ok(LinkState::Armed | LinkState::Throttled)
        );
        let note = || printable(&format!("{}: {}", self.interface, self.reason()));
        (holds && self.is_capped()).then(note)
    }

    /// Whether what holds the link is the cap that its grant has while bytes are left. One below what
    /// drips in does so in the state of a link whose budget is used up.
    fn is_capped(&self) -> bool {
        let peak = self
            .grant
            .as_ref()
            .map_or(0, |grant| grant.peak_bytes_per_second);
        let is_used_up = self.state.parse() == Ok(LinkState::Throttled)
            && self
                .ledger
                .as_ref()
                .is_none_or(|it| it.available_bytes <= 0);
        peak > 0 && peak == self.limit_bytes_per_second && !is_used_up
    }

    /// Why its excluded networks are charged and held back all the same.
    pub(crate) fn exclusion_fault(&self) -> Option<&str> {
        self.ledger.as_ref()?.exclusion_fault.as_deref()
    }

    /// The same for a person.
    pub(crate) fn exclusion_note(&self) -> Option<String> {
        let fault = printable(self.exclusion_fault()?);
        let interface = printable(&self.interface);
        Some(format!(
            "{interface}: `exclude` is not in force, so that everything is charged and held back: \
             {fault}"
        ))
    }

    /// Whether anything is known of its budget. Nothing is after a restart of the daemon, until
    /// the helper has come back.
    pub(crate) const fn has_figures(&self) -> bool {
        self.grant.is_some() || self.ledger.is_some()
    }

    /// As [`Self::reason`], without what was said about a decision by hand.
    pub(crate) fn short_reason(&self) -> String {
        match self.state.parse() {
            Ok(LinkState::Overridden) => "override in force".to_owned(),
            Ok(LinkState::Manual) => "throttled by hand".to_owned(),
            _ => self.reason(),
        }
    }

    /// The decision by hand that holds the link now.
    pub(crate) fn claim_in_force(&self) -> Option<&Claim> {
        match self.state.parse() {
            Ok(LinkState::Overridden) => self.override_claim.as_ref(),
            Ok(LinkState::Manual) => self.throttle.as_ref(),
            _ => None,
        }
    }

    /// When the state ends at the latest: by what was decided by hand, or with the period, when
    /// there is a budget again. 0 if that is not known or never.
    pub(crate) fn until_usec(&self) -> u64 {
        if let Some(claim) = self.claim_in_force() {
            return claim.expires_usec;
        }
        match (self.state.parse(), &self.ledger) {
            // The guard's cap ends when the cost lets it, not with the link's period.
            _ if self.is_capped() => 0,
            (Ok(LinkState::Armed | LinkState::Throttled), Some(ledger)) => ledger.period_end_usec,
            _ => 0,
        }
    }

    /// The time zone of the link's plan; UTC while there is none.
    pub(crate) fn zone(&self) -> TimeZone {
        let ledger = self.ledger.as_ref();
        ledger.map_or(TimeZone::UTC, |ledger| zone(&ledger.timezone))
    }

    /// What is left in bytes: the ledger's figure, or the grant's while there is no ledger.
    pub(crate) fn available_bytes(&self) -> Option<i64> {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.available_bytes);
        ledger.or_else(|| self.grant.as_ref().map(|grant| grant.available_bytes))
    }

    /// What accrues in bytes per second, by the ledger or else by the grant.
    pub(crate) fn drip_bytes_per_second(&self) -> Option<u64> {
        let ledger = self
            .ledger
            .as_ref()
            .map(|ledger| ledger.drip_bytes_per_second);
        ledger.or_else(|| self.grant.as_ref().map(|grant| grant.drip_bytes_per_second))
    }

    /// Why vnStat is not used though it is wanted.
    pub(crate) fn source_note(&self) -> Option<&str> {
        let ledger = self.ledger.as_ref()?;
        Some(ledger.source_note.as_str()).filter(|note| !note.is_empty())
    }

    /// What is charged, by the ledger or else by the grant.
    pub(crate) fn counted(&self) -> Option<&str> {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.counted.as_str());
        ledger.or_else(|| self.grant.as_ref().map(|grant| grant.count.as_str()))
    }
}

/// The link of that name.
///
/// # Errors
/// Those that there are.
pub(crate) fn named(links: Vec<LinkRecord>, name: &str) -> Result<LinkRecord, Failure> {
    let known: Vec<String> = links
        .iter()
        .map(|link| grid::printable(&link.interface))
        .collect();
    let found = links.into_iter().find(|link| link.interface == name);
    found.ok_or_else(|| {
        let known = match known.as_slice() {
            [] => "there is none yet".to_owned(),
            [one] => format!("there is {one}"),
            several => format!("there are {}", several.join(", ")),
        };
        let name = grid::printable(name);
        Failure::Configuration(format!("no link `{name}`: {known}"))
    })
}

/// The links among the daemon's objects, in the order of their names; `now_usec` is when they
/// were read.
pub(crate) fn links(objects: &ManagedObjects, now_usec: u64) -> Vec<LinkRecord> {
    let mut links: Vec<LinkRecord> = objects
        .values()
        .filter_map(|interfaces| {
            let (_, properties) = interfaces
                .iter()
                .find(|(name, _)| name.as_str() == LINK_INTERFACE)?;
            link(properties, now_usec)
        })
        .collect();
    links.sort_by(|a, b| a.interface.cmp(&b.interface));
    links
}

/// The bus interface whose properties make a [`LinkRecord`].
pub(crate) const LINK_INTERFACE: &str = "org.bwflow1.Link";

type Properties = HashMap<String, OwnedVariant>;

/// A link without a name is none; whatever else is missing has its default.
fn link(properties: &Properties, now_usec: u64) -> Option<LinkRecord> {
    let interface = text(properties, "Interface")?;
    Some(LinkRecord {
        interface,
        state: text(properties, "State").unwrap_or_default(),
        state_since_usec: number(properties, "StateSinceUSec"),
        limit_bytes_per_second: number(properties, "LimitBytesPerSecond"),
        blocked_by: text(properties, "BlockedBy").unwrap_or_default(),
        read_usec: now_usec,
        grant: dictionary(properties, "Grant"),
        ledger: dictionary(properties, "Ledger"),
        throttle: dictionary(properties, "Throttle").map(printable_claim),
        override_claim: dictionary(properties, "Override").map(printable_claim),
        pending_top_ups: top_ups(properties),
    })
}

fn top_ups(properties: &Properties) -> Vec<TopUp> {
    let value = properties.get("PendingTopUps");
    let pending = value.and_then(|value| Vec::<TopUp>::try_from(value.try_clone().ok()?).ok());
    let mut pending = pending.unwrap_or_default();
    for top_up in &mut pending {
        top_up.owner = printable(&top_up.owner);
        top_up.reason = printable(&top_up.reason);
    }
    pending
}

fn printable_claim(mut claim: Claim) -> Claim {
    claim.owner = printable(&claim.owner);
    claim.reason = printable(&claim.reason);
    claim
}

/// What somebody else has written, so that a terminal only shows it.
fn printable(text: &str) -> String {
    let shown = |c: char| if is_unprintable(c) { '?' } else { c };
    text.chars().map(shown).collect()
}

fn text(properties: &Properties, name: &str) -> Option<String> {
    let value: &Variant<'_> = properties.get(name)?;
    String::try_from(value).ok()
}

fn number(properties: &Properties, name: &str) -> u64 {
    let value = properties.get(name);
    value
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or_default()
}

/// `None` for an empty dictionary, by which the daemon says that it has none.
fn dictionary<T: TryFrom<OwnedVariant>>(properties: &Properties, name: &str) -> Option<T> {
    let value = properties.get(name)?.try_clone().ok()?;
    T::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_of_the_spend_guard_is_told_from_a_budget_that_runs_out() {
        let link_in = |state: &str, available_bytes, limit_bytes_per_second| LinkRecord {
            interface: "wan0".to_owned(),
            state: state.to_owned(),
            limit_bytes_per_second,
            ledger: Some(LedgerView {
                available_bytes,
                period_end_usec: 7,
                ..LedgerView::default()
            }),
            grant: Some(Grant {
                peak_bytes_per_second: 2_500_000,
                ..Grant::default()
            }),
            ..LinkRecord::default()
        };
        let reason_in =
            |state: &str, available_bytes, limit| link_in(state, available_bytes, limit).reason();
        let capped = "capped to 20 Mbit/s by the spend guard, see `bwflowctl spend`";
        assert_eq!(reason_in("armed", 1, 2_500_000), capped);
        assert_eq!(
            reason_in("armed", 1, 8_000),
            "little of what has accrued is left"
        );
        assert_eq!(reason_in("throttled", 1, 2_500_000), capped);
        assert_eq!(
            reason_in("throttled", 0, 2_500_000),
            "all that has accrued is used"
        );
        let held = link_in("armed", 1, 2_500_000);
        assert_eq!(held.cap_note(), Some(format!("wan0: {capped}")));
        assert_eq!(held.until_usec(), 0, "not the end of the link's period");
        let slow = link_in("armed", 1, 8_000);
        assert_eq!((slow.cap_note(), slow.until_usec()), (None, 7));
        assert_eq!(link_in("overridden", 1, 2_500_000).cap_note(), None);
    }

    #[test]
    fn nothing_is_claimed_of_a_budget_of_which_nothing_is_known() {
        let reason = |state: &str, has_grant: bool, has_ledger: bool| {
            let link = LinkRecord {
                state: state.to_owned(),
                grant: has_grant.then(Grant::default),
                ledger: has_ledger.then(LedgerView::default),
                ..LinkRecord::default()
            };
            link.reason()
        };
        let earlier = "an earlier limit stays in force; what is left is not known until \
                       bwflow-helper runs";
        assert_eq!(reason("throttled", false, false), earlier);
        assert_eq!(reason("armed", false, false), earlier);
        assert_eq!(reason("open", false, false), "what is left is not known");
        for (has_grant, has_ledger) in [(true, false), (false, true)] {
            let known = |state| reason(state, has_grant, has_ledger);
            assert_eq!(known("throttled"), "all that has accrued is used");
            assert_eq!(known("open"), "budget left");
        }
    }

    #[test]
    fn an_end_is_the_decision_s_or_the_period_s() {
        let until = |state: &str| {
            let link = LinkRecord {
                state: state.to_owned(),
                ledger: Some(LedgerView {
                    period_end_usec: 7,
                    ..LedgerView::default()
                }),
                ..by_hand::tests::decided()
            };
            link.until_usec()
        };
        assert_eq!(until("armed"), 7);
        assert_eq!(until("throttled"), 7);
        assert_eq!(until("manual"), 1_795_370_400_000_000);
        assert_eq!(until("overridden"), 0, "until it is cleared");
        assert_eq!(until("open"), 0);
    }
}
