//! Who may change a link by hand: a real bus, a real polkitd, a real agent that types passwords.

#![allow(clippy::unwrap_used)]

use std::fs::{self};
use std::time::Duration;

use bwflow_proto::bus::link_path;
use bwflow_tests::caller::Caller;
use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::polkit::{Polkit, grants};
use bwflow_tests::process::source;
use bwflow_tests::rig::{HELPER_USER, Rig};
use bwflow_tests::snapshot::Snapshot;
use bwflow_tests::verbs::{
    CORRECT, OTHER, OVERRIDE, THROTTLE, TOP_UP, USER, assert_refused, interactive, quiet_rig,
    settle, verbs, with,
};
use bwflow_tests::wait::milliseconds;
use futures_util::StreamExt as _;
use serde_json::json;
use zbus::fdo::{PropertiesChangedStream, PropertiesProxy};

/// Hears what changes on the link.
struct Listener {
    runtime: tokio::runtime::Runtime,
    signals: PropertiesChangedStream,
}

impl Listener {
    fn new(rig: &Rig) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let signals = runtime.block_on(async {
            let connection = rig.bus.connect().await;
            let properties = PropertiesProxy::new(&connection, "org.bwflow1", link_path(LINK))
                .await
                .unwrap();
            properties.receive_properties_changed().await.unwrap()
        });
        Self { runtime, signals }
    }

    /// Waits for a signal that tells the property's new value.
    fn next_with(&mut self, property: &str) {
        let next = async {
            loop {
                let signal = self.signals.next().await.unwrap();
                let arguments = signal.args().unwrap();
                let changed = arguments.changed_properties();
                if changed.contains_key(property) {
                    return;
                }
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(5), next).await })
            .unwrap_or_else(|_| panic!("no signal about {property}"));
    }
}

#[test]
fn an_unprivileged_user_reads_everything_and_every_verb_is_refused() {
    let rig = quiet_rig();
    let _polkit = Polkit::start(&rig, "");
    let before = Snapshot::take(&rig);
    let mut user = Caller::new(&rig, USER);
    assert!(user.call("GetAll", json!({})).is_ok());
    for (method, call, action) in verbs() {
        let refused = user.call(method, call.clone());
        assert_refused(&refused, "InteractiveAuthorizationRequired", action);
        // There is no agent that could ask.
        let refused = user.call(method, interactive(&call));
        assert_refused(&refused, "AccessDenied", action);
        assert_refused(&refused, "AccessDenied", "use sudo");
    }
    assert_eq!(Snapshot::take(&rig), before, "a denial changes nothing");
}

#[test]
fn root_is_served_without_a_question() {
    let rig = quiet_rig();
    let mut root = Caller::new(&rig, "root");
    for (method, call, _) in verbs() {
        let before = Snapshot::take(&rig);
        let answer = root.call(method, call);
        assert!(answer.is_ok(), "{method}: {answer:?}");
        assert_ne!(Snapshot::take(&rig), before, "{method} changes something");
    }
}

#[test]
fn whoever_watches_hears_of_each_decision() {
    let rig = quiet_rig();
    let mut heard = Listener::new(&rig);
    let mut root = Caller::new(&rig, "root");
    for ((method, call, _), property) in verbs().into_iter().zip([
        "Throttle",
        "Throttle",
        "Override",
        "Override",
        "PendingTopUps",
    ]) {
        assert!(root.call(method, call).is_ok());
        heard.next_with(property);
    }
}

#[test]
fn a_rule_that_grants_one_action_grants_that_one_alone() {
    let rig = quiet_rig();
    let mut polkit = Polkit::start(&rig, "");
    for granted in [THROTTLE, OVERRIDE, TOP_UP] {
        polkit.set_rules(&grants(USER, granted));
        polkit.restart(&rig);
        let mut user = Caller::new(&rig, USER);
        let mut other = Caller::new(&rig, OTHER);
        for (method, call, action) in verbs() {
            let before = Snapshot::take(&rig);
            let refused = other.call(method, call.clone());
            assert_refused(&refused, "InteractiveAuthorizationRequired", action);
            let answer = user.call(method, call);
            if action == granted {
                assert!(answer.is_ok(), "{method}: {answer:?}");
                assert_ne!(Snapshot::take(&rig), before, "{method} changes something");
                println!(
                    "MEASURED {method} allowed by a polkit rule: {:.1} ms",
                    milliseconds(answer.took)
                );
            } else {
                assert_refused(&answer, "InteractiveAuthorizationRequired", action);
                assert_eq!(Snapshot::take(&rig), before, "a denial changes nothing");
            }
        }
    }
}

#[test]
fn an_override_that_tops_up_needs_both_authorities() {
    let rig = quiet_rig();
    let mut polkit = Polkit::start(&rig, "");
    let call = json!({"options": {"TopUpBytes": 1_000_000}});
    let before = Snapshot::take(&rig);
    for (granted, missing) in [(OVERRIDE, TOP_UP), (TOP_UP, OVERRIDE)] {
        polkit.set_rules(&grants(USER, granted));
        polkit.restart(&rig);
        let mut user = Caller::new(&rig, USER);
        let refused = user.call("Override", call.clone());
        assert_refused(&refused, "InteractiveAuthorizationRequired", missing);
        assert_eq!(Snapshot::take(&rig), before, "{granted} alone does nothing");
    }
    polkit.set_rules(&format!(
        "{}{}",
        grants(USER, OVERRIDE),
        grants(USER, TOP_UP)
    ));
    polkit.restart(&rig);
    let answer = Caller::new(&rig, USER).call("Override", call);
    assert!(answer.is_ok(), "{answer:?}");
    assert_ne!(Snapshot::take(&rig), before);
}

#[test]
fn without_polkit_root_is_served_and_others_are_told() {
    let rig = quiet_rig();
    let before = Snapshot::take(&rig);
    let mut user = Caller::new(&rig, USER);
    for (method, call, _) in verbs() {
        for call in [interactive(&call), call] {
            let refused = user.call(method, call);
            assert_refused(&refused, "AccessDenied", "only root is served");
            assert_refused(&refused, "AccessDenied", "use sudo");
        }
    }
    assert_eq!(Snapshot::take(&rig), before);
    let answer = Caller::new(&rig, "root").call("Throttle", verbs()[0].1.clone());
    assert!(answer.is_ok(), "{answer:?}");
}

#[test]
fn the_helper_s_user_is_refused_whatever_a_rule_says() {
    let rig = quiet_rig();
    let all: String = [THROTTLE, OVERRIDE, TOP_UP]
        .iter()
        .map(|action| grants(HELPER_USER, action))
        .collect();
    let _polkit = Polkit::start(&rig, &all);
    let before = Snapshot::take(&rig);
    let mut helper = Caller::new(&rig, HELPER_USER);
    for (method, call, _) in verbs() {
        // This is the bus.
        assert_refused(&helper.call(method, call), "AccessDenied", "Rejected");
    }
    assert_eq!(Snapshot::take(&rig), before);
}

#[test]
fn the_helper_s_user_is_refused_even_when_the_bus_lets_it_through() {
    let mut rig = Rig::new();
    let file = rig.directory().join("org.bwflow1.conf");
    let policy = fs::read_to_string(&file).unwrap();
    let without: String = policy
        .lines()
        .filter(|line| {
            !line.contains(
                "<deny send_destination=\"org.bwflow1\" send_interface=\"org.bwflow1.Link\"/>",
            )
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(without, policy);
    fs::write(&file, without).unwrap();
    rig.bus.restart();
    rig.start(&young("30 MB", "1 kB", ""));
    rig.wait_state("throttled", Duration::from_secs(5));
    settle(&mut rig);
    let _polkit = Polkit::start(&rig, &grants(HELPER_USER, THROTTLE));
    let before = Snapshot::take(&rig);
    let mut helper = Caller::new(&rig, HELPER_USER);
    for (method, call, _) in verbs() {
        assert_refused(&helper.call(method, call), "AccessDenied", "never by hand");
    }
    assert_eq!(Snapshot::take(&rig), before);
}

#[test]
fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    let rig = quiet_rig();
    let before = Snapshot::take(&rig);
    // Also to root, and without polkit.
    let mut root = Caller::new(&rig, "root");
    let long = "x".repeat(201);
    for (method, call) in [
        ("Throttle", json!({"number": 0})),
        ("Throttle", json!({"number": u64::MAX})),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"Colour": "red"}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"DurationUSec": "1h"}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"DurationUSec": 0}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"UntilUSec": 1}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"Reason": long}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"Reason": "x".repeat(5_000)}}),
        ),
        (
            "Throttle",
            json!({"number": 1_000_000, "options": {"TopUpBytes": 1}}),
        ),
        ("Override", json!({"options": {"RateBytesPerSecond": 0}})),
        ("Override", json!({"options": {"TopUpBytes": 0}})),
        (
            "Override",
            json!({"options": {"DurationUSec": 1, "UntilUSec": u64::MAX}}),
        ),
        ("TopUp", json!({"number": 0})),
        ("TopUp", json!({"number": u64::MAX})),
        ("Correct", json!({"number": u64::MAX})),
        (
            "Correct",
            json!({"number": 1, "options": {"TopUpBytes": 1}}),
        ),
        (
            "TopUp",
            json!({"number": 1, "options": {"DurationUSec": 1}}),
        ),
    ] {
        let refused = root.call(method, call.clone());
        assert_eq!(refused.error, "InvalidArgs", "{method} {call}: {refused:?}");
    }
    // The configuration's min_rate is 64 kbit/s unless it says otherwise.
    let slow = json!({"number": 1});
    let refused = root.call("Throttle", slow.clone());
    assert_refused(&refused, "org.bwflow1.Error.BelowMinRate", "min_rate");
    assert_eq!(Snapshot::take(&rig), before);
    let forced = root.call("Throttle", with(&slow, "options", json!({"Force": true})));
    assert!(forced.is_ok(), "{forced:?}");
}

#[test]
fn polkit_takes_the_shipped_policy_with_just_these_actions_and_defaults() {
    let rig = Rig::new();
    let polkit = Polkit::start(&rig, "");
    let output = polkit
        .command("pkaction")
        .arg("--verbose")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let actions: Vec<_> = text
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
        .collect();
    // By name; to write the configuration is asked for each time, by pkexec alone.
    let owner: &[&str] = &["org.freedesktop.policykit.owner -> unix-user:daemon"];
    let exec: &[&str] = &[
        "org.freedesktop.policykit.exec.path -> /usr/bin/bwflowctl",
        "org.freedesktop.policykit.exec.argv1 -> init",
    ];
    let expected = [
        ("org.bwflow1.configure", "auth_admin", exec),
        (CORRECT, "auth_admin_keep", owner),
        (OVERRIDE, "auth_admin_keep", owner),
        (THROTTLE, "auth_admin_keep", owner),
        (TOP_UP, "auth_admin_keep", owner),
    ];
    assert_eq!(actions.len(), expected.len(), "{text}");
    for (block, (action, active, annotations)) in actions.iter().zip(expected) {
        let mut lines = block.trim().lines();
        assert_eq!(lines.next().unwrap(), format!("{action}:"));
        let field = |name: &str| {
            let found = block
                .lines()
                .find_map(|line| line.trim().strip_prefix(name));
            found
                .unwrap_or_else(|| panic!("no {name} in {block}"))
                .trim()
        };
        assert_eq!(field("implicit any:"), "auth_admin");
        assert_eq!(field("implicit inactive:"), "auth_admin");
        assert_eq!(field("implicit active:"), active);
        let mut found: Vec<&str> = block
            .lines()
            .filter_map(|line| line.trim().strip_prefix("annotation:"))
            .map(str::trim)
            .collect();
        found.sort_unstable_by_key(|annotation| !annotation.contains("exec.path"));
        assert_eq!(found, annotations);
        assert_eq!(field("vendor:"), "bwflow");
        for name in ["description:", "message:", "icon:"] {
            assert!(!field(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn the_example_rule_lets_a_group_throttle_and_no_more() {
    let rig = quiet_rig();
    let example = fs::read_to_string(source().join("polkit/50-bwflow-example.rules")).unwrap();
    assert!(example.contains("isInGroup(\"netadmin\")"));
    // A user's own group; everybody else stays out.
    let _polkit = Polkit::start(&rig, &example.replace("netadmin", OTHER));
    let mut member = Caller::new(&rig, OTHER);
    for (method, call, action) in verbs() {
        let answer = member.call(method, call);
        if action == THROTTLE {
            assert!(answer.is_ok(), "{method}: {answer:?}");
        } else {
            assert_refused(&answer, "InteractiveAuthorizationRequired", action);
        }
    }
    let refused = Caller::new(&rig, USER).call("Throttle", verbs()[0].1.clone());
    assert_refused(&refused, "InteractiveAuthorizationRequired", THROTTLE);
}

#[test]
fn nobody_else_takes_the_daemon_s_name() {
    let rig = Rig::new();
    for user in ["root", USER, HELPER_USER] {
        let output = bwflow_tests::caller::as_user(user)
            .args(["dbus-send", &format!("--bus={}", rig.bus.address())])
            .args(["--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .args([
                "org.freedesktop.DBus.RequestName",
                "string:org.bwflow1",
                "uint32:4",
            ])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{user}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("AccessDenied"), "{user}: {text}");
    }
    assert_eq!(rig.owner("org.bwflow1"), None);
}
