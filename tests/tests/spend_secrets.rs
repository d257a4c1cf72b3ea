//! Through a whole story, nobody sees a secret of the spend guard's, and its log is worth reading.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use bwflow_tests::fake::azure::Budget;
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::jellyfin::Session;
use bwflow_tests::fake::request::Service;
use bwflow_tests::process::Process;
use bwflow_tests::scene::{PATIENCE, Scene};
use bwflow_tests::wait::wait_for;
use serde_json::json;

const PASSWORD: &str = "a-certificates-password";

/// All files below a directory, as texts.
fn files(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let texts = entries.map(|entry| {
        if entry.path().is_dir() {
            return files(&entry.path());
        }
        // What was renamed meanwhile is looked at next time.
        let bytes = fs::read(entry.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    texts.collect()
}

/// A process's command line and environment.
fn process(directory: &Path) -> String {
    let texts = ["cmdline", "environ"].map(|name| {
        let bytes = fs::read(directory.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    });
    texts.concat()
}

/// Those of all processes.
fn processes() -> String {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.map(|entry| process(&entry.path())).collect()
}

/// What is to be seen by others, looked at again and again.
struct Looks {
    kept: String,
    /// All processes.
    running: String,
    /// bwflow's.
    own: String,
}

impl Looks {
    fn again(&mut self, scene: &Scene) {
        self.kept += &files(&scene.rig.state());
        self.kept += &files(&scene.rig.directory().join("run"));
        self.kept += &files(&scene.rig.daemon_state());
        self.running += &processes();
        for it in [&scene.rig.daemon, &scene.rig.helper].into_iter().flatten() {
            self.own += &process(Path::new(&format!("/proc/{}", it.id())));
        }
    }
}

/// A watched film, a password in the network document, and an answer of Azure's and of Jellyfin's
/// that quote what they were sent.
fn prepare(scene: &Scene) {
    let mut state = scene.fake.state();
    let key = state.jellyfin.keys[0].clone();
    state
        .jellyfin
        .set_network("CertificatePassword", json!(PASSWORD));
    state
        .jellyfin
        .watch(Session::new(1, "203.0.113.7", 8_000_000));
    state.azure.budgets.push(Budget::monthly("tiny", 20.0));
    let expired =
        json!({"error": {"code": "ExpiredAuthenticationToken", "message": "It has ended."}});
    state.fail(Fault::of(Service::Arm, Does::json(401, &expired)).times(1));
    let quoted = format!("MediaBrowser Token=\"{key}\" is not known here");
    let refused = Does::typed(401, "text/plain", &quoted);
    state.fail(Fault::of(Service::Jellyfin, refused).times(1));
}

#[test]
fn no_secret_is_seen_anywhere_and_each_decision_is_logged_once() {
    let mut scene = Scene::new();
    prepare(&scene);
    let original = scene.bitrate();
    let high = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.rig.configure(&high);
    let [log, bus] = ["log", "bus.log"].map(|name| scene.rig.directory().join(name));
    let mut monitor = Command::new("dbus-monitor");
    monitor.args(["--address", &scene.rig.bus.address()]);
    let _monitor = Process::start(monitor.stdout(File::create(&bus).unwrap()));
    scene.rig.start_daemon();
    let mut helper = scene.rig.helper_command();
    helper.args(["--log-level", "trace"]);
    helper.stderr(File::create(&log).unwrap());
    scene.rig.helper = Some(Process::start(&mut helper));

    wait_for("the helper on the bus", PATIENCE, || {
        scene.rig.owner("org.bwflow1.Helper")
    });
    let mut looks = Looks {
        kept: String::new(),
        running: String::new(),
        own: String::new(),
    };
    scene.wait_told("Jellyfin's refusal", |it| {
        it["jellyfin"]["state"] == "refused"
    });
    looks.again(&scene);
    // To the end of the check: another configuration interrupts it.
    let held = |bitrate: u32| {
        scene.wait_told("a limit that is held", |it| {
            it["jellyfin"]["state"] == "held" && it["jellyfin"]["bitrate"] == bitrate
        })
    };
    // Twice the same: nothing is decided anew.
    for _ in 0..2 {
        scene.reload(&high);
        held(4_000_000);
        looks.again(&scene);
    }
    scene.reload(&scene.config(true, "half"));
    held(2_000_000);
    looks.again(&scene);
    scene.reload(&scene.config(true, "tiny"));
    let off = scene.wait_told("off", |it| {
        it["off"] == true && it["jellyfin"]["state"] == "held"
    });
    assert_eq!(off["jellyfin"]["remote_access"], false);
    looks.again(&scene);
    scene.reload(&scene.config(false, "tiny"));
    wait_for("everything as it was", PATIENCE, || {
        let is_open = scene.fake.state().jellyfin.remote_access();
        (scene.bitrate() == original && is_open).then_some(())
    });
    let state = scene.rig.state().join("spend.json");
    wait_for("nothing left to remember", PATIENCE, || {
        (!state.exists()).then_some(())
    });
    looks.again(&scene);
    assert!(scene.rig.helper.as_mut().unwrap().terminate().success());
    let (log, bus) = (
        fs::read_to_string(log).unwrap(),
        String::from_utf8_lossy(&fs::read(bus).unwrap()).into_owned(),
    );

    // Each of them was there to be seen, and what was looked at is what it should be.
    let secrets = scene.fake.state().secrets();
    assert!(secrets.len() > 2, "{secrets:?}");
    assert!(secrets.iter().any(|it| it == PASSWORD), "{secrets:?}");
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    assert!(bus.contains("JellyfinState"), "{bus}");
    assert!(looks.kept.contains("tiny"), "{}", looks.kept);
    assert!(looks.own.contains("bwflow-helper"), "{}", looks.own);
    assert!(looks.running.contains("dbus-monitor"));
    let Looks { kept, running, own } = &looks;
    let places = [
        ("log", &log),
        ("bus", &bus),
        ("files", kept),
        ("processes", own),
    ];
    for secret in &secrets {
        for (place, seen) in places {
            assert!(!seen.contains(secret), "{secret} is in the {place}");
        }
        // Other tests' tokens look the same.
        let is_only_ours = !secret.starts_with("eyJ");
        assert!(
            !is_only_ours || !running.contains(secret),
            "{secret} is in a process"
        );
    }
    for header in ["mediabrowser token", "bearer "] {
        for (place, seen) in places {
            let seen = seen.to_ascii_lowercase();
            assert!(!seen.contains(header), "{header} is in the {place}");
        }
    }

    // What was decided, once each, and why.
    let decided = log
        .lines()
        .filter_map(|line| line.split_once("spend tier "));
    let decided: Vec<_> = decided
        .map(|(_, it)| it.split_once("; reported").unwrap_or((it, "")).0)
        .collect();
    let expected = ["high: ", "medium, after high: ", "off, after medium: "];
    assert_eq!(decided.len(), expected.len(), "{decided:#?}");
    for (decided, expected) in decided.iter().zip(expected) {
        assert!(decided.starts_with(expected), "{decided} is not {expected}");
        assert!(decided.contains('%'), "{decided} has no reason");
    }
    let count = |what: &str| log.matches(what).count();
    assert_eq!(count("the spend guard is off"), 1, "{log}");
    assert_eq!(count(" WARN Jellyfin: "), 1, "{log}");
    assert_eq!(count("Jellyfin: works again"), 1, "{log}");
    assert_eq!(count("Jellyfin: held, at most 4000000 bit/s"), 1, "{log}");
}
