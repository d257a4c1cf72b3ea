//! The status as lines in a file or a pipe: one for each link that changed.

use std::collections::BTreeMap;

use bwflow_proto::units::format_rate;
use jiff::{Timestamp, Unit};

use crate::snapshot::{LinkRecord, Snapshot};

/// Remembers what was told of each link.
#[derive(Debug, Default)]
pub(super) struct Lines {
    was_without_helper: bool,
    told: BTreeMap<String, String>,
}

impl Lines {
    /// A line for each link whose state or limit is not what was told last; `now` is when.
    pub(super) fn changes(&mut self, snapshot: &Snapshot, now: Timestamp) -> String {
        let now = now.round(Unit::Second).unwrap_or(now);
        let mut out = String::new();
        if !snapshot.has_daemon {
            // Told on standard error; when the daemon is back every link is news.
            self.told.clear();
            return out;
        }
        let mut tell = |interface: &str, text: &str| {
            let name: String = interface
                .chars()
                .map(|c| if c.is_control() { '?' } else { c })
                .collect();
            out.push_str(&format!("{now} {name} {text}\n"));
        };
        let links = &snapshot.links;
        self.told.retain(|interface, _| {
            let is_there = links.iter().any(|link| link.interface == *interface);
            if !is_there {
                tell(interface, "forgotten");
            }
            is_there
        });
        for link in links {
            // That an end has come near is no change.
            let news = described(&LinkRecord {
                read_usec: 0,
                ..link.clone()
            });
            if self.told.get(&link.interface) != Some(&news) {
                tell(&link.interface, &described(link));
                self.told.insert(link.interface.clone(), news);
            }
        }
        let is_without_helper = !snapshot.has_helper;
        if is_without_helper != self.was_without_helper {
            self.was_without_helper = is_without_helper;
            let text = if is_without_helper {
                snapshot.without_helper()
            } else {
                "bwflow-helper is running again".to_owned()
            };
            out.push_str(&format!("{now} {text}\n"));
        }
        out
    }
}

fn described(link: &LinkRecord) -> String {
    let limit = match link.limit_bytes_per_second {
        0 => "no limit".to_owned(),
        limit => format_rate(limit),
    };
    match link.reason() {
        reason if reason.is_empty() => format!("{}, {limit}", link.state),
        reason => format!("{}, {limit}: {reason}", link.state),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::grant::Grant;

    use super::*;

    fn link(interface: &str, state: &str, limit: u64) -> LinkRecord {
        LinkRecord {
            interface: interface.to_owned(),
            state: state.to_owned(),
            limit_bytes_per_second: limit,
            grant: Some(Grant::default()),
            ..LinkRecord::default()
        }
    }

    #[test]
    fn the_helper_s_going_and_coming_is_told_once() {
        let now = "2026-11-22T04:30:00Z".parse().unwrap();
        let mut lines = Lines::default();
        let mut tell = |has_helper: bool, grant: Option<Grant>| {
            let snapshot = Snapshot {
                has_daemon: true,
                has_helper,
                links: vec![LinkRecord {
                    grant,
                    ..link("eth0", "open", 0)
                }],
            };
            lines.changes(&snapshot, now)
        };
        let grant = || Some(Grant::default());
        assert!(!tell(true, grant()).contains("bwflow-helper"));
        assert_eq!(
            tell(false, grant()),
            "2026-11-22T04:30:00Z bwflow-helper is not running: the last grants are carried on; if it does \
             not start, see `bwflowctl check-config`\n"
        );
        assert_eq!(tell(false, grant()), "");
        assert_eq!(
            tell(true, grant()),
            "2026-11-22T04:30:00Z bwflow-helper is running again\n"
        );
        assert!(tell(false, None).contains("bwflow-helper is not running; start it"));
    }

    #[test]
    fn an_end_that_comes_near_is_no_change() {
        let now = "2026-11-22T04:30:00Z".parse().unwrap();
        let mut lines = Lines::default();
        let mut tell = |state: &str, read_usec: u64| {
            let snapshot = Snapshot {
                has_daemon: true,
                has_helper: true,
                links: vec![LinkRecord {
                    state: state.to_owned(),
                    read_usec,
                    ..crate::by_hand::tests::decided()
                }],
            };
            lines.changes(&snapshot, now)
        };
        let near = 1_795_370_400_000_000 - 1_000_000;
        assert!(tell("manual", 0).contains("until 2026-11-22 18:00 UTC"));
        assert_eq!(tell("manual", near), "");
        assert!(tell("absent", near).contains("absent"));
        assert!(tell("manual", near).contains("until 2026-11-22 18:00:00 UTC"));
    }

    #[test]
    fn each_change_is_told_once() {
        let now = "2026-11-22T04:30:00Z".parse().unwrap();
        let mut lines = Lines::default();
        let mut tell = |links: Vec<LinkRecord>, has_daemon: bool| {
            let snapshot = Snapshot {
                has_daemon,
                has_helper: true,
                links,
            };
            lines.changes(&snapshot, now)
        };
        let open = || vec![link("eth0", "open", 0)];
        let opened = "2026-11-22T04:30:00Z eth0 open, no limit: budget left\n";
        assert_eq!(tell(open(), true), opened);
        assert_eq!(tell(open(), true), "");
        assert_eq!(
            tell(vec![link("eth0", "throttled", 125_000)], true),
            "2026-11-22T04:30:00Z eth0 throttled, 1 Mbit/s: all that has accrued is used\n"
        );
        assert_eq!(tell(vec![], true), "2026-11-22T04:30:00Z eth0 forgotten\n");
        assert_eq!(tell(open(), true), opened);
        assert_eq!(tell(vec![], false), "");
        assert_eq!(tell(open(), true), opened);
    }
}
