//! A guard, a cloud, a media server and a clock.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bwflow_helper::azure::Pause;
use bwflow_helper::clock::Clock;
use bwflow_helper::spend::guard::{Guard, Occasion};
use bwflow_helper::spend::world::{Cap, World};
use bwflow_proto::config::{Config, load_str};
use bwflow_proto::spend::SpendView;
use bwflow_tests::fake::azure::Charge;
use bwflow_tests::fake::{Fake, Service, State};
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
    /// Where the state file is.
    state: PathBuf,
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
             [spend]\nenabled = true\ncurrency = \"USD\"\ninterface = \"lo\"\n\
             [spend.azure]\nbudget_name = \"Monthly-Bandwidth-Limit\"\ncloud = \"public\"\n\
             endpoint = \"{}\"\nimds_endpoint = \"{}\"\n\
             [[spend.tier]]\nname = \"high\"\nup_to_percent = 50\nbitrate = \"4 Mbit/s\"\n\
             link_rate = \"80 Mbit/s\"\n\
             [[spend.tier]]\nname = \"medium\"\nup_to_percent = 90\nbitrate = \"2 Mbit/s\"\n\
             link_rate = \"20 Mbit/s\"\n\
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
        let state = directory.path().to_owned();
        let guard = open(&state, &config, &stage);
        Self {
            fake,
            directory,
            state,
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
        self.guard = open(&self.state, &self.config, &self.stage);
    }

    /// The state file is in this directory from now on.
    pub(super) fn keep_in(&mut self, directory: &Path) {
        directory.clone_into(&mut self.state);
        self.restart();
    }

    /// Somebody switches the guard off.
    pub(super) fn switch_off(&mut self) {
        self.config.idle_jellyfin = self.config.spend.take().and_then(|it| it.jellyfin);
        self.guard.reconfigure(&self.config);
    }

    /// The service is at another address, and the guard begins anew with this patience.
    pub(super) fn redirect(&mut self, service: Service, address: &str, patience: Duration) {
        let spend = self.config.spend.as_mut().unwrap();
        let address = address.to_owned();
        match service {
            Service::Arm => spend.azure.endpoint = Some(address),
            Service::Imds => spend.azure.imds_endpoint = Some(address),
            Service::Jellyfin => spend.jellyfin.as_mut().unwrap().url = address,
        }
        let guard = open(&self.state, &self.config, &self.stage);
        self.guard = guard.with_patience(Pause::none(), patience);
    }

    /// The link has no cap now, as after a start.
    pub(super) fn uncap(&self) {
        *self.cap().lock().unwrap() = None;
    }

    /// The cap on the link.
    pub(super) fn cap(&self) -> Arc<Mutex<Option<Cap>>> {
        Arc::clone(&self.stage.cap)
    }

    /// Where Jellyfin's key is.
    pub(super) fn key(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    /// Whether there is a state file.
    pub(super) fn is_remembered(&self) -> bool {
        self.state.join(FILE).exists()
    }

    /// The cap on the link, bytes per second.
    pub(super) fn capped(&self) -> Option<u64> {
        let cap = self.stage.cap.lock().unwrap();
        cap.as_ref().map(|it| it.bytes_per_second)
    }

    /// In how many seconds the guard wants to check again, at least 1.
    pub(super) fn wait_seconds(&self) -> Option<i64> {
        self.guard
            .wait_usec()
            .map(|it| it.div_euclid(1_000_000).max(1))
    }

    /// Checks until something holds; a door that was just opened takes a moment.
    pub(super) async fn check_until(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..100 {
            self.check().await;
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never holds: {:?}", self.view());
    }

    /// The state file, while the guard is not running.
    pub(super) fn with_file(&mut self, change: impl FnOnce(&Path)) {
        change(&self.state.join(FILE));
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
        let kept = fs::read_to_string(self.state.join(FILE)).unwrap_or_default();
        let told = format!("{:?}", self.view()) + &kept;
        let secret = state.secrets().into_iter().find(|it| told.contains(it));
        secret.map_or(Ok(()), |it| Err(format!("the secret {it} was told")))
    }
}

fn open(directory: &Path, config: &Config, stage: &Stage) -> Guard<Stage> {
    Guard::open(directory, config, stage.clone())
        .with_patience(Pause::none(), Duration::from_secs(4))
}
