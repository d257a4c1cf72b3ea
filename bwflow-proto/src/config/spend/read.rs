//! `[spend]`, or `[bandwidth_monitor]`: the guard as a whole.

use super::tier::{checked, usual, written};
use super::timing::Timing;
use super::{Azure, Jellyfin, PRICES, Price, Spend, Tier, azure, beside, jellyfin, price, timing};
use crate::config::problem::{Problems, Span};
use crate::config::schema;
use crate::config::section::{Entry, Section};
use crate::config::value::{Given, boolean, interface};
use crate::money::Money;
use crate::units::quoted;

/// What the file says of the spend guard.
#[derive(Default)]
pub(in crate::config) struct Guard {
    pub(in crate::config) spend: Option<Spend>,
    pub(in crate::config) idle_jellyfin: Option<Jellyfin>,
}

/// Reads the guard; `None` if it is switched on and something of it is wrong. What is wrong with one
/// that is switched off forbids nothing: it is told in notes. `links` are the names of all links.
pub(in crate::config) fn read(
    root: &Section<'_>,
    links: &[String],
    is_whole: bool,
    problems: &mut Problems,
) -> Option<Guard> {
    let (own, beside) = (root.get("spend"), root.get("bandwidth_monitor"));
    if let (Some(own), Some(beside)) = (own, beside) {
        let second = own.key_span().start.max(beside.key_span().start);
        let entry = if second == own.key_span().start {
            own
        } else {
            beside
        };
        let message = "[spend] and [bandwidth_monitor] say the same thing";
        let hint = "keep [spend]; it can say everything that the other can".to_owned();
        problems.error(entry.key_span(), message, Some(hint));
        return None;
    }
    if let (Some(entry), None) = (root.get("jellyfin"), beside) {
        let message = "[jellyfin] goes with [bandwidth_monitor] alone";
        let hint = "write [spend.jellyfin]".to_owned();
        problems.error(entry.key_span(), message, Some(hint));
    }
    let Some(place) = own.or(beside) else {
        return Some(Guard::default());
    };
    let span = place.key_span();
    // What is found waits until it is known whether the guard is on.
    let mut found = Problems::default();
    let (label, keys) = match own {
        Some(_) => ("[spend]", schema::SPEND),
        None => ("[bandwidth_monitor]", schema::BANDWIDTH_MONITOR),
    };
    let section = root.table(place.key, label, keys, &mut found);
    let Some(section) = section else {
        problems.take(found);
        return None;
    };
    let enabled = Given::read(section.get("enabled"), problems, boolean);
    let context = Context {
        links,
        is_whole,
        span: span.clone(),
    };
    let mut parts = if own.is_some() {
        context.own(&section, &mut found)
    } else {
        context.beside(root, &section, &mut found)
    };
    let jellyfin = parts.jellyfin.take();
    match enabled {
        Given::Is(true, _) => {
            let spend = context.whole(parts, jellyfin, &mut found);
            problems.take(found);
            Some(Guard {
                spend: Some(spend?),
                idle_jellyfin: None,
            })
        }
        Given::Is(false, _) | Given::Not => {
            if matches!(enabled, Given::Not) && is_whole {
                let message = format!("{label} is switched off, for it does not say otherwise");
                let hint = "write enabled = true below it".to_owned();
                problems.note(span, message, Some(hint));
            }
            problems.take_as_notes(found);
            Some(Guard {
                spend: None,
                idle_jellyfin: jellyfin.flatten(),
            })
        }
        Given::Wrong => {
            problems.take(found);
            None
        }
    }
}

/// What the parts are checked against.
struct Context<'a> {
    links: &'a [String],
    is_whole: bool,
    /// Where to point at what is missing.
    span: Span,
}

/// The guard's parts, each `None` if something of it is wrong.
struct Parts {
    timing: Option<Timing>,
    currency: Option<String>,
    price: Option<Option<(Money, Option<&'static Price>)>>,
    interface: Given<String>,
    azure: Option<Azure>,
    tiers: Option<Vec<Tier>>,
    /// Whether this spelling can say a price at all.
    may_price: bool,
    /// `Some(None)` when there is none.
    jellyfin: Option<Option<Jellyfin>>,
}

impl Context<'_> {
    fn own(&self, section: &Section<'_>, problems: &mut Problems) -> Parts {
        let tiers = match section.get("tier") {
            None => Some(usual()),
            Some(entry) => written(entry, problems)
                .and_then(|written| checked(written, self.is_whole, problems)),
        };
        let timing = timing::read(section, tiers.as_deref(), problems);
        let currency = match Given::read(section.get("currency"), problems, price::currency) {
            Given::Is(currency, _) => Some(currency),
            Given::Not => Some("USD".to_owned()),
            Given::Wrong => None,
        };
        let price = price::read(section, currency.as_deref(), problems);
        let label = "[spend.azure]";
        let azure = match section.get("azure") {
            None => Some(Azure::default()),
            Some(_) => section
                .table("azure", label, schema::AZURE, problems)
                .and_then(|section| azure::read(&section, problems)),
        };
        Parts {
            timing,
            currency,
            price,
            interface: self.interface(section, problems),
            azure,
            tiers,
            may_price: true,
            jellyfin: self.jellyfin(section, "[spend.jellyfin]", schema::JELLYFIN, problems),
        }
    }

    fn beside(&self, root: &Section<'_>, section: &Section<'_>, problems: &mut Problems) -> Parts {
        let beside = beside::read(section, self.span.clone(), problems);
        Parts {
            timing: Some(Timing::usual()),
            currency: Some("USD".to_owned()),
            price: Some(None),
            interface: Given::Not,
            azure: beside.azure,
            tiers: beside.tiers,
            may_price: false,
            jellyfin: self.jellyfin(root, "[jellyfin]", schema::JELLYFIN_BESIDE, problems),
        }
    }

    fn jellyfin(
        &self,
        section: &Section<'_>,
        label: &str,
        known: &'static [&'static str],
        problems: &mut Problems,
    ) -> Option<Option<Jellyfin>> {
        let Some(entry) = section.get("jellyfin") else {
            return Some(None);
        };
        let section = section.table("jellyfin", label, known, problems)?;
        jellyfin::read(&section, label, entry.key_span(), self.is_whole, problems).map(Some)
    }

    fn interface(&self, section: &Section<'_>, problems: &mut Problems) -> Given<String> {
        let read = |entry: Entry<'_>, problems: &mut Problems| {
            let name = interface(entry, problems)?;
            // Without links that is told elsewhere.
            if self.links.is_empty() || self.links.contains(&name) {
                return Some(name);
            }
            let message = format!("no link {} has a budget", quoted(&name));
            let hint = format!("write one of the links: {}", self.named());
            problems.error(entry.span(), message, Some(hint));
            None
        };
        Given::read(section.get("interface"), problems, read)
    }

    /// The links as a hint names them.
    fn named(&self) -> String {
        const MOST: usize = 6;
        let names: Vec<String> = self
            .links
            .iter()
            .take(MOST)
            .map(|it| format!("\"{it}\""))
            .collect();
        let more = if self.links.len() > MOST { ", …" } else { "" };
        format!("{}{more}", names.join(", "))
    }

    /// What the parts mean together.
    fn whole(
        &self,
        parts: Parts,
        jellyfin: Option<Option<Jellyfin>>,
        problems: &mut Problems,
    ) -> Option<Spend> {
        if self.is_whole
            && let Some(azure) = &parts.azure
            && azure.budget_name.is_none()
            && azure.fallback_budget.is_none()
        {
            let message = "no budget is named: the guard acts only while Azure has exactly one that \
                           fits";
            let hint = "write budget_name = \"…\" and fallback_budget = 150.00 in [spend.azure]";
            problems.note(self.span.clone(), message, Some(hint.to_owned()));
        }
        if self.is_whole && parts.may_price && matches!(parts.price, Some(None)) {
            let message = "without `price_per_gb` nothing is estimated: costs appear 8 to 24 hours \
                           late, and the guard acts as late";
            let names: Vec<&str> = PRICES.iter().map(|price| price.name).collect();
            let hint = format!(
                "write price_per_gb = 0.087, or \"{}\"",
                names.join("\" or \"")
            );
            problems.note(self.span.clone(), message, Some(hint));
        }
        if let (Some(tiers), Some(None)) = (&parts.tiers, &jellyfin)
            && self.is_whole
        {
            self.check_actuators(tiers, problems)?;
        }
        let capped = parts
            .tiers
            .as_ref()
            .map(|tiers| tiers.iter().any(|it| it.link_rate.is_some()));
        let priced = parts.price.as_ref().map(Option::is_some);
        let interface = match parts.interface {
            Given::Is(name, _) => Some(name),
            Given::Wrong => return None,
            Given::Not if self.links.len() == 1 => self.links.first().cloned(),
            Given::Not => None,
        };
        let needs = match (priced, capped) {
            (Some(true), _) => Some("`price_per_gb` is what a link's traffic costs"),
            (_, Some(true)) => Some("`link_rate` caps a link"),
            _ => None,
        };
        if let Some(why) = needs
            && interface.is_none()
            && self.links.len() > 1
        {
            let message = format!("{why}, but there are several");
            let hint = format!("write interface = one of {} in [spend]", self.named());
            problems.error(self.span.clone(), message, Some(hint));
            return None;
        }
        let (timing, price) = (parts.timing?, parts.price?);
        Some(Spend {
            check_interval: timing.check_interval,
            cost_interval: timing.cost_interval,
            stale_after: timing.stale_after,
            cost_delay: timing.cost_delay,
            hysteresis: timing.hysteresis,
            currency: parts.currency?,
            price_per_gb: price.map(|(price, _)| price),
            price_preset: price.and_then(|(_, preset)| preset),
            interface,
            azure: parts.azure?,
            tiers: parts.tiers?,
            jellyfin: jellyfin?,
        })
    }

    /// Without a media server: whether there is a cap at least.
    fn check_actuators(&self, tiers: &[Tier], problems: &mut Problems) -> Option<()> {
        let asks = |tier: &&Tier| tier.off || tier.bitrate.is_some();
        let Some(first) = tiers.iter().find(asks) else {
            return Some(());
        };
        let what = if first.off { "off" } else { "bitrate" };
        let hint = "add [spend.jellyfin] with url = \"http://10.0.0.2:8096\", or give the tier a \
                    link_rate";
        let uncapped = tiers
            .iter()
            .filter(asks)
            .find(|tier| tier.link_rate.is_none());
        if let Some(tier) = uncapped {
            let message = format!(
                "the tier {} asks something of Jellyfin, but nothing says where that is",
                quoted(&tier.name)
            );
            problems.error(self.span.clone(), message, Some(hint.to_owned()));
            return None;
        }
        let message = format!("`{what}` has no effect: nothing says where Jellyfin is");
        let hint = "add [spend.jellyfin] with url = \"http://10.0.0.2:8096\"".to_owned();
        problems.note(self.span.clone(), message, Some(hint));
        Some(())
    }
}
