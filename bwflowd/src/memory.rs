//! Which discipline a link had before ours, kept where a crash cannot lose it but a reboot, after
//! which the kernel has none of them either, does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::netlink::qdisc::{Handle, Parent, Qdisc};

const FILE: &str = "qdiscs.json";

/// One remembered discipline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    kind: String,
    handle: Handle,
    /// `TCA_OPTIONS` as the kernel dumped them, on this very machine.
    options: Vec<u8>,
}

/// The disciplines that were on links before ours, by interface index.
#[derive(Debug, Default)]
pub struct Memory {
    file: PathBuf,
    qdiscs: BTreeMap<u32, Remembered>,
}

impl Memory {
    /// Reads what an earlier run left in `directory`. A damaged file is reported and counts as
    /// empty: then links get the kernel's default back.
    pub fn open(directory: &Path) -> Self {
        let file = directory.join(FILE);
        let mut qdiscs: BTreeMap<u32, Remembered> = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!(
                    "{}: {error}; links get the kernel's default back",
                    file.display()
                );
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        // More than the kernel ever dumps cannot be sent back to it.
        qdiscs.retain(|_, entry| entry.kind.len() < 16 && entry.options.len() <= 4096);
        Self { file, qdiscs }
    }

    /// Remembers a discipline; on disk before this returns.
    ///
    /// # Errors
    /// The file can't be written: then nothing is remembered, and the discipline must stay.
    pub fn remember(&mut self, qdisc: Qdisc) -> io::Result<()> {
        let entry = Remembered {
            kind: qdisc.kind,
            handle: qdisc.handle,
            options: qdisc.options,
        };
        let mut qdiscs = self.qdiscs.clone();
        qdiscs.insert(qdisc.index, entry);
        if qdiscs != self.qdiscs {
            self.write(&qdiscs)?;
            self.qdiscs = qdiscs;
        }
        Ok(())
    }

    /// What was on the link with this index before ours.
    pub fn recall(&self, index: u32) -> Option<Qdisc> {
        self.qdiscs.get(&index).map(|entry| Qdisc {
            index,
            handle: entry.handle,
            parent: Parent::Root,
            kind: entry.kind.clone(),
            options: entry.options.clone(),
            bytes: 0,
            backlog: 0,
            drops: 0,
        })
    }

    /// Forgets the link with this index.
    pub fn forget(&mut self, index: u32) {
        if self.qdiscs.remove(&index).is_some()
            && let Err(error) = self.write(&self.qdiscs)
        {
            warn!("{}: {error}", self.file.display());
        }
    }

    fn write(&self, qdiscs: &BTreeMap<u32, Remembered>) -> io::Result<()> {
        let new = self.file.with_extension("new");
        // Whatever an earlier run left there, in whoever's name.
        let _ = fs::remove_file(&new);
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(qdiscs)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pfifo(index: u32) -> Qdisc {
        Qdisc {
            index,
            handle: Handle(0x8001_0000),
            parent: Parent::Root,
            kind: "pfifo".into(),
            options: vec![77, 0, 0, 0],
            bytes: 0,
            backlog: 0,
            drops: 0,
        }
    }

    #[test]
    fn another_run_recalls_what_this_one_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(directory.path());
        memory.remember(pfifo(3)).unwrap();
        memory.remember(pfifo(4)).unwrap();
        memory.forget(4);
        let again = Memory::open(directory.path());
        assert_eq!(again.recall(3), Some(pfifo(3)));
        assert_eq!(again.recall(4), None);
    }

    #[test]
    fn what_cannot_be_written_is_not_remembered() {
        let mut memory = Memory::open(Path::new("/nonexistent"));
        assert!(memory.remember(pfifo(3)).is_err());
        assert_eq!(memory.recall(3), None);
    }

    #[test]
    fn a_damaged_file_counts_as_empty() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(Memory::open(directory.path()).recall(3), None);
    }
}
