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

    /// Take the limits of an earlier run off all links and exit, without the bus
    ///
    /// For when bwflowd cannot be stopped regularly any more. While one runs, it sets its limits
    /// again.
    #[arg(long, conflicts_with = "keep_on_exit")]
    pub release: bool,

    /// Where the links' own queueing disciplines are remembered until the next boot
    ///
    /// The first directory of $RUNTIME_DIRECTORY, which systemd sets, or else /run/bwflowd
    #[arg(long, value_name = "DIR")]
    pub runtime_directory: Option<PathBuf>,

    /// Where throttles, overrides and top-ups are kept
    ///
    /// The first directory of $STATE_DIRECTORY, which systemd sets, or else /var/lib/bwflowd
    #[arg(long, value_name = "DIR")]
    pub state_directory: Option<PathBuf>,

    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,

    /// The bus to serve on instead of the system bus
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
}

impl Args {
    /// Where the links' own queueing disciplines are remembered.
    pub fn runtime_directory(&self) -> PathBuf {
        let from_systemd = || from_systemd("RUNTIME_DIRECTORY", "/run/bwflowd");
        self.runtime_directory.clone().unwrap_or_else(from_systemd)
    }

    /// Where throttles, overrides and top-ups are kept.
    pub fn state_directory(&self) -> PathBuf {
        let from_systemd = || from_systemd("STATE_DIRECTORY", "/var/lib/bwflowd");
        self.state_directory.clone().unwrap_or_else(from_systemd)
    }
}

fn from_systemd(variable: &str, otherwise: &str) -> PathBuf {
    first_of(std::env::var(variable).ok(), otherwise)
}

/// systemd separates several directories by colons (`systemd.exec(5)`).
fn first_of(variable: Option<String>, otherwise: &str) -> PathBuf {
    let variable = variable.unwrap_or_default();
    let first = variable.split(':').find(|directory| !directory.is_empty());
    PathBuf::from(first.unwrap_or(otherwise))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_first_of_systemd_s_directories_is_taken() {
        let first = |variable: Option<&str>| first_of(variable.map(str::to_owned), "/run/bwflowd");
        assert_eq!(first(Some("/run/a:/run/b")), Path::new("/run/a"));
        assert_eq!(first(Some("")), Path::new("/run/bwflowd"));
        assert_eq!(first(None), Path::new("/run/bwflowd"));
    }
}
