//! The grants in force, kept where a restart of the daemon does not lose them: a grant counts from
//! the kernel's counters, so that a successor carries it on to the byte, also without the helper.
//! A reboot does lose them, and must: counters and `CLOCK_BOOTTIME` begin anew.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bwflow_proto::exclusion::Exclusion;
use bwflow_proto::grant::Grant;
use serde::{Deserialize, Serialize};
use tracing::warn;

const FILE: &str = "grants.json";

/// Grants by interface name, and their file.
#[derive(Debug)]
pub struct Grants {
    file: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    boot: String,
    links: BTreeMap<String, Record>,
}

/// [`Grant`], which itself is made for the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    count: String,
    interface_index: u32,
    tx_counter: u64,
    rx_counter: u64,
    boottime_usec: u64,
    available_bytes: i64,
    available_receive_bytes: i64,
    drip_bytes_per_second: u64,
    rate_bytes_per_second: u64,
    peak_bytes_per_second: u64,
    min_rate_bytes_per_second: u64,
    poll_interval_usec: u64,
    /// Networks, epoch, bytes sent and received of [`Exclusion`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclusion: Option<(Vec<String>, u64, u64, u64)>,
}

impl Grants {
    /// Reads what an earlier run of this boot left in `directory`. Anything else counts as
    /// nothing: the helper hands its grants over again.
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

    /// All of them.
    pub fn all(&self) -> BTreeMap<String, Grant> {
        let links = self.kept.links.iter();
        links
            .map(|(name, record)| (name.clone(), record.clone().into()))
            .collect()
    }

    /// Keeps a link's grant in place of an earlier one.
    pub fn put(&mut self, name: &str, grant: &Grant) {
        let record = Record::from(grant.clone());
        self.kept.links.insert(name.to_owned(), record);
        self.write();
    }

    /// Forgets a link's grant.
    pub fn remove(&mut self, name: &str) {
        if self.kept.links.remove(name).is_some() {
            self.write();
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

impl From<Grant> for Record {
    fn from(grant: Grant) -> Self {
        let Grant {
            count,
            interface_index,
            tx_counter,
            rx_counter,
            boottime_usec,
            available_bytes,
            available_receive_bytes,
            drip_bytes_per_second,
            rate_bytes_per_second,
            peak_bytes_per_second,
            min_rate_bytes_per_second,
            poll_interval_usec,
            exclusion,
        } = grant;
        Self {
            count,
            interface_index,
            tx_counter,
            rx_counter,
            boottime_usec,
            available_bytes,
            available_receive_bytes,
            drip_bytes_per_second,
            rate_bytes_per_second,
            peak_bytes_per_second,
            min_rate_bytes_per_second,
            poll_interval_usec,
            exclusion: exclusion.map(|it| (it.networks, it.epoch, it.tx_bytes, it.rx_bytes)),
        }
    }
}

impl From<Record> for Grant {
    fn from(record: Record) -> Self {
        Self {
            count: record.count,
            interface_index: record.interface_index,
            tx_counter: record.tx_counter,
            rx_counter: record.rx_counter,
            boottime_usec: record.boottime_usec,
            available_bytes: record.available_bytes,
            available_receive_bytes: record.available_receive_bytes,
            drip_bytes_per_second: record.drip_bytes_per_second,
            rate_bytes_per_second: record.rate_bytes_per_second,
            peak_bytes_per_second: record.peak_bytes_per_second,
            min_rate_bytes_per_second: record.min_rate_bytes_per_second,
            poll_interval_usec: record.poll_interval_usec,
            exclusion: record
                .exclusion
                .map(|(networks, epoch, tx_bytes, rx_bytes)| Exclusion {
                    networks,
                    epoch,
                    tx_bytes,
                    rx_bytes,
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn grant(available_bytes: i64) -> Grant {
        Grant {
            count: "tx".to_owned(),
            interface_index: 3,
            tx_counter: u64::MAX,
            available_bytes,
            rate_bytes_per_second: 5,
            ..Grant::default()
        }
    }

    #[test]
    fn a_successor_in_the_same_boot_finds_them() {
        let directory = tempfile::tempdir().unwrap();
        let mut grants = Grants::open(directory.path(), "boot");
        grants.put("eth0", &grant(i64::MIN));
        grants.put("eth0", &grant(-7));
        grants.put("eth1", &grant(1));
        grants.remove("eth1");
        let found = Grants::open(directory.path(), "boot").all();
        assert_eq!(found, BTreeMap::from([("eth0".to_owned(), grant(-7))]));
    }

    #[test]
    fn another_boot_knows_nothing_of_them() {
        let directory = tempfile::tempdir().unwrap();
        Grants::open(directory.path(), "boot").put("eth0", &grant(1));
        assert!(Grants::open(directory.path(), "other").all().is_empty());
        assert!(Grants::open(directory.path(), "").all().is_empty());
        // Nor does a boot whose id nobody knew.
        Grants::open(directory.path(), "").put("eth0", &grant(1));
        assert!(Grants::open(directory.path(), "").all().is_empty());
    }

    #[test]
    fn a_damaged_file_counts_as_empty() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert!(Grants::open(directory.path(), "boot").all().is_empty());
    }
}
