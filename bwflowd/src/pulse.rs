//! What the service manager is told (`sd_notify(3)`): readiness, one line of status, and that the
//! loop which does the work is alive.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bwflow_proto::units::format_rate;
use sd_notify::NotifyState;
use tracing::{debug, warn};

use crate::board::LinkView;

/// How many links fit into one line.
const NAMED: usize = 8;
/// How soon a kernel that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// The connection to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Pulse {
    listened_to: bool,
    /// The longest time between two signs of life, if they are wanted.
    interval: Option<Duration>,
    /// `CLOCK_BOOTTIME` of the next sign of life at the latest.
    next: Duration,
    status: String,
}

impl Pulse {
    /// What the environment asks for: signs of life twice as often as needed.
    pub fn from_environment() -> Self {
        Self {
            listened_to: std::env::var_os("NOTIFY_SOCKET").is_some(),
            interval: sd_notify::watchdog_enabled().map(|limit| limit / 2),
            ..Self::default()
        }
    }

    /// Whether a service manager started this program.
    pub fn listened_to(&self) -> bool {
        self.listened_to
    }

    /// State is loaded, limits are in force, and the bus is served.
    pub fn ready(&self) {
        self.send(&[NotifyState::Ready]);
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping]);
    }

    /// Tells the status if it is news.
    pub fn tell(&mut self, status: impl FnOnce() -> String) {
        if !self.listened_to {
            return;
        }
        let status = status();
        if status != self.status {
            self.send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Whether a sign of life is due at `now`, or would be before the loop wakes at `wakes`: to
    /// sleep through is cheaper than to wake for it.
    pub fn is_due(&self, now: Duration, wakes: Option<Duration>) -> bool {
        let early = |interval| self.next.saturating_sub(now) < interval / 2;
        self.interval.is_some_and(|interval| {
            now >= self.next || (early(interval) && wakes.is_some_and(|at| at > self.next))
        })
    }

    /// When a sign of life is due, if any is.
    pub fn next(&self) -> Option<Duration> {
        self.interval.map(|_| self.next)
    }

    /// The loop is here, and the kernel has answered it or not.
    pub fn answered(&mut self, now: Duration, answered: bool) {
        let Some(interval) = self.interval else {
            return;
        };
        if answered {
            self.send(&[NotifyState::Watchdog]);
            self.next = now + interval;
        } else {
            warn!("the kernel's rtnetlink does not answer");
            self.next = now + RETRY;
        }
    }

    fn send(&self, state: &[NotifyState<'_>]) {
        if self.listened_to
            && let Err(error) = sd_notify::notify(state)
        {
            debug!(%error, "the service manager does not listen");
        }
    }
}

/// One line about all links.
pub fn status(links: &BTreeMap<String, LinkView>) -> String {
    let mut line = match links.len() {
        0 => return "no links".to_owned(),
        1 => "1 link: ".to_owned(),
        many => format!("{many} links: "),
    };
    for (n, (name, view)) in links.iter().take(NAMED).enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(line, "{comma}{name} {}", view.state);
        if view.limit > 0 {
            let _ = write!(line, " at {}", format_rate(view.limit));
        }
    }
    if links.len() > NAMED {
        let _ = write!(line, " and {} more", links.len() - NAMED);
    }
    line
}

#[cfg(test)]
mod tests {
    use bwflow_proto::state::LinkState;

    use super::*;

    #[test]
    fn the_status_is_one_line() {
        let view = |state, limit| LinkView {
            state,
            limit,
            ..LinkView::default()
        };
        let mut links = BTreeMap::new();
        assert_eq!(status(&links), "no links");
        links.insert("wan0".to_owned(), view(LinkState::Open, 0));
        assert_eq!(status(&links), "1 link: wan0 open");
        links.insert("wwan0".to_owned(), view(LinkState::Throttled, 125_000));
        assert_eq!(
            status(&links),
            "2 links: wan0 open, wwan0 throttled at 1 Mbit/s"
        );
        for n in 0..18 {
            links.insert(format!("eth{n:02}"), view(LinkState::Open, 0));
        }
        assert!(status(&links).starts_with("20 links: eth00 open, "));
        assert!(status(&links).ends_with(" and 12 more"));
    }

    #[test]
    fn a_sign_of_life_comes_in_time_and_costs_no_wake_up_of_its_own() {
        let at = Duration::from_secs;
        let mut pulse = Pulse {
            interval: Some(at(30)),
            ..Pulse::default()
        };
        assert!(pulse.is_due(at(100), None));
        pulse.answered(at(100), true);
        assert_eq!(pulse.next(), Some(at(130)));
        assert!(!pulse.is_due(at(105), Some(at(150))), "much too early");
        assert!(!pulse.is_due(at(120), Some(at(125))), "another look comes");
        assert!(pulse.is_due(at(120), Some(at(135))));
        assert!(pulse.is_due(at(130), Some(at(131))));
        pulse.answered(at(130), false);
        assert_eq!(pulse.next(), Some(at(131)));
        assert!(!Pulse::default().is_due(at(130), None));
    }
}
