//! The accountant of bwflow: it meters links by netlink, keeps the ledger in SQLite and tells
//! `bwflowd` what may flow. It needs no capability and asks nobody for one.
//!
//! The way of a byte: [`meter`] sees the kernel's counters, [`account`] turns them into charges
//! with the rules of [`counter`] and [`period`], [`ledger`] keeps them, [`policy`] says what
//! follows, [`publisher`] hands that to the daemon. Only [`meter`], [`ledger::store`],
//! [`publisher`], [`top_ups`], [`clock`] and [`run`] touch the world.

use std::process::ExitCode;

use clap::Parser;

pub mod account;
pub mod args;
pub mod azure;
pub mod bookkeeper;
pub mod clock;
pub mod configuration;
pub mod counter;
pub mod exclusion;
pub mod failure;
pub mod forecast;
pub mod history;
pub mod http;
pub mod jellyfin;
pub mod ledger;
pub mod meter;
pub mod period;
pub mod policy;
pub mod publication;
pub mod publisher;
pub mod run;
pub mod service;
pub mod signals;
pub mod spend;
pub mod supervision;
pub mod top_ups;
pub mod vnstat;

/// The definition of the command line, for its manual.
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}

/// Runs the program on the process's own arguments; the exit code is 0 done, 1 failed, 2 wrong
/// usage or configuration.
pub fn main() -> ExitCode {
    // It holds keys to other services: neither a core dump nor another process of its user gets them.
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        eprintln!("bwflow-helper: cannot keep its memory to itself: {error}");
        return ExitCode::FAILURE;
    }
    let args = args::Args::parse();
    log_to_stderr(args.log_level);
    match run::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

fn log_to_stderr(level: tracing::Level) {
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false);
    // The journal stamps every line itself.
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().init();
    } else {
        builder.init();
    }
}
