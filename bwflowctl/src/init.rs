//! `bwflowctl init`: finds out about the host, asks about the plan, writes the configuration.
//!
//! All questions come before anything is changed, and need no privileges.

pub(crate) mod answers;
mod apply;
mod collect;
mod decide;
mod file;
mod interrupt;
mod limit;
mod mend;
pub(crate) mod preset;
mod privilege;
mod question;
mod replace;
mod terminal;

use std::io::{self, IsTerminal as _};
use std::path::Path;

use bwflow_proto::config::{Config, PATH, Problem, load_str};

use answers::{Answers, link_of};
use apply::{Acts, DAEMON, HELPER, apply};
use question::Links;

use crate::args::Init;
use crate::failure::Failure;
use crate::grid::printable;
use crate::host;
use crate::host::service::{has_systemd, is_active};
use crate::host::vnstat::Vnstat;
use crate::output::Output;

/// Runs it, or one of the things beside it.
pub(crate) fn run(args: &Init, output: &mut Output) -> Result<(), Failure> {
    if args.list_presets {
        let text = if args.json {
            preset::json()?
        } else {
            preset::table()
        };
        return output.data(&text);
    }
    interrupt::watch()?;
    if args.write_from_stdin {
        return privilege::write_from_stdin(args, output);
    }
    privilege::check_caller(args)?;
    let path = args.output.as_path();
    let before = existing(path)?;
    let old = before.as_deref().and_then(|text| Config::parse(text).ok());
    let old = old.map(|(config, _)| config);
    let links = Links {
        default: host::route::default_links(),
        present: host::interfaces(),
        planned: old
            .iter()
            .flat_map(|old| old.links.iter().map(|link| link.interface.clone()))
            .collect(),
    };
    let found = Vnstat::find();
    let is_asking = io::stdin().is_terminal() && !args.yes;
    // Wrong flags and wrong files are told before anybody has answered anything.
    if let Some(text) = &before {
        usable(path, text)?;
    }
    if is_asking {
        terminal::say(&introduction(&links, found.as_ref()))?;
    }
    let answers = collect::collect(args, old.as_ref(), &links, is_asking)?;
    if !is_there(&answers.interface, &links) {
        output.talk(&format!(
            "note: there is no link `{}` now; it is held as soon as it appears",
            printable(&answers.interface)
        ));
    }
    let text = plan(path, before.as_deref(), &answers)?;
    if args.print {
        return output.data(&text);
    }
    let config = show(path, before.as_deref(), &text, is_asking, output)?;
    let changes = before.as_deref().is_some_and(|before| before != text);
    let is_new = before.is_none();
    if (is_new || changes) && !decide::may_write(args, path, changes, is_asking)? {
        output.talk("nothing was changed");
        return Ok(());
    }
    let is_ours = path.as_os_str() == PATH;
    let acts = Acts {
        path,
        text: &text,
        vnstat: decide::mend_vnstat(args, is_ours, &config, found.as_ref(), is_asking, output)?,
        start: decide::start_services(args, is_ours && (is_new || changes), is_asking)?,
    };
    if !is_new && !changes && !acts.vnstat && !acts.start {
        output.talk(&format!(
            "{} says just this already; nothing was changed",
            path.display()
        ));
        return Ok(());
    }
    carry_out(&answers, acts, changes, is_ours, output)?;
    if is_ours && !acts.start {
        output.talk(&next());
    }
    Ok(())
}

/// Whether the link is there; where the kernel tells of none, nobody knows.
fn is_there(name: &str, links: &Links) -> bool {
    let mut present = links.present.iter();
    links.present.is_empty() || name == host::LOOPBACK || present.any(|link| link == name)
}

/// Does it with the rights it needs.
fn carry_out(
    answers: &Answers,
    acts: Acts<'_>,
    changes: bool,
    is_ours: bool,
    output: &Output,
) -> Result<(), Failure> {
    let needs_root = is_ours || acts.vnstat || acts.start;
    let instead = privilege::sudo_command(answers, acts, changes);
    if privilege::is_root() || !needs_root {
        return apply(acts, output).map_err(|failure| match failure {
            Failure::Denied(why) => {
                Failure::Denied(format!("{why}; do it with\n\n    {instead}\n"))
            }
            other => other,
        });
    }
    if !is_ours {
        let why = "vnStat's configuration and services need root";
        return Err(Failure::Denied(format!(
            "{why}; do it with\n\n    {instead}\n"
        )));
    }
    output.talk("an administrator has to allow this");
    privilege::through_pkexec(acts, &instead)
}

/// The text of the file, if there is one.
fn existing(path: &Path) -> Result<Option<String>, Failure> {
    let bytes = apply::existing(path)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| {
        Failure::Configuration(format!(
            "{} is no text; move it away, then start again",
            path.display()
        ))
    })
}

/// Refuses a file with errors: what is in it cannot be kept.
fn usable(path: &Path, text: &str) -> Result<(), Failure> {
    let nobody = Answers {
        interface: "eth0".to_owned(),
        budget: 2_000_000_000,
        burst: 1_000_000_000,
        billing_day: 1,
        count: bwflow_proto::count::Count::Tx,
        timezone: "UTC".to_owned(),
    };
    match file::edited(text, &nobody) {
        Ok(_) => Ok(()),
        Err(problems) => Err(refused(path, text, &problems)),
    }
}

fn refused(path: &Path, text: &str, problems: &[Problem]) -> Failure {
    let name = path.display().to_string();
    let shown = match load_str(&name, text) {
        Err(rejected) => rejected.to_string(),
        Ok(_) => problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect(),
    };
    Failure::Configuration(format!(
        "{name} has errors, so that it cannot be changed\n\n{shown}\n\nhint: mend it, or move it away and start again"
    ))
}

/// What was found, in a line or two.
fn introduction(links: &Links, found: Option<&Vnstat>) -> String {
    let list = |names: &[String]| printable(&names.join(", "));
    let route = match links.default.as_slice() {
        [] => "No link has a default route.".to_owned(),
        [link] => match host::speed::speed_mbit(link) {
            Some(speed) => format!(
                "{} has the default route; it can do {speed} Mbit/s.",
                printable(link)
            ),
            None => format!(
                "{} has the default route; its speed is not known.",
                printable(link)
            ),
        },
        several => format!("{} have a default route each.", list(several)),
    };
    let vnstat = match found {
        None => {
            "vnStat is not installed; without it bwflow counts from its first day on.".to_owned()
        }
        Some(vnstat) => {
            let known = match vnstat.links.as_slice() {
                [] => "knows no link yet".to_owned(),
                known => format!("knows {}", list(known)),
            };
            let runs = if vnstat.is_running {
                ""
            } else {
                ", but does not run"
            };
            format!("vnStat {} {known}{runs}.", printable(&vnstat.version))
        }
    };
    let zone = host::timezone::timezone();
    format!(
        "{route} {vnstat} The time zone here is {zone}.\n\
         Enter takes what stands in brackets. Ctrl-C ends this; until the end nothing is changed."
    )
}

/// The file with the answers in it, checked as the services check it.
fn plan(path: &Path, before: Option<&str>, answers: &Answers) -> Result<String, Failure> {
    let text = match before {
        None => file::fresh(answers),
        Some(before) => {
            file::edited(before, answers).map_err(|problems| refused(path, before, &problems))?
        }
    };
    let config = apply::check(&path.display().to_string(), text.as_bytes())?;
    if link_of(&config, &answers.interface).is_some_and(|link| answers.are_of(link)) {
        return Ok(text);
    }
    Err(Failure::Configuration(format!(
        "{} cannot be changed so that it says this\nhint: move it away, or change it by hand",
        path.display()
    )))
}

/// Shows what is to be written, if anything is, and returns what it means.
fn show(
    path: &Path,
    before: Option<&str>,
    text: &str,
    is_asking: bool,
    output: &Output,
) -> Result<Config, Failure> {
    let name = path.display().to_string();
    let loaded =
        load_str(&name, text).map_err(|rejected| Failure::Configuration(rejected.to_string()))?;
    if before == Some(text) {
        return Ok(loaded.config);
    }
    if is_asking {
        match before {
            None => terminal::say(&format!("\n{name} will be:\n\n{text}"))?,
            Some(before) => terminal::say(&format!(
                "\n{name} is there already; this will change in it, and a copy is kept:\n\n{}",
                mend::diff(&name, before, text)
            ))?,
        }
    }
    for note in &loaded.notes {
        output.talk(&format!("{note}\n"));
    }
    Ok(loaded.config)
}

/// What to do next, if it was not done.
fn next() -> String {
    if !has_systemd() {
        return format!(
            "next: start bwflow with `contrib/start.sh`, or {DAEMON} and {HELPER} by hand; then `bwflowctl report`"
        );
    }
    if is_active(HELPER) {
        return format!(
            "next: `sudo systemctl reload {HELPER}` makes it take effect; then `bwflowctl report`"
        );
    }
    format!(
        "next: `sudo systemctl enable --now {DAEMON} {HELPER}` starts bwflow; then `bwflowctl report`"
    )
}
