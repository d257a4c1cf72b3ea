//! Reads vnStat's database when it has changed, and only then.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bwflow_proto::vnstat::{CONFIG, DATABASE, Settings};
use jiff::tz::TimeZone;

use super::Trouble;
use super::database::{self, Question, Snapshot};
use super::dates::Dates;
use super::file;
use super::program::Program;
use crate::clock::Clock;

/// vnStat's own has 6 KB, bytes.
const LONGEST_CONFIG: u64 = 1 << 20;

/// How old a database must be to be read. While vnStat makes one, it does not wait for readers
/// (`db_open_filename` of its `dbsql.c`): disturbed, it ends, and leaves half a database behind that
/// it refuses from then on.
const SETTLING: Duration = Duration::from_secs(5);

/// By what a changed file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    inode: u64,
    size: u64,
    /// Of its contents or of who may read them: both decide what is read.
    changed: (i64, i64),
    /// When it was made, as far as the file system knows.
    created: Option<SystemTime>,
}

impl Signature {
    /// Whether it has been there for as long, or nobody knows.
    fn is_older_than(&self, age: Duration) -> bool {
        // One from the future says nothing.
        let known = self.created.and_then(|it| it.elapsed().ok());
        known.is_none_or(|known| known >= age)
    }
}

/// What vnStat says, as far as it is known.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    dates: Dates,
    program: Program,
    /// Why it is not known where the database is.
    fault: Option<Trouble>,
    /// The state of the file that was read, or of which is known that it cannot be.
    read: Option<Signature>,
    current: Result<Snapshot, Trouble>,
    /// How often `current` has changed.
    generation: u64,
    settling: Duration,
}

impl Watch {
    /// Watches the database of a vnStat with this configuration, or of the usual one.
    pub fn new(config: Option<&Path>, program: &Path) -> Self {
        let source = config.unwrap_or(Path::new(CONFIG));
        let (text, fault) = match file::text(source, LONGEST_CONFIG) {
            Ok(text) => (text, None),
            // Where there is none, or none for us, vnStat's defaults are the best guess.
            Err(error) if is_absent(&error) => (String::new(), None),
            Err(error) => {
                let fault = Trouble::Unconfigured(source.to_owned(), error.to_string());
                (String::new(), Some(fault))
            }
        };
        let settings = Settings::parse(&text);
        let zone = if settings.use_utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        let path = Path::new(&settings.database_dir).join(DATABASE);
        Self {
            dates: Dates::new(zone, i8::try_from(settings.month_rotate).unwrap_or(1)),
            program: Program {
                name: program.as_os_str().to_owned(),
                config: config.map(Path::to_owned),
            },
            fault,
            read: None,
            current: Err(Trouble::Missing(path.clone())),
            path,
            generation: 0,
            settling: SETTLING,
        }
    }

    /// As it is of a database that was made long ago.
    #[cfg(test)]
    pub(crate) const fn settled(mut self) -> Self {
        self.settling = Duration::ZERO;
        self
    }

    /// What vnStat has written, or why that is not known.
    pub const fn current(&self) -> &Result<Snapshot, Trouble> {
        &self.current
    }

    /// Another number when [`Self::current`] is another.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// How its dates are to be read.
    pub const fn dates(&self) -> &Dates {
        &self.dates
    }

    /// The program that may read what we cannot.
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// Looks whether the file has changed, and reads it if so. To be called before the kernel's
    /// counters are read, which are then never behind vnStat's.
    pub fn look(&mut self, interfaces: &[String], with_rows: &[String], clock: &Clock) {
        if let Some(fault) = self.fault.clone() {
            return self.set(Err(fault));
        }
        let found = match signature(&self.path) {
            Ok(found) => found,
            Err(trouble) => {
                self.read = None;
                return self.set(Err(trouble));
            }
        };
        if self.read == Some(found) {
            return;
        }
        if !found.is_older_than(self.settling) {
            return self.set(Err(Trouble::Unfinished(self.path.clone())));
        }
        let question = Question {
            interfaces,
            with_rows,
            boot_seconds: (clock.usec - clock.boottime_usec) / 1_000_000,
        };
        let current = database::read(&self.path, &self.dates, &question);
        // What is locked is asked for again; what is damaged, when it has changed.
        let is_settled = !matches!(&current, Err(trouble) if trouble.is_passing());
        // Of a file that is written to while it is read this is the older state.
        self.read = is_settled.then_some(found);
        self.set(current);
    }

    fn set(&mut self, current: Result<Snapshot, Trouble>) {
        if self.current != current || self.generation == 0 {
            self.current = current;
            self.generation += 1;
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    )
}

fn signature(path: &Path) -> Result<Signature, Trouble> {
    let metadata = file::database(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::Missing(path.to_owned()),
        _ => Trouble::Unreadable(path.to_owned(), error.to_string()),
    })?;
    Ok(Signature {
        inode: metadata.ino(),
        size: metadata.size(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        created: metadata.created().ok(),
    })
}

#[cfg(test)]
pub(crate) mod tests;
