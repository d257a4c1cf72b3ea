//! Whose key a request carries, by the server's version.

use serde_json::Value;

use super::Jellyfin;
use crate::fake::request::{Request, decode};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// No key, a wrong one, or one in a form that this version does not read.
    Nobody,
    /// An API key: an administrator without a user.
    Key,
    /// A user, by id.
    User(String),
}

impl Jellyfin {
    /// Whether the forms of old clients are read.
    fn is_legacy_read(&self) -> bool {
        let on = self.configuration.get("EnableLegacyAuthorization");
        match self.numbers() {
            numbers if numbers < (10, 11, 0) => true,
            numbers if numbers < (12, 0, 0) => on != Some(&Value::Bool(false)),
            _ => on == Some(&Value::Bool(true)),
        }
    }

    pub(super) fn who(&self, request: &Request) -> Who {
        let legacy = self.is_legacy_read();
        let read = |header: &str, schemes: &[&str]| {
            let (scheme, members) = request.header(header)?.split_once(' ')?;
            let is_known = schemes.iter().any(|it| it.eq_ignore_ascii_case(scheme));
            is_known.then(|| token(members)).flatten()
        };
        let schemes: &[&str] = if legacy {
            &["MediaBrowser", "Emby"]
        } else {
            &["MediaBrowser"]
        };
        let mut given = read("authorization", schemes);
        if legacy {
            given = given
                .or_else(|| read("x-emby-authorization", &["MediaBrowser", "Emby"]))
                .or_else(|| request.header("x-emby-token").map(str::to_owned))
                .or_else(|| request.header("x-mediabrowser-token").map(str::to_owned));
        }
        given = given.or_else(|| request.parameter("ApiKey"));
        if legacy {
            given = given.or_else(|| request.parameter("api_key"));
        }
        match given {
            Some(key) if self.keys.contains(&key) => Who::Key,
            Some(key) => self
                .tokens
                .get(&key)
                .cloned()
                .map_or(Who::Nobody, Who::User),
            None => Who::Nobody,
        }
    }
}

/// The member `Token` of `Name="value", ...`; quotes may be left out, values are percent-encoded.
fn token(members: &str) -> Option<String> {
    let mut pairs = members
        .split(',')
        .filter_map(|it| it.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("Token"))?;
    Some(decode(value.trim().trim_matches('"'), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_with_and_without_quotes() {
        for (members, expected) in [
            ("Token=\"abc\"", Some("abc")),
            ("Token=abc", Some("abc")),
            ("Client=\"x\", Token=\"a%2Bb\"", Some("a+b")),
            ("Client=\"x\"", None),
        ] {
            assert_eq!(token(members).as_deref(), expected, "{members}");
        }
    }
}
