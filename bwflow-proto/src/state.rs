//! The state of a link in one word.

use std::fmt;
use std::str::FromStr;

/// What holds a link now. The words cross the bus and stand in JSON; readers must treat a word
/// they don't know as "other".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Budget left in plenty: nothing of ours is on the link.
    Open,
    /// The kernel's bucket holds the last stretch: full speed until its last byte.
    Armed,
    /// The budget is used up: the kernel holds the link to the grant's rate.
    Throttled,
    /// An override is in force.
    Overridden,
    /// A manual throttle is in force.
    Manual,
    /// Somebody else's queueing discipline forbids ours: nothing is enforced.
    Blocked,
    /// There is no interface of this name now.
    #[default]
    Absent,
}

impl LinkState {
    /// Every state, in the order the documentation lists them.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Armed,
        Self::Throttled,
        Self::Overridden,
        Self::Manual,
        Self::Blocked,
        Self::Absent,
    ];

    /// The word on the bus and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Armed => "armed",
            Self::Throttled => "throttled",
            Self::Overridden => "overridden",
            Self::Manual => "manual",
            Self::Blocked => "blocked",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word names no state that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState;

impl FromStr for LinkState {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for state in LinkState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
