//! Whether vnStat counts, and what it may get wrong. bwflow's own count does not depend on it
//! while it runs; what was before, and the history, do.

use bwflow_proto::units::format_bytes;
use bwflow_proto::vnstat::{CONFIG, DATABASE, HIGHEST_LIMIT, LONGEST_GAP_SECONDS, Settings};

use super::finding::Finding;
use crate::host;
use crate::host::timezone::plain;

const CHECK: &str = "vnstat";

/// vnStat on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vnstat {
    /// The program, if it is installed.
    pub(super) program: Option<host::vnstat::Vnstat>,
    /// Its configuration; the defaults where there is no file.
    pub(super) settings: Settings,
    /// Why its database cannot be read; nothing if it can.
    pub(super) unreadable: Option<String>,
    /// The host's local time zone.
    pub(super) zone: String,
}

impl Vnstat {
    /// Looks at what there is.
    pub(super) fn read() -> Self {
        let settings = std::fs::read_to_string(CONFIG)
            .map_or_else(|_| Settings::default(), |text| Settings::parse(&text));
        let database = format!("{}/{DATABASE}", settings.database_dir);
        let opened = std::fs::File::open(&database);
        Self {
            program: host::vnstat::Vnstat::find(),
            settings,
            unreadable: opened.err().map(|error| format!("{database}: {error}")),
            zone: host::timezone::timezone(),
        }
    }
}

/// What concerns one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) interface: String,
    /// What the kernel says it can do, Mbit/s.
    pub(super) speed: Option<u32>,
    /// The time zone of its periods.
    pub(super) zone: String,
    /// What the helper knows; nothing while it tells nothing.
    pub(super) count: Option<Count>,
}

/// What the helper found in vnStat's database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Why vnStat is not, though it was wanted.
    pub(super) note: String,
    /// Seconds since vnStat last wrote about this link; nothing while it is not used.
    pub(super) age_seconds: Option<u64>,
    /// What vnStat dropped in this period, bytes.
    pub(super) dropped: u64,
    /// What vnStat invented in this period, bytes.
    pub(super) invented: u64,
}

/// Judges vnStat itself.
pub(super) fn judge(vnstat: &Vnstat) -> Vec<Finding> {
    let Some(program) = &vnstat.program else {
        let found = "is not installed: what was moved before bwflow came is not known";
        return vec![Finding::note(CHECK, found).cured_by("apt install vnstat")];
    };
    let version = &program.version;
    let mut findings = vec![if program.is_since(2, 6) {
        Finding::ok(CHECK, format!("version {version}"))
    } else {
        Finding::warning(
            CHECK,
            format!("version {version} is too old to be read"),
            "install vnStat 2.6 or newer",
        )
    }];
    if !program.is_running {
        let cure = "systemctl enable --now vnstat";
        findings.push(Finding::warning(CHECK, "vnstatd is not running", cure));
    }
    if let Some(why) = &vnstat.unreadable {
        let cure = "systemctl enable --now vnstat; the database must be readable for everybody";
        findings.push(Finding::warning(CHECK, why, cure));
    }
    findings
}

/// Judges what vnStat makes of one link.
pub(super) fn judge_link(vnstat: &Vnstat, link: &Link) -> Vec<Finding> {
    let name = &link.interface;
    let mut findings = Vec::new();
    let program = vnstat.program.as_ref();
    let has_note = link
        .count
        .as_ref()
        .is_some_and(|count| !count.note.is_empty());
    // Where the helper says why, that is the reason: a damaged database knows no link.
    if !has_note && vnstat.unreadable.is_none() && program.is_some_and(|it| !it.knows(name)) {
        let found = "vnStat does not know this link: its history begins with bwflow";
        let cure = format!("vnstat --add -i {name}");
        findings.push(Finding::warning(CHECK, found, cure));
    }
    let limit = vnstat.settings.limit_of(name, link.speed);
    match (limit, link.speed) {
        (Some(limit), Some(speed)) if limit < speed => findings.push(Finding::warning(
            CHECK,
            format!("vnStat drops what moves faster than {limit} Mbit/s; the link does {speed}"),
            format!("sudo bwflowctl init, or MaxBW{name} {speed} in {CONFIG}"),
        )),
        // Nothing is known to be faster, and vnStat takes no higher one.
        (Some(HIGHEST_LIMIT..), None) => {}
        (Some(limit), None) => findings.push(Finding::warning(
            CHECK,
            format!(
                "vnStat drops what moves faster than {limit} Mbit/s; how fast the link is, \
                 nobody tells"
            ),
            format!("sudo bwflowctl init, or MaxBW{name} {HIGHEST_LIMIT} in {CONFIG}"),
        )),
        _ => {}
    }
    let rows = if vnstat.settings.use_utc {
        "UTC"
    } else {
        &vnstat.zone
    };
    if plain(rows) != plain(&link.zone) {
        let cure = if plain(&link.zone) == "UTC" {
            format!("sudo bwflowctl init, or UseUTC 1 in {CONFIG}")
        } else {
            format!("timezone = \"{rows}\" in the configuration, if the provider's is that")
        };
        findings.push(Finding::warning(
            CHECK,
            format!(
                "vnStat's days are those of {rows}, the periods' those of {}: what was before \
                 bwflow is a day's edge off",
                link.zone
            ),
            cure,
        ));
    }
    if let Some(count) = &link.count {
        findings.extend(judge_count(vnstat, count));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "counts as bwflow does"));
    }
    findings
        .into_iter()
        .map(|finding| finding.on(name))
        .collect()
}

fn judge_count(vnstat: &Vnstat, count: &Count) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !count.note.is_empty() {
        let cure = "journalctl -u bwflow-helper; journalctl -u vnstat";
        findings.push(Finding::warning(CHECK, &count.note, cure));
    }
    if let Some(age_seconds) = count.age_seconds {
        // It writes once in an interval, and twice as rarely or so while links are down.
        let save = u64::from(vnstat.settings.save_interval) * 60;
        let late = 2 * save + u64::from(vnstat.settings.update_interval);
        if age_seconds > late.max(LONGEST_GAP_SECONDS) {
            findings.push(Finding::warning(
                CHECK,
                format!(
                    "wrote last {} min ago: what it misses for {LONGEST_GAP_SECONDS} s it drops",
                    age_seconds / 60
                ),
                "systemctl restart vnstat; journalctl -u vnstat",
            ));
        }
    }
    for (bytes, what) in [(count.dropped, "dropped"), (count.invented, "invented")] {
        if bytes > 0 {
            let found = format!(
                "vnStat {what} {} in this period; bwflow has made that good",
                format_bytes(bytes)
            );
            findings.push(Finding::note(CHECK, found));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doctor::finding::Grade;

    fn vnstat(config: &str) -> Vnstat {
        Vnstat {
            program: Some(host::vnstat::Vnstat {
                version: "2.10".to_owned(),
                links: vec!["eth0".to_owned()],
                is_running: true,
            }),
            settings: Settings::parse(config),
            unreadable: None,
            zone: "Europe/Berlin".to_owned(),
        }
    }

    fn link(speed: Option<u32>, zone: &str) -> Link {
        Link {
            interface: "eth0".to_owned(),
            speed,
            zone: zone.to_owned(),
            count: None,
        }
    }

    fn found(config: &str, link: &Link) -> Vec<(Grade, String)> {
        let findings = judge_link(&vnstat(config), link);
        findings
            .into_iter()
            .map(|finding| (finding.grade, finding.found))
            .collect()
    }

    #[test]
    fn each_trouble_of_vnstat_itself_is_told() {
        assert_eq!(judge(&vnstat(""))[0].grade, Grade::Ok);
        let mut old = vnstat("");
        let program = old.program.as_mut().unwrap();
        program.version = "2.5".to_owned();
        program.is_running = false;
        old.unreadable = Some("/x: Permission denied".to_owned());
        let grades: Vec<Grade> = judge(&old).iter().map(|finding| finding.grade).collect();
        assert_eq!(grades, [Grade::Warning; 3]);
        old.program = None;
        assert_eq!(judge(&old)[0].grade, Grade::Note);
    }

    #[test]
    fn a_limit_below_the_links_speed_drops_bytes() {
        let berlin = |speed| link(speed, "Europe/Berlin");
        assert_eq!(found("", &berlin(Some(10_000)))[0].0, Grade::Ok);
        let low = found("MaxBWeth0 1000\n", &berlin(Some(10_000)));
        assert!(
            low[0]
                .1
                .contains("faster than 1000 Mbit/s; the link does 10000")
        );
        assert_eq!(found("", &berlin(None))[0].0, Grade::Warning);
        assert_eq!(found("MaxBandwidth 0\n", &berlin(None))[0].0, Grade::Ok);
        // As `init` writes it.
        assert_eq!(found("MaxBWeth0 50000\n", &berlin(None))[0].0, Grade::Ok);
    }

    #[test]
    fn a_link_that_vnstat_does_not_know_is_told() {
        let unknown = Link {
            interface: "wwan0".to_owned(),
            ..link(Some(100), "Europe/Berlin")
        };
        let told = found("", &unknown);
        assert_eq!((told.len(), told[0].0), (1, Grade::Warning));
    }

    #[test]
    fn days_of_another_zone_are_told() {
        assert_eq!(found("", &link(Some(1000), "UTC"))[0].0, Grade::Warning);
        assert_eq!(
            found("UseUTC 1\n", &link(Some(1000), "UTC"))[0].0,
            Grade::Ok
        );
        assert_eq!(
            found("UseUTC 1\n", &link(Some(1000), "Etc/UTC"))[0].0,
            Grade::Ok
        );
        assert_eq!(
            found("UseUTC 1\n", &link(Some(1000), "Europe/Berlin"))[0].0,
            Grade::Warning
        );
    }

    #[test]
    fn what_it_dropped_and_how_long_it_was_silent_is_told() {
        let mut link = link(Some(1000), "Europe/Berlin");
        link.count = Some(Count {
            note: String::new(),
            age_seconds: Some(300),
            dropped: 4_900_000_000,
            invented: 0,
        });
        let (grade, text) = found("", &link).remove(0);
        assert_eq!(grade, Grade::Note);
        assert!(text.starts_with("vnStat dropped 4.9 GB"), "{text}");
        link.count.as_mut().unwrap().age_seconds = Some(1000);
        assert_eq!(found("", &link)[0].0, Grade::Warning);
    }
}
