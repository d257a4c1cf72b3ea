//! What of vnStat's configuration makes it lose traffic of our links, or date it by another clock.

use bwflow_proto::config::Config;
use bwflow_proto::vnstat::{Settings, with_setting};
use similar::TextDiff;

use super::limit::raise_limits;
use crate::host::timezone::plain;
use crate::host::vnstat::Vnstat;

/// Since when vnStat knows `UseUTC`.
const USE_UTC_SINCE: (u32, u32) = (2, 8);

/// What this host is, as far as it matters here.
pub(super) struct Host<'a> {
    pub(super) vnstat: &'a Vnstat,
    /// IANA name of the zone of its local time.
    pub(super) timezone: &'a str,
    /// A link's speed, Mbit/s, where it is known.
    pub(super) speed: &'a dyn Fn(&str) -> Option<u32>,
    /// The links that it has now.
    pub(super) present: &'a [String],
}

/// A change of `vnstat.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mend {
    /// Why, a line each.
    pub(super) reasons: Vec<String>,
    /// What is left as it is though it should be changed, and why, a line each.
    pub(super) notes: Vec<String>,
    /// The whole new text.
    pub(super) text: String,
}

/// What is to be changed in `text`, vnStat's configuration, so that it counts what the links of `config`
/// move; the text stays the same if nothing is.
pub(super) fn mend(text: &str, config: &Config, host: &Host<'_>) -> Mend {
    let mut mend = Mend {
        text: text.to_owned(),
        ..Mend::default()
    };
    use_utc(&mut mend, config, host);
    raise_limits(&mut mend, config, host);
    mend
}

/// Rows that are dated by the host's local time can be laid upon the days of another zone only where
/// local time never repeats; those in UTC always can.
fn use_utc(mend: &mut Mend, config: &Config, host: &Host<'_>) {
    let (major, minor) = USE_UTC_SINCE;
    let local = plain(host.timezone);
    let other = config.links.iter().find_map(|link| {
        let zone = link.timezone.iana_name()?;
        (plain(zone) != local).then(|| zone.to_owned())
    });
    let Some(other) = other.filter(|_| local != "UTC" && host.vnstat.is_since(major, minor)) else {
        return;
    };
    if Settings::parse(&mend.text).use_utc {
        return;
    }
    let text = with_setting(&mend.text, "UseUTC", "1", None);
    if Settings::parse(&text).use_utc {
        mend.text = text;
        mend.reasons.push(format!(
            "UseUTC 1: vnStat dates traffic by this host's clock ({local}), the plan by {other}; in UTC no hour is \
             lost or counted twice (what is in its database stays as it is dated)"
        ));
    }
}

/// The difference of two texts as `diff -u` shows it.
pub(super) fn diff(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(2)
        .header(name, &format!("{name} (new)"))
        .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn config(zone: &str, link: &str) -> Config {
        let text = format!(
            "[bandwidth]\nmonthly_budget_gb = 1\ntimezone = \"{zone}\"\n[network]\ninterface = \"{link}\"\n"
        );
        Config::parse(&text).unwrap().0
    }

    fn mended(
        text: &str,
        config: &Config,
        timezone: &str,
        speed: Option<u32>,
        version: &str,
    ) -> Option<Mend> {
        let vnstat = Vnstat {
            version: version.to_owned(),
            ..Vnstat::default()
        };
        let host = Host {
            vnstat: &vnstat,
            timezone,
            speed: &|_| speed,
            present: &[],
        };
        let mend = mend(text, config, &host);
        let again = super::mend(&mend.text, config, &host);
        assert_eq!(again.text, mend.text, "a second time");
        assert_eq!(again.reasons, [""; 0], "a second time");
        assert_eq!(mend.reasons.is_empty(), mend.text == text);
        (mend.text != text).then_some(mend)
    }

    const SHIPPED: &str = "# limit\n;MaxBandwidth 1000\n\n# utc\n;UseUTC 0\n";

    #[test]
    fn nothing_is_changed_that_need_not_be() {
        let fast = Some(10_000);
        assert_eq!(
            mended(SHIPPED, &config("UTC", "eth0"), "UTC", fast, "2.10"),
            None
        );
        assert_eq!(
            mended(SHIPPED, &config("UTC", "eth0"), "Etc/UTC", fast, "2.10"),
            None
        );
        let berlin = config("Europe/Berlin", "eth0");
        assert_eq!(
            mended(SHIPPED, &berlin, "Europe/Berlin", fast, "2.10"),
            None
        );
        assert_eq!(mended(SHIPPED, &berlin, "UTC", fast, "2.10"), None);
        let own = "MaxBWeth0 2000\n";
        assert_eq!(
            mended(own, &config("UTC", "eth0"), "UTC", None, "2.10"),
            None
        );
        assert_eq!(
            mended(
                "MaxBandwidth 0\n",
                &config("UTC", "eth0"),
                "UTC",
                None,
                "2.10"
            ),
            None
        );
    }

    #[test]
    fn another_clock_is_mended_by_one_line_where_vnstat_can() {
        let fast = Some(1000);
        let mend = mended(
            SHIPPED,
            &config("UTC", "eth0"),
            "Europe/Berlin",
            fast,
            "2.10",
        )
        .unwrap();
        assert_eq!(
            mend.text,
            "# limit\n;MaxBandwidth 1000\n\n# utc\nUseUTC 1\n"
        );
        assert_eq!(mend.reasons.len(), 1);
        assert_eq!(
            mended(
                SHIPPED,
                &config("UTC", "eth0"),
                "Europe/Berlin",
                fast,
                "2.6"
            ),
            None
        );
    }

    #[test]
    fn a_limit_below_what_a_link_can_do_is_raised_for_this_link_alone() {
        let utc = config("UTC", "tun9");
        let mend = mended(SHIPPED, &utc, "UTC", Some(10_000), "2.10").unwrap();
        assert!(
            mend.text.contains(";MaxBandwidth 1000\nMaxBWtun9 10000\n"),
            "{mend:?}"
        );
        let unknown = mended(SHIPPED, &config("UTC", "wg0"), "UTC", None, "2.10").unwrap();
        assert!(unknown.text.contains("\nMaxBWwg0 0\n"), "{unknown:?}");
        let undetected = "BandwidthDetection 0\nMaxBWeth0 100\n";
        let raised = mended(
            undetected,
            &config("UTC", "eth0"),
            "UTC",
            Some(2500),
            "2.10",
        )
        .unwrap();
        assert_eq!(raised.text, "BandwidthDetection 0\nMaxBWeth0 2500\n");
    }

    #[test]
    fn the_difference_is_the_lines_that_differ() {
        let shown = diff(
            "vnstat.conf",
            SHIPPED,
            &SHIPPED.replace(";UseUTC 0", "UseUTC 1"),
        );
        let changed = |sign: char| shown.lines().filter(|line| line.starts_with(sign)).count();
        assert_eq!((changed('+'), changed('-')), (2, 2), "{shown}");
        assert!(shown.contains("-;UseUTC 0\n+UseUTC 1\n"), "{shown}");
    }
}
