//! The helper's own bus interface.

use bwflow_proto::claim::TopUp;
use tokio::sync::{mpsc, oneshot};
use zbus::{DBusError, interface};

/// Somebody wants fresh figures; the answer goes back through this.
pub type Refresh = oneshot::Sender<Result<(), Error>>;

/// What the loop that owns the ledger is asked for.
#[derive(Debug)]
pub enum Request {
    /// Count, commit and publish now.
    Refresh(Refresh),
    /// Book these top-ups of a link; answers with those that are in the ledger for good.
    Book(String, Vec<TopUp>, oneshot::Sender<Vec<String>>),
}

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
    requests: mpsc::Sender<Request>,
}

impl Service {
    /// Passes requests on to the loop.
    pub const fn new(requests: mpsc::Sender<Request>) -> Self {
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
        let request = Request::Refresh(answer);
        self.requests.send(request).await.map_err(|_| ended(()))?;
        answered.await.map_err(|_| ended(()))?
    }
}
