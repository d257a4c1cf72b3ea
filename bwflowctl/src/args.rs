//! The words of the command line.

use std::path::PathBuf;

use bwflow_proto::config;
use clap::{Args as ClapArgs, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  bwflowctl report                       what was used, what is left, when it runs out
  bwflowctl report --json | jq '.links[].available_bytes'
  bwflowctl status --watch               follow what the links are held to
  bwflowctl check-config ./config.toml   find every error before the service does

Exit codes:
  0 done   1 failed   2 wrong usage or configuration   3 service not running   4 not authorised";

/// Bandwidth budgets: what was used, what is left, and what the links are held to.
#[derive(Debug, Parser)]
#[command(name = "bwflowctl", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket
    #[arg(long, global = true, value_name = "BUS", hide_short_help = true)]
    pub(crate) address: Option<String>,

    /// Use no colours, not even on a terminal (as NO_COLOR does)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// This period of every link: budget, used, left, forecast
    Report(Report),
    /// What every link is held to now, and why
    Status(Status),
    /// Check a configuration as the service does, and show what it means
    CheckConfig(CheckConfig),
}

const REPORT_JSON: &str = "\
JSON: one document {\"version\":1,\"links\":[…]}; amounts in bytes, rates in bytes per second, times \
as RFC 3339 in UTC, null for what is unknown, unlimited or not to be expected.

Times in tables are in the time zone of the link's plan.";

/// `bwflowctl report`.
#[derive(Debug, ClapArgs)]
#[command(after_help = REPORT_JSON)]
pub(crate) struct Report {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Show this link only
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) link: Option<String>,
}

const STATUS_JSON: &str = "\
JSON: one line; with --watch one more line after every change.
  version                 1
  daemon                  present, or absent while a watch waits for bwflowd
  helper                  present or absent
  links[]
    interface             its name
    state                 one of the states below
    limit_bytes_per_second  null when there is none
    reason                why the link is in its state, for people
    since                 when the state was entered; RFC 3339 in UTC, or null
    available_bytes       accrued and not used; negative is debt, null not known
    until                 when the state ends by itself; null when that is not known

States: open, armed (the kernel holds the last stretch), throttled (all that has accrued is \
used), blocked (a foreign queueing discipline forbids), absent (no such interface), overridden, \
manual.";

/// `bwflowctl status`.
#[derive(Debug, ClapArgs)]
#[command(after_help = STATUS_JSON)]
pub(crate) struct Status {
    /// Print JSON, one line each
    #[arg(long)]
    pub(crate) json: bool,

    /// Go on showing every change until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
}

/// `bwflowctl check-config`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckConfig {
    /// The file to check, of 1 MB at most; - is standard input
    #[arg(value_name = "FILE", default_value = config::PATH)]
    pub(crate) file: PathBuf,

    /// Takes the place of the global flag, which is of no use where no bus is asked.
    #[arg(long, value_name = "BUS", hide = true)]
    address: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_bus_is_offered_only_where_one_is_asked() {
        let mut args = Args::command();
        args.build();
        let mut help = |name: &str| {
            let command = args.find_subcommand_mut(name);
            command.map(|command| command.render_long_help().to_string())
        };
        let offers = |help: Option<String>| help.map(|help| help.contains("--address"));
        assert_eq!(offers(help("report")), Some(true));
        assert_eq!(offers(help("check-config")), Some(false));
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}
