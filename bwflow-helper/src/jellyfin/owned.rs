//! What of a Jellyfin server is ours: what there was before, and what we wrote.

use serde::{Deserialize, Serialize};

/// The durable record. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owned {}

impl Owned {
    /// Whether nothing of ours is left anywhere, as far as is known.
    pub const fn is_empty(&self) -> bool {
        true
    }
}
