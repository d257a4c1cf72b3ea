//! Trouble that lasts is said once, and once when it is over.

use serde::{Deserialize, Serialize};

/// What is wrong, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// One sentence, for people, without secrets.
    pub text: String,
    /// Microseconds since the Unix epoch.
    pub since_usec: i64,
}

/// Notes how it went, and logs it if that is news. `what` names the work in the log.
pub fn note(failing: &mut Option<Failing>, outcome: Result<(), &str>, what: &str, now_usec: i64) {
    match outcome {
        Ok(()) => {
            if let Some(over) = failing.take() {
                tracing::info!("{what}: works again; it was: {}", over.text);
            }
        }
        Err(text) => {
            let since_usec = failing.as_ref().map_or(now_usec, |it| it.since_usec);
            if failing.as_ref().is_none_or(|it| it.text != text) {
                tracing::warn!("{what}: {text}");
            }
            *failing = Some(Failing {
                text: text.to_owned(),
                since_usec,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_lasts_since_it_began_whatever_it_says_meanwhile() {
        let mut failing = None;
        note(&mut failing, Err("nobody there"), "it", 5);
        note(&mut failing, Err("not in time"), "it", 9);
        let expected = Failing {
            text: "not in time".to_owned(),
            since_usec: 5,
        };
        assert_eq!(failing, Some(expected));
        note(&mut failing, Ok(()), "it", 11);
        assert_eq!(failing, None);
        note(&mut failing, Err("nobody there"), "it", 13);
        assert_eq!(failing.map(|it| it.since_usec), Some(13));
    }
}
