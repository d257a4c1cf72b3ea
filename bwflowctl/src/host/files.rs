//! Files of this host that say something about it, read below a root that tests may choose.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// More of a file than this is not read; the kernel's list of modules is the longest.
const MOST: u64 = 4 << 20;

/// Where the host's files are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The path of an absolute name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.trim_start_matches('/'))
    }

    /// A file's text, damaged characters replaced.
    pub(crate) fn read(&self, name: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        fs::File::open(self.path(name))?
            .take(MOST)
            .read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A file's only line.
    pub(crate) fn line(&self, name: &str) -> Option<String> {
        self.read(name).ok().map(|text| text.trim().to_owned())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The names in a directory, sorted; none if it cannot be read.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory));
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }
}
