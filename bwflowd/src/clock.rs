//! What time it is, by the two clocks that the ends of claims are measured on.

use std::io;
use std::time::Duration;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `CLOCK_BOOTTIME`: goes on during suspend, is never set.
    pub boottime: Duration,
    /// `CLOCK_REALTIME`, microseconds since the Unix epoch: whoever administers the machine sets
    /// it.
    pub wall_usec: u64,
}

impl Clock {
    /// `CLOCK_BOOTTIME` in microseconds.
    pub fn boottime_usec(&self) -> u64 {
        usec(self.boottime)
    }

    /// How long until the wall clock shows `wall_usec`, if nobody sets it; zero when that is past.
    pub fn until(&self, wall_usec: u64) -> Duration {
        Duration::from_micros(wall_usec.saturating_sub(self.wall_usec))
    }
}

/// Whole microseconds.
pub fn usec(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The id of this boot, on which `CLOCK_BOOTTIME` counts.
///
/// # Errors
/// `/proc/sys` is not to be seen.
pub fn boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}
