//! The spend guard's cap while the guard goes on memory alone: it is only ever tightened.
//!
//! What the guard remembers may be older than what it did last, if its state could not be written.
//! The daemon still holds the latest cap.

use std::time::Duration;

use bwflow_proto::bus::{self, LinkProxy, ManagerProxy};
use bwflow_proto::grant::Grant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use zbus::Connection;
use zbus::proxy::CacheProperties;

use crate::service::Request;

/// How often the guard is told that something depends on it: it may ask the cloud no more often.
const REMINDER: Duration = Duration::from_secs(60);

/// What is left to the daemon.
#[derive(Debug, Default)]
pub(super) struct Caution {
    /// The link whose cap may only be tightened.
    link: Option<String>,
    /// Whether the daemon's cap is stricter than the one remembered.
    is_needed: bool,
    /// When the guard was told so last.
    reminded: Option<Instant>,
}

impl Caution {
    /// From now on the cap of this link may only be tightened, or of none.
    pub(super) fn set(&mut self, link: Option<String>) {
        if self.link != link {
            *self = Self {
                link,
                ..Self::default()
            };
        }
    }

    /// Leaves the daemon the cap that it holds, if this grant's is more generous.
    ///
    /// # Errors
    /// When the daemon does not say what it holds; the grant must not be handed over then.
    pub(super) async fn temper(
        &mut self,
        connection: &Connection,
        name: &str,
        grant: &mut Grant,
    ) -> zbus::Result<()> {
        if self.link.as_deref() != Some(name) {
            return Ok(());
        }
        let peak = stricter(held(connection, name).await?, grant.peak_bytes_per_second);
        let is_needed = peak != grant.peak_bytes_per_second;
        if is_needed && !self.is_needed {
            tracing::warn!(
                "{name}: bwflowd holds a stricter cap than the spend guard remembers; it stays \
                 until the guard knows the cost"
            );
        }
        self.is_needed = is_needed;
        grant.peak_bytes_per_second = peak;
        Ok(())
    }

    /// Has the guard look soon if a cap depends on it.
    pub(super) fn remind(&mut self, requests: &mpsc::Sender<Request>) {
        let is_recent = self.reminded.is_some_and(|at| at.elapsed() < REMINDER);
        if self.is_needed && !is_recent {
            // Nobody waits for the end of it. If the loop is busy there is another time.
            let (answer, _) = oneshot::channel();
            if requests.try_send(Request::CheckSpend(answer)).is_ok() {
                self.reminded = Some(Instant::now());
            }
        }
    }
}

/// The stricter of two caps, bytes per second; 0 is none.
fn stricter(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, cap) | (cap, 0) => cap,
        (one, other) => one.min(other),
    }
}

/// The cap that the daemon holds this link to by its grant, bytes per second; 0 is none.
async fn held(connection: &Connection, name: &str) -> zbus::Result<u64> {
    let manager = ManagerProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let path = bus::link_path(name);
    if !manager.links().await?.contains(&path) {
        return Ok(0);
    }
    let link = LinkProxy::builder(connection)
        .path(path)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let grant = link.grant().await?;
    let peak = grant.get("PeakBytesPerSecond");
    Ok(peak.and_then(|it| u64::try_from(it).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cap_is_the_most_generous_one() {
        assert_eq!(stricter(0, 0), 0);
        assert_eq!(stricter(0, 7), 7);
        assert_eq!(stricter(7, 0), 7);
        assert_eq!(stricter(7, 9), 7);
        assert_eq!(stricter(9, 7), 7);
    }
}
