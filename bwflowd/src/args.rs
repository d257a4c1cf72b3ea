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
    ///
    /// The first directory of $RUNTIME_DIRECTORY, which systemd sets, or else /run/bwflowd
    #[arg(long, value_name = "DIR")]
    pub runtime_directory: Option<PathBuf>,

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
        let given = self.runtime_directory.clone();
        given.unwrap_or_else(|| from_systemd(std::env::var("RUNTIME_DIRECTORY").ok()))
    }
}

/// systemd separates several directories by colons (`systemd.exec(5)`).
fn from_systemd(variable: Option<String>) -> PathBuf {
    let variable = variable.unwrap_or_default();
    let first = variable.split(':').find(|directory| !directory.is_empty());
    PathBuf::from(first.unwrap_or("/run/bwflowd"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_first_of_systemd_s_directories_is_taken() {
        assert_eq!(
            from_systemd(Some("/run/a:/run/b".to_owned())),
            Path::new("/run/a")
        );
        assert_eq!(from_systemd(Some(String::new())), Path::new("/run/bwflowd"));
        assert_eq!(from_systemd(None), Path::new("/run/bwflowd"));
    }
}
