//! The helper's own bus interface.

use tokio::sync::{mpsc, oneshot};
use zbus::{DBusError, interface};

/// Somebody wants fresh figures; the answer goes back through this.
pub type Refresh = oneshot::Sender<Result<(), Error>>;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, DBusError)]
#[zbus(prefix = "org.bwflow1.Error")]
pub enum Error {
    /// `bwflowd` is not on the bus, so nobody has the figures.
    DaemonAbsent(String),
    /// The figures could not be read or handed over.
    Failed(String),
}

/// Serves `org.bwflow1.Helper`: thin, the one loop that owns the ledger does the work.
pub struct Service {
    requests: mpsc::Sender<Refresh>,
}

impl Service {
    /// Passes requests on to the loop.
    pub const fn new(requests: mpsc::Sender<Refresh>) -> Self {
        Self { requests }
    }
}

#[interface(name = "org.bwflow1.Helper")]
impl Service {
    /// Reads the counters, commits and publishes now; at most once a second, otherwise the last
    /// figures stand. Returns when the daemon has them.
    async fn refresh(&self) -> Result<(), Error> {
        let ended = |_| Error::Failed("bwflow-helper is ending".to_owned());
        let (answer, answered) = oneshot::channel();
        self.requests.send(answer).await.map_err(|_| ended(()))?;
        answered.await.map_err(|_| ended(()))?
    }
}
