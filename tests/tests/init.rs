//! `bwflowctl init` as a person meets it: on a real terminal, beside a real vnStat, on a host with a
//! default route and an `/etc` of its own.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use bwflow_proto::vnstat::Settings;
use bwflow_tests::desk::Desk;
use bwflow_tests::process::program;
use bwflow_tests::terminal::Terminal;

/// Six about the plan, one before the file is written, one before vnStat's is.
const QUESTIONS: usize = 8;

/// Answers every question with what stands in brackets, beginning with the `from`th.
fn take_all(terminal: &Terminal, from: usize) {
    for question in from..=QUESTIONS {
        terminal.asked(question);
        terminal.types("");
    }
}

#[test]
fn whoever_answers_every_question_has_a_right_file_and_a_mended_vnstat() {
    let desk = Desk::new();
    let shipped = desk.command(&["cat", "/etc/vnstat.conf"]).data;
    let terminal = desk.sit("");
    let screen = terminal.asked(1);
    assert!(
        screen.contains("wan0 has the default route; it can do 10000 Mbit/s."),
        "{screen}"
    );
    assert!(screen.contains("vnStat 2."), "{screen}");
    assert!(
        screen.contains("The time zone here is Europe/Berlin."),
        "{screen}"
    );
    assert!(screen.contains("[wan0] >"), "{screen}");
    for (answer, question) in ["", "1.5 TiB", "300 GB", "17", "max", "asia/kathmandu"]
        .iter()
        .zip(1..)
    {
        terminal.asked(question);
        terminal.types(answer);
    }
    let screen = terminal.asked(7);
    assert!(
        screen.contains("/etc/bwflow/config.toml will be:"),
        "{screen}"
    );
    assert!(
        screen.contains("only what goes out is held back"),
        "a note on max: {screen}"
    );
    assert!(
        desk.changed().len() == 1,
        "nothing is written before it is agreed to"
    );
    terminal.types("yes");
    let screen = terminal.asked(8);
    assert!(screen.contains("-;UseUTC 0\n+UseUTC 1\n"), "{screen}");
    assert!(
        desk.changed().len() == 1,
        "nothing is written before everything is agreed to"
    );
    terminal.types("y");
    assert_eq!(terminal.ended(), 0, "{}", terminal.screen());

    let config = desk.meaning();
    let [link] = config.links.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(link.interface, "wan0");
    assert_eq!(
        (link.budget_bytes, link.burst_bytes),
        (3 << 39, 300_000_000_000)
    );
    assert_eq!((link.billing_day, link.count.as_str()), (17, "max"));
    assert_eq!(link.timezone.iana_name(), Some("Asia/Kathmandu"));
    assert_eq!(
        fs::metadata(desk.etc("bwflow/config.toml")).unwrap().mode() & 0o777,
        0o644
    );
    assert!(
        desk.command(&[program("bwflowctl").to_str().unwrap(), "check-config"])
            .code
            == Some(0)
    );

    let mended = fs::read_to_string(desk.etc("vnstat.conf")).unwrap();
    let differing = shipped
        .lines()
        .zip(mended.lines())
        .filter(|(old, new)| old != new);
    let differing: Vec<_> = differing.collect();
    assert_eq!(
        differing,
        [(";UseUTC 0", "UseUTC 1")],
        "one line of vnStat's file"
    );
    assert_eq!(shipped.lines().count(), mended.lines().count());
    assert_eq!(
        fs::read_to_string(desk.etc("vnstat.conf.bak")).unwrap(),
        shipped
    );
    // vnStat's own reading of it.
    let shown = desk.command(&["vnstat", "--showconfig"]);
    assert_eq!(shown.code, Some(0), "{}", shown.talk);
    assert!(shown.talk.is_empty(), "vnStat complains: {}", shown.talk);
    assert!(Settings::parse(&shown.data).use_utc, "{}", shown.data);
    assert!(
        shown.data.lines().any(|line| line == "UseUTC 1"),
        "{}",
        shown.data
    );
}

#[test]
fn wrong_answers_are_asked_again_with_the_reason() {
    let desk = Desk::new();
    let terminal = desk.sit("");
    let wrong = [
        ("wan1", "there is no link `wan1` now; there are lan0"),
        ("100", "has no unit"),
        ("200 GB", "more than the whole budget"),
        ("32", "from 1 to 31"),
        ("everything", "one of tx, rx, sum, max"),
        ("Berlin", "write Europe/Berlin"),
        ("perhaps", "yes or no is wanted"),
        ("\u{1b}[2J", "yes or no is wanted"),
    ];
    for ((answer, reason), index) in wrong.iter().zip(0..) {
        terminal.asked(2 * index + 1);
        terminal.types(answer);
        let screen = terminal.asked(2 * index + 2);
        let told = screen.rsplit("That will not do:").next().unwrap();
        assert!(told.contains(reason), "{answer}: {screen}");
        terminal.types("");
    }
    assert_eq!(terminal.ended(), 0);
    let config = desk.meaning();
    assert_eq!(config.links[0].budget_bytes, 100_000_000_000);
    assert_eq!(config.links[0].burst_bytes, 50_000_000_000);
}

#[test]
fn ctrl_c_at_any_question_leaves_nothing_behind() {
    let desk = Desk::new();
    let before = desk.changed();
    for question in 1..=QUESTIONS {
        for key in ["C-c", "C-d"] {
            let terminal = desk.sit("");
            for answered in 1..question {
                terminal.asked(answered);
                terminal.types("");
            }
            terminal.asked(question);
            terminal.presses(key);
            let code = terminal.ended();
            assert_eq!(
                code,
                if key == "C-c" { 130 } else { 1 },
                "{key}, {}",
                terminal.screen()
            );
            assert!(
                terminal.screen().contains("nothing was changed"),
                "{}",
                terminal.screen()
            );
            assert_eq!(desk.changed(), before, "{key} at question {question}");
        }
    }
    // The control: who goes on to the end does leave something.
    let terminal = desk.sit("");
    take_all(&terminal, 1);
    assert_eq!(terminal.ended(), 0);
    assert_ne!(desk.changed(), before);
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let desk = Desk::new();
    let terminal = desk.sit("");
    take_all(&terminal, 1);
    assert_eq!(terminal.ended(), 0);
    drop(terminal);
    let before = desk.changed();
    let terminal = desk.sit("");
    for question in 1..=6 {
        terminal.asked(question);
        terminal.types("");
    }
    assert_eq!(terminal.ended(), 0);
    let screen = terminal.screen();
    assert!(screen.contains("nothing was changed"), "{screen}");
    assert_eq!(desk.changed(), before);
    let again = desk.run(&["--yes"]);
    assert_eq!(again.code, Some(0), "{}", again.talk);
    assert!(again.talk.contains("nothing was changed"), "{}", again.talk);
    assert_eq!(desk.changed(), before);
}

#[test]
fn a_file_that_is_there_keeps_what_was_not_asked_and_is_kept_itself() {
    let desk = Desk::new();
    let old = "# mine\n[bandwidth]\nmonthly_budget_gb = 100   # as in the contract\n[network]\n\
               interface = \"wan0\"\n[throttle]\nmin_rate = \"1 Mbit/s\"  # for ssh\n";
    fs::create_dir(desk.etc("bwflow")).unwrap();
    fs::write(desk.etc("bwflow/config.toml"), old).unwrap();
    let refused = desk.run(&["--yes", "--budget", "200GB"]);
    assert_eq!(refused.code, Some(2), "{}", refused.talk);
    assert!(refused.talk.contains("--force"), "{}", refused.talk);
    assert_eq!(desk.config(), old);

    let terminal = desk.sit("--vnstat no");
    for (answer, question) in ["", "200 GB", "", "", "", "", "yes"].iter().zip(1..) {
        terminal.asked(question);
        terminal.types(answer);
    }
    assert_eq!(terminal.ended(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(
        screen.contains("-monthly_budget_gb = 100   # as in the contract"),
        "{screen}"
    );
    let new = old.replace("_gb = 100", "_gb = 200");
    assert_eq!(
        desk.config(),
        new,
        "the burst stays half of the budget by itself"
    );
    drop(terminal);
    assert_eq!(
        fs::read_to_string(desk.etc("bwflow/config.toml.bak")).unwrap(),
        old
    );
    assert!(
        !desk.etc("vnstat.conf").exists(),
        "nobody wanted vnStat's file changed"
    );

    let forced = desk.run(&["--yes", "--force", "--vnstat", "no", "--budget", "300GB"]);
    assert_eq!(forced.code, Some(0), "{}", forced.talk);
    assert_eq!(
        fs::read_to_string(desk.etc("bwflow/config.toml.bak")).unwrap(),
        old
    );
    assert_eq!(
        fs::read_to_string(desk.etc("bwflow/config.toml.bak.2")).unwrap(),
        new
    );
}

#[test]
fn a_file_with_errors_is_told_before_anything_is_asked() {
    let desk = Desk::new();
    fs::create_dir(desk.etc("bwflow")).unwrap();
    fs::write(
        desk.etc("bwflow/config.toml"),
        "[bandwith]\nmonthly_budget_gb = 1\n",
    )
    .unwrap();
    let before = desk.changed();
    let terminal = desk.sit("");
    assert_eq!(terminal.ended(), 2);
    let screen = terminal.screen();
    assert!(screen.contains("did you mean `[bandwidth]`?"), "{screen}");
    assert!(!screen.contains("Which network link"), "{screen}");
    assert_eq!(desk.changed(), before);
}
