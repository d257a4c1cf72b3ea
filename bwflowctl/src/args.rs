//! The words of the command line.

mod history;
mod init;
mod verb;

use std::path::PathBuf;

use bwflow_proto::config;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueHint};

pub(crate) use history::History;
pub(crate) use init::Init;
#[cfg(test)]
pub(crate) use verb::tests::tomorrow;
pub(crate) use verb::{Call, Correct, Override, Terms, Throttle};

const HELP: &str = "\
Examples:
  to see:
    bwflowctl report                   what was used, when it runs out
    bwflowctl status --watch           what the links are held to
    bwflowctl history --months         what was used before
    bwflowctl spend                    what a cloud's bill has come to
    bwflowctl report --json | jq '.links[].available_bytes'
  to decide by hand, for a time:
    bwflowctl throttle '5 Mbit/s' --for 2h --reason 'backup runs'
    bwflowctl override --until 18:00          no limit until then
    bwflowctl override --add 10GB             more budget in this period
    bwflowctl throttle --clear                end it before its time
    bwflowctl correct --used 73.2GB           agree with the bill
  to configure:
    sudo bwflowctl init                       answer some questions
    bwflowctl check-config ./config.toml      find every error in it
    bwflowctl doctor                          what is wrong, with its cure

Exit status:
  0  done
  1  failed
  2  wrong usage or configuration
  3  the service is not running
  4  not authorised";

/// Bandwidth budgets: what was used, what is left, and what the links are held to.
///
/// Shows what bwflowd and bwflow-helper know about the links that have a budget, and has bwflowd
/// carry out what an administrator decides by hand. Everybody may see everything; a decision needs
/// an administrator's password, asked for on this terminal or by the desktop, or root.
///
/// Data goes to standard output and talk to standard error. Rates are bits per second, amounts are
/// bytes; GB is 10^9 and GiB is 2^30 bytes.
#[derive(Debug, Parser)]
#[command(name = "bwflowctl", version, after_help = HELP)]
pub(crate) struct Args {
    /// Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket
    #[arg(
        long,
        global = true,
        value_name = "BUS",
        value_hint = ValueHint::Other,
        hide_short_help = true,
        display_order = 900
    )]
    pub(crate) address: Option<String>,

    /// Use no colours, not even on a terminal (as NO_COLOR does)
    #[arg(long, global = true, display_order = 901)]
    pub(crate) no_color: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// This period of every link: budget, used, left, forecast
    ///
    /// Shows what was charged to each link since its billing day, what has accrued and is left, at
    /// what pace more drips in, and where the pace of the last 24 hours leads; below, what was
    /// decided by hand. bwflow-helper is asked to count first, so that the figures are of now.
    Report(Report),
    /// What every link is held to now, and why
    ///
    /// Shows each link's state and limit, since when and until when, and who decided it if that was
    /// done by hand. With --watch every change is shown as it comes, on a terminal as one screen,
    /// else as lines; that goes on while bwflowd is restarted.
    Status(Status),
    /// What every link moved, by hours, days or billing periods
    ///
    /// Shows what was sent, received and charged, from the ledger, and what was added or corrected
    /// by hand, by whom and why. Everybody may see it; bwflowd need not run, but bwflow-helper.
    History(History),
    /// What the cloud bills, and what is done about it
    ///
    /// Shows the cost of this period as the cloud has reported it and as it is estimated by now, the
    /// budget, the tier that follows from them and since when, whether Jellyfin and the link follow
    /// it, what is wrong and its cure, and when the next check is due. Everybody may see it;
    /// bwflowd need not run, but bwflow-helper.
    Spend(Spend),
    /// Cap a link by hand, or end that
    ///
    /// Caps the link to RATE while its budget lasts; once it is used up, the link is held to RATE or
    /// to what the budget allows, whichever is slower. A throttle is kept over restarts and
    /// reboots, until its time is over or it is cleared. A new one takes the place of the old one.
    /// An override goes before it.
    Throttle(Throttle),
    /// Lift or change a link's limit by hand, or add to its budget
    ///
    /// Lifts every limit of the link, or holds it to another rate, whatever is left of its budget.
    /// What flows is still charged. An override is kept over restarts and reboots, until its time
    /// is over or it is cleared. A new one takes the place of the old one. It goes before a
    /// throttle and before the budget.
    ///
    /// With --add the budget of this period grows; --add alone sets no override.
    Override(Override),
    /// Write the configuration: finds the link, asks about the plan
    ///
    /// Finds the link of the default route, its speed, vnStat and the time zone, asks what the plan
    /// pays for, shows the file and writes it when told to. Of a file that is there already only
    /// what differs is changed, and a copy is kept. Where vnStat would lose traffic or date it
    /// by another clock, mending its configuration is offered. Every question has a flag.
    ///
    /// Questions need no privileges. For the writing alone, an administrator's password is asked for
    /// (pkexec) where it is not root who answers.
    Init(Box<Init>),
    /// Make the ledger agree with the provider's bill
    ///
    /// From now on AMOUNT has been used in this billing period, and what flows is added to it. The
    /// link is held or let go at once if that is what the corrected figures demand.
    Correct(Correct),
    /// Check a configuration as the service does, and show what it means
    ///
    /// Reads the file as bwflow-helper does and shows what each link is held to by it. All errors
    /// are told at once, each with its place and its cure. Nothing is changed, and no service needs
    /// to run.
    CheckConfig(CheckConfig),
    /// Find every reason why a link might not be held to its budget here
    ///
    /// Examines the configuration, both services and what they may do, the bus, polkit, each link
    /// and its queueing discipline, the kernel, vnStat, the clock and the disk: a line each, and
    /// below what is not well its cure. Nothing is changed. Some of it only root can see.
    Doctor(Doctor),
}

const REPORT_JSON: &str = "\
JSON: one document {\"version\":1,\"links\":[…]}; amounts in bytes, rates in bytes per second, times \
as RFC 3339 in UTC, null for what is unknown, unlimited or not to be expected.

used_bytes is vnstat_bytes, what vnStat has accounted, and live_bytes, what the kernel has counted \
since vnStat last wrote, and correction_bytes, the rest: what vnStat dropped or invented, what was \
moved where it was not asked, and bill_correction_bytes. While vnStat is not used (source) all is live.

Times in tables are in the time zone of the link's plan.";

/// `bwflowctl report`.
#[derive(Debug, ClapArgs)]
#[command(after_help = REPORT_JSON)]
pub(crate) struct Report {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Show this link only
    #[arg(long, short, value_name = "IF", alias = "link", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,
}

const STATUS_JSON: &str = "\
JSON: one line; with --watch one more line after every change.
  version                1
  daemon                 present; absent while a watch waits for it
  helper                 present or absent
  links[]
    interface            its name
    state                one of the states below
    limit_bytes_per_second  null: none
    reason               why the link is in its state, for people
    since                when the state was entered; null: not known
    available_bytes      accrued and not used; negative is debt,
                         null: not known
    until                when the state ends at the latest; null: not known
    throttle             null, or what was decided by hand:
      rate_bytes_per_second  what it caps the link to
      owner, owner_uid   whose decision it is
      reason             why, as given; may be empty
      set_at, expires_at   the latter null: until it is cleared
    override             null, or as throttle; the rate null: no limit
    pending_topups[]     added by hand, not booked yet, oldest first:
      id, bytes, owner, owner_uid, reason, added_at
    pending_corrections[]  decided by hand, not booked yet, oldest first:
      id, used_bytes, owner, owner_uid, reason, decided_at
    exclusion_fault      why excluded networks are charged all the same;
                         null: they are not
    source_note          why vnStat is not used though wanted; or null
Times are RFC 3339 in UTC.

States: open, armed (the kernel holds the last stretch), throttled (all that has accrued is \
used), overridden and manual (decided by hand: see bwflowctl override, bwflowctl throttle), \
blocked (a foreign queueing discipline forbids), absent (no such interface).";

/// `bwflowctl status`.
#[derive(Debug, ClapArgs)]
#[command(after_help = STATUS_JSON)]
pub(crate) struct Status {
    /// Print JSON, one line each
    #[arg(long)]
    pub(crate) json: bool,

    /// Show this link only
    #[arg(long, short, value_name = "IF", alias = "link", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,

    /// Go on showing every change until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
}

const SPEND_HELP: &str = "\
JSON: one document. While the guard is switched off it is {\"version\":1,\"enabled\":false}.
  version                1
  enabled                true
  azure_budget_name      the budget asked for; null: none by name
  fallback_budget        the configuration's, or null
  currency               of every amount here; amounts are numbers of it
  current_cost           as the cloud has reported it for this period;
                         null: nothing yet, which is not 0
  budget_limit           the budget in force; null: none is known
  percentage             the estimate in percent of it: it chooses the tier
  bandwidth_limit        the name of the tier in force; null: none yet
  bitrate                what Jellyfin is to limit each remote stream to,
                         bits per second; null: no limit
  last_updated           when the last check ended
  budget_source          azure_budget_api, azure_only_budget, fallback
  jellyfin_host, jellyfin_port
  knowledge              fresh, stale or unknown: the cost
  estimated_now          the cost with what the cloud has yet to report
  cost_reported_at       when current_cost was reported
  unreported_bytes       what the link has sent and the cost lacks
  price_per_gb           by which that is estimated, or null
  budget_note            why the budget is not the one asked for, or null
  period                 start and end of what cost and budget are of
  tier_since, tier_reason
  off                    whether the tier switches remote streaming off
  interface              the link that is billed and capped
  link_rate_bytes_per_second  its cap; null: none
  cost_error, cost_error_since  why the cloud could not be asked, or null
  jellyfin
    state                held, pending, unreachable, foreign, refused, none
    bitrate, remote_access, read_at  as last read back; null: never
    version, error, error_since
  findings[]             why the limit has no effect: kind, subject
  next_check, next_cost  when each is due
Times are RFC 3339 in UTC.

Times in the table are UTC, as the cloud's periods are.

What each error means and what mends it, how to set up Azure, Jellyfin and the proxies between them:
/usr/share/doc/bwflow/spend.md.gz";

/// `bwflowctl spend`.
#[derive(Debug, ClapArgs)]
#[command(after_help = SPEND_HELP)]
pub(crate) struct Spend {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Have it checked now, and wait for that
    ///
    /// At most every ten seconds; the cloud is asked at most once a minute.
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// `bwflowctl check-config`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckConfig {
    /// The file to check, of 1 MB at most; - is standard input
    #[arg(value_name = "FILE", default_value = config::PATH, value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Takes the place of the global flag, which is of no use where no bus is asked.
    #[arg(long, value_name = "BUS", hide = true, value_hint = ValueHint::Other)]
    address: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const DOCTOR_JSON: &str = "\
Grades: ok; note (good to know); WARNING (the promise might not hold); FAULT (it does not).

Exit status: 0 without a fault; else that of the first: 1, 2 (configuration) or 3 (a service is \
not running).

JSON: one document {\"version\":1,\"exit_code\",\"checks\":[{\"check\",\"interface\",\"grade\",\"found\",\
\"cure\",\"exit_code\"}]}; interface and cure null where there is none, grades in small letters.";

/// `bwflowctl doctor`.
#[derive(Debug, ClapArgs)]
#[command(after_help = DOCTOR_JSON)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// The configuration that the services use
    #[arg(long, value_name = "FILE", default_value = config::PATH, value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,

    /// Where the ledger is
    #[arg(
        long,
        value_name = "DIRECTORY",
        default_value = "/var/lib/bwflow",
        hide_short_help = true,
        value_hint = ValueHint::DirPath
    )]
    pub(crate) state_directory: PathBuf,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

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
        assert_eq!(offers(help("init")), Some(false));
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_link_is_named_alike_everywhere() {
        for verb in [
            "report", "status", "history", "throttle", "override", "correct", "init",
        ] {
            for flag in ["-i", "--interface", "--link"] {
                let mut words = vec!["bwflowctl", verb, flag, "wan0"];
                words.extend((verb == "throttle").then_some("5mbit"));
                words.extend((verb == "correct").then_some("--used=1GB"));
                let args = Args::try_parse_from(&words);
                let named = match args.unwrap().command {
                    Command::Report(report) => report.interface,
                    Command::Status(status) => status.interface,
                    Command::History(history) => history.interface,
                    Command::Throttle(throttle) => throttle.call.interface,
                    Command::Override(lift) => lift.call.interface,
                    Command::Init(init) => init.interface,
                    Command::Correct(correct) => correct.call.interface,
                    Command::CheckConfig(_) | Command::Doctor(_) | Command::Spend(_) => None,
                };
                assert_eq!(named.as_deref(), Some("wan0"), "{words:?}");
            }
        }
    }
}
