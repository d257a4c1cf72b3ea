//! Questions to the daemon, the helper and the bus.

use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, HelperProxy, NAME, PATH};
use zbus::fdo::{DBusProxy, ManagedObjects};
use zbus::names::{BusName, OwnedUniqueName};
use zbus::{Connection, connection, message};

use crate::failure::Failure;
use crate::snapshot::{Snapshot, links};

const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to the bus that the daemon is on.
#[derive(Debug)]
pub(crate) struct Bus {
    connection: Connection,
}

/// The daemon's objects, who sent them and when.
pub(crate) struct Reading {
    pub(crate) objects: ManagedObjects,
    pub(crate) sender: Option<OwnedUniqueName>,
    /// Signals that came before this are contained in the objects.
    pub(crate) position: message::Sequence,
}

impl Bus {
    /// Connects to `address`, or to the system bus.
    pub(crate) async fn connect(address: Option<&str>) -> Result<Self, Failure> {
        let builder = match address {
            Some(address) => connection::Builder::address(address),
            None => connection::Builder::system(),
        };
        let connection = builder
            .method_timeout(CALL_TIMEOUT)
            .build()
            .await
            .map_err(|error| match error {
                zbus::Error::Address(text) => {
                    Failure::Configuration(format!("wrong bus address: {text}"))
                }
                error @ (zbus::Error::InputOutput(_) | zbus::Error::Handshake(_)) => error.into(),
                error => Failure::NoBus(error.to_string()),
            })?;
        Ok(Self { connection })
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Everything the daemon shows, in one call.
    pub(crate) async fn read(&self) -> Result<Reading, Failure> {
        let reply = self
            .connection
            .call_method(
                Some(NAME),
                PATH,
                Some("org.freedesktop.DBus.ObjectManager"),
                "GetManagedObjects",
                &(),
            )
            .await?;
        Ok(Reading {
            objects: reply.body().deserialize()?,
            sender: reply.header().sender().map(|name| name.to_owned().into()),
            position: reply.recv_position(),
        })
    }

    /// Whether the helper is there. The bus knows it first-hand.
    pub(crate) async fn has_helper(&self) -> Result<bool, Failure> {
        self.has_owner(HELPER_NAME).await
    }

    /// Whether the daemon is there.
    pub(crate) async fn has_daemon(&self) -> Result<bool, Failure> {
        self.has_owner(NAME).await
    }

    async fn has_owner(&self, name: &str) -> Result<bool, Failure> {
        let bus = DBusProxy::new(&self.connection).await?;
        let answer = bus.name_has_owner(BusName::try_from(name)?).await;
        answer.map_err(|error| Failure::from(zbus::Error::from(error)))
    }

    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Failure> {
        let reading = self.read().await?;
        Ok(Snapshot {
            has_daemon: true,
            has_helper: self.has_helper().await?,
            links: links(&reading.objects),
        })
    }

    /// Has the helper count and publish now; whether it did.
    pub(crate) async fn refresh(&self) -> bool {
        let refresh = async { HelperProxy::new(&self.connection).await?.refresh().await };
        matches!(
            tokio::time::timeout(REFRESH_TIMEOUT, refresh).await,
            Ok(Ok(()))
        )
    }
}
