//! A fake server, and what holds it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bwflow_helper::azure::Pause;
use bwflow_helper::http::Patience;
use bwflow_helper::jellyfin::{ApiKey, Jellyfin, Outcome, Owned, Wanted};
use bwflow_proto::config;
use bwflow_tests::fake::{Fake, Service};

/// One of each line of versions that differ.
pub(crate) const VERSIONS: [&str; 5] = ["10.8.13", "10.9.11", "10.10.7", "10.11.11", "12.0.0"];

pub(crate) struct Rig {
    pub(crate) fake: Fake,
    pub(crate) jellyfin: Jellyfin,
    pub(crate) owned: Owned,
    /// What is on the disk.
    pub(crate) saved: Owned,
    /// Whether the disk takes anything.
    pub(crate) disk_is_full: bool,
    directory: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new(version: &str) -> Self {
        let fake = Fake::start().await;
        fake.state().jellyfin.set_version(version);
        let directory = tempfile::tempdir().unwrap();
        let url = fake.jellyfin();
        let jellyfin = connect(&directory, &url, None, &key(&fake));
        Self {
            fake,
            jellyfin,
            owned: Owned::default(),
            saved: Owned::default(),
            disk_is_full: false,
            directory,
        }
    }

    /// Starts us anew, with what is on the disk, against this address.
    pub(crate) fn restart_at(&mut self, url: &str, host: Option<&str>, key: &str) {
        self.jellyfin = connect(&self.directory, url, host, key);
        self.owned = self.saved.clone();
    }

    /// All that we knew is gone but for what is on the disk.
    pub(crate) fn restart(&mut self) {
        self.owned = self.saved.clone();
    }

    pub(crate) async fn hold(&mut self, bitrate: u32) -> Outcome {
        let bitrate = Some(bitrate);
        self.converge(Wanted {
            bitrate,
            off: false,
        })
        .await
    }

    pub(crate) async fn off(&mut self) -> Outcome {
        let bitrate = Some(2_000_000);
        self.converge(Wanted { bitrate, off: true }).await
    }

    pub(crate) async fn converge(&mut self, wanted: Wanted) -> Outcome {
        let (saved, is_full) = (&mut self.saved, self.disk_is_full);
        let mut save = |owned: &Owned| save(saved, owned, is_full);
        self.jellyfin
            .converge(&wanted, &mut self.owned, &mut save)
            .await
    }

    pub(crate) async fn restore(&mut self) -> Outcome {
        let (saved, is_full) = (&mut self.saved, self.disk_is_full);
        let mut save = |owned: &Owned| save(saved, owned, is_full);
        self.jellyfin.restore(&mut self.owned, &mut save).await
    }

    /// What the server limits remote streams to.
    pub(crate) fn limit(&self) -> i64 {
        self.fake.state().jellyfin.limit()
    }

    pub(crate) fn remote_access(&self) -> bool {
        self.fake.state().jellyfin.remote_access()
    }

    pub(crate) fn posts(&self) -> usize {
        let state = self.fake.state();
        let all = state.requests(Service::Jellyfin);
        all.filter(|it| it.method == "POST" && it.path.contains("/System/"))
            .count()
    }
}

impl Drop for Rig {
    /// What may never happen, in no test at all.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let state = self.fake.state();
        assert_eq!(state.log.misdeeds, Vec::<String>::new());
    }
}

fn save(saved: &mut Owned, owned: &Owned, is_full: bool) -> io::Result<()> {
    if is_full {
        return Err(io::ErrorKind::StorageFull.into());
    }
    *saved = owned.clone();
    Ok(())
}

pub(crate) fn key(fake: &Fake) -> String {
    fake.state().jellyfin.keys[0].clone()
}

fn connect(directory: &tempfile::TempDir, url: &str, host: Option<&str>, key: &str) -> Jellyfin {
    let file = directory.path().join("key");
    std::fs::write(&file, key).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = config::Jellyfin {
        url: url.to_owned(),
        host_header: host.map(str::to_owned),
        api_key_file: Some(file),
        message: Some("The month's budget is used up.".to_owned()),
    };
    let key = ApiKey::load(&config).unwrap();
    let patience = Patience {
        connect: Duration::from_millis(400),
        total: Duration::from_millis(400),
    };
    let jellyfin = Jellyfin::with_patience(&config, key, patience).unwrap();
    jellyfin.with_pause(Pause::none())
}
