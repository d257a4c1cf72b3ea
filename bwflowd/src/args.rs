//! The command line.

use std::path::PathBuf;

use clap::Parser;
use tracing::level_filters::LevelFilter;

/// Holds network links to their traffic budgets with the kernel's token bucket.
///
/// Needs CAP_NET_ADMIN and nothing else. What a link may send comes from bwflow-helper over the
/// system bus; bwflowd carries it out, also when the helper is gone.
#[derive(Clone, Debug, Parser)]
#[command(name = "bwflowd", version)]
pub struct Args {
    /// Become this user when started as root (name or number)
    #[arg(long, value_name = "USER", default_value = "bwflowd")]
    pub user: String,

    /// The only user who may hand over grants (name or number)
    #[arg(long, value_name = "USER", default_value = "bwflow-helper")]
    pub helper_user: String,

    /// Leave the limits in force at the end
    #[arg(long)]
    pub keep_on_exit: bool,

    /// Where the links' own queueing disciplines are remembered until the next boot
    #[arg(
        long,
        value_name = "DIR",
        env = "RUNTIME_DIRECTORY",
        default_value = "/run/bwflowd"
    )]
    pub runtime_directory: PathBuf,

    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,

    /// The bus to serve on instead of the system bus
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
}
