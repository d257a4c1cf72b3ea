//! Questions to the daemon, the helper and the bus.

use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, HELPER_PATH, HelperProxy, NAME, PATH, link_path};
use bwflow_proto::spend::SpendView;
use zbus::fdo::{self, DBusProxy, ManagedObjects, PropertiesProxy};
use zbus::names::{BusName, InterfaceName, OwnedUniqueName};
use zbus::proxy::{self, CacheProperties, MethodFlags, Proxy};
use zbus::{Connection, Variant, connection, message};

use crate::failure::Failure;
use crate::snapshot::{LINK_INTERFACE, Snapshot, links};
use crate::time::now_usec;
use crate::verb::{Request, refusal};

const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than the cloud's and Jellyfin's own time limits together.
const CHECK_TIMEOUT: Duration = Duration::from_secs(300);
const HELPER_INTERFACE: &str = "org.bwflow1.Helper";
const LIMITS_EXCEEDED: &str = "org.bwflow1.Error.LimitsExceeded";
const OTHER_VERSION: &str = "this bwflow-helper knows of no spend guard, or of another one: restart it, as it is of \
     another version than bwflowctl";

/// What the helper answered instead of what was asked about the spend guard.
fn no_guard(error: zbus::Error) -> Failure {
    match &error {
        zbus::Error::MethodError(_, text, _) => {
            let text = text.as_deref().unwrap_or("bwflow-helper refused");
            Failure::Failed(format!("bwflow-helper answered: {text}"))
        }
        zbus::Error::FDO(answer) => match answer.as_ref() {
            fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoReply(_)
            | fdo::Error::Disconnected(_) => Failure::NoGuard,
            fdo::Error::UnknownMethod(_)
            | fdo::Error::UnknownProperty(_)
            | fdo::Error::UnknownInterface(_)
            | fdo::Error::InvalidArgs(_) => Failure::Failed(OTHER_VERSION.to_owned()),
            _ => error.into(),
        },
        _ => error.into(),
    }
}

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

    /// What the spend guard has published; nothing while it is switched off.
    pub(crate) async fn spend(&self) -> Result<Option<SpendView>, Failure> {
        let properties = PropertiesProxy::new(&self.connection, HELPER_NAME, HELPER_PATH).await?;
        let value = properties
            .get(InterfaceName::try_from(HELPER_INTERFACE)?, "Spend")
            .await;
        let value = value.map_err(|error| no_guard(error.into()))?;
        if matches!(&*value, Variant::Dict(entries) if entries.iter().next().is_none()) {
            return Ok(None);
        }
        let view = SpendView::try_from(value);
        view.map(Some)
            .map_err(|_| Failure::Failed(OTHER_VERSION.to_owned()))
    }

    /// Has the spend guard check now, which may take as long as the cloud does; what it says if it
    /// has checked only just before.
    pub(crate) async fn check_spend(
        &self,
        address: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let connection = builder(address).build().await.map_err(no_connection)?;
        let helper = HelperProxy::builder(&connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        match tokio::time::timeout(CHECK_TIMEOUT, helper.check_spend()).await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(zbus::Error::MethodError(name, text, _)))
                if name.as_str() == LIMITS_EXCEEDED =>
            {
                Ok(Some(text.unwrap_or_default()))
            }
            Ok(Err(error)) => Err(no_guard(error)),
            Err(_) => Err(Failure::Failed(
                "the check goes on, but takes longer than five minutes: look again later with \
                 `bwflowctl spend`"
                    .to_owned(),
            )),
        }
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
