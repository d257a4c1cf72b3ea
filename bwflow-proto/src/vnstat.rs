//! vnStat's configuration, as far as it bears on what vnStat counts. Nothing here does I/O.
//!
//! The syntax is that of vnStat's `src/cfg.c` and `src/ibw.c` (2.6 to 2.13): one `Keyword value` a
//! line from its first column, in any letter case, the value bare or in double quotes, `=` or
//! blanks between; `#` and `;` begin a comment; of a keyword that is given twice the first counts.

mod patch;

pub use patch::with_setting;

/// Where vnStat looks for its configuration.
pub const CONFIG: &str = "/etc/vnstat.conf";
/// Where it keeps its database unless its configuration says otherwise.
pub const DATABASE_DIRECTORY: &str = "/var/lib/vnstat";
/// The database's name in that directory.
pub const DATABASE: &str = "vnstat.db";
/// After more seconds than this without an update vnStat discards what was moved since
/// (`processifinfo` in `src/daemon.c`).
pub const LONGEST_GAP_SECONDS: u64 = 360;
/// The highest limit it takes, Mbit/s (`BWMAX` before 2.14).
pub const HIGHEST_LIMIT: u32 = 50_000;

/// Settings of vnStat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `UseUTC`: rows are dated in UTC instead of the host's local time.
    pub use_utc: bool,
    /// `DatabaseDir`.
    pub database_dir: String,
    /// `BandwidthDetection`: whether the link's speed, where known, is its limit.
    pub bandwidth_detection: bool,
    /// `MaxBandwidth`: the limit where no speed is known, Mbit/s; 0 is none.
    pub max_bandwidth: u32,
    /// `MaxBW<interface>`: limits of single interfaces, Mbit/s; 0 is none.
    pub limits: Vec<(String, u32)>,
    /// `UpdateInterval`: how often the counters are read, seconds.
    pub update_interval: u32,
    /// `SaveInterval`: how often the database is written, minutes.
    pub save_interval: u32,
    /// `MonthRotate`: the day a month of vnStat begins on.
    pub month_rotate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            use_utc: false,
            database_dir: DATABASE_DIRECTORY.to_owned(),
            bandwidth_detection: true,
            max_bandwidth: 1000,
            limits: Vec::new(),
            update_interval: 20,
            save_interval: 5,
            month_rotate: 1,
        }
    }
}

impl Settings {
    /// What a configuration file sets; what it does not set, or sets to what vnStat would not
    /// take, has vnStat's default.
    pub fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for line in text.lines() {
            let Some((keyword, value)) = setting(line) else {
                continue;
            };
            let folded = keyword.to_ascii_lowercase();
            if let Some(interface) = interface_of(keyword) {
                settings.limit(interface, value);
                continue;
            }
            if value.is_empty() || seen.contains(&folded) {
                continue;
            }
            match folded.as_str() {
                "databasedir" => value.clone_into(&mut settings.database_dir),
                "useutc" => set(value, 0..=1, |n| settings.use_utc = n == 1),
                "bandwidthdetection" => {
                    set(value, 0..=1, |n| settings.bandwidth_detection = n == 1);
                }
                "maxbandwidth" => {
                    set(value, 0..=HIGHEST_LIMIT, |n| settings.max_bandwidth = n);
                }
                "updateinterval" => set(value, 2..=300, |n| settings.update_interval = n),
                "saveinterval" => set(value, 1..=60, |n| settings.save_interval = n),
                "monthrotate" => set(value, 1..=28, |n| settings.month_rotate = n),
                _ => continue,
            }
            seen.push(folded);
        }
        settings
    }

    /// Above which rate vnStat discards what an interface moved, Mbit/s; nothing if it keeps
    /// everything. `speed` is what the kernel says the link can do, Mbit/s, if it says; while it does
    /// not, the highest limit that vnStat takes is none.
    pub fn limit_of(&self, interface: &str, speed: Option<u32>) -> Option<u32> {
        let own = self
            .limits
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(interface))
            .map(|(_, limit)| *limit);
        if own == Some(HIGHEST_LIMIT) && speed.is_none() {
            return None;
        }
        // A limit of 0 for one interface is not kept: detection or the general one holds then.
        if let Some(limit @ 1..) = own {
            return Some(limit);
        }
        let detects = self.bandwidth_detection && !is_tunnel(interface);
        match speed {
            Some(speed @ 1..) if detects => Some(speed),
            _ if own == Some(0) => None,
            _ => Some(self.max_bandwidth).filter(|limit| *limit > 0),
        }
    }

    fn limit(&mut self, interface: &str, value: &str) {
        set(value, 0..=HIGHEST_LIMIT, |limit| {
            let known = self.limits.iter_mut().find(|(name, _)| name == interface);
            match known {
                Some((_, old)) => *old = limit,
                None => self.limits.push((interface.to_owned(), limit)),
            }
        });
    }
}

/// The keyword and the value of a line; nothing for comments and empty lines.
pub(crate) fn setting(line: &str) -> Option<(&str, &str)> {
    let is_gap = |c: char| c == ' ' || c == '\t' || c == '=';
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (keyword, rest) = line.split_once(is_gap)?;
    let value = rest.trim_start_matches(|c| is_gap(c) || c == '"');
    let value = value.split(['"', '\r']).next().unwrap_or_default();
    (!keyword.is_empty()).then_some((keyword, value.trim_end()))
}

/// The interface of a keyword `MaxBW<interface>`.
fn interface_of(keyword: &str) -> Option<&str> {
    let (word, interface) = keyword.split_at_checked(5)?;
    let is_limit = word.eq_ignore_ascii_case("MaxBW")
        && !keyword.eq_ignore_ascii_case("MaxBandwidth")
        && !interface.is_empty();
    is_limit.then_some(interface)
}

/// Names of which vnStat does not ask the speed since 2.8 (`istun` in `src/ifinfo.c`): `tun` and a
/// digit. Older ones take what the kernel says of them, which is no real interface's speed.
fn is_tunnel(interface: &str) -> bool {
    interface
        .strip_prefix("tun")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn set(value: &str, range: std::ops::RangeInclusive<u32>, store: impl FnOnce(u32)) {
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .map_or(value, |end| &value[..end]);
    if let Ok(number) = digits.parse()
        && range.contains(&number)
    {
        store(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_commented_out_has_its_default() {
        let text = "# UseUTC 1\n;UseUTC 1\n;MaxBandwidth 10\n\n";
        assert_eq!(Settings::parse(text), Settings::default());
    }

    #[test]
    fn settings_are_read_as_vnstat_reads_them() {
        let text = "UseUTC 1\nDatabaseDir \"/srv/traffic\"\nmaxbandwidth=2500\r\n\
                    MaxBWwg0\t400\nMaxBWtun9 \"100\"\nMaxBWwg0 500\nUpdateInterval 30\n\
                    SaveInterval 1\nMonthRotate 7\nBandwidthDetection 0\n";
        let expected = Settings {
            use_utc: true,
            database_dir: "/srv/traffic".to_owned(),
            bandwidth_detection: false,
            max_bandwidth: 2500,
            limits: vec![("wg0".to_owned(), 500), ("tun9".to_owned(), 100)],
            update_interval: 30,
            save_interval: 1,
            month_rotate: 7,
        };
        assert_eq!(Settings::parse(text), expected);
    }

    #[test]
    fn the_first_of_two_counts_and_nonsense_does_not() {
        let text = "UseUTC 1\nUseUTC 0\nSaveInterval 900\nMaxBandwidth many\n UpdateInterval 99\n";
        let settings = Settings::parse(text);
        assert!(settings.use_utc);
        assert_eq!(settings.save_interval, 5);
        assert_eq!(settings.max_bandwidth, 1000);
        assert_eq!(settings.update_interval, 20, "a blank before the keyword");
    }

    #[test]
    fn the_limit_is_the_links_own_then_its_speed_then_the_general_one() {
        let settings = Settings::parse("MaxBWeth1 300\nMaxBWeth2 0\n");
        assert_eq!(settings.limit_of("eth1", Some(10_000)), Some(300));
        assert_eq!(settings.limit_of("eth0", Some(10_000)), Some(10_000));
        assert_eq!(settings.limit_of("eth0", None), Some(1000));
        assert_eq!(settings.limit_of("eth2", None), None);
        assert_eq!(settings.limit_of("tun9", Some(10_000)), Some(1000));
        assert_eq!(settings.limit_of("tunnel", Some(10)), Some(10));
        let highest = Settings::parse("MaxBWeth7 50000\nMaxBWeth6 49999\n");
        assert_eq!(highest.limit_of("eth7", None), None);
        assert_eq!(highest.limit_of("eth7", Some(100_000)), Some(HIGHEST_LIMIT));
        assert_eq!(highest.limit_of("eth6", None), Some(49_999));
        let unlimited = Settings::parse("MaxBandwidth 0\n");
        assert_eq!(unlimited.limit_of("tun9", None), None);
    }
}
