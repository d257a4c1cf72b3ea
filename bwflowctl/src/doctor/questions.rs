//! What the bus can be asked about the services and the host.

use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, HELPER_PATH, ManagerProxy, NAME};
use bwflow_proto::spend::SpendView;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::{BusName, InterfaceName};
use zbus::proxy::{self, CacheProperties, MethodFlags, Proxy};
use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant};

use super::process::Rights;
use super::services::{Owner, Program, Service, Unit};
use crate::host::files::Files;
use crate::host::service::has_systemd;

/// How long any one answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks one question after the other; what is not answered in time is not known.
#[derive(Debug)]
pub(super) struct Questions<'a> {
    connection: &'a Connection,
    files: &'a Files,
}

async fn in_time<T>(answer: impl Future<Output = zbus::Result<T>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

impl<'a> Questions<'a> {
    pub(super) const fn new(connection: &'a Connection, files: &'a Files) -> Self {
        Self { connection, files }
    }

    /// What is known of a service.
    pub(super) async fn service(&self, program: Program) -> Service {
        let bus_name = match program {
            Program::Daemon => NAME,
            Program::Helper => HELPER_NAME,
        };
        Service {
            unit: self.unit(&format!("{}.service", program.name())).await,
            owner: self.owner(bus_name).await,
        }
    }

    async fn owner(&self, name: &str) -> Option<Owner> {
        let pid = in_time(async {
            let bus = DBusProxy::new(self.connection).await?;
            let pid = bus.get_connection_unix_process_id(BusName::try_from(name)?);
            Ok(pid.await?)
        });
        let pid = pid.await?;
        Some(Owner {
            pid,
            rights: Rights::of(self.files, pid),
        })
    }

    async fn unit(&self, name: &str) -> Option<Unit> {
        const SYSTEMD: &str = "org.freedesktop.systemd1";
        if !has_systemd() {
            return None;
        }
        in_time(async {
            let manager = self
                .proxy(
                    SYSTEMD,
                    "/org/freedesktop/systemd1",
                    "org.freedesktop.systemd1.Manager",
                )
                .await?;
            let path: OwnedObjectPath = manager.call("LoadUnit", &(name,)).await?;
            let unit = self
                .proxy(SYSTEMD, path.as_str(), "org.freedesktop.systemd1.Unit")
                .await?;
            let service = self
                .proxy(SYSTEMD, path.as_str(), "org.freedesktop.systemd1.Service")
                .await?;
            Ok(Unit {
                load_state: unit.get_property("LoadState").await?,
                active_state: unit.get_property("ActiveState").await?,
                file_state: unit.get_property("UnitFileState").await?,
                condition: unit.get_property("ConditionResult").await?,
                // A unit that is not there has no service.
                result: service.get_property("Result").await.unwrap_or_default(),
                restarts: service.get_property("NRestarts").await.unwrap_or_default(),
            })
        })
        .await
    }

    /// The daemon's version.
    pub(super) async fn version(&self) -> Option<String> {
        in_time(async {
            let manager = ManagerProxy::builder(self.connection)
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            manager.version().await
        })
        .await
    }

    /// The ids of the actions that polkit knows.
    pub(super) async fn actions(&self) -> Option<Vec<String>> {
        /// `EnumerateActions` of `org.freedesktop.PolicyKit1.Authority`.
        type Action = (
            String,
            String,
            String,
            String,
            String,
            String,
            u32,
            u32,
            u32,
            std::collections::HashMap<String, String>,
        );
        let actions: Vec<Action> = in_time(async {
            let authority = self
                .proxy(
                    "org.freedesktop.PolicyKit1",
                    "/org/freedesktop/PolicyKit1/Authority",
                    "org.freedesktop.PolicyKit1.Authority",
                )
                .await?;
            authority.call("EnumerateActions", &("C",)).await
        })
        .await?;
        Some(actions.into_iter().map(|action| action.0).collect())
    }

    /// Whether the clock is synchronised, by `org.freedesktop.timedate1`.
    pub(super) async fn is_synchronized(&self) -> Option<bool> {
        in_time(async {
            let timedate = self
                .proxy(
                    "org.freedesktop.timedate1",
                    "/org/freedesktop/timedate1",
                    "org.freedesktop.timedate1",
                )
                .await?;
            timedate.get_property("NTPSynchronized").await
        })
        .await
    }

    /// What the helper answers when it is to count now; nothing if it is silent.
    pub(super) async fn count_now(&self) -> Option<Result<(), String>> {
        let helper = async {
            let helper = self
                .proxy(HELPER_NAME, HELPER_PATH, "org.bwflow1.Helper")
                .await?;
            let flags = MethodFlags::NO_AUTO_START;
            let answer: zbus::Result<Option<()>> =
                helper.call_with_flags("Refresh", flags, &()).await;
            answer.map(drop)
        };
        let answer = tokio::time::timeout(PATIENCE, helper).await.ok()?;
        Some(answer.map_err(|error| match error {
            zbus::Error::MethodError(_, Some(text), _) => text,
            error => error.to_string(),
        }))
    }

    /// What the spend guard publishes; nothing while it is switched off.
    pub(super) async fn spend(&self) -> Option<SpendView> {
        let helper = self.proxy(HELPER_NAME, HELPER_PATH, "org.bwflow1.Helper");
        let view = async { helper.await?.get_property::<OwnedVariant>("Spend").await };
        let view = SpendView::try_from(in_time(view).await?).ok()?;
        (view != SpendView::default()).then_some(view)
    }

    async fn proxy(
        &self,
        destination: &'a str,
        path: &str,
        interface: &'a str,
    ) -> zbus::Result<Proxy<'a>> {
        proxy::Builder::new(self.connection)
            .destination(BusName::try_from(destination)?)
            .path(ObjectPath::try_from(path.to_owned())?)
            .interface(InterfaceName::try_from(interface)?)
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }
}
