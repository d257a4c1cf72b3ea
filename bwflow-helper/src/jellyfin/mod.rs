//! Jellyfin, held to a tier: its limit for remote streams, and remote access switched off.

use std::io;

use bwflow_proto::config;

mod key;
mod outcome;
mod owned;

pub use key::ApiKey;
pub use outcome::{Outcome, State, Wanted};
pub use owned::Owned;

/// Keeps the record durably. Called before each write to Jellyfin; when it fails, nothing is
/// written.
pub type Save<'a> = dyn FnMut(&Owned) -> io::Result<()> + Send + 'a;

/// One Jellyfin server, by its address.
#[derive(Debug)]
pub struct Jellyfin {
    _key: ApiKey,
}

impl Jellyfin {
    /// The server at the configured address. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(_config: &config::Jellyfin, key: ApiKey) -> Result<Self, String> {
        Ok(Self { _key: key })
    }

    /// Makes Jellyfin do what is wanted, or sees that it still does. Ends within a minute, whatever
    /// happens on the way; may be called as often as liked.
    pub async fn converge(
        &mut self,
        _wanted: &Wanted,
        _owned: &mut Owned,
        _save: &mut Save<'_>,
    ) -> Outcome {
        not_yet()
    }

    /// Puts back what is still ours, and forgets it then: done when `owned` is empty.
    pub async fn restore(&mut self, _owned: &mut Owned, _save: &mut Save<'_>) -> Outcome {
        not_yet()
    }
}

fn not_yet() -> Outcome {
    Outcome {
        state: State::Refused,
        error: Some("this build cannot change Jellyfin yet".to_owned()),
        ..Outcome::default()
    }
}
