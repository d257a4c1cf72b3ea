//! The bytes of the file: not of what never ends, and not more than a configuration has.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bwflow_proto::config::PATH;

/// The name that stands for standard input.
pub(crate) const STDIN: &str = "-";

/// Bytes; a configuration has thousands.
const MOST: u64 = 1_000_000;

/// The hint where root may do what the caller may not.
pub(crate) const TRY_SUDO: &str = "try with sudo";

/// Why there is nothing to check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
}

/// The same of a file that need not be there.
pub(crate) fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>, Unreadable> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(file).map(Some),
    }
}

/// Reads the whole file, or standard input.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Unreadable> {
    if file == Path::new(STDIN) {
        return read_from(io::stdin());
    }
    let told = |error: io::Error| unreadable(file, &error);
    // Asked before it is opened: opening a pipe waits for somebody to write to it.
    let kind = std::fs::metadata(file).map_err(told)?;
    if kind.is_dir() {
        return Err(Unreadable {
            message: "it is a directory".to_owned(),
            hint: Some("name a file in it"),
        });
    }
    if !kind.is_file() {
        return Err(Unreadable {
            message: "it is no regular file".to_owned(),
            hint: Some("name a file, or - and pass it on standard input"),
        });
    }
    read_from(File::open(file).map_err(told)?)
}

fn unreadable(file: &Path, error: &io::Error) -> Unreadable {
    Unreadable {
        message: error.to_string(),
        hint: match error.kind() {
            io::ErrorKind::NotFound if file == Path::new(PATH) => Some(
                "`sudo bwflowctl init` writes it, or you do, beginning with a copy of the example in \
                     /usr/share/doc/bwflow/examples/; or name the file to check",
            ),
            io::ErrorKind::PermissionDenied => Some(TRY_SUDO),
            _ => None,
        },
    }
}

fn read_from(from: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let read = from.take(MOST + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 > MOST => Err(Unreadable {
            message: "it is larger than 1 MB".to_owned(),
            hint: Some("that is no configuration"),
        }),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Unreadable {
            message: error.to_string(),
            hint: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_never_ends_is_refused_at_once() {
        let refused = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(refused.message, "it is no regular file");
        assert_eq!(
            read(Path::new("/")).unwrap_err().message,
            "it is a directory"
        );
        let endless = read_from(io::repeat(b'#')).unwrap_err();
        assert_eq!(endless.message, "it is larger than 1 MB");
    }

    #[test]
    fn who_has_no_configuration_yet_is_led_to_the_example() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let hint = unreadable(Path::new(PATH), &missing).hint.unwrap();
        assert!(hint.contains("/usr/share/doc/bwflow/examples/"), "{hint}");
        assert!(hint.contains("bwflowctl init"), "{hint}");
        assert_eq!(unreadable(Path::new("x.toml"), &missing).hint, None);
    }

    #[test]
    fn a_megabyte_is_read() {
        assert_eq!(
            read_from(io::repeat(b'#').take(MOST)).unwrap().len(),
            1_000_000
        );
    }
}
