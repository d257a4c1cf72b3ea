//! Remote streaming switched off, without locking ourselves out.

use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::problem::Problem;
use super::session::{Home, Stream};
use super::setting::{Book, REMOTE_ACCESS};
use crate::azure::Pause;

/// How long clients get to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a message stays on a viewer's screen, milliseconds.
const MESSAGE_MS: u32 = 15_000;

/// What has become of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Off {
    /// `EnableRemoteAccess`, if it was read.
    pub(super) remote_access: Option<bool>,
    /// Jellyfin takes ourselves for remote: we could never switch it on again.
    pub(super) is_self_remote: bool,
    /// Remote streams that run on.
    pub(super) ignoring: u32,
}

/// Switches it off, or sees that it still is.
pub(super) async fn switch_off(
    client: &Client,
    message: Option<&str>,
    book: &mut Book<'_, '_>,
    pause: &Pause,
) -> Result<Off, Problem> {
    let mut off = Off {
        is_self_remote: !client.is_in_network(false).await?,
        ..Off::default()
    };
    let network = client.document(REMOTE_ACCESS.path).await?;
    let home = Home::of(&network);
    drop(network);
    if off.is_self_remote {
        // What would lock us out is not done; ending what runs is still worth it.
        off.remote_access = REMOTE_ACCESS.read(client).await.ok();
    } else {
        let is_on = REMOTE_ACCESS.read(client).await?;
        if let Some(text) = message.filter(|_| is_on) {
            tell(client, &home, text).await?;
        }
        off.remote_access = Some(REMOTE_ACCESS.hold(client, Some(false), book, pause).await?);
    }
    off.ignoring = stop(client, &home, pause).await?;
    Ok(off)
}

/// The streams of remote clients.
pub(super) async fn remote_streams(client: &Client, home: &Home) -> Result<Vec<Stream>, Problem> {
    let sessions = client.get("/Sessions").await?;
    let mut streams = Stream::list(&sessions);
    streams.retain(|it| !home.holds(it.address));
    Ok(streams)
}

/// Tells the remote viewers why it ends. Who cannot be told is not.
async fn tell(client: &Client, home: &Home, text: &str) -> Result<(), Problem> {
    let message = json!({"Header": "Jellyfin", "Text": text, "TimeoutMs": MESSAGE_MS});
    for stream in remote_streams(client, home).await? {
        let path = format!("/Sessions/{}/Message", stream.session);
        let sent = client
            .command(&path, message.to_string().into_bytes())
            .await;
        if let Err(problem) = sent {
            tracing::debug!("a viewer was not told: {problem}");
        }
    }
    Ok(())
}

/// Stops the remote streams; gives how many run on.
async fn stop(client: &Client, home: &Home, pause: &Pause) -> Result<u32, Problem> {
    let running = remote_streams(client, home).await?;
    if running.is_empty() {
        return Ok(0);
    }
    for stream in &running {
        let path = format!("/Sessions/{}/Playing/Stop", stream.session);
        // Done only means sent, and a session that is gone has stopped.
        if let Err(problem) = client.command(&path, Vec::new()).await {
            tracing::debug!("a stream was not told to stop: {problem}");
        }
    }
    pause.wait(GRACE).await;
    let left = remote_streams(client, home).await?;
    let told = |it: &&Stream| running.iter().any(|was| was.session == it.session);
    let ignoring = left.iter().filter(told).count();
    tracing::info!(
        "remote streams that were told to stop: {}; that run on: {ignoring}",
        running.len()
    );
    Ok(u32::try_from(ignoring).unwrap_or(u32::MAX))
}
