//! Files of others, opened so that nothing but a file can be in the way: whoever opens a FIFO waits
//! for as long as its owner likes.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What SQLite opens beside a database.
const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Opens a file to read it, without ever waiting.
///
/// # Errors
/// What the system reports, or that it is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    let file = options.open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// As [`open`], or that it is larger.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(io::Error::other(format!("it is larger than {most} B")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What is known of a database that SQLite can open without waiting.
///
/// # Errors
/// What the system reports, or that it, or what SQLite opens beside it, is no regular file.
pub fn database(path: &Path) -> io::Result<Metadata> {
    let metadata = regular(fs::metadata(path)?)?;
    for companion in COMPANIONS {
        let mut name = OsString::from(path);
        name.push(companion);
        if let Ok(beside) = fs::metadata(PathBuf::from(name)) {
            regular(beside)
                .map_err(|error| io::Error::other(format!("{error} ({companion} beside it)")))?;
        }
    }
    Ok(metadata)
}

fn regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(io::Error::other("it is no regular file"))
}
