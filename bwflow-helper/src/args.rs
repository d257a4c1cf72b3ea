//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Where the ledger is kept when neither a flag nor systemd says otherwise.
const STATE_DIRECTORY: &str = "/var/lib/bwflow";

/// Counts what the links use, keeps the ledger and tells bwflowd what may flow.
///
/// SIGHUP reads the configuration again; SIGTERM takes a last reading, commits it and ends.
#[derive(Clone, Debug, Parser)]
#[command(name = "bwflow-helper", version)]
pub struct Args {
    /// The configuration to read
    #[arg(long, value_name = "FILE", default_value = bwflow_proto::config::PATH)]
    pub config: PathBuf,
    /// Where the ledger is kept [default: $STATE_DIRECTORY, else /var/lib/bwflow]
    #[arg(long, value_name = "DIRECTORY")]
    pub state_directory: Option<PathBuf>,
    /// How much to say on stderr: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: tracing::Level,
    /// The bus to use [default: $DBUS_SYSTEM_BUS_ADDRESS, else the system bus]
    #[arg(long, value_name = "BUSADDR")]
    pub address: Option<String>,
    /// The configuration of vnStat [default: /etc/vnstat.conf]
    #[arg(long, value_name = "FILE", hide = true)]
    pub vnstat_config: Option<PathBuf>,
    /// The program that prints what cannot be read in vnStat's database
    #[arg(long, value_name = "FILE", hide = true, default_value = "vnstat")]
    pub vnstat_program: PathBuf,
}

impl Args {
    /// The state directory: the flag, else what systemd made for the service, else the default.
    pub fn state_directory(&self) -> PathBuf {
        self.state_directory.clone().unwrap_or_else(|| {
            // systemd separates several directories by colons; ours is the first.
            std::env::var("STATE_DIRECTORY")
                .ok()
                .and_then(|list| list.split(':').next().map(str::to_owned))
                .filter(|first| !first.is_empty())
                .map_or_else(|| PathBuf::from(STATE_DIRECTORY), PathBuf::from)
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound_and_its_defaults_hold() {
        Args::command().debug_assert();
        let args = Args::parse_from(["bwflow-helper"]);
        assert_eq!(args.config, PathBuf::from("/etc/bwflow/config.toml"));
        assert_eq!(args.log_level, tracing::Level::INFO);
    }

    #[test]
    fn the_flag_decides_the_state_directory() {
        let args = Args::parse_from(["bwflow-helper", "--state-directory", "/srv/x"]);
        assert_eq!(args.state_directory(), PathBuf::from("/srv/x"));
    }
}
