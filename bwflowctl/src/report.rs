//! `bwflowctl report`: this period of every link.

mod json;
mod table;

use crate::args::Report;
use crate::bus::Bus;
use crate::failure::{Failure, LOOK_AT_CONFIG};
use crate::output::Output;
use crate::snapshot::{Snapshot, named};
use crate::time::{local, zone};

/// Shows the figures, counted anew if the helper is there.
pub(crate) async fn run(
    args: &Report,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let bus = Bus::connect(address).await?;
    let is_fresh = bus.refresh().await;
    let mut snapshot = bus.snapshot().await?;
    if snapshot.links.is_empty() && !snapshot.has_helper {
        if args.json {
            output.data(&json::render(&[])?)?;
        }
        return Err(Failure::NoHelper);
    }
    if let Some(name) = &args.interface {
        snapshot.links = vec![named(snapshot.links, name)?];
    }
    if let Some(remark) = remark(&snapshot, is_fresh) {
        output.talk(&remark);
    }
    if args.json {
        output.data(&json::render(&snapshot.links)?)
    } else {
        output.data(&table::render(&snapshot.links, output.has_color()))
    }
}

/// What a person should know about the age of the figures.
fn remark(snapshot: &Snapshot, is_fresh: bool) -> Option<String> {
    if snapshot.links.is_empty() {
        return Some("no link has a budget: bwflow-helper has published nothing yet".to_owned());
    }
    if is_fresh {
        return None;
    }
    let why = if snapshot.has_helper {
        "bwflow-helper did not answer"
    } else {
        "bwflow-helper is not running"
    };
    let ledgers = snapshot
        .links
        .iter()
        .filter_map(|link| link.ledger.as_ref());
    let oldest = ledgers.min_by_key(|ledger| ledger.updated_at_usec);
    let cure = if snapshot.has_helper {
        String::new()
    } else {
        format!("; {LOOK_AT_CONFIG}")
    };
    Some(match oldest {
        Some(ledger) => {
            let time = local(ledger.updated_at_usec, &zone(&ledger.timezone));
            format!("{why}: the figures are as of {time}{cure}")
        }
        None => format!("{why}: there are no figures yet{cure}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::table::tests::{ledger, record};

    #[test]
    fn old_figures_are_said_to_be_old() {
        let mut snapshot = Snapshot {
            has_daemon: true,
            has_helper: false,
            links: vec![record("eth0", "open", Some(ledger()))],
        };
        assert_eq!(remark(&snapshot, true), None);
        assert_eq!(
            remark(&snapshot, false).unwrap(),
            "bwflow-helper is not running: the figures are as of 2026-11-22 04:30 UTC; if it \
             does not start, see `bwflowctl check-config`"
        );
        snapshot.links[0].ledger = None;
        assert_eq!(
            remark(&snapshot, false).unwrap(),
            "bwflow-helper is not running: there are no figures yet; if it does not start, see \
             `bwflowctl check-config`"
        );
        snapshot.links.clear();
        assert!(
            remark(&snapshot, true)
                .unwrap()
                .starts_with("no link has a budget")
        );
    }
}
