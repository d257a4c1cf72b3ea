//! Waking up on time by the kernel's timers (`timerfd_create(2)`), for both daemons.
//!
//! Unlike the runtime's timers these go on through suspend, notice when somebody sets the wall
//! clock, and wake an idle process exactly once.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Rings at a time of `CLOCK_BOOTTIME`.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<Timer>,
    /// Nanoseconds; 0 while it is not set.
    at: AtomicU64,
}

impl Alarm {
    /// An alarm that is not set. Must be called within a runtime.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            timer: timer(ClockId::CLOCK_BOOTTIME)?,
            at: AtomicU64::new(0),
        })
    }

    /// Lets it ring once at `at`, at once if that has passed, and not at any time set before.
    ///
    /// # Errors
    /// The kernel refuses; it has no reason to.
    pub fn set(&self, at: Duration) -> io::Result<()> {
        // Zero would switch the timer off.
        let at = at.max(Duration::from_nanos(1));
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        if self.at.swap(nanos, Ordering::Relaxed) == nanos {
            return Ok(());
        }
        let expiration = Expiration::OneShot(TimeSpec::from_duration(at));
        let timer = &self.timer.get_ref().0;
        Ok(timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }

    /// Waits until it rings. Can be dropped and called again without missing that.
    ///
    /// # Errors
    /// The timer cannot be read.
    pub async fn rings(&self) -> io::Result<()> {
        expired(&self.timer).await?;
        self.at.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// Notices that the wall clock was set.
#[derive(Debug)]
pub struct ClockSteps {
    timer: AsyncFd<Timer>,
}

impl ClockSteps {
    /// Watches from now on. Must be called within a runtime.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let timer = timer(ClockId::CLOCK_REALTIME)?;
        watch(&timer.get_ref().0)?;
        Ok(Self { timer })
    }

    /// Waits until the clock has been set since the last time.
    ///
    /// # Errors
    /// The timer cannot be read.
    pub async fn stepped(&self) -> io::Result<()> {
        expired(&self.timer).await?;
        watch(&self.timer.get_ref().0)
    }
}

/// A timer for the end of days is cancelled whenever the clock is set
/// (`timerfd_setup_cancel` in `fs/timerfd.c`).
fn watch(timer: &TimerFd) -> io::Result<()> {
    let never = Expiration::OneShot(TimeSpec::new(i64::from(u32::MAX) * 2, 0));
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    match timer.set(never, flags) {
        // Set again between the reading and now: the timer is armed all the same.
        Ok(()) | Err(Errno::ECANCELED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// `TimerFd` as the runtime wants it.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe; what that asks for holds: a TimerFd owns its descriptor"
)]
fn timer(clock: ClockId) -> io::Result<AsyncFd<Timer>> {
    let timer = TimerFd::new(clock, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    AsyncFd::with_interest(Timer(timer), Interest::READABLE)
}

async fn expired(timer: &AsyncFd<Timer>) -> io::Result<()> {
    // `wait` is a read, which fails with EAGAIN while the timer runs.
    let read = |timer: &Timer| timer.0.wait().map_err(io::Error::from);
    timer.async_io(Interest::READABLE, read).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use nix::time::{ClockId, clock_gettime};

    use super::*;

    fn now() -> Duration {
        clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_rings_on_time_and_once() {
        let alarm = Alarm::new().unwrap();
        let at = now() + Duration::from_millis(30);
        alarm.set(at).unwrap();
        alarm.rings().await.unwrap();
        assert!(now() >= at);
        let again = tokio::time::timeout(Duration::from_millis(30), alarm.rings());
        assert!(again.await.is_err(), "it must not ring twice");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_last_time_counts_and_the_past_rings_at_once() {
        let alarm = Alarm::new().unwrap();
        alarm.set(now() + Duration::from_secs(3600)).unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(10), alarm.rings());
        assert!(waiting.await.is_err());
        for past in [Duration::ZERO, now()] {
            alarm.set(past).unwrap();
            let rings = tokio::time::timeout(Duration::from_secs(5), alarm.rings());
            rings.await.unwrap().unwrap();
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_untouched_clock_does_not_step() {
        let steps = ClockSteps::new().unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(20), steps.stepped());
        assert!(waiting.await.is_err());
    }
}
