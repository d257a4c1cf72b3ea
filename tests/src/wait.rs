//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// Asks `probe` until it answers, and returns how long that took and the answer.
///
/// # Panics
/// When there is no answer within `limit`; `what` says what was waited for.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> (Duration, T) {
    let begin = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return (begin.elapsed(), answer);
        }
        assert!(
            begin.elapsed() < limit,
            "waited {limit:?} in vain for: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs `check` over and over for `time`; the last run is after it.
pub fn throughout(time: Duration, mut check: impl FnMut(Duration)) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        check(begin.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    check(begin.elapsed());
}

/// A time in milliseconds, to be printed.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
