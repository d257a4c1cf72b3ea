//! `bwflowctl init` as a script meets it: everything said by flags, nobody there to be asked.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use bwflow_proto::config::load_str;
use bwflow_proto::vnstat::Settings;
use bwflow_tests::desk::Desk;
use bwflow_tests::process::program;

#[test]
fn flags_answer_every_question() {
    let desk = Desk::new();
    let all = [
        "--interface",
        "lan0",
        "--budget",
        "2TB",
        "--burst",
        "2TB",
        "--billing-day",
        "31",
        "--count",
        "sum",
        "--timezone",
        "UTC",
    ];
    let printed = desk.run(&[&all[..], &["--print"]].concat());
    assert_eq!(printed.code, Some(0), "{}", printed.talk);
    assert!(load_str("printed", &printed.data).is_ok());
    assert_eq!(desk.changed().len(), 1, "--print writes nothing");
    let written = desk.run(&all);
    assert_eq!(written.code, Some(0), "{}", written.talk);
    assert_eq!(desk.config(), printed.data);
    let link = &desk.meaning().links[0];
    assert_eq!(
        (link.interface.as_str(), link.burst_bytes),
        ("lan0", 2_000_000_000_000)
    );
    assert_eq!((link.billing_day, link.count.as_str()), (31, "sum"));

    let elsewhere = desk.directory.path().join("elsewhere.toml");
    let words = [
        "--yes",
        "--preset",
        "azure",
        "--output",
        elsewhere.to_str().unwrap(),
    ];
    assert_eq!(desk.run(&words).code, Some(0));
    let text = fs::read_to_string(&elsewhere).unwrap();
    let config = load_str("elsewhere", &text).unwrap().config;
    assert_eq!(config.links[0].interface, "wan0");
    assert_eq!(config.links[0].budget_bytes, 100_000_000_000);
}

#[test]
fn without_a_terminal_nothing_is_guessed() {
    let desk = Desk::new();
    let before = desk.changed();
    let refusals = [
        (&["--budget", "1TB"][..], "--interface, --burst"),
        (&["--yes"], "--budget, or --preset"),
        (&["--yes", "--preset", "azur"], "did you mean azure?"),
        (&["--yes", "--budget", "100"], "has no unit"),
        (
            &["--yes", "--budget", "1GB", "--burst", "2GB"],
            "more than the whole budget",
        ),
        (
            &["--yes", "--budget", "1GB", "--timezone", "Kathmandu"],
            "Asia/Kathmandu",
        ),
        (
            &["--write-from-stdin", "--output", "/tmp/x"],
            "cannot be used with",
        ),
        (&["--write-from-stdin"], "cannot be used"),
    ];
    for (words, reason) in refusals {
        let refused = desk.run(words);
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.talk);
        assert!(refused.talk.contains(reason), "{words:?}: {}", refused.talk);
        assert_eq!(desk.changed(), before, "{words:?}");
    }
    desk.namespace
        .ip("route add default via 10.8.0.2 metric 100");
    let several = desk.run(&["--yes", "--budget", "1TB"]);
    assert_eq!(several.code, Some(2), "{}", several.talk);
    assert!(
        several.talk.contains("one of wan0, lan0"),
        "{}",
        several.talk
    );
    desk.namespace.ip("route flush table main");
    let none = desk.run(&["--yes", "--budget", "1TB"]);
    assert_eq!(none.code, Some(2), "{}", none.talk);
    assert!(
        none.talk.contains("no link has a default route"),
        "{}",
        none.talk
    );
}

#[test]
fn a_link_above_vnstats_limit_gets_a_limit_of_its_own_that_vnstat_takes() {
    let desk = Desk::new();
    desk.namespace.ip("tuntap add tun9 mode tun");
    fs::remove_file(desk.etc("localtime")).unwrap();
    let words = ["--yes", "--budget", "1TB", "--interface", "tun9"];
    let told = desk.run(&words);
    assert_eq!(told.code, Some(0), "{}", told.talk);
    let shown = desk.command(&["vnstat", "--showconfig"]);
    assert!(shown.talk.is_empty(), "vnStat complains: {}", shown.talk);
    let mended = fs::read_to_string(desk.etc("vnstat.conf")).unwrap();
    let settings = Settings::parse(&mended);
    assert!(
        settings
            .limit_of("tun9", None)
            .is_some_and(|limit| limit > 1000),
        "{mended}"
    );
    let before = desk.changed();
    let again = desk.run(&words);
    assert_eq!(again.code, Some(0), "{}", again.talk);
    assert_eq!(
        desk.changed(),
        before,
        "a second run offers nothing: {}",
        again.talk
    );
}

#[test]
fn who_may_not_write_is_told_the_command_that_does() {
    let desk = Desk::new();
    let init = program("bwflowctl");
    // The program may lie where others cannot go.
    let public = desk.directory.path().join("bwflowctl");
    fs::copy(init, &public).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(desk.directory.path(), open).unwrap();
    let before = desk.changed();
    let told = desk.command(&[
        "setpriv",
        "--reuid",
        "nobody",
        "--regid",
        "nogroup",
        "--clear-groups",
        "env",
        "PATH=/nonexistent",
        public.to_str().unwrap(),
        "init",
        "--yes",
        "--budget",
        "1.5TB",
        "--interface",
        "lan0",
        "--vnstat",
        "no",
    ]);
    assert_eq!(told.code, Some(4), "{}", told.talk);
    let command = told
        .talk
        .lines()
        .find(|line| line.trim().starts_with("sudo "));
    let command = command.unwrap_or_else(|| panic!("{}", told.talk)).trim();
    assert_eq!(
        command,
        "sudo bwflowctl init --yes --interface lan0 --budget '1.5 TB' --burst '750 GB' --billing-day 1 \
         --count tx --timezone UTC --vnstat no --start no"
    );
    assert_eq!(desk.changed(), before);
    // As root it does just that.
    let done = command.replace("sudo bwflowctl", public.to_str().unwrap());
    let told = desk.command(&["sh", "-c", &done]);
    assert_eq!(told.code, Some(0), "{}", told.talk);
    assert_eq!(desk.meaning().links[0].interface, "lan0");
}
