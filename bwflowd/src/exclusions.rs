//! What has been excluded, kept where a restart of the daemon does not lose it: the kernel's
//! counters go on meanwhile. A reboot does lose both.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::exclusion::Tally;

const FILE: &str = "exclusions.json";

/// Tallies by interface name, and their file. Links are in it that have a table of ours, and
/// those that had one.
#[derive(Debug)]
pub struct Exclusions {
    file: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    boot: String,
    links: BTreeMap<String, Tally>,
}

impl Exclusions {
    /// Reads what an earlier run of this boot left in `directory`. Anything else counts as
    /// nothing: then another count begins.
    pub fn open(directory: &Path, boot: &str) -> Self {
        let file = directory.join(FILE);
        let kept = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|kept: &Kept| !boot.is_empty() && kept.boot == boot)
            .unwrap_or_else(|| Kept {
                boot: boot.to_owned(),
                links: BTreeMap::new(),
            });
        Self { file, kept }
    }

    /// The links in it.
    pub fn names(&self) -> Vec<String> {
        self.kept.links.keys().cloned().collect()
    }

    /// What is known of a link.
    pub fn get(&self, name: &str) -> Tally {
        self.kept.links.get(name).cloned().unwrap_or_default()
    }

    /// Keeps a link's tally, if that is news.
    pub fn put(&mut self, name: &str, tally: &Tally) {
        if self.kept.links.get(name) == Some(tally) || tally.epoch == 0 {
            return;
        }
        self.kept.links.insert(name.to_owned(), tally.clone());
        self.write();
    }

    /// As [`Self::put`], but only if it counts by another table now: what that has counted is read
    /// again after a restart.
    pub fn note(&mut self, name: &str, tally: &Tally) {
        let known = self.kept.links.get(name);
        if !known.is_some_and(|known| known.is_of_table_of(tally)) {
            self.put(name, tally);
        }
    }

    /// Not to be waited for: what is lost with the machine's power is worth nothing afterwards.
    fn write(&self) {
        let write = || -> io::Result<()> {
            let new = self.file.with_extension("new");
            // Whatever an earlier run left there, in whoever's name.
            let _ = fs::remove_file(&new);
            fs::write(&new, serde_json::to_vec(&self.kept)?)?;
            fs::rename(&new, &self.file)
        };
        if let Err(error) = write() {
            warn!("{}: {error}", self.file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_restart_finds_the_tallies_and_a_reboot_none() {
        let directory = tempfile::tempdir().unwrap();
        let mut tally = Tally::default();
        tally.begin(77);
        tally.tx = 5;
        Exclusions::open(directory.path(), "boot").put("eth0", &tally);
        let found = Exclusions::open(directory.path(), "boot");
        assert_eq!(
            (found.names(), found.get("eth0")),
            (vec!["eth0".to_owned()], tally)
        );
        assert!(
            Exclusions::open(directory.path(), "other")
                .names()
                .is_empty()
        );
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(
            Exclusions::open(directory.path(), "boot").get("eth0"),
            Tally::default()
        );
    }
}
