//! The guard's memory on the disk: `spend.json` in the state directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Record;

/// The file's name.
pub const FILE: &str = "spend.json";
/// The form of the file. Whoever knows another one must not write over it.
const VERSION: u32 = 1;

/// The file.
#[derive(Debug)]
pub struct State {
    file: PathBuf,
    /// Why it must not be written.
    foreign: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it is the first time.
    Nothing,
    /// What was kept.
    Record(Box<Record>),
    /// What nobody can read; the text says why, and where it is now.
    Lost(String),
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    record: T,
}

impl State {
    /// The file in this directory, whether it is there or not.
    pub fn of(directory: &Path) -> Self {
        Self {
            file: directory.join(FILE),
            foreign: None,
        }
    }

    /// Whether there is a file.
    pub fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.file).is_ok()
    }

    /// Reads it. A file that makes no sense is set aside. One of another version of this program, or
    /// that cannot be read at all, stays where it is and is not written over.
    pub fn read(&mut self) -> Found {
        let name = self.file.display().to_string();
        let text = match fs::read(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return self.leave(format!("{name} cannot be read: {error}")),
        };
        let value: Result<Value, _> = serde_json::from_slice(&text);
        let version = value
            .as_ref()
            .ok()
            .and_then(|it| it.get("version")?.as_u64());
        if let Some(version) = version.filter(|it| *it != u64::from(VERSION)) {
            return self.leave(format!(
                "{name} is of version {version}, and this program knows only {VERSION}: it was \
                 written by another one; run that, or move the file away"
            ));
        }
        let read = value.and_then(serde_json::from_value::<Versioned<Record>>);
        match read {
            Ok(read) => Found::Record(Box::new(read.record)),
            Err(error) => Found::Lost(self.set_aside(&error)),
        }
    }

    fn leave(&mut self, why: String) -> Found {
        self.foreign = Some(why.clone());
        Found::Lost(why)
    }

    fn set_aside(&self, reason: &serde_json::Error) -> String {
        let aside = self.file.with_extension("json.damaged");
        let kept = match fs::rename(&self.file, &aside) {
            Ok(()) => format!("it is kept as {}", aside.display()),
            Err(error) => format!("it cannot be kept aside: {error}"),
        };
        // The category only: the text might quote what is in the file.
        let reason = format!("{:?} error in line {}", reason.classify(), reason.line());
        format!("{} is damaged ({reason}); {kept}", self.file.display())
    }

    /// Writes it: all of it or nothing, and on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is there still.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        if let Some(why) = &self.foreign {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why.clone()));
        }
        let mut text = serde_json::to_vec_pretty(&Versioned {
            version: VERSION,
            record,
        })?;
        text.push(b'\n');
        let new = self.file.with_extension("json.new");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        // It may be left over from somebody else's attempt.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        self.sync_directory()
    }

    /// Removes it: nothing is to be remembered any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        if let Some(why) = &self.foreign {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why.clone()));
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync_directory(),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        let directory = self.file.parent().unwrap_or_else(|| Path::new("."));
        File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nobody_else_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut state = State::of(directory.path());
        assert_eq!(state.read(), Found::Nothing);
        let record = Record::strictest(Some("off"));
        state.write(&record).unwrap();
        assert_eq!(state.read(), Found::Record(Box::new(record)));
        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o7777, 0o600);
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1, "nothing else is left behind");
        state.remove().unwrap();
        state.remove().unwrap();
        assert!(!state.is_there());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_written_anew() {
        for text in [
            "",
            "{",
            "[]",
            "{\"version\": 1, \"standing\": 7}",
            "{\"version\": 1}",
            "\u{0}\u{0}",
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(FILE);
            fs::write(&path, text).unwrap();
            let mut state = State::of(directory.path());
            let Found::Lost(why) = state.read() else {
                panic!("{text:?} was read");
            };
            assert!(why.contains("spend.json.damaged"), "{why}");
            let aside = directory.path().join("spend.json.damaged");
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
            state.write(&Record::default()).unwrap();
        }
    }

    #[test]
    fn a_file_of_another_version_is_neither_taken_nor_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, "{\"version\": 2, \"other\": true}").unwrap();
        let mut state = State::of(directory.path());
        let Found::Lost(why) = state.read() else {
            panic!("it was read");
        };
        assert!(why.contains("version 2"), "{why}");
        assert!(state.write(&Record::default()).is_err());
        assert!(state.remove().is_err());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"version\": 2, \"other\": true}");
    }
}
