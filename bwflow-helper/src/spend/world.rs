//! What the guard needs of the rest of the helper.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::service::Request;

/// A cap on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The interface's name.
    pub interface: String,
    /// At most so many bytes a second, at least 1.
    pub bytes_per_second: u64,
}

/// The clocks, the ledger and the link; a test brings its own.
pub trait World: Send {
    /// What the clocks say.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn clock(&self) -> io::Result<Clock>;

    /// How many bytes a link has sent that are charged, from the hour of `since_usec` (microseconds
    /// since the Unix epoch) until now; nothing while the ledger does not tell.
    fn sent(&self, interface: &str, since_usec: i64) -> impl Future<Output = Option<u64>> + Send;

    /// Caps this link and no other, or none.
    fn cap(&self, cap: Option<&Cap>) -> impl Future<Output = ()> + Send;

    /// The cap was decided on by what the cloud has said just now, and no longer on memory alone.
    fn is_sure(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What is asked of the loop that owns the ledger.
#[derive(Debug)]
pub enum Ask {
    /// See [`World::sent`].
    Sent(String, i64, oneshot::Sender<Option<u64>>),
    /// See [`World::cap`]; answered when the publisher has the new grants.
    Cap(Option<Cap>, oneshot::Sender<()>),
    /// See [`World::is_sure`].
    Sure(oneshot::Sender<()>),
}

/// The loop that owns the ledger, and the kernel's clocks.
#[derive(Debug)]
pub struct Loop {
    boot: Arc<str>,
    requests: mpsc::Sender<Request>,
}

impl Loop {
    /// The loop that takes these requests, in the boot of this id.
    pub fn new(boot: &Arc<str>, requests: &mpsc::Sender<Request>) -> Self {
        Self {
            boot: Arc::clone(boot),
            requests: requests.clone(),
        }
    }

    /// Nothing if the loop is ending.
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request::Spend(ask(answer))).await;
        sent.ok()?;
        answered.await.ok()
    }
}

impl World for Loop {
    fn clock(&self) -> io::Result<Clock> {
        Clock::read(&self.boot)
    }

    async fn sent(&self, interface: &str, since_usec: i64) -> Option<u64> {
        let interface = interface.to_owned();
        let sent = self.ask(|answer| Ask::Sent(interface, since_usec, answer));
        sent.await.flatten()
    }

    async fn cap(&self, cap: Option<&Cap>) {
        let cap = cap.cloned();
        self.ask(|answer| Ask::Cap(cap, answer)).await;
    }

    async fn is_sure(&self) {
        self.ask(Ask::Sure).await;
    }
}
