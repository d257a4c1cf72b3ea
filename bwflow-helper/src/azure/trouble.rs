//! Why the cloud did not say what it was asked for.

use std::fmt;
use std::time::Duration;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is no identity to ask with: no machine of the cloud, none assigned, or several.
    Identity,
    /// The identity may not read what it is asked for.
    Denied,
    /// Asked too often.
    Throttled,
    /// No answer, or one that says that there is none at present.
    Unreachable,
    /// The cloud, or a rule here, says that this cannot be answered.
    Refused,
    /// The answer cannot be understood.
    Invalid,
}

/// Why there is no budget or no cost. It never means that nothing was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of trouble it is.
    pub kind: TroubleKind,
    /// What is wrong and, where that can be told, what mends it; for people, without secrets.
    pub text: String,
    /// How long the cloud wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether asking again is of no use until somebody changes something.
    pub is_definite: bool,
}

impl Trouble {
    /// Trouble that stays until somebody changes something.
    pub fn definite(kind: TroubleKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            retry_after: None,
            is_definite: true,
        }
    }

    /// Trouble that may pass by itself.
    pub fn passing(kind: TroubleKind, text: impl Into<String>) -> Self {
        Self {
            is_definite: false,
            ..Self::definite(kind, text)
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Trouble {}
