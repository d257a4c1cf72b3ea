#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[test]
fn a_private_file_gives_its_line() {
    for content in ["0123abcd", "0123abcd\n", "0123abcd\r\n"] {
        for mode in [0o600, 0o400] {
            let (_directory, path) = file(content.as_bytes(), mode);
            let key = ApiKey::from_file(&path, own_uid()).unwrap();
            assert_eq!(*key.authorization(), "MediaBrowser Token=\"0123abcd\"");
        }
    }
}

#[test]
fn a_key_is_encoded_for_its_header_and_never_shown() {
    let (_directory, path) = file(b"a\"b%c+d/", 0o600);
    let key = ApiKey::from_file(&path, own_uid()).unwrap();
    assert_eq!(
        *key.authorization(),
        "MediaBrowser Token=\"a%22b%25c%2Bd%2F\""
    );
    assert_eq!(format!("{key:?}"), "ApiKey(redacted)");
}

#[test]
fn what_others_can_read_is_refused_with_its_cure() {
    for mode in [0o640, 0o604, 0o644, 0o660, 0o610, 0o602] {
        let (_directory, path) = file(b"secretkey", mode);
        let error = ApiKey::from_file(&path, own_uid()).unwrap_err();
        assert!(
            error.contains(&format!("mode {mode:o}")) && error.contains("chmod 600"),
            "{error}"
        );
        assert!(!error.contains("secretkey"), "{error}");
        let link = path.with_file_name("link");
        symlink(&path, &link).unwrap();
        let error = ApiKey::from_file(&link, own_uid()).unwrap_err();
        assert!(error.contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    let (_directory, path) = file(b"secretkey", 0o600);
    chown(&path, Some(65_533), None).unwrap();
    let error = ApiKey::from_file(&path, own_uid()).unwrap_err();
    assert!(
        error.contains("user 65533") && error.contains("chown"),
        "{error}"
    );
    assert!(ApiKey::from_file(&path, 65_533).is_ok());
}

#[test]
fn what_is_no_key_is_refused_without_being_quoted() {
    let long = vec![b'x'; LONGEST + 1];
    for (content, word) in [
        (&b""[..], "empty"),
        (b"\n", "empty"),
        (b"secretkey\nsecond\n", "several lines"),
        (b"secretkey \n", "spaces"),
        (b"secret\xffkey", "characters"),
        (b"secret\0key", "characters"),
        (b"\xef\xbb\xbfsecretkey", "characters"),
        (&long, "4 KiB"),
    ] {
        let (_directory, path) = file(content, 0o600);
        let error = ApiKey::from_file(&path, own_uid()).unwrap_err();
        assert!(
            error.contains(word) && !error.contains("secret"),
            "{word}: {error}"
        );
    }
}

#[test]
fn pipes_directories_and_nothing_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    for (path, word) in [
        (pipe.as_path(), "no file"),
        (directory.path(), "no file"),
        (&directory.path().join("absent"), "no API key file"),
    ] {
        let error = ApiKey::from_file(path, own_uid()).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_credential_is_taken_exactly_as_systemd_makes_it() {
    // owner, mode, the service's user, taken
    for (owner, mode, user, is_taken) in [
        (0, 0o400, 65_533, true),
        (0, 0o440, 65_533, true),
        (65_533, 0o400, 65_533, true),
        (65_533, 0o440, 65_533, false),
        (65_532, 0o400, 65_533, false),
        (0, 0o444, 65_533, false),
        (0, 0o600, 65_533, false),
        (0, 0o640, 65_533, false),
    ] {
        let (_directory, path) = file(b"secretkey", mode);
        chown(&path, Some(owner), None).unwrap();
        let read = ApiKey::from_credential(&path, user);
        assert_eq!(read.is_ok(), is_taken, "{owner} {mode:o}: {read:?}");
    }
    let (_directory, path) = file(b"secretkey", 0o400);
    let link = path.with_file_name("link");
    symlink(&path, &link).unwrap();
    assert!(ApiKey::from_credential(&link, own_uid()).is_err());
    let absent = ApiKey::from_credential(&path.with_file_name("absent"), own_uid()).unwrap_err();
    assert!(absent.contains("/etc/credstore/"), "{absent}");
}
