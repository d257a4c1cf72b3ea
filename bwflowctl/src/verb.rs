//! `bwflowctl throttle`, `bwflowctl override` and `bwflowctl correct`: what an administrator decides by hand.

mod refusal;
mod request;
mod sentence;

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::agent::Agent;
use crate::args::Call;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::grid::printable;
use crate::output::Output;
use crate::snapshot::{LinkRecord, Snapshot, named};
use crate::status::json::render_link;

pub(crate) use refusal::refusal;
pub(crate) use request::Request;
use sentence::{Booking, told};

/// How long the helper is given to book a top-up or a correction.
const BOOKING: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Has the daemon do it, and says what holds then.
pub(crate) async fn run(
    request: &Request,
    call: &Call,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let bus = Bus::connect(address).await?;
    let before = choose(bus.snapshot().await?, call.interface.as_deref())?;
    ask(
        &bus,
        address,
        &before.interface,
        request,
        !call.no_ask_password,
    )
    .await?;
    let (after, booking) = outcome(&bus, request, &before).await?;
    for line in told(request, &before, &after, booking) {
        output.talk(&line);
    }
    if call.json {
        output.data(&render_link(&after)?)?;
    }
    Ok(())
}

/// The link of that name, or the only one.
fn choose(snapshot: Snapshot, name: Option<&str>) -> Result<LinkRecord, Failure> {
    let Snapshot {
        has_helper, links, ..
    } = snapshot;
    if links.is_empty() {
        return Err(if has_helper {
            Failure::Failed("no link has a budget yet: bwflow-helper has named none".to_owned())
        } else {
            Failure::NoHelper
        });
    }
    let Some(name) = name else {
        let names: Vec<String> = links
            .iter()
            .map(|link| printable(&link.interface))
            .collect();
        let mut links = links.into_iter();
        return match (links.next(), links.next()) {
            (Some(link), None) => Ok(link),
            _ => Err(Failure::Configuration(format!(
                "which link? say --interface with one of {}",
                names.join(", ")
            ))),
        };
    };
    named(links, name)
}

/// Calls the daemon, with somebody there who can be asked for a password.
async fn ask(
    bus: &Bus,
    address: Option<&str>,
    interface: &str,
    request: &Request,
    is_interactive: bool,
) -> Result<(), Failure> {
    // Before there is an agent to be ended.
    let mut end = End::listen()?;
    let mut agent = is_interactive.then(Agent::start).flatten();
    let call = async {
        if let Some(agent) = &mut agent {
            agent.ready().await;
        }
        bus.decide(address, interface, request, is_interactive)
            .await
    };
    let answer = tokio::select! {
        answer = call => answer,
        () = end.came() => Err(Failure::Failed(
            "broken off before bwflowd had answered; `bwflowctl status` tells what holds".to_owned(),
        )),
    };
    if let Some(agent) = agent {
        agent.end().await;
    }
    answer
}

/// The signals by which a person or a terminal ends a program.
struct End {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl End {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("cannot listen for Ctrl-C: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn came(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// What the daemon shows now; after a top-up or a correction, as soon as the helper has booked it.
async fn outcome(
    bus: &Bus,
    request: &Request,
    before: &LinkRecord,
) -> Result<(LinkRecord, Booking), Failure> {
    let begin = Instant::now();
    loop {
        let snapshot = bus.snapshot().await?;
        let has_helper = snapshot.has_helper;
        let mut links = snapshot.links.into_iter();
        // Without a budget and a decision there is nothing to show of a link.
        let after = links
            .find(|link| link.interface == before.interface)
            .unwrap_or_else(|| LinkRecord {
                interface: before.interface.clone(),
                state: "open".to_owned(),
                ..LinkRecord::default()
            });
        let booking = match request.booked_bytes() {
            None => Booking::None,
            Some(bytes) if is_booked(bytes, before, &after) => Booking::Done,
            _ if !has_helper => Booking::NoHelper,
            _ => Booking::Waiting,
        };
        if booking != Booking::Waiting || begin.elapsed() >= BOOKING {
            return Ok((after, booking));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Whether nothing new is pending and the figures contain the bytes.
fn is_booked(bytes: u64, before: &LinkRecord, after: &LinkRecord) -> bool {
    let is_old = |id: &str| before.pending_top_ups.iter().any(|old| old.id == id);
    let is_confirmed = after
        .pending_top_ups
        .iter()
        .all(|top_up| is_old(&top_up.id));
    let is_shown = match (&before.ledger, &after.ledger) {
        (Some(before), Some(after)) => {
            // A new period begins without top-ups.
            after.period_start_usec != before.period_start_usec
                || after.topup_bytes >= before.topup_bytes.saturating_add(bytes)
        }
        _ => true,
    };
    is_confirmed && is_shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::ledger::LedgerView;

    use super::*;
    use crate::by_hand::tests::decided;

    fn links(names: &[&str], has_helper: bool) -> Snapshot {
        let link = |name: &&str| LinkRecord {
            interface: (*name).to_owned(),
            ..LinkRecord::default()
        };
        Snapshot {
            has_daemon: true,
            has_helper,
            links: names.iter().map(link).collect(),
        }
    }

    #[test]
    fn the_only_link_need_not_be_named() {
        let chosen = |names: &[&str], name| choose(links(names, true), name);
        assert_eq!(chosen(&["eth0"], None).unwrap().interface, "eth0");
        assert_eq!(
            chosen(&["eth0", "wg0"], Some("wg0")).unwrap().interface,
            "wg0"
        );
        let which = chosen(&["eth0", "wg0"], None).unwrap_err();
        assert_eq!(which.exit_code(), 2);
        assert_eq!(
            which.to_string(),
            "which link? say --interface with one of eth0, wg0"
        );
        let unknown = chosen(&["eth0", "wg0"], Some("eth1")).unwrap_err();
        assert_eq!(unknown.exit_code(), 2);
        assert_eq!(unknown.to_string(), "no link `eth1`: there are eth0, wg0");
        let unknown = chosen(&["eth0"], Some("eth1")).unwrap_err();
        assert_eq!(unknown.to_string(), "no link `eth1`: there is eth0");
        assert_eq!(chosen(&[], Some("eth0")).unwrap_err().exit_code(), 1);
        let without = choose(links(&[], false), None).unwrap_err();
        assert_eq!(without.exit_code(), 3);
    }

    #[test]
    fn a_top_up_is_booked_when_it_is_confirmed_and_shown() {
        let ledger = |topup_bytes| {
            Some(LedgerView {
                topup_bytes,
                ..LedgerView::default()
            })
        };
        let link = |pending: &[&str], topup_bytes| {
            let mut link = decided();
            let top_up = link.pending_top_ups.remove(0);
            link.pending_top_ups = pending
                .iter()
                .map(|id| bwflow_proto::claim::TopUp {
                    id: (*id).to_owned(),
                    ..top_up.clone()
                })
                .collect();
            link.ledger = ledger(topup_bytes);
            link
        };
        let before = link(&["old"], 5);
        assert!(!is_booked(7, &before, &link(&["old", "new"], 5)));
        assert!(!is_booked(7, &before, &link(&["new"], 12)));
        assert!(!is_booked(7, &before, &link(&["old"], 5)));
        assert!(is_booked(7, &before, &link(&["old"], 12)));
        assert!(is_booked(7, &before, &link(&[], 12)));
    }
}
