//! What the clocks say.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// The wall clock and the clock that only ever goes forward, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The kernel's id of this boot: `boottime_usec` of two boots cannot be compared.
    pub boot: Arc<str>,
    /// Microseconds since the Unix epoch, UTC. Steps whenever somebody sets the clock.
    pub usec: i64,
    /// `CLOCK_BOOTTIME` in microseconds: runs on through suspend, never steps.
    pub boottime_usec: i64,
}

impl Clock {
    /// Reads both clocks.
    ///
    /// # Errors
    /// When the kernel has no `CLOCK_BOOTTIME`.
    pub fn read(boot: &Arc<str>) -> io::Result<Self> {
        let boottime = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
        let usec = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            });
        Ok(Self {
            boot: Arc::clone(boot),
            usec,
            boottime_usec: i64::try_from(boottime.as_micros()).unwrap_or(i64::MAX),
        })
    }

    /// `CLOCK_BOOTTIME` as a duration.
    pub fn boottime(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.boottime_usec).unwrap_or(0))
    }
}

/// The id of this boot, from `/proc/sys/kernel/random/boot_id`.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn boot_id() -> io::Result<Arc<str>> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_readings_of_one_boot_go_forward() {
        let boot = boot_id().unwrap();
        assert_eq!(boot.len(), 36);
        let first = Clock::read(&boot).unwrap();
        let second = Clock::read(&boot).unwrap();
        assert!(second.boottime_usec >= first.boottime_usec);
        assert!(first.usec > 1_600_000_000_000_000);
    }
}
