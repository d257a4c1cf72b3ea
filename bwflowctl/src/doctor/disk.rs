//! Whether the ledger can still be written.

use std::path::Path;

use bwflow_proto::units::format_bytes;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::finding::Finding;

const CHECK: &str = "disk";
/// Below this there is soon no room for another commit, bytes.
const FULL: u64 = 4 << 20;
/// Below this somebody should know, bytes.
const LITTLE: u64 = 64 << 20;

/// The room that a file system has for users that are not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) free_bytes: u64,
    pub(super) free_files: u64,
    pub(super) has_file_limit: bool,
    pub(super) is_read_only: bool,
}

/// The room at a path, or at the nearest directory above it that there is.
pub(super) fn room(path: &Path) -> Option<Room> {
    let stat = path.ancestors().find_map(|path| statvfs(path).ok())?;
    Some(Room {
        free_bytes: stat.blocks_available().saturating_mul(stat.fragment_size()),
        free_files: stat.files_available(),
        has_file_limit: stat.files() > 0,
        is_read_only: stat.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// Judges the room at `path`.
pub(super) fn judge(path: &Path, room: Option<Room>) -> Finding {
    let name = path.display();
    let Some(room) = room else {
        return Finding::note(CHECK, format!("{name}: its room cannot be told"));
    };
    if room.is_read_only {
        return Finding::fault(
            CHECK,
            1,
            format!("{name} is read-only: nothing can be booked"),
            "see `dmesg` and `findmnt`; remount it writable",
        );
    }
    let free = format_bytes(room.free_bytes);
    let is_out_of_files = room.has_file_limit && room.free_files == 0;
    if room.free_bytes < FULL || is_out_of_files {
        let lack = if is_out_of_files { "no inode" } else { &free };
        return Finding::fault(
            CHECK,
            1,
            format!("{name}: {lack} left: what is used soon cannot be booked any more"),
            format!("make room on its file system: df -h {name}; journalctl --vacuum-size=100M"),
        );
    }
    if room.free_bytes < LITTLE {
        return Finding::warning(
            CHECK,
            format!("{name}: only {free} left"),
            format!("make room on its file system: df -h {name}"),
        );
    }
    Finding::ok(CHECK, format!("{name}: {free} left"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doctor::finding::Grade;

    #[test]
    fn little_room_is_a_warning_and_none_a_fault() {
        let plenty = Room {
            free_bytes: 1 << 40,
            free_files: 10,
            has_file_limit: true,
            is_read_only: false,
        };
        let grade = |room| judge(Path::new("/x"), Some(room)).grade;
        assert_eq!(grade(plenty), Grade::Ok);
        assert_eq!(
            grade(Room {
                free_bytes: LITTLE - 1,
                ..plenty
            }),
            Grade::Warning
        );
        assert_eq!(
            grade(Room {
                free_bytes: FULL - 1,
                ..plenty
            }),
            Grade::Fault
        );
        assert_eq!(
            grade(Room {
                free_files: 0,
                ..plenty
            }),
            Grade::Fault
        );
        // btrfs has no inodes to count.
        assert_eq!(
            grade(Room {
                free_files: 0,
                has_file_limit: false,
                ..plenty
            }),
            Grade::Ok
        );
        assert_eq!(
            grade(Room {
                is_read_only: true,
                ..plenty
            }),
            Grade::Fault
        );
    }

    #[test]
    fn the_room_of_what_is_not_there_yet_is_that_of_its_parent() {
        let directory = tempfile::tempdir().unwrap();
        assert!(room(&directory.path().join("a/b")).unwrap().free_bytes > 0);
    }
}
