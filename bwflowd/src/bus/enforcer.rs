//! `org.bwflow1.Enforcer`: what only the helper's user may call.

use bwflow_proto::exclusion::Excluded;
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use tokio::sync::{mpsc, oneshot};
use zbus::fdo::Error;
use zbus::message::Header;
use zbus::{Connection, interface};

use super::caller::Doorkeeper;
use crate::enforcer::Command;

/// The interface object: checks who calls and passes the call on to the enforcer's task.
#[derive(Debug)]
pub struct Enforcer {
    doorkeeper: Doorkeeper,
    commands: mpsc::Sender<Command>,
}

impl Enforcer {
    /// Admits callers with `uid` only.
    pub fn new(uid: u32, commands: mpsc::Sender<Command>) -> Self {
        Self {
            doorkeeper: Doorkeeper::new(uid),
            commands,
        }
    }

    async fn pass_on<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let stopping = |_| Error::Failed("bwflowd is stopping".to_owned());
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| stopping(()))?;
        answer
            .await
            .map_err(|_| stopping(()))?
            .map_err(Error::InvalidArgs)
    }
}

#[interface(name = "org.bwflow1.Enforcer")]
impl Enforcer {
    /// Replaces the grant of a link: Count (s), InterfaceIndex (u), TxCounter (t), RxCounter (t),
    /// BoottimeUSec (t), AvailableBytes (x), AvailableReceiveBytes (x), DripBytesPerSecond (t),
    /// RateBytesPerSecond (t), PeakBytesPerSecond (t), MinRateBytesPerSecond (t), PollIntervalUSec
    /// (t), and where networks are excluded Exclusion (a{sv}): Networks (as), Epoch (t), TxBytes
    /// (t), RxBytes (t). The link's object appears with its first grant or ledger.
    async fn set_grant(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        interface: String,
        grant: Grant,
    ) -> Result<(), Error> {
        self.doorkeeper.admit(connection, &header).await?;
        self.pass_on(|reply| Command::SetGrant(interface, grant, reply))
            .await
    }

    /// Replaces the published ledger of a link; the keys are those of the Link's Ledger property.
    async fn publish_ledger(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        interface: String,
        ledger: LedgerView,
    ) -> Result<(), Error> {
        self.doorkeeper.admit(connection, &header).await?;
        self.pass_on(|reply| Command::PublishLedger(interface, ledger, reply))
            .await
    }

    /// Forgets a link's grant and ledger and takes their limit off; what an administrator has set
    /// by hand stays. Unknown names are no error.
    async fn forget(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        interface: String,
    ) -> Result<(), Error> {
        self.doorkeeper.admit(connection, &header).await?;
        self.pass_on(|reply| Command::Forget(interface, reply))
            .await
    }

    /// The helper has booked these top-ups and corrections, by their ids, and they are pending no
    /// more. Unknown ids are no error.
    async fn confirm_top_ups(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        interface: String,
        ids: Vec<String>,
    ) -> Result<(), Error> {
        self.doorkeeper.admit(connection, &header).await?;
        self.pass_on(|reply| Command::ConfirmTopUps(interface, ids, reply))
            .await
    }

    /// How much of a link's traffic was of the networks that its grants exclude: Epoch (t), TxBytes
    /// (t), RxBytes (t), and Fault (s), why nothing can be excluded now. Within an epoch the bytes
    /// never fall; another epoch began at zero after the last figures of the one before.
    async fn excluded(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        interface: String,
    ) -> Result<Excluded, Error> {
        self.doorkeeper.admit(connection, &header).await?;
        self.pass_on(|reply| Command::Excluded(interface, reply))
            .await
    }
}
