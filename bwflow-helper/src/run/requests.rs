//! What the loop is asked for by others.

use std::time::Duration;

use bwflow_proto::claim::TopUp;
use bwflow_proto::units::format_bytes;
use tokio::sync::oneshot;

use super::{Helper, complain};
use crate::clock::Clock;
use crate::ledger::store::StoreError;
use crate::publisher::Command;
use crate::service::{Error, Refresh, Request};

/// Requests for fresh figures that come sooner get the last ones.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

impl Helper {
    /// Does what is asked for.
    pub(super) async fn serve(&mut self, request: Request) {
        match request {
            Request::Refresh(answer) => {
                self.refresh(answer).await;
            }
            Request::Book(interface, top_ups, answer) => {
                self.book_top_ups(&interface, &top_ups, answer).await;
            }
            Request::Spend(question) => self.serve_guard(question).await,
            Request::CheckSpend(answer) => self.check_spend(answer),
            question => self.tell(question),
        }
    }

    async fn refresh(&mut self, answer: Refresh) -> Option<String> {
        let now = Clock::read(&self.boot).map_or(Duration::MAX, |clock| clock.boottime());
        let recent = self
            .looked
            .is_some_and(|looked| now.saturating_sub(looked) < REFRESH_INTERVAL);
        let trouble = if recent { None } else { self.look(true).await };
        match &trouble {
            Some(text) => {
                let _ = answer.send(Err(Error::Failed(text.clone())));
            }
            None => self.send(Command::Flush(answer)),
        }
        trouble
    }

    /// Books what an administrator has added or corrected, and lets the daemon have the new figures.
    async fn book_top_ups(
        &mut self,
        interface: &str,
        top_ups: &[TopUp],
        answer: oneshot::Sender<Vec<String>>,
    ) {
        // What was used is said of now, so that everything until now is to be counted.
        let is_correction = |it: &TopUp| it.used_bytes.is_some();
        if top_ups.iter().any(is_correction) && self.look(true).await.is_some() {
            let _ = answer.send(Vec::new());
            return;
        }
        let ids = match self.books.book(interface, top_ups) {
            Ok(true) => top_ups.iter().map(|top_up| top_up.id.clone()).collect(),
            Ok(false) => Vec::new(),
            Err(error) => {
                complain(&error);
                Vec::new()
            }
        };
        if !ids.is_empty() {
            for it in top_ups {
                let (bytes, owner) = (format_bytes(it.used_bytes.unwrap_or(it.bytes)), &it.owner);
                match it.used_bytes {
                    None => tracing::info!("{interface}: {bytes} added by {owner}"),
                    Some(_) => tracing::info!("{interface}: corrected to {bytes} by {owner}"),
                }
            }
            self.look(true).await;
        }
        // Whoever asked may be gone; the daemon hands over again what it was not confirmed.
        let _ = answer.send(ids);
    }

    /// Tells what the ledger holds; changes nothing.
    fn tell(&self, question: Request) {
        // Whoever asked may be gone.
        match question {
            Request::Links(answer) => drop(answer.send(Ok(self.books.storied()))),
            Request::History(of, resolution, answer) => {
                let (since, until) = (of.since_usec, of.until_usec);
                let told = self.books.history(&of.interface, resolution, since, until);
                drop(answer.send(found(told, &of.interface)));
            }
            Request::Adjustments(of, answer) => {
                let (since, until) = (of.since_usec, of.until_usec);
                let told = self.books.changes(&of.interface, since, until);
                drop(answer.send(found(told, &of.interface)));
            }
            Request::Refresh(_)
            | Request::Book(..)
            | Request::Spend(_)
            | Request::CheckSpend(_) => {}
        }
    }
}

/// What was told of a link, if there is such a link.
fn found<T>(told: Result<Option<T>, StoreError>, interface: &str) -> Result<T, Error> {
    match told {
        Ok(Some(told)) => Ok(told),
        Ok(None) => Err(Error::InvalidArgs(format!(
            "no link `{interface}` is in the configuration"
        ))),
        Err(error) => Err(Error::Failed(complain(&error))),
    }
}
