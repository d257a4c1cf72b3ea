//! The whole file: every table read, every error found in one go.

use std::collections::HashSet;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::link::{BUDGET_HINT, Named, resolve};
use super::plan::Plan;
use super::problem::{Problem, Problems, Severity, Span};
use super::render::without_mark;
use super::section::{Entry, Section};
use super::syntax::with_syntax_errors;
use super::value::{interface, text, whole};
use super::{Config, Source, schema, spend};
use crate::units::quoted;

const DEFAULT_POLL_SECONDS: u32 = 15;
const DEFAULT_ALERTS: [u32; 4] = [50, 80, 95, 100];

impl Config {
    /// Reads the text of a configuration.
    ///
    /// With the configuration come the notes on it. The offsets in problems count from after a
    /// byte order mark.
    ///
    /// # Errors
    /// Every error of the text and the notes, in the order of the text.
    pub fn parse(text: &str) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let text = without_mark(text);
        let (table, syntax) = DeTable::parse_recoverable(text);
        let mut problems = Problems::default();
        let parsed = read(table.get_ref(), syntax.is_empty(), &mut problems);
        let mut found = problems.into_sorted();
        if !syntax.is_empty() {
            found = with_syntax_errors(text, &syntax, found);
        }
        match parsed {
            Some(config) if found.iter().all(|p| p.severity != Severity::Error) => {
                Ok((config, found))
            }
            _ => Err(found),
        }
    }
}

fn read(root: &DeTable<'_>, is_whole: bool, problems: &mut Problems) -> Option<Config> {
    let root = Section::new("", root, schema::ROOT, problems);
    let bandwidth = table(&root, "bandwidth", schema::BANDWIDTH, problems);
    let throttle = table(&root, "throttle", schema::THROTTLE, problems);
    let defaults = defaults(bandwidth.as_ref(), throttle.as_ref(), problems);
    let poll_interval = poll_interval(&root, problems);
    let source = accounting(&root, problems);
    let alert_percents = alerts(&root, problems);
    let named = named_links(&root, is_whole, problems);
    let names: Vec<String> = named.iter().map(|link| link.interface.clone()).collect();
    let guard = spend::read(&root, &names, is_whole, problems);
    // Whose budget is missing, each link is asked; without links the file as a whole is.
    if is_whole && named.is_empty() && root.get("link").is_none() && !defaults.budget.is_given() {
        problems.missing("no budget is given", BUDGET_HINT);
    }
    let mut links = Vec::new();
    for named in named {
        links.extend(resolve(named, &defaults, is_whole, problems));
    }
    let guard = guard?;
    Some(Config {
        links,
        poll_interval: poll_interval?,
        alert_percents: alert_percents?,
        source: source?,
        spend: guard.spend,
        idle_jellyfin: guard.idle_jellyfin,
    })
}

/// A table of the file; one that is no table is reported.
fn table<'a>(
    root: &Section<'a>,
    name: &'static str,
    known: &'static [&'static str],
    problems: &mut Problems,
) -> Option<Section<'a>> {
    root.table(name, &format!("[{name}]"), known, problems)
}

fn defaults(
    bandwidth: Option<&Section<'_>>,
    throttle: Option<&Section<'_>>,
    problems: &mut Problems,
) -> Plan {
    let mut read = |section: Option<&Section<'_>>| {
        section.map_or_else(Plan::default, |section| Plan::read(section, problems))
    };
    let (bandwidth, throttle) = (read(bandwidth), read(throttle));
    Plan {
        throttle: throttle.throttle,
        min_rate: throttle.min_rate,
        ..bandwidth
    }
}

/// Every link that the file names, in its order, no name twice.
fn named_links(root: &Section<'_>, is_whole: bool, problems: &mut Problems) -> Vec<Named> {
    let mut entries: Vec<(Entry<'_>, Plan)> = Vec::new();
    let network = table(root, "network", schema::NETWORK, problems);
    if let (Some(section), Some(place)) = (&network, root.get("network")) {
        match section.get("interface") {
            Some(entry) => entries.push((entry, Plan::default())),
            None if is_whole => missing_interface("[network]", place.span(), problems),
            None => {}
        }
    }
    for item in link_tables(root, problems) {
        let DeValue::Table(keys) = item.get_ref() else {
            let hint = Some("write [[link]] and its keys below".to_owned());
            problems.error(item.span(), "a link must be a table", hint);
            continue;
        };
        let section = Section::new("[[link]]", keys, schema::LINK, problems);
        let plan = Plan::read(&section, problems);
        match section.get("interface") {
            Some(entry) => entries.push((entry, plan)),
            None if is_whole => missing_interface("[[link]]", item.span(), problems),
            None => {}
        }
    }
    if is_whole && root.get("network").is_none() && root.get("link").is_none() {
        problems.missing(
            "no link is named",
            "add [network] with interface = \"eth0\", or the name that `ip route` shows after `dev`",
        );
    }
    entries.sort_by_key(|(entry, _)| entry.span().start);
    let mut names = HashSet::new();
    let mut named = Vec::new();
    for (entry, plan) in entries {
        let Some(interface) = interface(entry, problems) else {
            continue;
        };
        let span = entry.span();
        if names.insert(interface.clone()) {
            named.push(Named {
                interface,
                span,
                plan,
            });
        } else {
            let message = format!("interface {} has a plan already", quoted(&interface));
            let hint = "one link, one budget: remove one of the two".to_owned();
            problems.error(span, message, Some(hint));
        }
    }
    named
}

fn missing_interface(table: &str, span: Span, problems: &mut Problems) {
    let message = format!("{table} names no interface");
    let hint = "write interface = \"eth0\" below it".to_owned();
    problems.error(span, message, Some(hint));
}

fn link_tables<'a>(root: &Section<'a>, problems: &mut Problems) -> Vec<&'a Spanned<DeValue<'a>>> {
    let Some(entry) = root.get("link") else {
        return Vec::new();
    };
    match entry.value.get_ref() {
        DeValue::Array(items) if !items.is_empty() => items.iter().collect(),
        DeValue::Table(_) => {
            let hint = "write [[link]] with two brackets: there may be several".to_owned();
            problems.error(entry.span(), "`link` is a list of tables", Some(hint));
            vec![entry.value]
        }
        _ => {
            let hint = Some("write [[link]] and its keys below".to_owned());
            problems.error(entry.span(), "`link` must be a list of tables", hint);
            Vec::new()
        }
    }
}

fn poll_interval(root: &Section<'_>, problems: &mut Problems) -> Option<Duration> {
    let section = table(root, "daemon", schema::DAEMON, problems);
    let entry = section.and_then(|section| section.get("poll_interval_seconds"));
    let seconds = match entry {
        Some(entry) => whole(entry, 1..=3600, "15", problems)?,
        None => DEFAULT_POLL_SECONDS,
    };
    Some(Duration::from_secs(seconds.into()))
}

fn accounting(root: &Section<'_>, problems: &mut Problems) -> Option<Source> {
    let section = table(root, "accounting", schema::ACCOUNTING, problems);
    let Some(entry) = section.and_then(|section| section.get("source")) else {
        return Some(Source::default());
    };
    let word = text(entry, "auto", problems)?;
    let source = match word {
        "auto" => Source::Auto,
        "vnstat" => Source::Vnstat,
        "kernel" => Source::Kernel,
        _ => {
            let message = format!("`source` is {}, which is none of its words", quoted(word));
            let hint = "write source = \"auto\", \"vnstat\" or \"kernel\"".to_owned();
            problems.error(entry.span(), message, Some(hint));
            return None;
        }
    };
    Some(source)
}

fn alerts(root: &Section<'_>, problems: &mut Problems) -> Option<Vec<u32>> {
    let section = table(root, "alerts", schema::ALERTS, problems);
    let Some(entry) = section.and_then(|section| section.get("at_percent")) else {
        return Some(DEFAULT_ALERTS.to_vec());
    };
    let DeValue::Array(items) = entry.value.get_ref() else {
        let hint = "write at_percent = [50, 80, 95, 100]".to_owned();
        problems.error(
            entry.span(),
            "`at_percent` wants a list of whole numbers",
            Some(hint),
        );
        return None;
    };
    let read = items.iter().map(|item| {
        let item = Entry {
            value: item,
            ..entry
        };
        whole(item, 1..=1000, "[50, 80, 95, 100]", problems)
    });
    // Collected first so that every wrong one is reported.
    let read: Vec<Option<u32>> = read.collect();
    let mut percents = read.into_iter().collect::<Option<Vec<u32>>>()?;
    percents.sort_unstable();
    percents.dedup();
    Some(percents)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::Throttle;
    use crate::count::Count;

    #[test]
    fn the_file_of_the_first_version_is_read_unchanged() {
        let text = r#"# /etc/bwflow/config.toml

[bandwidth]
monthly_budget_gb = 100   # total monthly egress budget
pre_charge_gb = 50        # burst tokens available from day 1
billing_day = 1           # reset on the 1st of each month

[network]
interface = "eth0"        # interface to monitor and throttle

[daemon]
poll_interval_seconds = 15
"#;
        let (config, notes) = Config::parse(text).unwrap();
        assert_eq!(notes, []);
        assert_eq!(config.poll_interval, Duration::from_secs(15));
        assert_eq!(config.alert_percents, [50, 80, 95, 100]);
        assert_eq!(config.source, Source::Auto);
        let [link] = &config.links[..] else { panic!() };
        assert_eq!(link.interface, "eth0");
        assert_eq!(link.budget_bytes, 100_000_000_000);
        assert_eq!(link.burst_bytes, 50_000_000_000);
        assert_eq!(link.billing_day, 1);
        assert_eq!(link.timezone.iana_name(), Some("UTC"));
        assert_eq!(link.count, Count::Tx);
        assert_eq!(link.throttle, Throttle::Drip);
        assert_eq!(link.min_rate, 8_000);
    }

    #[test]
    fn everything_that_may_be_written_is_read() {
        let text = r#"
[bandwidth]
monthly_budget = "1.5 TiB"
pre_charge_gb = 0.3
billing_day = 31
timezone = "Europe/Berlin"
count = "tx"
exclude = []
[network]
interface = "eth0"
[[link]]
interface = "wwan0"
monthly_budget = "20 GB"
pre_charge = "1 GB"
billing_day = 17
timezone = "UTC"
count = "rx"
rate = "40 kbit/s"
min_rate = "8 bit/s"
[daemon]
poll_interval_seconds = 3600
[throttle]
rate = "drip"
min_rate = "128 kbit/s"
[accounting]
source = "vnstat"
[alerts]
at_percent = [100, 50, 50]
[spend]
enabled = false
check_interval = "1h"
price_per_gb = 0.087
[spend.azure]
budget_name = "Monthly-Bandwidth-Limit"
[[spend.tier]]
name = "disabled"
off = true
[spend.jellyfin]
url = "http://10.0.0.2:8080"
"#;
        let (config, notes) = Config::parse(text).unwrap();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(config.poll_interval, Duration::from_secs(3600));
        assert_eq!(config.alert_percents, [50, 100]);
        assert_eq!(config.source, Source::Vnstat);
        let [eth0, wwan0] = &config.links[..] else {
            panic!()
        };
        assert_eq!(eth0.budget_bytes, 3 << 39);
        assert_eq!(eth0.burst_bytes, 300_000_000);
        assert_eq!(eth0.billing_day, 31);
        assert_eq!(eth0.timezone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(eth0.min_rate, 16_000);
        assert_eq!(wwan0.interface, "wwan0");
        assert_eq!(wwan0.burst_bytes, 1_000_000_000);
        assert_eq!(wwan0.billing_day, 17);
        assert_eq!(wwan0.timezone.iana_name(), Some("UTC"));
        assert_eq!(wwan0.count, Count::Rx);
        assert_eq!(wwan0.throttle, Throttle::Rate(5_000));
        assert_eq!(wwan0.min_rate, 1);
    }

    #[test]
    fn without_a_pre_charge_half_of_the_budget_is_there_from_the_first_day() {
        let text = "bandwidth.monthly_budget_gb = 0.3\nnetwork.interface = \"eth0\"\n";
        let (config, _) = Config::parse(text).unwrap();
        assert_eq!(config.links[0].budget_bytes, 300_000_000);
        assert_eq!(config.links[0].burst_bytes, 150_000_000);
    }
}
