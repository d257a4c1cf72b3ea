//! The command line of bwflow: shows what the daemon knows, asks it for what an administrator
//! decides, and checks configurations.
//!
//! Data goes to stdout, talk to stderr. What is shown is computed from values by the renderers
//! below each subcommand; the bus, files and the terminal are touched only by [`agent`], [`bus`],
//! [`watch`], [`output`] and the subcommands' own files.

mod agent;
mod args;
mod bus;
mod by_hand;
mod check_config;
mod doctor;
mod failure;
mod grid;
mod history;
pub mod host;
mod init;
mod money;
mod output;
mod report;
mod snapshot;
mod spend;
mod status;
mod time;
mod verb;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};
use failure::Failure;
use output::Output;
use verb::Request;

/// The definition of the command line, for its manual and its completions.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs a command line, its first word being the program's name.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the service is not running;
/// 4 not authorised.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => {
            // Help for a closed pipe is nobody's loss.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::new(args.no_color);
    match dispatch(&args, &mut output) {
        // Whoever closed the pipe has seen enough.
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Unwell(code)) => ExitCode::from(code),
        Err(failure) => {
            output.talk(&format!("bwflowctl: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let address = args.address.as_deref();
    match &args.command {
        Command::CheckConfig(check) => check_config::run(check, output),
        Command::Doctor(doctor) => on_bus(doctor::run(doctor, address, output)),
        Command::Init(args) => init::run(args, output),
        Command::Report(report) => on_bus(report::run(report, address, output)),
        Command::History(history) => on_bus(history::run(history, address, output)),
        Command::Spend(spend) => on_bus(spend::run(spend, address, output)),
        Command::Status(status) => on_bus(status::run(status, address, output)),
        Command::Throttle(args) => {
            let request = Request::throttle(args);
            on_bus(verb::run(&request, &args.call, address, output))
        }
        Command::Override(args) => {
            let request = Request::override_limit(args);
            on_bus(verb::run(&request, &args.call, address, output))
        }
        Command::Correct(args) => {
            let request = Request::correct(args);
            on_bus(verb::run(&request, &args.call, address, output))
        }
    }
}

fn on_bus(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}
