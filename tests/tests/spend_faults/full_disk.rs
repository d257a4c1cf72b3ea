//! A state directory that is full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::scene::{HOUR, Scene};

/// A file system of 64 KiB.
pub(super) struct Small {
    directory: TempDir,
}

impl Small {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "bwflow-test"])
            .arg(directory.path())
            .status();
        assert!(mounted.unwrap().success(), "tests need root");
        Self { directory }
    }

    fn ballast(&self) -> PathBuf {
        self.directory.path().join("ballast")
    }

    fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.directory.path()).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_the_cap_holds_and_jellyfin_is_not_written() {
    let disk = Small::new();
    let mut scene = Scene::new().await;
    scene.keep_in(disk.path());
    scene.set(|state| state.jellyfin.set_limit(50_000_000));
    scene.spend(30.0);
    scene.check().await;
    assert_eq!(scene.capped(), Some(10_000_000));
    assert_eq!(scene.fake.state().jellyfin.limit(), 4_000_000);

    disk.fill();
    scene.spend(90.0);
    scene.pass(4 * HOUR);
    scene.check().await;
    let view = scene.view();
    assert_eq!(
        (view.tier.as_str(), scene.capped()),
        ("medium", Some(2_500_000))
    );
    assert_eq!(scene.fake.state().jellyfin.limit(), 4_000_000);
    let error = &view.jellyfin_error;
    assert!(error.contains("No space left"), "{error}");
    // What was kept before is whole.
    scene.restart();
    scene.check().await;
    assert_eq!(scene.view().tier, "medium");

    disk.empty();
    let wait = scene.wait_seconds().unwrap();
    scene.pass(wait);
    scene.check().await;
    assert_eq!(scene.fake.state().jellyfin.limit(), 2_000_000);
    assert_eq!(scene.view().jellyfin_error, "");
    scene.invariants().unwrap();
}
