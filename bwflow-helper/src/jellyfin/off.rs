//! Remote streaming switched off, without locking ourselves out.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;
use tokio::time::timeout;

use super::client::Client;
use super::problem::Problem;
use super::session::{Home, Session, Stream};
use super::setting::{Book, REMOTE_ACCESS};
use crate::azure::Pause;

/// How long clients get to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long telling all viewers may take, before what counts is done.
const TELLING: Duration = Duration::from_secs(3);
/// How long telling all clients to stop may take.
const STOPPING: Duration = Duration::from_secs(5);
/// How many clients are told something at the same time.
const AT_ONCE: usize = 16;
/// How long a message stays on a viewer's screen, milliseconds.
const MESSAGE_MS: u32 = 15_000;

/// What has become of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Off {
    /// `EnableRemoteAccess`, if it was read.
    pub(super) remote_access: Option<bool>,
    /// Why it may not be off.
    pub(super) problem: Option<Problem>,
    /// Whether the viewers were told.
    pub(super) has_told: bool,
    /// Remote streams that run on.
    pub(super) ignoring: u32,
}

/// Switches it off, or sees that it still is. What makes it off waits for nothing that is only
/// polite: neither message nor stop decides whether it happens.
pub(super) async fn switch_off(
    client: &Client,
    message: Option<&str>,
    book: &mut Book<'_, '_>,
    pause: &Pause,
) -> Off {
    let mut off = Off::default();
    let is_local = client.is_in_network(false).await;
    let network = client.document(REMOTE_ACCESS.path).await;
    let home = network.as_ref().ok().map(Home::of);
    let is_on = network.and_then(|it| REMOTE_ACCESS.of(&it));
    match (is_local, is_on) {
        (Ok(true), is_on) => {
            // Once a claim stands, this is another try.
            let is_news = is_on == Ok(true) && !book.has_closed();
            if let (Some(home), Some(text)) = (&home, message.filter(|_| is_news)) {
                off.has_told = true;
                tell(client, home, text).await;
            }
            match REMOTE_ACCESS.hold(client, Some(false), book, pause).await {
                Ok(access) => off.remote_access = Some(access),
                Err(problem) => off.problem = Some(problem),
            }
        }
        // What would lock us out is not done; ending what runs is still worth it.
        (is_local, is_on) => {
            let is_off = is_on == Ok(false);
            off.remote_access = is_on.ok();
            off.problem = match is_local {
                Err(problem) => Some(problem),
                Ok(_) => (!is_off).then_some(Problem::SelfRemote),
            };
        }
    }
    if let Some(home) = home {
        off.ignoring = stop(client, &home, pause).await.unwrap_or_else(|problem| {
            tracing::info!("it is not known whether remote streams run on: {problem}");
            0
        });
    }
    off
}

/// The streams of remote clients.
async fn remote_streams(client: &Client, home: &Home) -> Result<Vec<Stream>, Problem> {
    let mut streams = Session::streams(client.list("/Sessions", Session::read).await?);
    streams.retain(|it| !home.holds(it.address));
    Ok(streams)
}

/// Tells the remote viewers why it ends. Who cannot be told in time is not.
async fn tell(client: &Client, home: &Home, text: &str) {
    let message = json!({"Header": "Jellyfin", "Text": text, "TimeoutMs": MESSAGE_MS}).to_string();
    let work = async {
        let streams = remote_streams(client, home).await?;
        for_all(&streams, |stream| {
            let path = format!("/Sessions/{}/Message", stream.session);
            let body = message.clone().into_bytes();
            async move { client.command(&path, body).await }
        })
        .await;
        Ok(())
    };
    let told = timeout(TELLING, work).await;
    if let Err(problem) = told.unwrap_or(Err(Problem::TooSlow)) {
        tracing::info!("not all viewers were told that it ends: {problem}");
    }
}

/// Stops the remote streams; gives how many run on.
async fn stop(client: &Client, home: &Home, pause: &Pause) -> Result<u32, Problem> {
    let running = remote_streams(client, home).await?;
    if running.is_empty() {
        return Ok(0);
    }
    // Done only means sent, and a session that is gone has stopped.
    let sent = for_all(&running, |stream| {
        let path = format!("/Sessions/{}/Playing/Stop", stream.session);
        async move { client.command(&path, Vec::new()).await }
    });
    let _ = timeout(STOPPING, sent).await;
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

/// Commands all these clients, several at a time. That one does not listen keeps nobody else.
async fn for_all<'a, F>(streams: &'a [Stream], command: impl Fn(&'a Stream) -> F)
where
    F: Future<Output = Result<(), Problem>>,
{
    let work = stream::iter(streams).for_each_concurrent(AT_ONCE, |it| {
        let sent = command(it);
        async move {
            if let Err(problem) = sent.await {
                tracing::debug!("a client does not take a command: {problem}");
            }
        }
    });
    work.await;
}
