//! Questions to the daemon, the helper and the bus.

use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, HelperProxy, NAME, PATH, link_path};
use zbus::fdo::{DBusProxy, ManagedObjects};
use zbus::names::{BusName, OwnedUniqueName};
use zbus::proxy::{self, CacheProperties, MethodFlags, Proxy};
use zbus::{Connection, connection, message};

use crate::failure::Failure;
use crate::snapshot::{LINK_INTERFACE, Snapshot, links};
use crate::time::now_usec;
use crate::verb::{Request, refusal};

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

fn builder(address: Option<&str>) -> connection::Builder<'_> {
    match address {
        Some(address) => connection::Builder::address(address),
        None => connection::Builder::system(),
    }
}

fn no_connection(error: zbus::Error) -> Failure {
    match error {
        zbus::Error::Address(text) => Failure::Configuration(format!("wrong bus address: {text}")),
        error @ (zbus::Error::InputOutput(_) | zbus::Error::Handshake(_)) => error.into(),
        error => Failure::NoBus(error.to_string()),
    }
}

impl Bus {
    /// Connects to `address`, or to the system bus.
    pub(crate) async fn connect(address: Option<&str>) -> Result<Self, Failure> {
        let builder = builder(address).method_timeout(CALL_TIMEOUT);
        let connection = builder.build().await.map_err(no_connection)?;
        Ok(Self { connection })
    }

    /// Has the daemon carry a decision out. That may take as long as a person takes to type a
    /// password, so this goes over a connection of its own, without a time limit.
    pub(crate) async fn decide(
        &self,
        address: Option<&str>,
        interface: &str,
        request: &Request,
        is_interactive: bool,
    ) -> Result<(), Failure> {
        let daemon = self.daemon().await?;
        let connection = builder(address).build().await.map_err(no_connection)?;
        let link: Proxy<'_> = proxy::Builder::new(&connection)
            .destination(daemon)
            .path(link_path(interface))
            .interface(LINK_INTERFACE)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let mut flags = MethodFlags::NO_AUTO_START;
        flags.set(MethodFlags::ALLOW_INTERACTIVE_AUTH, is_interactive);
        let method = request.method();
        let answer: zbus::Result<Option<()>> = match request {
            Request::Throttle(rate, options) => {
                link.call_with_flags(method, flags, &(*rate, options)).await
            }
            Request::Override(options) => link.call_with_flags(method, flags, options).await,
            Request::TopUp(bytes, options) | Request::Correct(bytes, options) => {
                link.call_with_flags(method, flags, &(*bytes, options))
                    .await
            }
            Request::ClearThrottle | Request::ClearOverride => {
                link.call_with_flags(method, flags, &()).await
            }
        };
        answer
            .map(drop)
            .map_err(|error| refusal(error, request, is_interactive))
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Who owns the daemon's name now. Calls go to its unique name: one to the well-known name
    /// would have the bus start a daemon that somebody has stopped.
    async fn daemon(&self) -> Result<OwnedUniqueName, Failure> {
        let bus = DBusProxy::new(&self.connection).await?;
        let owner = bus.get_name_owner(BusName::try_from(NAME)?).await;
        owner.map_err(|error| Failure::from(zbus::Error::from(error)))
    }

    /// Everything the daemon shows, in one call.
    pub(crate) async fn read(&self) -> Result<Reading, Failure> {
        let daemon = self.daemon().await?;
        let reply = self
            .connection
            .call_method(
                Some(&daemon),
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
            links: links(&reading.objects, now_usec()),
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
