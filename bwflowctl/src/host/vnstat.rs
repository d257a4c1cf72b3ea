//! The vnStat of this host: whether it is there, which one, what it knows, whether it runs.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where the kernel shows its processes.
const PROCESSES: &str = "/proc";

/// What was found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vnstat {
    /// Its version as it says it, like `2.10`.
    pub version: String,
    /// The links its database knows; none without a database.
    pub links: Vec<String>,
    /// Whether a `vnstatd` runs.
    pub is_running: bool,
}

impl Vnstat {
    /// Looks for it; `None` if it is not installed.
    pub fn find() -> Option<Self> {
        let version = version_in(&said(&["--version"])?)?;
        let links = said(&["--json", "y", "1"]).map_or_else(Vec::new, |json| links_in(&json));
        Some(Self {
            version,
            links,
            is_running: is_running(),
        })
    }

    /// Whether the version is this or a later one; the parts of a version are numbers.
    pub fn is_since(&self, major: u32, minor: u32) -> bool {
        let mut parts = self
            .version
            .split('.')
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }

    /// Whether its database knows the link.
    pub fn knows(&self, interface: &str) -> bool {
        self.links.iter().any(|link| link == interface)
    }
}

/// What `vnstat` prints when called like this; its exit status tells nothing before 2.12.
fn said(words: &[&str]) -> Option<String> {
    let output = Command::new("vnstat")
        .args(words)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()
}

/// The version in `vnStat 2.10 by Teemu Toivola <...>`.
pub fn version_in(text: &str) -> Option<String> {
    let version = text.strip_prefix("vnStat ")?.split_whitespace().next()?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    is_version.then(|| version.to_owned())
}

/// The links in the answer of `vnstat --json`; none if it is no JSON but a complaint.
pub fn links_in(json: &str) -> Vec<String> {
    let Ok(answer) = serde_json::from_str::<Value>(json) else {
        return Vec::new();
    };
    let links = answer["interfaces"].as_array();
    links
        .into_iter()
        .flatten()
        .filter_map(|link| link["name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Whether a process of the name `vnstatd` runs, whoever started it.
fn is_running() -> bool {
    let Ok(processes) = std::fs::read_dir(PROCESSES) else {
        return false;
    };
    let is_vnstatd = |path: &Path| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "vnstatd")
    };
    processes.flatten().any(|entry| is_vnstatd(&entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_compared_by_its_numbers() {
        let version = version_in("vnStat 2.10 by Teemu Toivola <tst at iki dot fi>\n");
        assert_eq!(version.as_deref(), Some("2.10"));
        assert_eq!(version_in("vnstat: command not found"), None);
        let vnstat = |version: &str| Vnstat {
            version: version.to_owned(),
            ..Vnstat::default()
        };
        assert!(vnstat("2.10").is_since(2, 8));
        assert!(!vnstat("2.6").is_since(2, 8));
        assert!(vnstat("3.0").is_since(2, 8));
    }

    #[test]
    fn the_links_of_the_database_are_read() {
        let json = r#"{"vnstatversion":"2.10","jsonversion":"2","interfaces":[
            {"name":"eth0","alias":"","traffic":{}},{"name":"wg0","alias":"","traffic":{}}]}"#;
        let vnstat = Vnstat {
            links: links_in(json),
            ..Vnstat::default()
        };
        assert_eq!(vnstat.links, ["eth0", "wg0"]);
        assert!(vnstat.knows("wg0") && !vnstat.knows("wg"));
        assert_eq!(links_in("Error: Failed to open database"), [""; 0]);
    }
}
