//! Top-ups and corrections on their way from the daemon, which authorises them, into the ledger, exactly once.
//!
//! The daemon shows a top-up until it is told that it is booked; the ledger takes every id once.
//! So it does not matter which of the two crashes when, or how often something is handed over.

use std::collections::BTreeMap;
use std::time::Duration;

use bwflow_proto::bus::{self, EnforcerProxy, LinkProxy};
use bwflow_proto::claim::TopUp;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use zbus::fdo::PropertiesChanged;
use zbus::names::OwnedUniqueName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant, message};

use crate::service::Request;

/// How soon what could not be booked is asked for again.
const RETRY: Duration = Duration::from_secs(10);
/// The property they are shown in.
const PROPERTY: &str = "PendingTopUps";

/// Where top-ups come in.
pub struct TopUps {
    changes: MessageStream,
    daemon: OwnedUniqueName,
    requests: mpsc::Sender<Request>,
    /// Booked for good, to be confirmed: ids by link.
    booked: BTreeMap<String, Vec<String>>,
    /// When to ask the daemon what it shows, if that is not known from its signals.
    due: Option<Instant>,
}

impl TopUps {
    /// Listens to `daemon` from now on; books by `requests`.
    ///
    /// The daemon is named by its connection, which the bus vouches for: anybody may send us
    /// signals, and a well-known name in the rule would not keep them out.
    ///
    /// # Errors
    /// What the connection reports.
    pub async fn listen(
        connection: &Connection,
        daemon: OwnedUniqueName,
        requests: mpsc::Sender<Request>,
    ) -> zbus::Result<Self> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(daemon.clone())
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .arg(0, "org.bwflow1.Link")
            .build()?;
        Ok(Self {
            changes: MessageStream::for_match_rule(rule, connection, None).await?,
            daemon,
            requests,
            booked: BTreeMap::new(),
            due: Some(Instant::now()),
        })
    }

    /// Waits until the daemon shows other top-ups of one of these links than before; nothing when
    /// it is time to ask. Can be dropped at any time without missing either.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn next(
        &mut self,
        links: impl Iterator<Item = &String> + Clone,
    ) -> zbus::Result<Option<(String, Vec<TopUp>)>> {
        loop {
            let signal = tokio::select! {
                signal = self.changes.next() => signal,
                () = until(self.due) => return Ok(None),
            };
            let Some(signal) = signal else {
                return Err(zbus::Error::Failure("the connection was closed".to_owned()));
            };
            let signal = signal?;
            if signal.header().sender().is_none_or(|it| *it != self.daemon) {
                continue;
            }
            let path = signal.header().path().map(ToString::to_string);
            let link = links
                .clone()
                .find(|name| path.as_deref() == Some(bus::link_path(name).as_str()));
            let Some((link, change)) = link.zip(PropertiesChanged::from_message(signal)) else {
                continue;
            };
            let args = change.args()?;
            if let Some(value) = args.changed_properties().get(PROPERTY)
                && let Ok(top_ups) = OwnedVariant::try_from(value).and_then(Vec::<TopUp>::try_from)
            {
                return Ok(Some((link.clone(), top_ups)));
            }
        }
    }

    /// Whether it is time to ask.
    pub fn is_due(&self) -> bool {
        self.due.is_some_and(|at| at <= Instant::now())
    }

    /// The links are others now.
    pub fn ask_again(&mut self) {
        self.due = Some(Instant::now());
    }

    /// Asks the daemon what it shows, e.g. because it has only just come.
    ///
    /// # Errors
    /// The daemon does not answer; a link that it does not know yet is no error.
    pub async fn ask(
        &mut self,
        connection: &Connection,
        links: impl Iterator<Item = &String>,
    ) -> zbus::Result<()> {
        self.due = Some(Instant::now() + RETRY);
        let mut due = None;
        for name in links {
            let link = LinkProxy::builder(connection)
                .destination(self.daemon.clone())
                .path(bus::link_path(name))
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            match link.pending_top_ups().await {
                Ok(top_ups) => {
                    if !self.book(name, top_ups).await {
                        due = self.due;
                    }
                }
                Err(zbus::Error::FDO(error))
                    if matches!(
                        *error,
                        zbus::fdo::Error::UnknownObject(_) | zbus::fdo::Error::UnknownProperty(_)
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        self.due = due;
        Ok(())
    }

    /// Has them booked, if there are any; whether that is done. If not, they are asked for again.
    pub async fn book(&mut self, link: &str, mut top_ups: Vec<TopUp>) -> bool {
        top_ups.retain(|top_up| {
            let valid = top_up.is_valid();
            if !valid {
                tracing::error!("{link}: bwflowd shows a top-up that makes no sense: {top_up:?}");
            }
            valid
        });
        if top_ups.is_empty() {
            return true;
        }
        let (answer, answered) = oneshot::channel();
        let request = Request::Book(link.to_owned(), top_ups, answer);
        // Without an answer this program is ending, and its successor is shown them again.
        if self.requests.send(request).await.is_ok()
            && let Ok(ids) = answered.await
            && !ids.is_empty()
        {
            self.booked.insert(link.to_owned(), ids);
            return true;
        }
        self.due = Some(Instant::now() + RETRY);
        false
    }

    /// Tells the daemon what is booked, so that it need not show that any more.
    ///
    /// # Errors
    /// The daemon does not answer. Then it shows them again, and they are confirmed again.
    pub async fn confirm(&mut self, enforcer: &EnforcerProxy<'_>) -> zbus::Result<()> {
        while let Some((link, ids)) = self.booked.pop_first() {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            enforcer.confirm_top_ups(&link, &ids).await?;
        }
        Ok(())
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
