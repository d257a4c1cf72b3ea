//! Whether Jellyfin's API key is kept as what it is: all of that server's rights.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bwflow_proto::config::{Config, Jellyfin};

use crate::doctor::finding::Finding;
use crate::host::files::Files;

const CHECK: &str = "jellyfin";
/// Where systemd finds the credential that the helper's unit asks for.
const STORE: &str = "/etc/credstore/jellyfin-api-key";

/// A key's file as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::doctor) struct Key {
    place: String,
    /// Whether the helper opens it itself; else systemd does that, as root.
    is_helpers: bool,
    /// The helper's user.
    helper: Option<u32>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Absent,
    /// It cannot be seen by this user.
    Hidden,
    /// No ordinary file.
    Odd,
    File {
        mode: u32,
        owner: u32,
    },
}

impl Key {
    /// Looks at the key of the server that is configured, also of one that has only to be restored.
    pub(in crate::doctor) fn look(files: &Files, config: &Config) -> Option<Self> {
        let held = config.spend.as_ref().and_then(|it| it.jellyfin.as_ref());
        let jellyfin: &Jellyfin = held.or(config.idle_jellyfin.as_ref())?;
        let own = jellyfin.api_key_file.as_deref();
        let path = own.unwrap_or(Path::new(STORE));
        let users = files.read("/etc/passwd").unwrap_or_default();
        let state = match std::fs::metadata(files.path(&path.to_string_lossy())) {
            Ok(facts) if facts.is_file() => State::File {
                mode: facts.mode() & 0o7777,
                owner: facts.uid(),
            },
            Ok(_) => State::Odd,
            Err(error) if error.kind() == ErrorKind::NotFound => State::Absent,
            Err(_) => State::Hidden,
        };
        Some(Self {
            place: path.display().to_string(),
            is_helpers: own.is_some(),
            helper: uid(&users, "bwflow-helper"),
            state,
        })
    }
}

/// Judges it.
pub(in crate::doctor) fn judge_key(key: &Key) -> Finding {
    let Key { place, .. } = key;
    let put = "make an API key in Jellyfin's dashboard and put it there with mode 600";
    match &key.state {
        State::Hidden => {
            let found = format!("the API key in {place} is hidden from this user");
            Finding::note(CHECK, found).cured_by("sudo bwflowctl doctor")
        }
        // Other places are looked in, too.
        State::Absent if !key.is_helpers => {
            let found = format!("there is no API key in {place}");
            let cure = format!("unless the credential comes from elsewhere: {put}");
            Finding::note(CHECK, found).cured_by(cure)
        }
        State::Absent => Finding::warning(CHECK, format!("there is no API key in {place}"), put),
        State::Odd => Finding::warning(CHECK, format!("{place} is no file"), put),
        State::File { mode, .. } if mode & 0o077 != 0 => Finding::warning(
            CHECK,
            format!("others than its owner may use the API key in {place} (mode {mode:o})"),
            format!("chmod 600 {place}, and make a new key if somebody may have read it"),
        ),
        State::File { owner, .. } if *owner != 0 && Some(*owner) != key.helper => Finding::warning(
            CHECK,
            format!("the API key in {place} belongs to user {owner}"),
            format!("chown bwflow-helper {place}"),
        ),
        State::File { owner: 0, .. } if key.is_helpers && key.helper.is_some_and(|it| it != 0) => {
            Finding::warning(
                CHECK,
                format!("the API key in {place} is root's alone: bwflow-helper cannot read it"),
                format!("chown bwflow-helper {place}"),
            )
        }
        State::File { .. } => Finding::ok(CHECK, format!("the API key in {place} is kept private")),
    }
}

/// A user's number by `/etc/passwd`.
fn uid(users: &str, name: &str) -> Option<u32> {
    let mut lines = users.lines().map(|line| line.split(':'));
    let mut user = lines.find_map(|mut it| (it.next() == Some(name)).then_some(it))?;
    user.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Grade;

    fn key(is_helpers: bool, state: State) -> Key {
        Key {
            place: "/k".to_owned(),
            is_helpers,
            helper: Some(997),
            state,
        }
    }

    #[test]
    fn only_a_private_file_that_its_reader_can_read_is_well() {
        let file = |mode, owner| State::File { mode, owner };
        for (is_helpers, state, grade, cure) in [
            (true, file(0o600, 997), Grade::Ok, ""),
            (true, file(0o400, 997), Grade::Ok, ""),
            (
                true,
                file(0o600, 0),
                Grade::Warning,
                "chown bwflow-helper /k",
            ),
            (
                true,
                file(0o600, 1000),
                Grade::Warning,
                "chown bwflow-helper /k",
            ),
            (true, file(0o640, 997), Grade::Warning, "chmod 600 /k"),
            (true, file(0o604, 997), Grade::Warning, "chmod 600 /k"),
            (true, State::Absent, Grade::Warning, "mode 600"),
            (true, State::Odd, Grade::Warning, "mode 600"),
            (true, State::Hidden, Grade::Note, "sudo"),
            (false, file(0o600, 0), Grade::Ok, ""),
            (false, file(0o644, 0), Grade::Warning, "chmod 600 /k"),
            (false, State::Absent, Grade::Note, "elsewhere"),
        ] {
            let found = judge_key(&key(is_helpers, state.clone()));
            assert_eq!(found.grade, grade, "{state:?}: {found:?}");
            assert!(found.cure.unwrap_or_default().contains(cure), "{state:?}");
        }
    }

    #[test]
    fn users_are_found_by_their_names() {
        let users =
            "root:x:0:0::/:/bin/sh\nbwflow-helper2:x:5:5::/:\nbwflow-helper:x:997:996::/:\n";
        assert_eq!(uid(users, "bwflow-helper"), Some(997));
        assert_eq!(uid("", "bwflow-helper"), None);
    }
}
