//! The API key: full administrator of the media server, so it is kept like root's password.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bwflow_proto::config;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use zeroize::Zeroizing;

use super::mark::Mark;

/// The systemd credential's name.
const CREDENTIAL: &str = "jellyfin-api-key";
/// The longest file that is read, bytes. A key has 32.
const LONGEST: usize = 4 << 10;
const READABLE_BY_OTHERS: u32 = 0o077;

/// An API key of Jellyfin. Wiped from memory when dropped.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Reads it from the configured file, or else from the systemd credential `jellyfin-api-key`.
    ///
    /// # Errors
    /// When there is none, others can read it or it cannot be one: what is wrong, and how to mend it.
    pub fn load(config: &config::Jellyfin) -> Result<Self, String> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let own_uid = nix::unistd::geteuid().as_raw();
        match (&config.api_key_file, directory) {
            (Some(file), _) => Self::from_file(file, own_uid),
            (None, Some(directory)) => Self::from_credential(&directory.join(CREDENTIAL), own_uid),
            (None, None) => Err(format!(
                "there is no API key: give api_key_file in [spend.jellyfin], or put the key into \
                 /etc/credstore/{CREDENTIAL} (mode 600) and start bwflow-helper by systemd"
            )),
        }
    }

    /// A file of the administrator's; a link is followed, what it leads to has to be as private.
    fn from_file(path: &Path, own_uid: u32) -> Result<Self, String> {
        let shown = path.display();
        let file = open(path, 0).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => format!(
                "the API key in {shown} cannot be read by bwflow-helper's user: \
                 `chown bwflow-helper {shown}`"
            ),
            io::ErrorKind::NotFound => format!(
                "there is no API key file {shown}: make a key in Jellyfin's dashboard under API Keys, \
                 and put it there with mode 600"
            ),
            _ => format!("the API key in {shown} cannot be read: {error}"),
        })?;
        let facts = file.metadata();
        let facts =
            facts.map_err(|error| format!("the API key in {shown} cannot be read: {error}"))?;
        if !facts.is_file() {
            return Err(format!("{shown} is no file, so it holds no API key"));
        }
        if facts.mode() & READABLE_BY_OTHERS != 0 {
            let mode = facts.mode() & 0o7777;
            return Err(format!(
                "others than its owner may use the API key in {shown} (mode {mode:o}): \
                 `chmod 600 {shown}`, and make a new key if somebody may have read it"
            ));
        }
        if facts.uid() != 0 && facts.uid() != own_uid {
            let uid = facts.uid();
            return Err(format!(
                "the API key in {shown} belongs to user {uid}, who may read and change it: \
                 `chown bwflow-helper {shown}`"
            ));
        }
        read(file, &shown.to_string())
    }

    /// What systemd has put there. It writes such a file as root's with mode 0400 and an entry in
    /// the access list for the service's user, which shows as 0440; where the file system has no
    /// such lists (ramfs, before systemd 255), it gives the file to that user instead, with 0400.
    fn from_credential(path: &Path, own_uid: u32) -> Result<Self, String> {
        let why = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "there is no API key: put it into /etc/credstore/{CREDENTIAL} (mode 600) and \
                 restart bwflow-helper, or give api_key_file in [spend.jellyfin]"
            ),
            _ => format!("the systemd credential {CREDENTIAL} cannot be read: {error}"),
        };
        let file = open(path, O_NOFOLLOW).map_err(why)?;
        let facts = file.metadata().map_err(why)?;
        let mode = facts.mode() & 0o7777;
        let is_as_systemd_makes_it = facts.is_file()
            && match facts.uid() {
                0 => mode == 0o400 || mode == 0o440,
                uid => uid == own_uid && mode == 0o400,
            };
        if !is_as_systemd_makes_it {
            let uid = facts.uid();
            return Err(format!(
                "the credential {CREDENTIAL} is not as systemd makes them (mode {mode:o}, user {uid}): \
                 let systemd put it there, with LoadCredential={CREDENTIAL}"
            ));
        }
        read(file, &format!("/etc/credstore/{CREDENTIAL}"))
    }

    /// A text without the key, however it is spelled.
    pub(super) fn redact(&self, text: &str) -> String {
        let encoded = self.encoded();
        let once = without(text, &self.0);
        without(&once, &encoded)
    }

    /// By what this key is known again without being kept.
    pub(super) fn mark(&self) -> Option<Mark> {
        Mark::new(&self.0)
    }

    /// Whether this mark is its own.
    pub(super) fn is_marked(&self, mark: &Mark) -> bool {
        mark.is_of(&self.0)
    }

    /// What goes into the `Authorization` header, with the key encoded as Jellyfin decodes it.
    pub(super) fn authorization(&self) -> Zeroizing<String> {
        let encoded = self.encoded();
        let mut text = Zeroizing::new(String::with_capacity(32 + encoded.len()));
        text.push_str("MediaBrowser Token=\"");
        text.push_str(&encoded);
        text.push('"');
        text
    }

    fn encoded(&self) -> Zeroizing<String> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = Zeroizing::new(String::with_capacity(3 * self.0.len()));
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push('%');
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
        text
    }

    /// This key.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// A text in which a secret is replaced, whatever its case.
fn without(text: &str, secret: &str) -> String {
    let (lower, secret) = (
        Zeroizing::new(text.to_ascii_lowercase()),
        Zeroizing::new(secret.to_ascii_lowercase()),
    );
    if secret.is_empty() {
        return text.to_owned();
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), 0);
    for (place, found) in lower.match_indices(secret.as_str()) {
        shown.push_str(&text[rest..place]);
        shown.push_str("[key]");
        rest = place + found.len();
    }
    shown.push_str(&text[rest..]);
    shown
}

/// Never waits, not even for a pipe.
fn open(path: &Path, flags: i32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_NONBLOCK | flags);
    options.open(path)
}

/// Reads the one line of a key; `place` is where people find it. Never quotes what it reads.
fn read(file: File, place: &str) -> Result<ApiKey, String> {
    // As large as it can get, so that no copy is left where it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| format!("the API key in {place} cannot be read: {error}"))?;
    let hint = "put there the key alone, as Jellyfin's dashboard shows it under API Keys";
    if bytes.len() > LONGEST {
        return Err(format!(
            "{place} is longer than 4 KiB, so it is no API key: {hint}"
        ));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(format!("the API key in {place} is empty: {hint}"));
    }
    if line.contains(&b'\n') {
        return Err(format!(
            "{place} has several lines, so it is no API key: {hint}"
        ));
    }
    if !line.iter().all(u8::is_ascii_graphic) {
        return Err(format!(
            "the API key in {place} has spaces or characters that no key has: {hint}"
        ));
    }
    let text = line.iter().copied().map(char::from).collect();
    Ok(ApiKey(Zeroizing::new(text)))
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

#[cfg(test)]
mod tests;
