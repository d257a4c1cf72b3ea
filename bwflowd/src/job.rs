//! Why the service manager ends this program: to stop it, or to start it anew.

use std::time::Duration;

use tracing::{debug, warn};
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;
use zbus::{OwnedObjectPath, proxy};

/// How long systemd may take to answer. Everything is to be right again within two seconds of a
/// restart, also when the bus is restarted at the same moment and no answer comes.
const PATIENCE: Duration = Duration::from_millis(500);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1",
    assume_defaults = false
)]
trait Unit {
    /// The job's number, 0 when there is none, and its object.
    #[zbus(property)]
    fn job(&self) -> zbus::Result<(u32, OwnedObjectPath)>;
}

#[proxy(
    interface = "org.freedesktop.systemd1.Job",
    default_service = "org.freedesktop.systemd1",
    assume_defaults = false
)]
trait Job {
    #[zbus(property)]
    fn job_type(&self) -> zbus::Result<String>;
}

/// Whether limits are to stay at the end: they are while systemd starts this program anew, and
/// whenever it cannot be asked, since a limit that stays too long can be mended and bytes that
/// were sent cannot.
pub async fn keeps_limits(address: Option<&str>) -> bool {
    match tokio::time::timeout(PATIENCE, job_type(address)).await {
        Ok(Ok(job)) => {
            debug!(?job, "systemd's reason");
            is_restart(job.as_deref())
        }
        Ok(Err(error)) => {
            warn!(%error, "systemd does not say whether this is a restart; limits stay in force");
            true
        }
        Err(_) => {
            warn!("systemd does not answer whether this is a restart; limits stay in force");
            true
        }
    }
}

/// `JobType` of `org.freedesktop.systemd1(5)`; `None` when the unit has no job.
fn is_restart(job_type: Option<&str>) -> bool {
    matches!(job_type, Some("restart" | "try-restart"))
}

async fn job_type(address: Option<&str>) -> zbus::Result<Option<String>> {
    let builder = match address {
        Some(address) => Builder::address(address),
        None => Builder::system(),
    };
    let connection = builder.build().await?;
    let manager = ManagerProxy::new(&connection).await?;
    let unit = manager.get_unit_by_pid(std::process::id()).await?;
    let unit = UnitProxy::builder(&connection)
        .path(unit)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let (number, job) = unit.job().await?;
    if number == 0 {
        return Ok(None);
    }
    let job = JobProxy::builder(&connection)
        .path(job)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    job.job_type().await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_restart_keeps_the_limits() {
        for job in ["restart", "try-restart"] {
            assert!(is_restart(Some(job)));
        }
        for job in ["stop", "start", "reload-or-start", ""] {
            assert!(!is_restart(Some(job)));
        }
        assert!(!is_restart(None));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_bus_that_is_not_there_keeps_them() {
        assert!(keeps_limits(Some("unix:path=/nonexistent/bus")).await);
    }
}
