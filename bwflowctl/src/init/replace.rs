//! Putting a file in the place of another in one step, and keeping the other.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::interrupt::hold;

/// Mode of a file that was not there before: everybody may know the plan, and the helper must.
const MODE: u32 = 0o644;

/// More backups than this are a mistake.
const MOST_BACKUPS: u32 = 1000;

/// Writes the file anew. Of one that was there, the owner and the mode stay, and it is kept whole under
/// the name that is returned. Whoever looks sees the old file or the new one, whenever power fails.
///
/// # Errors
/// Those of the file system; then nothing has changed.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    // Not ended before this is done.
    let mut has_changed = hold();
    // What a link leads to is what is meant.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let before = match fs::metadata(&path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".bwflowctl-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    let mode = before.as_ref().map_or(MODE, |before| before.mode());
    if let Some(before) = &before {
        let now = file.as_file().metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
    }
    file.as_file()
        .set_permissions(Permissions::from_mode(mode & 0o7777))?;
    file.as_file().sync_all()?;
    let backup = before.map(|_| keep(&path)).transpose()?;
    if let Err(error) = file.persist(&path) {
        if let Some(backup) = &backup {
            let _ = fs::remove_file(backup);
        }
        return Err(error.error);
    }
    *has_changed = true;
    // The file is there; only whether it survives a power cut of this second hangs on it.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(backup)
}

/// Gives the file a second name that nothing has yet: `.bak`, `.bak.2`, ...
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=MOST_BACKUPS {
        let mut name = path.as_os_str().to_owned();
        name.push(".bak");
        if number > 1 {
            name.push(format!(".{number}"));
        }
        let backup = PathBuf::from(name);
        match fs::hard_link(path, &backup) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "there are {MOST_BACKUPS} backups of it already; remove those that nobody needs: sudo rm {}.bak.*",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn no_backup_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        assert_eq!(replace(&path, "one").unwrap(), None);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let backup = replace(&path, "two").unwrap().unwrap();
        assert_eq!(fs::read_to_string(&backup).unwrap(), "one");
        let backup = replace(&path, "three").unwrap().unwrap();
        assert_eq!(fs::read_to_string(&backup).unwrap(), "two");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(
            names(folder.path()),
            ["c.toml", "c.toml.bak", "c.toml.bak.2"]
        );
    }

    #[test]
    fn who_has_too_many_backups_is_told_the_cure_and_keeps_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        fs::write(&path, "one").unwrap();
        for _ in 0..MOST_BACKUPS {
            keep(&path).unwrap();
        }
        let told = replace(&path, "two").unwrap_err().to_string();
        assert!(told.contains("c.toml.bak.*"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        let count = usize::try_from(MOST_BACKUPS).unwrap();
        assert_eq!(names(folder.path()).len(), count + 1, "nothing is left");
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, "text").is_err());
        assert_eq!(names(folder.path()), ["c.toml"]);
        assert!(replace(&folder.path().join("none/c.toml"), "text").is_err());
    }

    #[test]
    fn a_link_is_followed_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "one").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, "two").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
