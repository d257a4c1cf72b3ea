//! Grants for tests in which nobody but the test plays the helper.

use std::time::Duration;

use bwflow_proto::bus::EnforcerProxy;
use bwflow_proto::grant::Grant;
use nix::time::{ClockId, clock_gettime};

use crate::net::{LINK, Pair};
use crate::rig::Rig;

/// A grant over the link's counters as they are now.
///
/// # Panics
/// When there is no link.
pub fn grant(pair: &Pair, available: i64, rate: u64) -> Grant {
    let index = pair.inside.ip(&format!("-o link show {LINK}"));
    let index = index.split(':').next().unwrap().parse().unwrap();
    let boottime: Duration = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into();
    Grant {
        count: "tx".into(),
        interface_index: index,
        tx_counter: pair.sent(),
        boottime_usec: u64::try_from(boottime.as_micros()).unwrap(),
        available_bytes: available,
        available_receive_bytes: available,
        drip_bytes_per_second: rate,
        rate_bytes_per_second: rate,
        poll_interval_usec: 15_000_000,
        ..Grant::default()
    }
}

/// Hands it to the daemon.
///
/// # Errors
/// What the daemon answers.
///
/// # Panics
/// When there is no bus.
pub fn set_grant(rig: &Rig, grant: Grant) -> zbus::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let connection = rig.bus.connect().await;
            let enforcer = EnforcerProxy::new(&connection).await?;
            enforcer.set_grant(LINK, grant).await
        })
}
