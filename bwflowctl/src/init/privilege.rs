//! The one step that needs root: handed to `pkexec`, or named for `sudo`.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use bwflow_proto::config::PATH;
use bwflow_proto::units::format_bytes_exact;
use nix::unistd::geteuid;
use tokio::runtime::{Builder, Runtime};

use super::answers::Answers;
use super::apply::{Acts, apply, check};
use super::interrupt;
use crate::agent::Agent;
use crate::args::Init;
use crate::check_config::file;
use crate::failure::Failure;
use crate::output::Output;

/// Set by `pkexec` to who asked.
const CALLER: &str = "PKEXEC_UID";

/// `pkexec(1)`: the person did not want to.
const DISMISSED: i32 = 126;
/// `pkexec(1)`: not authorised, or nobody could be asked.
const REFUSED: i32 = 127;

pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// Who is let in by polkit may write the configuration and nothing else.
pub(super) fn check_caller(args: &Init) -> Result<(), Failure> {
    if std::env::var_os(CALLER).is_some() && args.output.as_os_str() != PATH {
        return Err(Failure::Denied(format!(
            "through pkexec only {PATH} is written; use sudo for --output"
        )));
    }
    Ok(())
}

/// The privileged step: the text comes on standard input, the place is fixed.
pub(super) fn write_from_stdin(args: &Init, output: &Output) -> Result<(), Failure> {
    if !is_root() {
        return Err(Failure::Denied(format!("only root may write {PATH}")));
    }
    let bytes = file::read(file::STDIN.as_ref()).map_err(|unreadable| {
        Failure::Configuration(format!("standard input: {}", unreadable.message))
    })?;
    check("standard input", &bytes)?;
    // Checked to be text just now.
    let text = String::from_utf8_lossy(&bytes);
    let acts = Acts {
        path: PATH.as_ref(),
        text: &text,
        vnstat: args.vnstat == Some(true),
        start: args.start == Some(true),
    };
    apply(acts, output)
}

/// Has root do it, by the leave of polkit.
///
/// # Errors
/// `Denied` if nobody gave that leave, with `instead` as what else can be done.
pub(super) fn through_pkexec(acts: Acts<'_>, instead: &str) -> Result<(), Failure> {
    let denied = |why: &str| {
        Err(Failure::Denied(format!(
            "{why}; do it with\n\n    {instead}\n"
        )))
    };
    let answer = |yes: bool| if yes { "yes" } else { "no" };
    let program = std::env::current_exe()
        .map_err(|error| Failure::Failed(format!("cannot tell where bwflowctl is: {error}")))?;
    // Ctrl-C reaches both; what it has come to, only the other knows.
    let _held = interrupt::hold();
    let (runtime, agent) = agent()?;
    let started = Command::new("pkexec")
        // Its own agent works in some logins only: polkit takes it for root's.
        .arg("--disable-internal-agent")
        .arg(program)
        .args(["init", "--write-from-stdin"])
        .args([
            "--vnstat",
            answer(acts.vnstat),
            "--start",
            answer(acts.start),
        ])
        .stdin(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return denied("only root may write it, and there is no pkexec");
        }
        Err(error) => {
            return denied(&format!(
                "only root may write it, and pkexec cannot be started: {error}"
            ));
        }
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Who was refused reads nothing; the status tells.
        let _ = stdin.write_all(acts.text.as_bytes());
    }
    let status = child
        .wait()
        .map_err(|error| Failure::Failed(format!("pkexec: {error}")))?;
    if let Some(agent) = agent {
        runtime.block_on(agent.end());
    }
    match status.code() {
        Some(0) => Ok(()),
        // It has said what it had written by then.
        Some(interrupt::EXIT) => interrupt::end(None),
        None => interrupt::end(Some(interrupt::NOTHING_CHANGED)),
        Some(DISMISSED | REFUSED) => denied("only root may write it, and polkit did not allow it"),
        Some(2) => Err(Failure::Configuration(
            "the configuration was refused, see above".to_owned(),
        )),
        _ => Err(Failure::Failed(
            "it could not all be done, see above".to_owned(),
        )),
    }
}

/// Somebody on this terminal who can be asked for the password, and what it runs in.
fn agent() -> Result<(Runtime, Option<Agent>), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let agent = runtime.block_on(async {
        let mut agent = Agent::start();
        if let Some(agent) = &mut agent {
            agent.ready().await;
        }
        agent
    });
    Ok((runtime, agent))
}

/// The command that does it all as root and asks nothing.
pub(super) fn sudo_command(answers: &Answers, acts: Acts<'_>, changes: bool) -> String {
    let answer = |yes: bool| if yes { "yes" } else { "no" };
    let mut words = vec![
        "sudo bwflowctl init --yes".to_owned(),
        format!("--interface {}", quoted(&answers.interface)),
        format!("--budget {}", quoted(&format_bytes_exact(answers.budget))),
        format!("--burst {}", quoted(&format_bytes_exact(answers.burst))),
        format!("--billing-day {}", answers.billing_day),
        format!("--count {}", answers.count),
        format!("--timezone {}", quoted(&answers.timezone)),
        format!("--vnstat {}", answer(acts.vnstat)),
        format!("--start {}", answer(acts.start)),
    ];
    if acts.path.as_os_str() != PATH {
        let path = std::path::absolute(acts.path).unwrap_or_else(|_| acts.path.to_owned());
        words.push(format!("--output {}", quoted(&path.display().to_string())));
    }
    if changes {
        words.push("--force".to_owned());
    }
    words.join(" ")
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use bwflow_proto::count::Count;

    use super::*;

    #[test]
    fn the_command_says_everything_that_was_answered() {
        let answers = Answers {
            interface: "it's0".to_owned(),
            budget: 100_000_000_000,
            burst: 1,
            billing_day: 17,
            count: Count::Max,
            timezone: "Europe/Berlin".to_owned(),
        };
        let acts = Acts {
            path: PATH.as_ref(),
            text: "",
            vnstat: true,
            start: false,
        };
        assert_eq!(
            sudo_command(&answers, acts, true),
            r"sudo bwflowctl init --yes --interface 'it'\''s0' --budget '100 GB' --burst '1 B' \
              --billing-day 17 --count max --timezone Europe/Berlin --vnstat yes --start no --force"
                .replace("\\\n              ", "")
        );
    }
}
