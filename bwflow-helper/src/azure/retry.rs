//! How long to wait before asking again, and how long altogether.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder};
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::pause::Pause;

/// The end of the names of headers that say how long to stay away, e.g.
/// `x-ms-ratelimit-microsoft.costmanagement-entity-retry-after`, and the whole of the standard's.
const HINTS: &str = "retry-after";
const PREFIX: &str = "x-ms-ratelimit-";
/// No hint is believed beyond this.
const LONGEST_HINT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a request is sent that is throttled or fails for a moment.
pub(super) const TRIES: usize = 3;

/// How long the cloud wants to be left alone: the largest of all hints. They also come with answers that are fine,
/// where they mean nothing.
pub(super) fn hint(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !is_throttling(status) {
        return None;
    }
    let date = headers.get("date").and_then(|it| it.to_str().ok());
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name == HINTS || (name.starts_with(PREFIX) && name.ends_with(HINTS))
        })
        .filter_map(|(_, value)| seconds(value.to_str().ok()?.trim(), date))
        .max()
}

/// Whether the status says to stay away for a while.
pub(super) fn is_throttling(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// Whether the status says that it may be better in a moment.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || (status.is_server_error() && !is_throttling(status))
}

/// A hint: seconds, or a date of HTTP, counted from the answer's own.
fn seconds(text: &str, date: Option<&str>) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        let seconds = text.parse().map_or(LONGEST_HINT, Duration::from_secs);
        return Some(seconds.min(LONGEST_HINT));
    }
    let parser = rfc2822::DateTimeParser::new();
    let until = parser.parse_timestamp(text).ok()?.as_second();
    let from = parser.parse_timestamp(date?).ok()?.as_second();
    let seconds = u64::try_from(until.saturating_sub(from)).ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_HINT))
}

/// Least waits for a throttled request, 30 to 60 seconds: shorter hints have proved too short.
pub(super) fn floors() -> impl Iterator<Item = Duration> {
    let builder = ConstantBuilder::default().with_delay(Duration::from_secs(30));
    builder.with_jitter().with_max_times(TRIES - 1).build()
}

/// Waits for a request that failed for a moment: 2 and 4 seconds, up to twice as long by chance.
pub(super) fn moments() -> impl Iterator<Item = Duration> {
    exponential().with_max_times(TRIES - 1).build()
}

/// Waits for the machine's own service when it fails, so that tries are after 0, 2, 6, 14, 30 seconds or up to twice as
/// late.
pub(super) fn steps() -> impl Iterator<Item = Duration> {
    exponential().with_max_times(4).build()
}

/// Waits while the machine's own service is being renewed, which takes up to 70 seconds: the last try is not
/// before.
pub(super) fn renewals() -> impl Iterator<Item = Duration> {
    // At most 10 seconds each, by chance, and 80 altogether.
    let builder = exponential().with_max_delay(Duration::from_secs(5));
    let builder = builder.without_max_times();
    builder
        .with_total_delay(Some(Duration::from_secs(80)))
        .build()
}

const fn exponential() -> ExponentialBuilder {
    let builder = ExponentialBuilder::new().with_min_delay(Duration::from_secs(2));
    builder.with_factor(2.0).with_jitter()
}

/// What is left of the time that a question may take altogether.
#[derive(Debug)]
pub(super) struct Allowance {
    pause: Pause,
    started: Instant,
    waited: Duration,
    total: Duration,
}

impl Allowance {
    /// So much from now on.
    pub(super) fn new(total: Duration, pause: Pause) -> Self {
        Self {
            pause,
            started: Instant::now(),
            waited: Duration::ZERO,
            total,
        }
    }

    /// Waits, or says that this would take too long.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        // What a test's pause only pretends to wait counts as well.
        let spent = self.started.elapsed().max(self.waited);
        if spent.saturating_add(time) > self.total {
            return false;
        }
        self.waited += time;
        self.pause.wait(time).await;
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn hinted(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        hint(StatusCode::from_u16(status).unwrap(), &map).map(|it| it.as_secs())
    }

    #[test]
    fn every_name_of_a_hint_is_known_and_the_largest_counts() {
        for name in [
            "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
            "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
            "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
            "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after",
            "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
            "x-ms-ratelimit-microsoft.consumption-retry-after",
            "Retry-After",
        ] {
            assert_eq!(hinted(429, &[(name, "32")]), Some(32), "{name}");
            assert_eq!(hinted(503, &[(name, "32"), ("retry-after", "5")]), Some(32));
        }
        let two = [("retry-after", "5"), ("retry-after", "70")];
        assert_eq!(hinted(429, &two), Some(70));
        assert_eq!(hinted(503, &[("Retry-After", "005")]), Some(5));
    }

    #[test]
    fn hints_beside_a_good_answer_and_nonsense_mean_nothing() {
        let entity = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
        for status in [200, 204, 401, 404, 500] {
            assert_eq!(hinted(status, &[(entity, "60")]), None, "{status}");
        }
        for value in ["-17", "", "soon", "1.5", "0x10"] {
            assert_eq!(hinted(429, &[("retry-after", value)]), None, "{value}");
        }
        let remaining = "x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests";
        assert_eq!(hinted(429, &[(remaining, "29")]), None);
        assert_eq!(
            hinted(429, &[("retry-after", "99999999999999999999999")]),
            Some(86_400)
        );
    }

    #[test]
    fn a_date_is_counted_from_the_answers_own() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let until = ("retry-after", "Sun, 06 Nov 1994 08:51:07 GMT");
        assert_eq!(hinted(503, &[date, until]), Some(90));
        assert_eq!(hinted(503, &[until]), None);
        assert_eq!(
            hinted(503, &[until, ("date", until.1), ("date", "")]),
            Some(0)
        );
    }

    #[test]
    fn waits_keep_their_bounds() {
        let within = |waits: &[Duration], bounds: &[(u64, u64)]| {
            assert_eq!(waits.len(), bounds.len());
            for (wait, (least, most)) in waits.iter().zip(bounds) {
                let is_inside = (*least..=*most).contains(&wait.as_secs());
                assert!(is_inside, "{wait:?} is not in {least}..{most} s");
            }
        };
        for _ in 0..100 {
            within(&floors().collect::<Vec<_>>(), &[(30, 60), (30, 60)]);
            within(&moments().collect::<Vec<_>>(), &[(2, 4), (4, 8)]);
            let all: Vec<_> = steps().collect();
            within(&all, &[(2, 4), (4, 8), (8, 16), (16, 32)]);
            let sum: Duration = renewals().sum();
            assert!((70..=80).contains(&sum.as_secs()), "{sum:?}");
        }
    }

    #[tokio::test]
    async fn an_allowance_ends_although_nobody_really_waits() {
        let mut allowance = Allowance::new(Duration::from_secs(100), Pause::none());
        assert!(allowance.wait(Duration::from_secs(60)).await);
        assert!(!allowance.wait(Duration::from_secs(41)).await);
        assert!(allowance.wait(Duration::from_secs(39)).await);
        assert!(!allowance.wait(Duration::MAX).await);
    }
}
