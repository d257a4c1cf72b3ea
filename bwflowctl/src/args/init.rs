//! The words of `bwflowctl init`.

use std::path::PathBuf;

use bwflow_proto::config;
use bwflow_proto::count::Count;
use clap::{Args as ClapArgs, ValueHint};

use crate::init::answers::{billing_day, budget, burst, count, timezone};
use crate::init::preset::{Preset, preset};

const HELP: &str = "\
Examples:
  sudo bwflowctl init                ask, show, write
  bwflowctl init --preset azure      begin with what a provider includes
  sudo bwflowctl init --yes --budget 2TB --billing-day 17
  bwflowctl init --yes --budget 100GB --print
  bwflowctl init --list-presets";

/// `bwflowctl init`.
#[derive(Debug, ClapArgs)]
#[command(after_help = HELP)]
pub(crate) struct Init {
    /// Link that has the budget [default: that of the default route]
    #[arg(long, short, value_name = "IF", alias = "link", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,

    /// What the plan pays for in a month, in bytes: 100GB, '1.5 TiB'
    #[arg(long, value_name = "AMOUNT", value_parser = budget, value_hint = ValueHint::Other)]
    pub(crate) budget: Option<u64>,

    /// How much of it may be used from the first day on [default: half]
    #[arg(long, value_name = "AMOUNT", value_parser = burst, value_hint = ValueHint::Other)]
    pub(crate) burst: Option<u64>,

    /// Day of the month on which a period begins, 1 to 31 [default: 1]
    #[arg(long, value_name = "DAY", value_parser = billing_day, value_hint = ValueHint::Other)]
    pub(crate) billing_day: Option<i8>,

    /// What the provider counts: tx (sent), rx (received), sum or max of both [default: tx]
    #[arg(long, value_name = "WORD", value_parser = count, value_hint = ValueHint::Other)]
    pub(crate) count: Option<Count>,

    /// Time zone in which a period begins at midnight, like Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = timezone, value_hint = ValueHint::Other)]
    pub(crate) timezone: Option<String>,

    /// Begin with what a provider includes in its plan
    #[arg(long, value_name = "NAME", value_parser = preset, value_hint = ValueHint::Other)]
    pub(crate) preset: Option<Preset>,

    /// Show the presets, with their sources
    #[arg(long)]
    pub(crate) list_presets: bool,

    /// Print the presets as JSON
    #[arg(long, requires = "list_presets")]
    pub(crate) json: bool,

    /// File to write
    #[arg(long, short, value_name = "FILE", default_value = config::PATH, value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Whether to mend /etc/vnstat.conf where vnStat would lose traffic, and restart vnStat: yes or no
    #[arg(long, value_name = "ANSWER", value_parser = yes_no, value_hint = ValueHint::Other)]
    pub(crate) vnstat: Option<bool>,

    /// Whether to start the services, or have them read the new file: yes or no
    #[arg(long, value_name = "ANSWER", value_parser = yes_no, value_hint = ValueHint::Other)]
    pub(crate) start: Option<bool>,

    /// Change a file that is there already without asking; a copy of it is kept
    #[arg(long)]
    pub(crate) force: bool,

    /// Ask nothing: take the default wherever there is no flag
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Only print the file that would be written
    #[arg(long, alias = "dry-run", conflicts_with_all = ["force", "vnstat", "start"])]
    pub(crate) print: bool,

    /// The privileged step: writes what comes on standard input to its one place.
    #[arg(long, hide = true, conflicts_with_all = [
        "interface", "budget", "burst", "billing_day", "count", "timezone", "preset", "list_presets",
        "output", "force", "yes", "print",
    ])]
    pub(crate) write_from_stdin: bool,

    /// Takes the place of the global flag, which is of no use where no bus is asked.
    #[arg(long, value_name = "BUS", hide = true, value_hint = ValueHint::Other)]
    address: Option<String>,
}

fn yes_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        _ => Err("yes or no is wanted".to_owned()),
    }
}
