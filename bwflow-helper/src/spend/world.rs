//! What the guard needs of the rest of the helper.

use std::io;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A cap on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// The interface's name.
    pub interface: String,
    /// At most so many bytes a second, at least 1.
    pub bytes_per_second: u64,
}

/// The clocks, the ledger and the link; a test brings its own.
pub trait World: Send {
    /// What the clocks say.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn clock(&self) -> io::Result<Clock>;

    /// How many bytes a link has sent that are charged, from the hour of `since_usec` (microseconds
    /// since the Unix epoch) until now; nothing while the ledger does not tell.
    fn sent(&self, interface: &str, since_usec: i64) -> impl Future<Output = Option<u64>> + Send;

    /// Caps this link and no other, or none.
    fn cap(&self, cap: Option<&Cap>) -> impl Future<Output = ()> + Send;
}
