//! `bwflowctl spend`, `status`, `report` and `doctor` show what the spend guard knows, does and sees.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};
use std::time::Duration;

use bwflow_tests::config::young;
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::jellyfin::{Session, User};
use bwflow_tests::fake::request::Service;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::scene::Scene;
use bwflow_tests::verbs::settle;
use bwflow_tests::wait::wait_for;
use serde_json::{Value, json};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The table of `bwflowctl spend`.
fn table(scene: &Scene) -> String {
    let output = scene.rig.ctl(&["spend"]);
    assert!(output.status.success(), "{output:?}");
    // Lines are broken where they are too long.
    text(&output.stdout).replace("\n  ", " ")
}

/// What the doctor says of a check, and how to cure it; one a line.
fn diagnosis(scene: &Scene, check: &str) -> String {
    let rig = &scene.rig;
    let output = Command::new("ip")
        .args(["netns", "exec", rig.pair.inside.name()])
        .arg(rig.directory().join("bwflowctl"))
        .args(["--address", &rig.bus.address(), "doctor", "--json"])
        .arg("--config")
        .arg(rig.config())
        .arg("--state-directory")
        .arg(rig.state())
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap().iter();
    let told = checks.filter(|it| it["check"] == check).map(|it| {
        let word = |key: &str| it[key].as_str().unwrap_or("");
        format!("{}: {} -> {}\n", word("grade"), word("found"), word("cure"))
    });
    told.collect()
}

/// Microseconds are shown as seconds; close enough to now.
fn is_recent(time: &Value) -> bool {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().as_second() - time.as_second();
    (0..60).contains(&age)
}

#[test]
fn a_guard_that_is_off_is_no_error_but_one_that_is_away_is() {
    let mut rig = Rig::new();
    rig.start(&young("9000 GB", "8999 GB", ""));
    for more in [&[][..], &["--refresh"]] {
        let said = rig.ctl(&[&["spend"], more].concat());
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        assert!(text(&said.stdout).contains("switched off"), "{said:?}");
        let said = rig.ctl(&[&["spend", "--json"], more].concat());
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(said, json!({"version": 1, "enabled": false}));
    }
    settle(&mut rig);
    for arguments in [
        &["spend"][..],
        &["spend", "--json"],
        &["spend", "--refresh"],
    ] {
        let said = rig.ctl(arguments);
        assert_eq!(said.status.code(), Some(3), "{said:?}");
        assert_eq!(text(&said.stdout), "");
        assert!(text(&said.stderr).contains("bwflow-helper"), "{said:?}");
    }
}

/// Jellyfin knows all proxies, so that nothing is found to be wrong.
fn know_proxies(scene: &Scene) {
    let proxies = ["127.0.0.1", "10.0.0.1", "172.18.0.2"];
    scene.fake.state().jellyfin.set_known_proxies(&proxies);
}

#[test]
fn before_the_first_answer_the_guard_is_said_to_be_on() {
    let mut scene = Scene::new();
    scene.fake.state().fail(Fault::of(Service::Arm, Does::Hang));
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    let told = scene.told();
    assert_eq!(told["enabled"], true);
    assert_eq!(told["azure_budget_name"], "half");
    assert_eq!(told["knowledge"], "unknown");
    assert_eq!(told["jellyfin"]["state"], "pending");
    for key in [
        "current_cost",
        "budget_limit",
        "bandwidth_limit",
        "last_updated",
    ] {
        assert_eq!(told[key], Value::Null, "{key} in {told:#}");
    }
    let shown = table(&scene);
    assert!(
        shown.contains("checked    not yet; the first check is under way\n"),
        "{shown}"
    );
    let examined = diagnosis(&scene, "spend");
    assert!(
        examined.contains("has not asked for the cost yet"),
        "{examined}"
    );
}

#[test]
fn nothing_is_found_in_the_way_of_a_limit_that_there_is_not() {
    let mut scene = Scene::new();
    scene.fake.state().azure.readers = Some(Vec::new());
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    let told = scene.wait_told("a check", |it| it["jellyfin"]["state"] == "none");
    assert_eq!(told["bandwidth_limit"], Value::Null);
    assert_eq!(told["findings"], json!([]));
}

#[test]
fn every_figure_is_shown_as_it_is() {
    let mut scene = Scene::new();
    let config = |budget: &str| {
        let text = scene.config(true, budget);
        let text = text.replace("currency =", "price_per_gb = 0.087\ncurrency =");
        text.replace("[spend.azure]\n", "[spend.azure]\nfallback_budget = 99.5\n")
    };
    let (high, medium) = (config("Monthly-Bandwidth-Limit"), config("half"));
    let host = scene.fake.jellyfin().replace("http://", "");
    let (host, port) = host.split_once(':').unwrap();
    know_proxies(&scene);
    scene.rig.start(&high);
    let told = scene.wait_told("the first tier", |it| it["bandwidth_limit"] == "high");
    for (key, value) in [
        ("version", json!(1)),
        ("enabled", json!(true)),
        ("azure_budget_name", json!("Monthly-Bandwidth-Limit")),
        ("fallback_budget", json!(99.5)),
        ("current_cost", json!(30.0)),
        ("budget_limit", json!(150.0)),
        ("bitrate", json!(4_000_000)),
        ("budget_source", json!("azure_budget_api")),
        ("jellyfin_host", json!(host)),
        ("jellyfin_port", json!(port.parse::<u16>().unwrap())),
        ("knowledge", json!("fresh")),
        ("currency", json!("USD")),
        ("price_per_gb", json!(0.087)),
        ("off", json!(false)),
        ("interface", json!(LINK)),
        ("link_rate_bytes_per_second", json!(10_000_000)),
        ("cost_error", Value::Null),
        ("cost_error_since", Value::Null),
        ("budget_note", Value::Null),
        ("findings", json!([])),
    ] {
        assert_eq!(told[key], value, "{key} in {told:#}");
    }
    let jellyfin = &told["jellyfin"];
    for (key, value) in [
        ("state", json!("held")),
        ("bitrate", json!(4_000_000)),
        // Only a tier that is off looks at it.
        ("remote_access", Value::Null),
        ("version", json!("10.11.11")),
        ("error", Value::Null),
        ("error_since", Value::Null),
    ] {
        assert_eq!(jellyfin[key], value, "{key} in {told:#}");
    }
    for time in ["last_updated", "cost_reported_at", "tier_since"] {
        assert!(is_recent(&told[time]), "{time} in {told:#}");
    }
    assert!(is_recent(&jellyfin["read_at"]), "{told:#}");
    let times = |key: &str| told[key].as_str().unwrap().to_owned();
    assert!(times("next_check") > times("last_updated"), "{told:#}");
    assert!(times("next_cost") > times("next_check"), "{told:#}");
    let month = &times("last_updated")[..7];
    assert_eq!(told["period"]["start"], format!("{month}-01T00:00:00Z"));
    // What little the link has sent is worth next to nothing.
    let estimate = told["estimated_now"].as_f64().unwrap();
    assert!((30.0..30.01).contains(&estimate), "{told:#}");
    assert!(told["unreported_bytes"].is_u64(), "{told:#}");

    // But as it is above 20 % it is not shown as if it were not.
    let micros = (estimate * 1e6).round();
    let percentage = (micros / 15_000.0).ceil() / 100.0;
    assert_eq!(told["percentage"], percentage, "{told:#}");

    let shown = table(&scene);
    for line in [
        "cost       30.00 USD as of ",
        "budget     150.00 USD, Monthly-Bandwidth-Limit of Azure, ",
        "share      20",
        "tier       high since ",
        "asked for  4 Mbit/s a remote stream, ",
        " capped to 80 Mbit/s\n",
        " follows; it has 4 Mbit/s as of ",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }

    // A change of tiers arrives in everything that is shown.
    scene.reload(&medium);
    let told = scene.wait_told("the next tier", |it| it["bandwidth_limit"] == "medium");
    assert_eq!(told["azure_budget_name"], "half");
    let percentage = told["percentage"].as_f64().unwrap();
    assert!((60.0..=60.01).contains(&percentage), "{told:#}");
    assert_eq!(told["link_rate_bytes_per_second"], 2_500_000);
    assert_eq!(told["jellyfin"]["bitrate"], 2_000_000);
    wait_for(
        "the cap in the link's state",
        Duration::from_secs(5),
        || {
            let said = text(&scene.rig.ctl(&["status"]).stdout).replace("\n  ", " ");
            said.contains("20 Mbit/s by the spend guard").then_some(())
        },
    );
    let report = scene.rig.report().unwrap();
    assert_eq!(report["limit_bytes_per_second"], 2_500_000, "{report:#}");
}

#[test]
fn a_refresh_checks_anew_and_says_so_when_it_may_not() {
    let mut scene = Scene::new();
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    scene.wait_told("a tier", |it| it["jellyfin"]["state"] == "held");
    scene.fake.state().jellyfin.set_limit(8_000_000);
    let refresh = || scene.rig.ctl(&["spend", "--refresh", "--json"]);
    let document = |said: &Output| -> Value {
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    };
    let said = refresh();
    assert_eq!(document(&said)["jellyfin"]["bitrate"], 2_000_000);
    assert_eq!(text(&said.stderr), "");
    assert_eq!(scene.bitrate(), 2_000_000, "it returned before it was done");
    let said = refresh();
    assert_eq!(document(&said)["bandwidth_limit"], "medium");
    assert!(
        text(&said.stderr).contains("not checked anew ("),
        "{said:?}"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_cure() {
    let mut scene = Scene::new();
    {
        let server = &mut scene.fake.state().jellyfin;
        server.users.push(User::new("generous").limited(20_000_000));
        let mut session = Session::new(1, "203.0.113.7", 20_000_000);
        session.via = vec!["10.0.0.1".parse().unwrap(), "172.18.0.2".parse().unwrap()];
        server.watch(session);
    }
    let config = scene.config(true, "half");
    scene.rig.start(&config);
    let told = scene.wait_told("findings", |it| {
        it["findings"].as_array().is_some_and(|it| !it.is_empty())
    });
    let mut findings = told["findings"].as_array().unwrap().clone();
    findings.sort_by_key(|it| it["kind"].to_string());
    let expected = json!([
        {"kind": "clients-local", "subject": "172.18.0.2"},
        {"kind": "known-proxies", "subject": ""},
        {"kind": "user-limit", "subject": "generous"},
    ]);
    assert_eq!(json!(findings), expected);
    let (shown, examined) = (table(&scene), diagnosis(&scene, "jellyfin"));
    for cure in [
        "then restart Jellyfin",
        "let the proxy at home trust this host's forwarded addresses",
        "lower the bitrate limit, or set it to 0",
    ] {
        assert!(shown.contains(cure), "{shown}");
        assert!(examined.contains(cure), "{examined}");
    }
    assert!(examined.contains("`generous`"), "{examined}");

    // Neither the cloud nor the media server does as it should.
    scene.fake.state().azure.readers = Some(Vec::new());
    scene.fake.set_reachable(Service::Jellyfin, false);
    let other = scene.config(true, "Monthly-Bandwidth-Limit");
    scene.reload(&other);
    let told = scene.wait_told("what is wrong", |it| !it["cost_error"].is_null());
    assert!(is_recent(&told["cost_error_since"]), "{told:#}");
    let jellyfin = &told["jellyfin"];
    assert_eq!(jellyfin["state"], "unreachable");
    assert!(jellyfin["error"].is_string(), "{told:#}");
    assert!(is_recent(&jellyfin["error_since"]), "{told:#}");
    assert_eq!(told["knowledge"], "unknown");
    for key in ["current_cost", "percentage", "estimated_now"] {
        assert_eq!(told[key], Value::Null, "{key} in {told:#}");
    }
    assert_eq!(told["bandwidth_limit"], "medium", "it rose on no data");
    let shown = table(&scene);
    for part in [
        "cost       not known for this period\n",
        "The cost cannot be asked for since ",
        "Cost Management Reader",
        "cannot be reached",
        "Jellyfin does not follow since ",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    let examined = diagnosis(&scene, "spend");
    assert!(examined.contains("warning: "), "{examined}");
    assert!(examined.contains("Cost Management Reader"), "{examined}");
    assert!(
        examined.contains("journalctl -u bwflow-helper"),
        "{examined}"
    );
    let examined = diagnosis(&scene, "jellyfin");
    assert!(examined.contains("is the way to 127.0.0.1:"), "{examined}");
}
