//! The manual pages and the shell completions are those of the command lines as they are.
//!
//! `BWFLOW_WRITE_MANUAL=1` writes them anew.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command as Program;

use bwflow_tests::process::source;
use clap::Command;
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Of the last change worth a date; a date of the build would make every build differ.
const DATE: &str = "2026-11-22";

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Failed; what is wrong is said on standard error."),
    ("2", "Wrong usage or configuration; nothing has changed."),
];

const CTL_STATUS: &[(&str, &str)] = &[
    ("3", "The service is not running."),
    ("4", "Not authorised; nothing has changed."),
];

const CONFIGURATION: (&str, &str) = (
    "/etc/bwflow/config.toml",
    "The configuration, see bwflow.toml(5).",
);

const INIT_STATUS: &[(&str, &str)] = &[
    (
        "4",
        "Not authorised; nothing has changed, and the command that does it as root is named.",
    ),
    (
        "130",
        "Ended by Ctrl-C; nothing has changed unless it was said.",
    ),
];

const INIT_FILES: &[(&str, &str)] = &[
    CONFIGURATION,
    (
        "/etc/bwflow/config.toml.bak",
        "What the configuration was before; later ones are .bak.2 and so on.",
    ),
    (
        "/etc/vnstat.conf",
        "The configuration of vnStat, mended if that is agreed to; kept likewise.",
    ),
];

const ALL_PAGES: &[&str] = &[
    "bwflowctl(1)",
    "bwflowctl-report(1)",
    "bwflowctl-status(1)",
    "bwflowctl-history(1)",
    "bwflowctl-spend(1)",
    "bwflowctl-throttle(1)",
    "bwflowctl-override(1)",
    "bwflowctl-init(1)",
    "bwflowctl-correct(1)",
    "bwflowctl-check-config(1)",
    "bwflowctl-doctor(1)",
    "bwflow.toml(5)",
    "bwflowd(8)",
    "bwflow-helper(8)",
];

/// What a page has beside what its command line tells.
struct Page {
    command: Command,
    section: &'static str,
    examples: &'static [(&'static str, &'static str)],
    status: Vec<(&'static str, &'static str)>,
    files: &'static [(&'static str, &'static str)],
    see_also: &'static [&'static str],
}

fn pages() -> Vec<Page> {
    let mut ctl = bwflowctl::command().disable_help_subcommand(true);
    ctl.build();
    let page = |command: Command| {
        let is_check = command.get_name() == "check-config";
        let is_init = command.get_name() == "init";
        Page {
            section: "1",
            examples: &[],
            status: if is_init {
                [EXIT_STATUS, INIT_STATUS].concat()
            } else {
                [EXIT_STATUS, CTL_STATUS].concat()
            },
            files: if is_init {
                INIT_FILES
            } else if is_check || command.has_subcommands() {
                &[CONFIGURATION]
            } else {
                &[]
            },
            see_also: &["polkit(8)", "pkttyagent(1)", "tc-tbf(8)"],
            command,
        }
    };
    let mut pages: Vec<Page> = ctl.get_subcommands().cloned().map(page).collect();
    pages.push(page(ctl));
    pages.push(Page {
        command: bwflowd::command(),
        section: "8",
        examples: &[
            (
                "systemctl start bwflowd bwflow-helper",
                "Start both services.",
            ),
            (
                "bwflowd --helper-user alice --log-level debug",
                "By hand, for a helper that alice runs.",
            ),
        ],
        status: EXIT_STATUS.to_vec(),
        files: &[
            (
                "/var/lib/bwflowd/claims.json",
                "What administrators have decided by hand.",
            ),
            (
                "/run/bwflowd",
                "The links' own queueing disciplines, to be put back.",
            ),
            (
                "/usr/share/dbus-1/system.d/org.bwflow1.conf",
                "Who may be bwflow on the system bus, and who may speak to it.",
            ),
        ],
        see_also: &["polkit(8)", "systemctl(1)", "tc-tbf(8)"],
    });
    pages.push(Page {
        command: bwflow_helper::command(),
        section: "8",
        examples: &[
            (
                "systemctl reload bwflow-helper",
                "Read a changed configuration.",
            ),
            (
                "bwflow-helper --config ./config.toml --state-directory /tmp/ledger",
                "By hand, with a ledger of its own.",
            ),
        ],
        status: EXIT_STATUS.to_vec(),
        files: &[
            CONFIGURATION,
            ("/var/lib/bwflow/ledger.db", "The ledger, in SQLite."),
        ],
        see_also: &["systemctl(1)", "sqlite3(1)"],
    });
    pages
}

impl Page {
    fn name(&self) -> String {
        let command = &self.command;
        let name = command.get_display_name().unwrap_or(command.get_name());
        name.to_owned()
    }

    fn render(&self) -> String {
        // An option that the short help leaves out has its place here.
        let mut command = self.command.clone();
        if command
            .get_arguments()
            .any(|arg| arg.get_id() == "address" && !arg.is_hide_set())
        {
            command = command.mut_arg("address", |arg| arg.hide_short_help(false));
        }
        let man = Man::new(command)
            .section(self.section)
            .date(DATE)
            .source("bwflow")
            .manual("bwflow manual");
        let mut out = Vec::new();
        man.render_title(&mut out).unwrap();
        man.render_name_section(&mut out).unwrap();
        let mut synopsis = Vec::new();
        man.render_synopsis_section(&mut synopsis).unwrap();
        let synopsis = String::from_utf8(synopsis).unwrap();
        out.extend(with_values(&self.command, synopsis).into_bytes());
        man.render_description_section(&mut out).unwrap();
        man.render_options_section(&mut out).unwrap();
        if self.command.has_subcommands() {
            man.render_subcommands_section(&mut out).unwrap();
        }
        let mut rest = Roff::new();
        if let Some(text) = self.command.get_after_help() {
            sections(&text.to_string(), &mut rest);
        }
        list("EXAMPLES", self.examples, &mut rest);
        list("EXIT STATUS", &self.status, &mut rest);
        list("FILES", self.files, &mut rest);
        let name = format!("{}({})", self.name(), self.section);
        let ours = ALL_PAGES.iter().filter(|page| **page != name);
        let others: Vec<&str> = ours.chain(self.see_also).copied().collect();
        rest.control("SH", ["SEE ALSO"]);
        rest.text([roman(others.join(", "))]);
        out.extend(rest.to_roff().into_bytes());
        let text = String::from_utf8(out).unwrap();
        // Trailing spaces come from empty headers.
        text.lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }
}

/// The synopsis, in which the generator leaves out what follows an option.
fn with_values(command: &Command, mut synopsis: String) -> String {
    for arg in command.get_opts() {
        let Some(names) = arg.get_value_names().filter(|_| !arg.is_hide_set()) else {
            continue;
        };
        let values: Vec<String> = names.iter().map(|name| format!("\\fI{name}\\fR")).collect();
        let long = arg.get_long().unwrap_or_default().replace('-', "\\-");
        let bare = format!("\\fB\\-\\-{long}\\fR]");
        let whole = format!("\\fB\\-\\-{long}\\fR {}]", values.join(" "));
        synopsis = synopsis.replace(&bare, &whole);
        // One that must be given stands in other brackets.
        let bare = format!("<\\fB\\-\\-{long}\\fR>");
        let whole = format!("\\fB\\-\\-{long}\\fR {}", values.join(" "));
        synopsis = synopsis.replace(&bare, &whole);
    }
    synopsis
}

/// The script, in which the generator offers the names of positional arguments as words, and
/// options where a file is meant.
fn for_bash(script: &str) -> String {
    const OFFER: &str = "if [[ ${cur} == -* ||";
    const FILES: &str = "\
            if [[ ${cur} != -* ]] ; then
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- \"${cur}\")
                return 0
            fi
";
    let mut is_check = false;
    let mut out = String::new();
    for line in script.lines() {
        if line.starts_with("        bwflowctl") && line.ends_with(')') {
            is_check = line.contains("check__") && line.ends_with("config)");
        }
        if is_check && line.trim_start().starts_with(OFFER) {
            out.push_str(FILES);
        }
        let plain = if line.trim_start().starts_with("opts=") {
            line.replace(" [FILE]", "").replace(" [RATE]", "")
        } else {
            line.to_owned()
        };
        out.push_str(&plain);
        out.push('\n');
    }
    out
}

/// A section in which each item stands above its explanation.
fn list(title: &str, items: &[(&str, &str)], roff: &mut Roff) {
    if items.is_empty() {
        return;
    }
    roff.control("SH", [title]);
    for (item, meaning) in items {
        roff.control("TP", []);
        roff.text([bold(*item)]);
        roff.text([roman(*meaning)]);
    }
}

/// What follows the options in the help: paragraphs, of which one that begins with a title is a
/// section; what is indented keeps its lines.
fn sections(help: &str, roff: &mut Roff) {
    let mut is_first = true;
    for block in help.split("\n\n") {
        let (head, rest) = block.split_once('\n').unwrap_or((block, ""));
        let title = head.split_once(':').filter(|(title, _)| {
            title.chars().all(|c| c.is_alphabetic() || c == ' ') && title.len() < 20
        });
        // The list of all pages has its own.
        if title.is_some_and(|(title, _)| title == "Exit status") {
            continue;
        }
        let text = match title {
            Some((title, text)) => {
                roff.control("SH", [title.to_uppercase().as_str()]);
                text.trim()
            }
            None if is_first => {
                roff.control("SH", ["NOTES"]);
                head
            }
            None => {
                roff.control("PP", []);
                head
            }
        };
        if !text.is_empty() {
            roff.text([roman(text)]);
        }
        if !rest.is_empty() {
            roff.control("PP", []);
            roff.control("nf", []);
            for line in rest.lines() {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            roff.control("fi", []);
        }
        is_first = false;
    }
}

/// Every generated file by its path in the source tree.
fn generated() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for page in pages() {
        let path = format!("docs/man/{}.{}", page.name(), page.section);
        files.insert(path.into(), page.render());
    }
    for (shell, name) in [
        (Shell::Bash, "bwflowctl.bash"),
        (Shell::Zsh, "_bwflowctl"),
        (Shell::Fish, "bwflowctl.fish"),
    ] {
        let mut out = Vec::new();
        generate(shell, &mut bwflowctl::command(), "bwflowctl", &mut out);
        let mut text = String::from_utf8(out).unwrap();
        if shell == Shell::Bash {
            text = for_bash(&text);
        }
        files.insert(format!("contrib/completions/{name}").into(), text);
    }
    files
}

fn manual_pages() -> Vec<PathBuf> {
    let pages = fs::read_dir(source().join("docs/man")).unwrap();
    let mut pages: Vec<PathBuf> = pages.map(|page| page.unwrap().path()).collect();
    pages.sort();
    pages
}

#[test]
fn the_committed_files_are_those_of_the_command_lines() {
    let is_to_write = std::env::var_os("BWFLOW_WRITE_MANUAL").is_some();
    for (path, text) in generated() {
        let file = source().join(&path);
        if is_to_write {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == text,
            "{} is not what the command line says: run with BWFLOW_WRITE_MANUAL=1 and commit it",
            path.display()
        );
    }
}

#[test]
fn every_page_that_is_referred_to_is_there_and_has_its_sections() {
    let pages = manual_pages();
    let mut names: Vec<String> = pages
        .iter()
        .map(|page| {
            let name = page.file_name().unwrap().to_str().unwrap();
            let (name, section) = name.rsplit_once('.').unwrap();
            format!("{name}({section})")
        })
        .collect();
    let mut expected = ALL_PAGES.to_vec();
    names.sort();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let common = ["NAME", "DESCRIPTION", "SEE ALSO"].as_slice();
        let of_commands = ["SYNOPSIS", "OPTIONS", "EXIT STATUS"].as_slice();
        let is_command = !page.to_str().unwrap().ends_with(".5");
        for title in common
            .iter()
            .chain(of_commands.iter().filter(|_| is_command))
        {
            let is_there = [format!(".SH {title}\n"), format!(".SH \"{title}\"\n")];
            assert!(
                is_there.iter().any(|heading| text.contains(heading)),
                "{page:?}: {title}"
            );
        }
        let is_verb = ["throttle", "override", "bwflowctl.1", ".8", ".5"];
        if is_verb
            .iter()
            .any(|part| page.to_str().unwrap().contains(part))
        {
            assert!(text.contains(".SH EXAMPLES\n"), "{page:?}");
        }
    }
}

#[test]
fn groff_finds_nothing_wrong_and_80_columns_are_enough() {
    for page in manual_pages() {
        let output = Program::new("groff")
            .args(["-man", "-ww", "-Kutf8", "-Tutf8", "-rLL=78n", "-P-cbou"])
            .arg(&page)
            .output()
            .expect("groff is installed");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && told.is_empty(),
            "{page:?}: {told}"
        );
        let shown = String::from_utf8(output.stdout).unwrap();
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{page:?}: {line}");
        }
    }
}

/// A line of the manual of the configuration that stands for a key.
fn is_key(line: &str, key: &str) -> bool {
    line == format!(".B {key}") || line.starts_with(&format!(".BR {key} "))
}

#[test]
fn the_manual_of_the_configuration_has_every_key() {
    let page = fs::read_to_string(source().join("docs/man/bwflow.toml.5")).unwrap();
    let tables = bwflow_proto::config::keys();
    assert!(tables.len() > 5);
    for (table, keys) in tables {
        let (_, rest) = page
            .split_once(&format!(".SS {table}\n"))
            .unwrap_or_else(|| panic!("no section {table}"));
        let section = rest.split("\n.S").next().unwrap();
        for key in keys {
            let is_there = section.lines().any(|line| is_key(line, key));
            assert!(is_there, "{table} {key}");
        }
    }
}

/// The package compresses what is longer than a page.
#[test]
fn what_the_manual_refers_to_is_in_the_package() {
    let packed = fs::read_to_string(source().join("contrib/debian/docs")).unwrap();
    let mut referred = 0;
    for page in manual_pages() {
        let text = fs::read_to_string(&page).unwrap().replace("\\-", "-");
        for rest in text.split("/usr/share/doc/bwflow/").skip(1) {
            let name = rest.split_whitespace().next().unwrap();
            if name.starts_with("examples") {
                continue;
            }
            let file = format!("docs/{}", name.trim_end_matches(".gz"));
            assert!(
                packed.lines().any(|line| line == file),
                "{}: {name}",
                page.display()
            );
            assert!(
                fs::metadata(source().join(&file)).unwrap().len() > 4096,
                "{file}"
            );
            referred += 1;
        }
    }
    assert!(referred >= 3, "{referred}");
}

#[test]
fn a_synopsis_shows_what_follows_an_option() {
    for (page, option) in [
        ("bwflowctl-report.1", "\\-\\-interface\\fR \\fIIF\\fR]"),
        ("bwflowctl-status.1", "\\-\\-address\\fR \\fIBUS\\fR]"),
        ("bwflowctl.1", "\\-\\-address\\fR \\fIBUS\\fR]"),
        ("bwflowctl-correct.1", "\\fB\\-\\-used\\fR \\fIAMOUNT\\fR\n"),
    ] {
        let text = fs::read_to_string(source().join("docs/man").join(page)).unwrap();
        let (_, synopsis) = text.split_once(".SH SYNOPSIS\n").unwrap();
        let synopsis = synopsis.split(".SH").next().unwrap();
        assert!(synopsis.contains(option), "{page}: {synopsis}");
    }
}
