//! The whole of bwflow with a spend guard, and the cloud and the media server that it looks after.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::User;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::config::young;
use crate::fake::Fake;
use crate::fake::azure::{Budget, Charge};
use crate::net::LINK;
use crate::rig::{HELPER_USER, Rig};
use crate::wait::wait_for;

/// How long to wait for what must come.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// bwflow, and a cloud and a media server beside it in its namespace.
#[derive(Debug)]
pub struct Scene {
    /// bwflow.
    pub rig: Rig,
    /// The two servers.
    pub fake: Fake,
    _runtime: Runtime,
}

impl Scene {
    /// 30 dollars are spent: of 150 by the budget `Monthly-Bandwidth-Limit`, of 50 by `half`.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub fn new() -> Self {
        let rig = Rig::new();
        let (fake, runtime) = rig.pair.inside.within(|| {
            let threads = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            let runtime = threads.unwrap();
            let fake = runtime.block_on(Fake::start());
            (fake, runtime)
        });
        // Another one each time: it is looked for in all processes.
        let secret = format!("{:032x}", RandomState::new().hash_one("key"));
        fake.state().jellyfin.keys = vec![secret.clone()];
        let key = rig.directory().join("key");
        fs::write(&key, secret).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let user = User::from_name(HELPER_USER).unwrap().unwrap();
        chown(&key, Some(user.uid.as_raw()), None).unwrap();
        {
            let mut state = fake.state();
            let now = state.clock();
            state.azure.budgets.push(Budget::monthly("half", 50.0));
            state.azure.costs.charges.push(Charge::dollars(now, 30.0));
        }
        Self {
            rig,
            fake,
            _runtime: runtime,
        }
    }

    /// A configuration with three tiers: up to 50 %, up to 90 %, off.
    pub fn config(&self, is_on: bool, budget: &str) -> String {
        let spend = format!(
            "[spend]\nenabled = {is_on}\ncurrency = \"USD\"\ninterface = \"{LINK}\"\n\
             [spend.azure]\nbudget_name = \"{budget}\"\ncloud = \"public\"\n\
             endpoint = \"{}\"\nimds_endpoint = \"{}\"\n\
             [[spend.tier]]\nname = \"high\"\nup_to_percent = 50\nbitrate = \"4 Mbit/s\"\n\
             link_rate = \"80 Mbit/s\"\n\
             [[spend.tier]]\nname = \"medium\"\nup_to_percent = 90\nbitrate = \"2 Mbit/s\"\n\
             link_rate = \"20 Mbit/s\"\n\
             [[spend.tier]]\nname = \"off\"\noff = true\n\
             [spend.jellyfin]\nurl = \"{}\"\napi_key_file = \"{}\"\n",
            self.fake.arm(),
            self.fake.imds(),
            self.fake.jellyfin(),
            self.rig.directory().join("key").display()
        );
        young(
            "9000 GB",
            "8999 GB",
            &format!("[daemon]\npoll_interval_seconds = 1\n{spend}"),
        )
    }

    /// Has the helper follow another configuration.
    ///
    /// # Panics
    /// When there is no helper.
    pub fn reload(&self, config: &str) {
        self.rig.configure(config);
        self.rig.helper.as_ref().unwrap().signal(Signal::SIGHUP);
    }

    /// `RemoteClientBitrateLimit` as Jellyfin has it.
    pub fn bitrate(&self) -> i64 {
        self.fake.state().jellyfin.limit()
    }

    /// Whether the kernel's bucket has this peak rate.
    pub fn is_capped(&self, rate: &str) -> bool {
        let shown = self.rig.pair.inside.qdiscs(LINK);
        shown.contains("b0f1:") && shown.contains(&format!("peakrate {rate} "))
    }

    /// Waits until both follow.
    pub fn wait_for_tier(&self, bitrate: i64, rate: &str) -> Duration {
        let name = format!("{bitrate} in Jellyfin and {rate} on the link");
        let (took, ()) = wait_for(&name, PATIENCE, || {
            (self.bitrate() == bitrate && self.is_capped(rate)).then_some(())
        });
        took
    }

    /// Calls the helper.
    ///
    /// # Panics
    /// When that cannot be tried.
    pub fn call(&self, arguments: &[&str]) -> Output {
        Command::new("dbus-send")
            .arg(format!("--bus={}", self.rig.bus.address()))
            .args(["--print-reply", "--dest=org.bwflow1.Helper"])
            .arg("/org/bwflow1/helper")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What the property says, as dbus-send prints it.
    ///
    /// # Panics
    /// When that is no text.
    pub fn shown(&self) -> String {
        let output = self.call(&[
            "org.freedesktop.DBus.Properties.Get",
            "string:org.bwflow1.Helper",
            "string:Spend",
        ]);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `bwflowctl spend --json` says.
    ///
    /// # Panics
    /// When it fails.
    pub fn told(&self) -> Value {
        let output = self.rig.ctl(&["spend", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until that document is as it should be.
    pub fn wait_told(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let (_, told) = wait_for(what, PATIENCE, || Some(self.told()).filter(&is_it));
        told
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}
