//! What an administrator has decided by hand about a link, as it crosses the bus.

use zbus::{DeserializeDict, OwnedVariant, SerializeDict, Type, Variant};

/// What `Throttle` and `Override` may be told beside the rate. Travels as `a{sv}` with the field
/// names in CamelCase; other keys are refused.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase", deny_unknown_fields)]
pub struct Options {
    /// How long it holds, microseconds from now, whatever becomes of the wall clock. Not together
    /// with `until_usec`; without either it holds until it is cleared.
    #[zbus(rename = "DurationUSec")]
    pub duration_usec: Option<u64>,
    /// Until when it holds by the wall clock, microseconds since the Unix epoch.
    #[zbus(rename = "UntilUSec")]
    pub until_usec: Option<u64>,
    /// `Override` only: the rate to hold the link to, bytes per second; no limit without it.
    pub rate_bytes_per_second: Option<u64>,
    /// `Override` only: bytes to top the budget up with, as `TopUp` does; needs the authority for
    /// both, and without it neither is done.
    pub top_up_bytes: Option<u64>,
    /// Why, for whoever reads it later; at most [`MAX_REASON`] bytes, no control characters.
    pub reason: Option<String>,
    /// Whether a rate under the configured `min_rate` is meant.
    pub force: Option<bool>,
}

/// The longest reason, bytes.
pub const MAX_REASON: usize = 200;
/// The fastest rate that can be asked for, bytes per second: 8 Tbit/s.
pub const MAX_RATE: u64 = 1_000_000_000_000;
/// The largest single top-up, bytes: 1 PB.
pub const MAX_TOP_UP: u64 = 1_000_000_000_000_000;
/// The most that a correction can say to have been used, bytes: 1 EB.
pub const MAX_USED: u64 = 1_000_000_000_000_000_000;
/// The longest duration, microseconds: ten years of 365 days.
pub const MAX_DURATION_USEC: u64 = 10 * 365 * 86_400 * 1_000_000;

/// A throttle or an override in force. Times are microseconds since the Unix epoch, UTC.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct Claim {
    /// The rate it asks for, bytes per second; 0 in an override that lifts every limit.
    pub rate_bytes_per_second: u64,
    /// User id of whoever set it.
    #[zbus(rename = "OwnerUID")]
    pub owner_uid: u32,
    /// That user's name when it was set; empty if there was none.
    pub owner: String,
    /// Why, as given; may be empty.
    pub reason: String,
    /// When it was set.
    #[zbus(rename = "SetAtUSec")]
    pub set_at_usec: u64,
    /// When it ends by itself; 0 if it holds until it is cleared.
    #[zbus(rename = "ExpiresUSec")]
    pub expires_usec: u64,
}

/// A change of the ledger by hand that the helper has not booked yet: bytes added to a budget or, with
/// `used_bytes`, a correction.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct TopUp {
    /// Unique for ever, so that it is booked exactly once: 32 lower-case hex digits.
    pub id: String,
    /// How many bytes are added; 0 in a correction.
    pub bytes: u64,
    /// A correction: how many bytes have been used in the period at the moment it is booked, as
    /// the bill says. A helper that does not know corrections takes it for a top-up of nothing,
    /// which it does not book.
    pub used_bytes: Option<u64>,
    /// User id of whoever added them.
    #[zbus(rename = "OwnerUID")]
    pub owner_uid: u32,
    /// That user's name at the time; empty if there was none.
    pub owner: String,
    /// Why, as given; may be empty.
    pub reason: String,
    /// When that was, microseconds since the Unix epoch; the period it falls into is changed.
    #[zbus(rename = "AtUSec")]
    pub at_usec: u64,
}

impl TopUp {
    /// Whether it is one that the daemon can have written: the ledger is not to hold what nobody
    /// could have asked for.
    pub fn is_valid(&self) -> bool {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_plain = |text: &str| text.len() <= 256 && !text.chars().any(char::is_control);
        self.id.len() == 32
            && self.id.bytes().all(is_hex)
            && match self.used_bytes {
                None => (1..=MAX_TOP_UP).contains(&self.bytes),
                Some(used) => self.bytes == 0 && used <= MAX_USED,
            }
            && is_plain(&self.owner)
            && is_plain(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_top_up_that_nobody_could_have_asked_for_is_not_valid() {
        let sound = TopUp {
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            bytes: MAX_TOP_UP,
            owner: "alice".to_owned(),
            reason: "release day".to_owned(),
            ..TopUp::default()
        };
        assert!(sound.is_valid());
        let correction = |bytes, used| TopUp {
            bytes,
            used_bytes: Some(used),
            ..sound.clone()
        };
        assert!(correction(0, 0).is_valid());
        assert!(correction(0, MAX_USED).is_valid());
        assert!(!correction(0, MAX_USED + 1).is_valid());
        assert!(!correction(1, 5).is_valid());
        let changed = |change: fn(&mut TopUp)| {
            let mut top_up = sound.clone();
            change(&mut top_up);
            top_up
        };
        for forged in [
            changed(|it| it.id.clear()),
            changed(|it| it.id = "A".repeat(32)),
            changed(|it| it.bytes = 0),
            changed(|it| it.bytes = u64::MAX),
            changed(|it| it.owner = "\u{1b}[2J".to_owned()),
            changed(|it| it.reason = "a\nb".to_owned()),
            changed(|it| it.reason = "a".repeat(257)),
        ] {
            assert!(!forged.is_valid(), "{forged:?}");
        }
    }
}
