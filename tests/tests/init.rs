//! `bwflowctl init` as a person and as a script meet it: on a real terminal, beside a real vnStat, on a
//! host with a default route and an `/etc` of its own.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bwflow_proto::config::{Config, load_str};
use bwflow_proto::vnstat::Settings;
use bwflow_tests::net::Namespace;
use bwflow_tests::process::program;
use bwflow_tests::terminal::Terminal;
use tempfile::TempDir;

/// Six about the plan, one before the file is written, one before vnStat's is.
const QUESTIONS: usize = 8;

/// A host: links, a default route over `wan0`, and an `/etc` above that of the real one.
struct Desk {
    namespace: Namespace,
    directory: TempDir,
}

impl Desk {
    /// One whose clock is Berlin's, so that vnStat dates traffic by another clock than the plan.
    fn new() -> Self {
        let desk = Self {
            namespace: Namespace::new(),
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["etc", "work"] {
            fs::create_dir(desk.directory.path().join(name)).unwrap();
        }
        for (link, address) in [("wan0", "10.7.0.1/24"), ("lan0", "10.8.0.1/24")] {
            let peer = format!("peer-{link}");
            desk.namespace
                .ip(&format!("link add {link} type veth peer name {peer}"));
            desk.namespace.ip(&format!("addr add {address} dev {link}"));
            desk.namespace.ip(&format!("link set {link} up"));
            desk.namespace.ip(&format!("link set {peer} up"));
        }
        desk.namespace.ip("route add default via 10.7.0.2");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", desk.etc("localtime"))
            .unwrap();
        desk
    }

    /// A file as the host sees it once it was changed.
    fn etc(&self, name: &str) -> PathBuf {
        self.directory.path().join("etc").join(name)
    }

    fn config(&self) -> String {
        fs::read_to_string(self.etc("bwflow/config.toml")).unwrap()
    }

    fn meaning(&self) -> Config {
        let loaded = load_str("config.toml", &self.config());
        loaded
            .unwrap_or_else(|rejected| panic!("{rejected}"))
            .config
    }

    /// What runs a command on this host; its words follow.
    fn words(&self) -> Vec<String> {
        let path = self.directory.path().display();
        let mount = format!(
            "mount -t overlay overlay /etc -o lowerdir=/etc,upperdir={path}/etc,workdir={path}/work && exec \"$@\""
        );
        let words = [
            "ip",
            "netns",
            "exec",
            self.namespace.name(),
            "sh",
            "-c",
            &mount,
            "sh",
        ];
        words.map(str::to_owned).to_vec()
    }

    /// `bwflowctl init` without a terminal.
    fn run(&self, words: &[&str]) -> Told {
        let init = program("bwflowctl");
        self.command(&[&[init.to_str().unwrap(), "init"], words].concat())
    }

    fn command(&self, words: &[&str]) -> Told {
        let inside = self.words();
        let output = Command::new(&inside[0])
            .args(&inside[1..])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Told::from(output)
    }

    /// `bwflowctl init` on a terminal.
    fn sit(&self, words: &str) -> Terminal {
        let inside: Vec<String> = self
            .words()
            .iter()
            .map(|word| format!("'{word}'"))
            .collect();
        let init = program("bwflowctl");
        let line = format!("{} {} init {words}", inside.join(" "), init.display());
        Terminal::start(self.directory.path(), &line)
    }

    /// Every file of `/etc` that is not the real host's: what it holds, and which it is.
    fn changed(&self) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        collect(&self.directory.path().join("etc"), &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            collect(&path, found);
        }
        let text = if kind.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        found.insert(path, (kind.ino(), text));
    }
}

struct Told {
    code: Option<i32>,
    data: String,
    talk: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            data: String::from_utf8(output.stdout).unwrap(),
            talk: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

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
