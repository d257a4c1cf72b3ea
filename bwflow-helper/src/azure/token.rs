//! The identity's token, which is never shown.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::time::Instant;

/// How long before its end a token is no longer used: longer than any question takes.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A token; whoever has it can read what the identity may read.
#[derive(Clone)]
pub(super) struct Token {
    text: String,
    header: HeaderValue,
    renewed_at: Instant,
}

impl Token {
    /// Reads the identity service's answer, whose numbers are texts; `date_usec` is when it was given by that clock.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub(super) fn read(answer: &Value, date_usec: Option<i64>) -> Result<Self, String> {
        let text = answer.get("access_token").and_then(Value::as_str);
        let text = text.filter(|it| !it.is_empty()).ok_or("no token in it")?;
        let header = HeaderValue::from_str(&format!("Bearer {text}"));
        let mut header = header.map_err(|_| "a token that no header can hold")?;
        header.set_sensitive(true);
        let lifetime = lifetime(answer, date_usec).saturating_sub(MARGIN);
        let now = Instant::now();
        Ok(Self {
            text: text.to_owned(),
            header,
            renewed_at: now.checked_add(lifetime).unwrap_or(now),
        })
    }

    /// Whether it can still be used for a whole question.
    pub(super) fn is_good(&self) -> bool {
        Instant::now() < self.renewed_at
    }

    /// The value of `Authorization`, marked as a secret.
    pub(super) const fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The token itself, to take it out of texts.
    pub(super) fn secret(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// How long the token lives; nothing when that is not said. The service hands out old tokens, whose `expires_in` may be
/// counted from their beginning, so that the nearer end counts; and not by this machine's clock.
fn lifetime(answer: &Value, date_usec: Option<i64>) -> Duration {
    let number = |name: &str| match answer.get(name)? {
        Value::String(text) => text.trim().parse::<i64>().ok(),
        number => number.as_i64(),
    };
    let until = number("expires_on").zip(date_usec);
    let until = until.map(|(end, now)| end.saturating_sub(now.div_euclid(1_000_000)));
    let nearest = [number("expires_in"), until].into_iter().flatten().min();
    Duration::from_secs(nearest.and_then(|it| u64::try_from(it).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_nearer_end_counts_by_the_services_clock() {
        let now = Some(1_795_316_400_000_000);
        for (answer, date, seconds) in [
            (
                json!({"expires_in": "86399", "expires_on": "1795402800"}),
                now,
                86_399,
            ),
            (
                json!({"expires_in": "86399", "expires_on": "1795320000"}),
                now,
                3_600,
            ),
            (
                json!({"expires_in": "86399", "expires_on": "1795320000"}),
                None,
                86_399,
            ),
            (
                json!({"expires_in": 60, "expires_on": 1_795_402_800}),
                now,
                60,
            ),
            (json!({"expires_on": "1795402800"}), now, 86_400),
            (json!({"expires_on": "1795316399"}), now, 0),
            (json!({"expires_in": "-1"}), now, 0),
            (
                json!({"expires_in": "soon", "expires_on": "11/05/2026 15:18:31 +00:00"}),
                now,
                0,
            ),
            (json!({}), now, 0),
        ] {
            assert_eq!(lifetime(&answer, date).as_secs(), seconds, "{answer}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let answer = json!({"access_token": "abc.def", "expires_in": "86399"});
        let token = Token::read(&answer, None).unwrap();
        assert!(token.is_good());
        let shown = format!("{token:?} {:?}", token.header());
        assert!(!shown.contains("abc"), "{shown}");
        for answer in [
            json!({}),
            json!({"access_token": ""}),
            json!({"access_token": "se\ncret"}),
            json!(["secret"]),
        ] {
            let refusal = Token::read(&answer, None).unwrap_err();
            assert!(!refusal.contains("cret"), "{refusal}");
        }
    }

    #[test]
    fn a_token_near_its_end_is_used_once() {
        let answer = json!({"access_token": "abc", "expires_in": "299"});
        assert!(!Token::read(&answer, None).unwrap().is_good());
    }
}
