//! Lines that must not be shown, because they may hold a password or a key.

/// Parts of the names that secrets go by.
const NAMES: &[&str] = &["key", "token", "secret", "passw", "credential"];

/// Whether a line of the file may hold a secret: it gives something that is named like one, or an
/// address with a user. Such lines are named in messages, never repeated. `api_key_file` is among
/// them, as it is where whoever mistakes it writes the key itself.
pub(super) fn may_hold_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_secret = |word: &str| NAMES.iter().any(|name| word.contains(name));
    let given = line.match_indices(['=', ':']).any(|(at, _)| {
        let before = line[..at].trim_end_matches(['"', '\'', ' ', '\t']);
        let start = before.rfind(|c: char| !is_name(c)).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        is_secret(&before[start..])
    });
    // Without a `=` the first word is the key.
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_comment = first.starts_with('#');
    let user = line.match_indices("://").any(|(at, _)| {
        let rest = &line[at + 3..];
        rest.split(['/', '"', '\'', ' '])
            .next()
            .is_some_and(|authority| authority.contains('@'))
    });
    given || user || (!is_comment && is_secret(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_known() {
        for line in [
            "api_key = \"x\"",
            "  apikey='x'",
            "\"api_key\" = \"x\"",
            "jellyfin = { url = \"http://h\", api_key = \"x\" }",
            "api_key: x",
            "API_KEY x",
            "jellyfin_token = x",
            "url = \"http://user:x@h\"",
            "url = \"http://h/?api_key=x\"",
            "api_key_file = \"x\"",
        ] {
            assert!(may_hold_secret(line), "{line}");
        }
        for line in [
            "pre_charge_gb = 50        # burst tokens available from day 1",
            "url = \"http://10.0.0.2:8080\"",
            "[spend.jellyfin]",
            "# the key is elsewhere",
            "ü = 1",
            "üü= 1",
            "=",
            "",
        ] {
            assert!(!may_hold_secret(line), "{line}");
        }
    }
}
