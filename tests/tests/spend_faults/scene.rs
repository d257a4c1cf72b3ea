//! A guard, a cloud, a media server and a clock.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bwflow_helper::azure::Pause;
use bwflow_helper::clock::Clock;
use bwflow_helper::spend::guard::{Guard, Occasion};
use bwflow_helper::spend::world::{Cap, World};
use bwflow_proto::config::{Config, load_str};
use bwflow_proto::spend::SpendView;
use bwflow_tests::fake::Fake;
use bwflow_tests::fake::State;
use bwflow_tests::fake::azure::Charge;
use tempfile::TempDir;

/// Sunday, 22 November 2026, 12:00 UTC.
pub(super) const NOON: i64 = 1_795_348_800;
pub(super) const HOUR: i64 = 3600;
/// The state file.
const FILE: &str = "spend.json";

/// Clock, ledger and link.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    clock: Arc<Mutex<Clock>>,
    cap: Arc<Mutex<Option<Cap>>>,
}

impl World for Stage {
    fn clock(&self) -> io::Result<Clock> {
        Ok(self.clock.lock().unwrap().clone())
    }

    async fn sent(&self, _interface: &str, _since_usec: i64) -> Option<u64> {
        Some(0)
    }

    async fn cap(&self, cap: Option<&Cap>) {
        *self.cap.lock().unwrap() = cap.cloned();
    }
}

pub(super) struct Scene {
    pub(super) fake: Fake,
    directory: TempDir,
    config: Config,
    stage: Stage,
    guard: Guard<Stage>,
}

impl Scene {
    /// Nothing is spent of 150 dollars; nothing was checked yet.
    pub(super) async fn new() -> Self {
        let fake = Fake::start().await;
        fake.state().now = Some(NOON);
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key");
        fs::write(&key, &fake.state().jellyfin.keys[0]).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "[network]\ninterface = \"lo\"\n[bandwidth]\nmonthly_budget_gb = 100\n\
             [spend]\nenabled = true\ncurrency = \"USD\"\n\
             [spend.azure]\nbudget_name = \"Monthly-Bandwidth-Limit\"\ncloud = \"public\"\n\
             endpoint = \"{}\"\nimds_endpoint = \"{}\"\n\
             [[spend.tier]]\nname = \"high\"\nup_to_percent = 50\nbitrate = \"4 Mbit/s\"\n\
             [[spend.tier]]\nname = \"medium\"\nup_to_percent = 90\nbitrate = \"2 Mbit/s\"\n\
             [[spend.tier]]\nname = \"disabled\"\noff = true\nbitrate = \"1 Mbit/s\"\n\
             [spend.jellyfin]\nurl = \"{}\"\napi_key_file = \"{}\"\n",
            fake.arm(),
            fake.imds(),
            fake.jellyfin(),
            key.display(),
        );
        let config = load_str("config.toml", &text).unwrap().config;
        let stage = Stage {
            clock: Arc::new(Mutex::new(Clock {
                boot: "first".into(),
                usec: NOON * 1_000_000,
                boottime_usec: 1_000_000_000,
            })),
            cap: Arc::default(),
        };
        let guard = open(&directory, &config, &stage);
        Self {
            fake,
            directory,
            config,
            stage,
            guard,
        }
    }

    /// Changes what the fake is.
    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.fake.state());
    }

    /// So much is spent in this month, dollars.
    pub(super) fn spend(&self, dollars: f64) {
        self.set(|state| {
            let now = state.clock();
            state.azure.costs.charges = vec![Charge::dollars(now, dollars)];
        });
    }

    /// Time passes, here and in the cloud.
    pub(super) fn pass(&self, seconds: i64) {
        self.set(|state| state.advance(seconds));
        let mut clock = self.stage.clock.lock().unwrap();
        clock.usec += seconds * 1_000_000;
        clock.boottime_usec += seconds * 1_000_000;
    }

    /// Somebody sets the clock of this machine.
    pub(super) fn step_clock(&self, seconds: i64) {
        self.stage.clock.lock().unwrap().usec += seconds * 1_000_000;
    }

    /// The machine boots anew.
    pub(super) fn reboot(&mut self) {
        {
            let mut clock = self.stage.clock.lock().unwrap();
            clock.boot = "second".into();
            clock.boottime_usec = 5_000_000;
        }
        self.restart();
    }

    /// The guard ends and begins again.
    pub(super) fn restart(&mut self) {
        self.guard = open(&self.directory, &self.config, &self.stage);
    }

    /// The state file, while the guard is not running.
    pub(super) fn with_file(&mut self, change: impl FnOnce(&std::path::Path)) {
        change(&self.directory.path().join(FILE));
        self.restart();
    }

    pub(super) async fn check(&mut self) {
        self.guard.check(Occasion::Timer).await;
    }

    pub(super) fn view(&self) -> SpendView {
        self.guard.view().cloned().unwrap_or_default()
    }

    /// How generous the tier is: 3 for high, 0 for off; 4 before there is one.
    pub(super) fn generosity(&self) -> u8 {
        match self.view().tier.as_str() {
            "" => 4,
            "high" => 3,
            "medium" => 2,
            _ => 0,
        }
    }

    /// What must hold whatever happens.
    pub(super) fn invariants(&self) -> Result<(), String> {
        let state = self.fake.state();
        if let Some(misdeed) = state.log.misdeeds.first() {
            return Err(misdeed.clone());
        }
        if let Some(bitrate) = state.log.bitrates.iter().find(|it| **it <= 0) {
            return Err(format!("a limit of {bitrate} was posted"));
        }
        let kept = fs::read_to_string(self.directory.path().join(FILE)).unwrap_or_default();
        let told = format!("{:?}", self.view()) + &kept;
        let secret = state.secrets().into_iter().find(|it| told.contains(it));
        secret.map_or(Ok(()), |it| Err(format!("the secret {it} was told")))
    }
}

fn open(directory: &TempDir, config: &Config, stage: &Stage) -> Guard<Stage> {
    Guard::open(directory.path(), config, stage.clone())
        .with_patience(Pause::none(), Duration::from_secs(4))
}
