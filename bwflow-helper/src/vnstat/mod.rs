//! vnStat's count: the history of the time before bwflow, and a second opinion since.
//!
//! What is charged stays our own count of the kernel's counters, to which vnStat is never closer:
//! its figures are minutes old, it drops what comes too fast or after a gap, and invents up to
//! 4 GiB when an interface is created anew. What it adds is what nobody counted here: [`rows`] of
//! the time before the first sight of a link, and what it still saw before a reboot, [`mark`].
//! Only [`database`], [`file`], [`program`] and [`watch`] touch the world.

use std::fmt;
use std::path::PathBuf;

pub mod database;
pub mod dates;
pub mod file;
pub mod json;
pub mod mark;
pub mod parts;
pub mod plausible;
pub mod program;
pub mod rows;
pub mod watch;

/// Why vnStat's figures cannot be had, in words that follow a link's name and "counted by the
/// kernel alone:".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no database.
    Missing(PathBuf),
    /// Somebody else is writing to it.
    Locked(PathBuf),
    /// vnStat has only just begun it.
    Unfinished(PathBuf),
    /// It is damaged.
    Damaged(PathBuf, String),
    /// It is no database of vnStat 2.
    Foreign(PathBuf),
    /// The system does not let us read it, or something else is wrong.
    Unreadable(PathBuf, String),
    /// Its configuration, which says where the database is, cannot be read.
    Unconfigured(PathBuf, String),
}

impl Trouble {
    /// Whether it is over by itself in a moment.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Locked(_) | Self::Unfinished(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no vnStat database {}", path.display()),
            Self::Locked(path) => {
                write!(f, "the vnStat database {} is locked", path.display())
            }
            Self::Unfinished(path) => {
                write!(f, "the vnStat database {} is being made", path.display())
            }
            Self::Unconfigured(path, reason) => write!(
                f,
                "vnStat's configuration {} cannot be read: {reason}",
                path.display()
            ),
            Self::Damaged(path, reason) => write!(
                f,
                "the vnStat database {} is damaged: {reason}",
                path.display()
            ),
            Self::Foreign(path) => {
                write!(f, "{} is not a database of vnStat 2", path.display())
            }
            Self::Unreadable(path, reason) => write!(
                f,
                "the vnStat database {} cannot be read: {reason}",
                path.display()
            ),
        }
    }
}
