//! `bwflowctl history`: what every link moved in hours, days and billing periods.

mod bar;
mod csv;
mod json;
mod table;

use std::time::Duration;

use bwflow_proto::bus::HelperProxy;
use bwflow_proto::history::{self, Change, Resolution, Row};
use bwflow_proto::units::is_unprintable;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use zbus::fdo;

use crate::args::History;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::grid::printable;
use crate::output::Output;
use crate::time::zone;
use table::Look;

/// How long a question is repeated while too many are asked.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(200);
const LIMITS_EXCEEDED: &str = "org.bwflow1.Error.LimitsExceeded";
const INVALID_ARGS: &str = "org.bwflow1.Error.InvalidArgs";

/// One link's past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Past {
    interface: String,
    timezone: String,
    counted: String,
    rows: Vec<Row>,
    changes: Vec<Change>,
}

/// Shows the past of the links, counted anew up to now.
pub(crate) async fn run(
    args: &History,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let bus = Bus::connect(address).await?;
    if !bus.has_helper().await? {
        return Err(Failure::NoPast);
    }
    // Without the daemon this fails, and the ledger's last commit is the present.
    bus.refresh().await;
    let helper = HelperProxy::new(bus.connection()).await?;
    let mut links = asked(async || helper.links().await).await?;
    if let Some(name) = &args.interface {
        links = vec![named(links, name)?];
    }
    let now = Timestamp::now();
    let mut pasts = Vec::with_capacity(links.len());
    for link in links {
        let since = args
            .since(&zone(&link.timezone), now)
            .map_err(|told| Failure::Configuration(format!("--since: {told}")))?;
        pasts.push(past(&helper, link, args.resolution(), usec(since)).await?);
    }
    if args.json {
        return output.data(&json::render(&pasts, args.resolution())?);
    }
    if args.csv {
        return output.data(&csv::render(&pasts));
    }
    for past in pasts.iter().filter(|past| past.is_empty()) {
        let name = printable(&past.interface);
        output.talk(&format!("{name}: nothing was counted in that time"));
    }
    output.data(&table::render(&pasts, args.resolution(), Look::of(output)))
}

impl Past {
    const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.changes.is_empty()
    }
}

/// All that the helper tells of a link from an instant on, page by page.
async fn past(
    helper: &HelperProxy<'_>,
    link: history::Link,
    resolution: Resolution,
    since_usec: u64,
) -> Result<Past, Failure> {
    let name = link.interface.as_str();
    let mut past = Past::default();
    let mut since = since_usec;
    loop {
        let page = asked(async || {
            let word = resolution.as_str();
            helper.history(name, word, since, u64::MAX).await
        });
        let (rows, next) = page.await?;
        past.rows.extend(rows);
        // A page that led back would never end.
        if next <= since {
            break;
        }
        since = next;
    }
    // What was decided in the first row's stretch belongs to it.
    let first = past.rows.first().map(|row| row.start_usec);
    since = first.map_or(since_usec, |first| first.min(since_usec));
    loop {
        let page = asked(async || helper.adjustments(name, since, u64::MAX).await);
        let (changes, next) = page.await?;
        past.changes.extend(changes);
        if next <= since {
            break;
        }
        since = next;
    }
    for change in &mut past.changes {
        change.owner = shown(&change.owner);
        change.reason = shown(&change.reason);
    }
    Ok(Past {
        interface: link.interface,
        timezone: link.timezone,
        counted: link.counted,
        ..past
    })
}

/// Asks, and again while too many ask.
async fn asked<T>(question: impl AsyncFn() -> zbus::Result<T>) -> Result<T, Failure> {
    let begin = Instant::now();
    loop {
        match question().await {
            Err(zbus::Error::MethodError(name, ..))
                if name.as_str() == LIMITS_EXCEEDED && begin.elapsed() < PATIENCE =>
            {
                sleep(ASK_AGAIN).await;
            }
            answer => return answer.map_err(refusal),
        }
    }
}

/// What the helper answered instead, in the user's terms.
fn refusal(error: zbus::Error) -> Failure {
    match &error {
        zbus::Error::MethodError(name, text, _) => {
            let text = text.as_deref().unwrap_or("bwflow-helper refused");
            if name.as_str() == INVALID_ARGS {
                Failure::Configuration(text.to_owned())
            } else {
                Failure::Failed(format!("bwflow-helper answered: {text}"))
            }
        }
        zbus::Error::FDO(answer) => match answer.as_ref() {
            fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoReply(_)
            | fdo::Error::Disconnected(_) => Failure::NoPast,
            fdo::Error::UnknownMethod(_) => Failure::Failed(
                "this bwflow-helper does not tell the past: it is older than bwflowctl; restart it"
                    .to_owned(),
            ),
            _ => error.into(),
        },
        _ => error.into(),
    }
}

fn named(links: Vec<history::Link>, name: &str) -> Result<history::Link, Failure> {
    let names: Vec<String> = links
        .iter()
        .map(|link| printable(&link.interface))
        .collect();
    let found = links.into_iter().find(|link| link.interface == name);
    found.ok_or_else(|| {
        Failure::Configuration(format!(
            "no link `{}`: the configuration has {}",
            printable(name),
            names.join(", ")
        ))
    })
}

/// What somebody else has written, so that a terminal only shows it.
fn shown(text: &str) -> String {
    let shown = |c: char| if is_unprintable(c) { '?' } else { c };
    text.chars().map(shown).collect()
}

fn usec(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// 2026-11-21T23:00:00Z, midnight in Berlin.
    pub(super) const MIDNIGHT: u64 = 1_795_302_000_000_000;
    pub(super) const DAY: u64 = 86_400_000_000;

    pub(super) fn past() -> Past {
        let row = |day: u64, used: u64, source: &str| Row {
            start_usec: MIDNIGHT + day * DAY,
            end_usec: MIDNIGHT + (day + 1) * DAY,
            tx_bytes: used,
            rx_bytes: used / 10,
            used_bytes: used,
            source: source.to_owned(),
        };
        Past {
            interface: "wan0".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            counted: "tx".to_owned(),
            rows: vec![
                row(0, 8_000_000_000, "bwflow"),
                row(1, 1_000_000, "bwflow"),
                row(3, 4_250_000_000, "bwflow"),
            ],
            changes: vec![
                Change {
                    at_usec: MIDNIGHT + DAY / 2,
                    kind: "topup".to_owned(),
                    bytes: 10_000_000_000,
                    owner: "alice".to_owned(),
                    reason: "release day".to_owned(),
                },
                Change {
                    at_usec: MIDNIGHT + DAY,
                    kind: "correction".to_owned(),
                    bytes: -2_000_000_000,
                    owner: String::new(),
                    reason: String::new(),
                },
            ],
        }
    }

    #[test]
    fn a_link_that_is_not_configured_is_named_with_those_that_are() {
        let links = || {
            ["eth0", "wg0"].map(|name| history::Link {
                interface: name.to_owned(),
                ..history::Link::default()
            })
        };
        assert_eq!(named(links().to_vec(), "wg0").unwrap().interface, "wg0");
        let unknown = named(links().to_vec(), "eth1").unwrap_err();
        assert_eq!(unknown.exit_code(), 2);
        assert_eq!(
            unknown.to_string(),
            "no link `eth1`: the configuration has eth0, wg0"
        );
    }

    #[test]
    fn refusals_have_their_own_codes() {
        let failed = |error: fdo::Error| refusal(error.into());
        let code = |error| failed(error).exit_code();
        assert_eq!(code(fdo::Error::ServiceUnknown(String::new())), 3);
        assert_eq!(code(fdo::Error::NoReply(String::new())), 3);
        assert_eq!(code(fdo::Error::UnknownMethod(String::new())), 1);
        let absent = failed(fdo::Error::NameHasNoOwner(String::new())).to_string();
        assert!(
            absent.contains("bwflow-helper is not running; start it"),
            "{absent}"
        );
    }
}
