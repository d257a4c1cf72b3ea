//! How a verb's refusal crosses the bus.

use zbus::fdo::Error;
use zbus::message::Header;
use zbus::names::ErrorName;
use zbus::{DBusError, Message};

use crate::decision::Refusal;

/// A verb that was not carried out. Written by hand because a derived error would cross as
/// `org.freedesktop.zbus.Error` wherever it wraps another.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// One that D-Bus has a name for.
    Standard(Error),
    /// `org.bwflow1.Error.BelowMinRate`: said with `Force`, it would be done.
    BelowMinRate(String),
}

impl Failure {
    /// The caller may not do this; `text` says what would help.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::Standard(Error::AccessDenied(text.into()))
    }

    /// Too much at once; `text` says of what.
    pub fn too_many(text: impl Into<String>) -> Self {
        Self::Standard(Error::LimitsExceeded(text.into()))
    }

    /// The call makes no sense; `text` says what would.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Standard(Error::InvalidArgs(text.into()))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(text) => Self::invalid(text),
            Refusal::BelowMinRate(text) => Self::BelowMinRate(text),
            Refusal::Failed(text) => Self::Standard(Error::Failed(text)),
        }
    }
}

impl DBusError for Failure {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&(self.description().unwrap_or_default(),))
    }

    fn name(&self) -> ErrorName<'_> {
        match self {
            Self::Standard(error) => error.name(),
            Self::BelowMinRate(_) => {
                ErrorName::from_static_str_unchecked("org.bwflow1.Error.BelowMinRate")
            }
        }
    }

    fn description(&self) -> Option<&str> {
        match self {
            Self::Standard(error) => error.description(),
            Self::BelowMinRate(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_names_that_are_documented() {
        let refusals = [
            (
                Refusal::Invalid("a".into()),
                "org.freedesktop.DBus.Error.InvalidArgs",
            ),
            (
                Refusal::BelowMinRate("b".into()),
                "org.bwflow1.Error.BelowMinRate",
            ),
            (
                Refusal::Failed("c".into()),
                "org.freedesktop.DBus.Error.Failed",
            ),
        ];
        for (refusal, name) in refusals {
            let text = refusal.to_string();
            let failure = Failure::from(refusal);
            assert_eq!(failure.name(), name);
            assert_eq!(failure.description(), Some(text.as_str()));
        }
    }
}
