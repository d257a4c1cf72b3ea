//! The limits above which vnStat throws away what a link moved, both directions.

use std::collections::BTreeSet;

use bwflow_proto::config::Config;
use bwflow_proto::vnstat::{HIGHEST_LIMIT, Settings, with_setting};

use super::mend::{Host, Mend};
use crate::grid::printable;

/// Limits of single links that the file may come to hold. vnStat looks through them at every reading,
/// and whoever may configure bwflow may name as many links as a configuration has room for.
const MOST_LIMITS: usize = 100;

/// The longest name of a link, bytes (`IFNAMSIZ` less its end).
const LONGEST_NAME: usize = 15;

/// One link's limit as it is to be.
struct Raise<'a> {
    interface: &'a str,
    speed: Option<u32>,
    /// Mbit/s, as the file has it.
    limit: u32,
}

/// Raises the limit of each link that can be faster; notes those that must stay as they are.
pub(super) fn raise_limits(mend: &mut Mend, config: &Config, host: &Host<'_>) {
    let settings = Settings::parse(&mend.text);
    let raises = raises(&settings, config, host, &mut mend.notes);
    let text = with_limits(&mend.text, &raises);
    let after = Settings::parse(&text);
    // What vnStat would not read as it is meant is not written at all.
    let count = raises.len();
    let raises: Vec<Raise<'_>> = raises
        .into_iter()
        .filter(|raise| raise.is_in(&after))
        .collect();
    mend.text = if raises.len() == count {
        text
    } else {
        with_limits(&mend.text, &raises)
    };
    mend.reasons.extend(raises.iter().map(Raise::reason));
}

/// What is to be raised, at most as much as there is room for.
fn raises<'a>(
    settings: &Settings,
    config: &'a Config,
    host: &Host<'_>,
    notes: &mut Vec<String>,
) -> Vec<Raise<'a>> {
    let mut names: Vec<&str> = config
        .links
        .iter()
        .map(|link| link.interface.as_str())
        .collect();
    // The room there is belongs to what is there.
    names.sort_by_cached_key(|name| !host.present.iter().any(|present| present == name));
    let set: BTreeSet<String> = settings
        .limits
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let mut room = MOST_LIMITS.saturating_sub(set.len());
    let mut seen = BTreeSet::new();
    let mut odd = Vec::new();
    let mut without_room = 0_usize;
    let mut raises = Vec::new();
    for name in names {
        // vnStat does not tell `eth0` from `ETH0`.
        let folded = name.to_ascii_lowercase();
        let is_set = set.contains(&folded);
        let Some(raise) = raise(settings, name, is_set, host) else {
            continue;
        };
        if !seen.insert(folded) {
            continue;
        }
        if !is_plain(name) {
            odd.push(printable(name));
        } else if is_set {
            raises.push(raise);
        } else if room > 0 {
            room -= 1;
            raises.push(raise);
        } else {
            without_room += 1;
        }
    }
    if let Some(first) = odd.first() {
        let others = match odd.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        notes.push(format!(
            "vnStat's limit of `{first}`{others} is left as it is: only names of letters, digits and `._-` are written into its configuration"
        ));
    }
    if without_room > 0 {
        notes.push(format!(
            "vnStat's limits of {without_room} more links are left as they are: its configuration gets {MOST_LIMITS} at most; MaxBandwidth 0 there lifts them all"
        ));
    }
    raises
}

fn raise<'a>(
    settings: &Settings,
    interface: &'a str,
    is_set: bool,
    host: &Host<'_>,
) -> Option<Raise<'a>> {
    let speed = (host.speed)(interface);
    // Without a speed to hold it against, what somebody has set for this link is right.
    if is_set && speed.is_none() {
        return None;
    }
    let limit = settings.limit_of(interface, speed)?;
    let can = speed.map_or(u32::MAX, |speed| speed.min(HIGHEST_LIMIT));
    (limit < can).then_some(Raise {
        interface,
        speed,
        limit,
    })
}

fn with_limits(text: &str, raises: &[Raise<'_>]) -> String {
    raises.iter().fold(text.to_owned(), |text, raise| {
        let value = raise.wanted().to_string();
        with_setting(&text, &raise.keyword(), &value, Some("MaxBandwidth"))
    })
}

impl Raise<'_> {
    fn keyword(&self) -> String {
        format!("MaxBW{}", self.interface)
    }

    /// Mbit/s; 0 is none, until vnStat finds out the speed itself.
    fn wanted(&self) -> u32 {
        self.speed.map_or(0, |speed| speed.min(HIGHEST_LIMIT))
    }

    /// Whether vnStat with these settings does as is wanted.
    fn is_in(&self, settings: &Settings) -> bool {
        let wanted = Some(self.wanted()).filter(|limit| *limit > 0);
        settings.limit_of(self.interface, self.speed) == wanted
    }

    fn reason(&self) -> String {
        let why = self.speed.map_or_else(
            || "its speed is not known".to_owned(),
            |speed| format!("it can do {speed}"),
        );
        format!(
            "{} {}: vnStat discards what {} moves above {} Mbit/s, and {why}",
            self.keyword(),
            self.wanted(),
            self.interface,
            self.limit
        )
    }
}

/// Whether the name can be part of a keyword. The kernel takes quotes and signs that begin a comment, too.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::host::vnstat::Vnstat;

    const SHIPPED: &str = ";MaxBandwidth 1000\n";

    fn config(names: &[String]) -> Config {
        let links: String = names
            .iter()
            .map(|name| format!("[[link]]\ninterface = '{name}'\n"))
            .collect();
        let text = format!("[bandwidth]\nmonthly_budget_gb = 1\n{links}");
        Config::parse(&text).unwrap().0
    }

    fn raised(text: &str, names: &[String], present: &[String]) -> Mend {
        let host = Host {
            vnstat: &Vnstat::default(),
            timezone: "UTC",
            speed: &|_| None,
            present,
        };
        let mut mend = Mend {
            text: text.to_owned(),
            ..Mend::default()
        };
        raise_limits(&mut mend, &config(names), &host);
        mend
    }

    #[test]
    fn a_name_that_vnstat_may_not_read_does_not_get_into_its_configuration() {
        for odd in ["MaxBW;MaxBW", "MaxBWa\"b", "a#b", "a=b", "a%n%s", "\u{e9}"] {
            let odd = [odd.to_owned()];
            let mend = raised(SHIPPED, &odd, &odd);
            assert_eq!(mend.text, SHIPPED, "{odd:?}");
            assert!(mend.notes[0].contains(&odd[0]), "{mend:?}");
        }
        let mend = raised(SHIPPED, &["br-0.7_x".to_owned()], &[]);
        assert_eq!(mend.text, format!("{SHIPPED}MaxBWbr-0.7_x 0\n"));
        assert!(mend.notes.is_empty(), "{mend:?}");
    }

    #[test]
    fn however_many_links_are_named_vnstat_gets_few_of_them_and_those_that_are_there() {
        let names: Vec<String> = (0..4000).map(|number| format!("eth{number}")).collect();
        let present = [names[3999].clone()];
        let mend = raised(SHIPPED, &names, &present);
        assert_eq!(Settings::parse(&mend.text).limits.len(), MOST_LIMITS);
        assert!(mend.text.contains("MaxBWeth3999 0\n"), "{}", mend.text);
        assert!(mend.notes[0].contains("3900 more links"), "{mend:?}");
        let others: Vec<String> = (0..4000).map(|number| format!("wan{number}")).collect();
        let again = raised(&mend.text, &others, &[]);
        assert_eq!(again.text, mend.text, "nor by and by");
    }
}
