//! The time zone this host keeps its local time in.

use std::path::Path;

use jiff::tz::TimeZone;

const LINK: &str = "/etc/localtime";
const NAME: &str = "/etc/timezone";

/// The IANA name of the host's zone; `UTC` where the host does not say, as the C library takes it.
pub fn timezone() -> String {
    name(
        std::fs::read_link(LINK).ok().as_deref(),
        std::fs::read_to_string(NAME).ok().as_deref(),
    )
}

/// The same from where `/etc/localtime` points to and what `/etc/timezone` says. The link counts
/// more: it is what programs go by, while Debian 13 no longer keeps the other.
pub fn name(link: Option<&Path>, file: Option<&str>) -> String {
    let linked = link.and_then(zone_of);
    let named = file.map(str::trim).map(str::to_owned);
    [linked, named]
        .into_iter()
        .flatten()
        .find(|name| TimeZone::get(name).is_ok())
        .map_or_else(|| "UTC".to_owned(), |name| plain(&name).to_owned())
}

/// The name that a path below `zoneinfo` stands for.
fn zone_of(path: &Path) -> Option<String> {
    let (_, name) = path.to_str()?.split_once("/zoneinfo/")?;
    let name = name
        .trim_start_matches("posix/")
        .trim_start_matches("right/");
    Some(name.to_owned())
}

/// UTC has many names; the configuration knows one.
pub fn plain(name: &str) -> &str {
    const UTC: [&str; 9] = [
        "Etc/UTC",
        "Etc/UCT",
        "UCT",
        "Etc/Zulu",
        "Zulu",
        "Etc/Universal",
        "Universal",
        "Etc/GMT",
        "GMT",
    ];
    if UTC.contains(&name) { "UTC" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_counts_more_than_the_name() {
        let link = |path: &'static str| Some(Path::new(path));
        let berlin = link("/usr/share/zoneinfo/Europe/Berlin");
        assert_eq!(name(berlin, Some("Asia/Kathmandu\n")), "Europe/Berlin");
        let relative = link("../usr/share/zoneinfo/posix/America/Sao_Paulo");
        assert_eq!(name(relative, None), "America/Sao_Paulo");
        assert_eq!(name(None, Some("Asia/Kathmandu\n")), "Asia/Kathmandu");
        assert_eq!(
            name(link("/etc/my-zone"), Some("Asia/Kathmandu")),
            "Asia/Kathmandu"
        );
    }

    #[test]
    fn who_says_nothing_or_nonsense_keeps_utc() {
        assert_eq!(name(None, None), "UTC");
        assert_eq!(name(None, Some("Atlantis/Capital\n")), "UTC");
        assert_eq!(name(None, Some("Etc/UTC\n")), "UTC");
    }
}
