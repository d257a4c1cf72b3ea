//! The spend guard in the real helper: what it decides arrives at Jellyfin and in the kernel, stays
//! over restarts, and is taken back.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bwflow_tests::config::young;
use bwflow_tests::fake::Fake;
use bwflow_tests::fake::azure::{Budget, Charge};
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::request::Service;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::rig::{HELPER_USER, Rig};
use bwflow_tests::traffic::Traffic;
use bwflow_tests::wait::{milliseconds, throughout, wait_for};
use nix::sys::signal::Signal;
use nix::unistd::User;
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(15);

/// bwflow, and a cloud and a media server beside it in its namespace.
struct Scene {
    rig: Rig,
    fake: Fake,
    _runtime: Runtime,
}

impl Scene {
    /// 30 of 150 dollars are spent.
    fn new() -> Self {
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
        let key = rig.directory().join("key");
        fs::write(&key, &fake.state().jellyfin.keys[0]).unwrap();
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

    fn config(&self, is_on: bool, budget: &str) -> String {
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

    fn reload(&self, is_on: bool, budget: &str) {
        self.rig.configure(&self.config(is_on, budget));
        self.rig.helper.as_ref().unwrap().signal(Signal::SIGHUP);
    }

    /// `RemoteClientBitrateLimit` as Jellyfin has it.
    fn bitrate(&self) -> i64 {
        let state = self.fake.state();
        state.jellyfin.configuration["RemoteClientBitrateLimit"]
            .as_i64()
            .unwrap()
    }

    /// Whether the kernel's bucket has this peak rate.
    fn is_capped(&self, rate: &str) -> bool {
        let shown = self.rig.pair.inside.qdiscs(LINK);
        shown.contains("b0f1:") && shown.contains(&format!("peakrate {rate} "))
    }

    fn wait_for_tier(&self, bitrate: i64, rate: &str) -> Duration {
        let name = format!("{bitrate} in Jellyfin and {rate} on the link");
        let (took, ()) = wait_for(&name, PATIENCE, || {
            (self.bitrate() == bitrate && self.is_capped(rate)).then_some(())
        });
        took
    }

    /// Calls the helper.
    fn call(&self, arguments: &[&str]) -> Output {
        Command::new("dbus-send")
            .arg(format!("--bus={}", self.rig.bus.address()))
            .args(["--print-reply", "--dest=org.bwflow1.Helper"])
            .arg("/org/bwflow1/helper")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What the property says, as dbus-send prints it.
    fn shown(&self) -> String {
        let output = self.call(&[
            "org.freedesktop.DBus.Properties.Get",
            "string:org.bwflow1.Helper",
            "string:Spend",
        ]);
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_tier_arrives_outlives_every_restart_and_is_taken_back() {
    let mut scene = Scene::new();
    let original = scene.bitrate();
    let config = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.start(&config);
    scene.wait_for_tier(4_000_000, "80Mbit");
    wait_for("what everybody may know", PATIENCE, || {
        let shown = scene.shown();
        (shown.contains("\"high\"") && shown.contains("\"held\"")).then_some(())
    });

    // Another budget, of which more is spent.
    scene.reload(true, "half");
    let took = scene.wait_for_tier(2_000_000, "20Mbit");
    println!(
        "MEASURED {:.0} ms from SIGHUP to the tier in Jellyfin and in the kernel",
        milliseconds(took)
    );

    // At no moment without the cap, although the cloud does not say a word.
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
    for _ in 0..3 {
        scene.rig.helper.as_mut().unwrap().kill();
        scene.rig.helper = Some(Process::start(&mut scene.rig.helper_command()));
        throughout(Duration::from_millis(700), |_| {
            assert!(
                scene.is_capped("20Mbit"),
                "{}",
                scene.rig.pair.inside.qdiscs(LINK)
            );
            assert_eq!(
                scene.rig.kept_grant().unwrap()["peak_bytes_per_second"],
                2_500_000
            );
        });
    }
    assert_eq!(scene.bitrate(), 2_000_000);

    scene.reload(false, "half");
    let taken_back = || {
        let is_shaped = scene.rig.pair.inside.is_shaped(LINK);
        (scene.bitrate() == original && !is_shaped).then_some(())
    };
    wait_for("everything as it was", PATIENCE, taken_back);
    wait_for("nothing left to remember", PATIENCE, || {
        (!scene.rig.state().join("spend.json").exists()).then_some(())
    });
    let refused = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("switched off"), "{text}");
    assert_eq!(scene.fake.state().log.misdeeds, Vec::<String>::new());
}

#[test]
fn a_cloud_that_hangs_holds_up_neither_the_count_nor_the_end() {
    let mut scene = Scene::new();
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    wait_for("a question to the cloud", PATIENCE, || {
        scene.fake.state().requests(Service::Arm).next().map(|_| ())
    });
    // Figures of a link at rest stand; those of a busy one are told at every look.
    let traffic = Traffic::start(&scene.rig.pair);
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let begin = Instant::now();
        scene.rig.fresh_report();
        slowest = slowest.max(begin.elapsed());
    }
    drop(traffic);
    println!(
        "MEASURED {:.0} ms to fresh figures while the cloud hangs",
        milliseconds(slowest)
    );
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");

    let begin = Instant::now();
    let status = scene.rig.helper.as_mut().unwrap().terminate();
    assert!(status.success());
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn checks_by_hand_are_paced() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    scene.wait_for_tier(2_000_000, "20Mbit");
    let asked = || scene.fake.state().requests(Service::Arm).count();
    let before = asked();
    let first = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    assert!(first.status.success(), "{first:?}");
    let second = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("LimitsExceeded"), "{text}");
    assert_eq!(
        asked(),
        before,
        "the cloud was asked less than a minute ago"
    );
    // Somebody loosens it by hand: the next check notices.
    scene.fake.state().jellyfin.configuration["RemoteClientBitrateLimit"] = 8_000_000.into();
    let (took, ()) = wait_for("another check", PATIENCE, || {
        let again = scene.call(&["org.bwflow1.Helper.CheckSpend"]);
        again.status.success().then_some(())
    });
    assert!(took > Duration::from_secs(7), "{took:?}");
    assert_eq!(scene.bitrate(), 2_000_000);
}
