//! Top-ups on their way from the daemon, which authorises them, into the ledger, exactly once.
//!
//! The daemon shows a top-up until it is told that it is booked; the ledger takes every id once.
//! So it does not matter which of the two crashes when, or how often something is handed over.

use std::collections::BTreeMap;

use bwflow_proto::bus::{self, EnforcerProxy, LinkProxy};
use bwflow_proto::claim::TopUp;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use zbus::fdo::PropertiesChanged;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant, message};

use crate::service::Request;

/// The property they are shown in.
const PROPERTY: &str = "PendingTopUps";

/// Where top-ups come in.
pub struct TopUps {
    changes: MessageStream,
    requests: mpsc::Sender<Request>,
    /// Booked for good, to be confirmed: ids by link.
    booked: BTreeMap<String, Vec<String>>,
}

impl TopUps {
    /// Listens from now on; books by `requests`.
    ///
    /// # Errors
    /// What the connection reports.
    pub async fn listen(
        connection: &Connection,
        requests: mpsc::Sender<Request>,
    ) -> zbus::Result<Self> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(bus::NAME)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .arg(0, "org.bwflow1.Link")
            .build()?;
        Ok(Self {
            changes: MessageStream::for_match_rule(rule, connection, None).await?,
            requests,
            booked: BTreeMap::new(),
        })
    }

    /// Waits until the daemon shows other top-ups of one of these links than before. Can be
    /// dropped at any time without missing that.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn next(
        &mut self,
        links: impl Iterator<Item = &String> + Clone,
    ) -> zbus::Result<(String, Vec<TopUp>)> {
        loop {
            let Some(signal) = self.changes.next().await else {
                return Err(zbus::Error::Failure("the connection was closed".to_owned()));
            };
            let signal = signal?;
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
                return Ok((link.clone(), top_ups));
            }
        }
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
        for name in links {
            let link = LinkProxy::builder(connection)
                .path(bus::link_path(name))
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            match link.pending_top_ups().await {
                Ok(top_ups) => self.book(name, top_ups).await,
                Err(zbus::Error::FDO(error))
                    if matches!(
                        *error,
                        zbus::fdo::Error::UnknownObject(_) | zbus::fdo::Error::UnknownProperty(_)
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Has them booked, if there are any.
    pub async fn book(&mut self, link: &str, top_ups: Vec<TopUp>) {
        if top_ups.is_empty() {
            return;
        }
        let (answer, answered) = oneshot::channel();
        let request = Request::Book(link.to_owned(), top_ups, answer);
        // Without an answer this program is ending, and its successor is shown them again.
        if self.requests.send(request).await.is_ok()
            && let Ok(ids) = answered.await
            && !ids.is_empty()
        {
            self.booked.insert(link.to_owned(), ids);
        }
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
