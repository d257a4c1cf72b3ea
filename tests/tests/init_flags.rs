//! `bwflowctl init` as a script meets it: everything said by flags, nobody there to be asked.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use bwflow_proto::config::load_str;
use bwflow_proto::vnstat::Settings;
use bwflow_tests::desk::{Desk, Told};
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
    assert_eq!(
        settings.limits,
        [("tun9".to_owned(), 0)],
        "as the doctor says it: {mended}"
    );
    assert_eq!(settings.limit_of("tun9", None), None, "{mended}");
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

/// The privileged step, with the configuration on its standard input.
fn write(desk: &Desk, text: &str, words: &str) -> Told {
    let init = program("bwflowctl");
    fs::write(desk.directory.path().join("text"), text).unwrap();
    let line = format!(
        "exec timeout 20 {} init --write-from-stdin {words} <{}/text",
        init.display(),
        desk.directory.path().display()
    );
    desk.command(&["sh", "-c", &line])
}

fn plan(links: &[&str]) -> String {
    let links: String = links
        .iter()
        .map(|link| format!("[[link]]\ninterface = '{link}'\n"))
        .collect();
    format!("[bandwidth]\nmonthly_budget = \"1 TB\"\n{links}")
}

#[test]
fn what_is_no_file_is_neither_waited_for_nor_replaced() {
    for (make, told) in [
        ("mkfifo $0", "it is no regular file"),
        // A device of its own, as `/dev/null` is: what goes wrong must not harm this host.
        (
            "mknod $0.null c 1 3 && ln -s config.toml.null $0",
            "it is no regular file",
        ),
        ("mkdir $0", "it is a directory"),
    ] {
        let desk = Desk::new();
        let config = desk.etc("bwflow/config.toml");
        fs::create_dir(desk.etc("bwflow")).unwrap();
        let made = std::process::Command::new("sh")
            .args(["-c", make])
            .arg(&config)
            .status();
        assert!(made.unwrap().success(), "{make}");
        let kind = fs::symlink_metadata(&config).unwrap().file_type();
        for refused in [
            write(&desk, &plan(&["wan0"]), "--vnstat yes"),
            desk.run(&["--yes", "--budget", "1TB", "--force"]),
        ] {
            assert_eq!(refused.code, Some(2), "{make}: {}", refused.talk);
            assert!(refused.talk.contains(told), "{make}: {}", refused.talk);
            assert!(
                refused.talk.contains("hint: move it away"),
                "{}",
                refused.talk
            );
        }
        assert_eq!(
            fs::symlink_metadata(&config).unwrap().file_type(),
            kind,
            "{make}"
        );
        assert!(
            !desk.etc("vnstat.conf").exists(),
            "{make}: vnStat is mended"
        );
        let device = desk.etc("bwflow/config.toml.null");
        if let Ok(device) = fs::metadata(device) {
            assert!(!device.is_file(), "{make}");
        }
    }
}

#[test]
fn no_name_that_somebody_makes_up_harms_vnstat() {
    let desk = Desk::new();
    fs::remove_file(desk.etc("localtime")).unwrap();
    let odd = ["MaxBW;MaxBW", "MaxBWa\"b", "a#b", "a%n%s", "tun9"];
    let told = write(&desk, &plan(&odd), "--vnstat yes");
    assert_eq!(told.code, Some(0), "{}", told.talk);
    let shown = desk.command(&["vnstat", "--showconfig"]);
    assert!(shown.talk.is_empty(), "vnStat complains: {}", shown.talk);
    let mended = fs::read_to_string(desk.etc("vnstat.conf")).unwrap();
    let limits = Settings::parse(&mended).limits;
    assert_eq!(limits, [("tun9".to_owned(), 0)], "{mended}");
    let names: Vec<String> = (0..4000).map(|number| format!("eth{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = write(&desk, &plan(&names), "--vnstat yes");
    assert_eq!(told.code, Some(0), "within the time: {}", told.talk);
    let mended = fs::read_to_string(desk.etc("vnstat.conf")).unwrap();
    assert_eq!(Settings::parse(&mended).limits.len(), 100);
}

#[test]
fn a_link_that_has_a_budget_and_is_away_is_kept() {
    let desk = Desk::new();
    fs::create_dir(desk.etc("bwflow")).unwrap();
    let config = desk.etc("bwflow/config.toml");
    fs::write(&config, plan(&["eth7"])).unwrap();
    let told = desk.run(&["--yes", "--billing-day", "9", "--force"]);
    assert_eq!(told.code, Some(0), "{}", told.talk);
    assert!(
        told.talk.contains("there is no link `eth7` now"),
        "{}",
        told.talk
    );
    assert!(!told.talk.contains("vnstat --add"), "{}", told.talk);
    let link = &desk.meaning().links[0];
    assert_eq!((link.interface.as_str(), link.billing_day), ("eth7", 9));
    let terminal = desk.sit("--billing-day 3");
    terminal.asked(1);
    terminal.types("lo");
    let screen = terminal.asked(2);
    assert!(screen.contains("loopback"), "{screen}");
    for question in 2..=7 {
        terminal.asked(question);
        terminal.types("");
    }
    assert_eq!(terminal.ended(), 0);
    let link = &desk.meaning().links[0];
    assert_eq!((link.interface.as_str(), link.billing_day), ("eth7", 3));
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
