//! Why a command could not do its job, in the user's terms.

use std::io;

use bwflow_proto::config::PATH;
use thiserror::Error;
use zbus::fdo;

use crate::host::service::has_systemd;

/// Each displays as what is wrong and what to do about it.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Failed(String),

    /// A file or a word of the command line that cannot be used; the text names it.
    #[error("{0}")]
    Configuration(String),

    #[error(
        "bwflowd is not running; {}",
        start("bwflowd bwflow-helper", has_systemd(), is_configured())
    )]
    NotRunning,

    #[error("no link has a budget: {}", no_helper())]
    NoHelper,

    #[error("nobody tells the past: {}", no_helper())]
    NoPast,

    #[error("nobody watches the bill: {}", no_helper())]
    NoGuard,

    #[error("the bus cannot be reached: {0}; is dbus-daemon or dbus-broker running?")]
    NoBus(String),

    #[error("the bus does not let this user in: {0}; try with sudo, or as a user of this host")]
    Refused(String),

    #[error("the bus broke off: {0}")]
    LostBus(String),

    #[error("bwflowd does not answer")]
    Silent,

    #[error("not allowed: {0}")]
    Denied(String),

    /// What was found has been shown already; the doctor exits with this.
    #[error("there are faults")]
    Unwell(u8),

    #[error("standard output was closed")]
    ClosedPipe,
}

impl Failure {
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::ClosedPipe => 0,
            Self::Unwell(code) => *code,
            Self::Failed(_) | Self::Silent => 1,
            Self::Configuration(_) => 2,
            Self::NotRunning
            | Self::NoHelper
            | Self::NoPast
            | Self::NoGuard
            | Self::NoBus(_)
            | Self::LostBus(_) => 3,
            Self::Denied(_) | Self::Refused(_) => 4,
        }
    }
}

/// What most often keeps the helper from running.
pub(crate) const LOOK_AT_CONFIG: &str = "if it does not start, see `bwflowctl check-config`";

/// That the helper is not there, and how to start it.
pub(crate) fn no_helper() -> String {
    let start = start("bwflow-helper", has_systemd(), is_configured());
    // What `init` starts it has checked.
    let look = if has_systemd() && !is_configured() {
        String::new()
    } else {
        format!("; {LOOK_AT_CONFIG}")
    };
    format!("bwflow-helper is not running; {start}{look}")
}

/// Whether the configuration is there, as the units ask before they start anything.
fn is_configured() -> bool {
    let found = std::fs::metadata(PATH);
    !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// How to start `services` here, and where to look when they do not start.
fn start(services: &str, has_systemd: bool, is_configured: bool) -> String {
    let first = services.split(' ').next().unwrap_or(services);
    if has_systemd && !is_configured {
        // systemd would say that it has started them, and start nothing.
        format!("start it with `sudo bwflowctl init`, for there is no {PATH} yet")
    } else if has_systemd {
        format!("start it with `systemctl start {services}` (its log: `journalctl -u {first}`)")
    } else {
        let names = services.replace(' ', "` and `");
        format!("start it with `contrib/start.sh`, or `{names}` by hand")
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Failed(format!("cannot write: {error}")),
        }
    }
}

/// What the bus or the daemon answered to a call.
impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        match &error {
            zbus::Error::FDO(answer) => match answer.as_ref() {
                // The object is missing only while the daemon starts or stops.
                fdo::Error::ServiceUnknown(_)
                | fdo::Error::NameHasNoOwner(_)
                | fdo::Error::UnknownObject(_)
                | fdo::Error::SpawnChildExited(_)
                | fdo::Error::SpawnServiceNotFound(_)
                | fdo::Error::Disconnected(_) => Self::NotRunning,
                fdo::Error::AccessDenied(text)
                | fdo::Error::InteractiveAuthorizationRequired(text)
                | fdo::Error::AuthFailed(text) => Self::Denied(text.clone()),
                fdo::Error::NoReply(_) | fdo::Error::TimedOut(_) | fdo::Error::Timeout(_) => {
                    Self::Silent
                }
                _ => Self::Failed(format!("bwflowd answered: {error}")),
            },
            zbus::Error::InputOutput(error) if error.kind() == io::ErrorKind::TimedOut => {
                Self::Silent
            }
            zbus::Error::InputOutput(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => Self::Refused(error.to_string()),
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::UnexpectedEof => Self::LostBus(error.to_string()),
                _ => Self::NoBus(error.to_string()),
            },
            zbus::Error::Handshake(text) => Self::Refused(text.clone()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_systemd_nobody_is_sent_to_it() {
        let with = start("bwflowd bwflow-helper", true, true);
        assert!(
            with.contains("`systemctl start bwflowd bwflow-helper`"),
            "{with}"
        );
        assert!(with.contains("`journalctl -u bwflowd`"), "{with}");
        let without = start("bwflowd bwflow-helper", false, true);
        assert_eq!(
            without,
            "start it with `contrib/start.sh`, or `bwflowd` and `bwflow-helper` by hand"
        );
    }

    #[test]
    fn who_has_no_configuration_yet_is_not_sent_to_units_that_start_nothing() {
        let told = start("bwflowd bwflow-helper", true, false);
        assert!(told.contains("`sudo bwflowctl init`"), "{told}");
        assert!(!told.contains("systemctl"), "{told}");
    }

    #[test]
    fn a_bus_that_refuses_is_there() {
        let refused = Failure::from(zbus::Error::Handshake("EXTERNAL rejected".to_owned()));
        assert_eq!(refused.exit_code(), 4);
        assert!(!refused.to_string().contains("running?"), "{refused}");
        let gone = Failure::from(zbus::Error::from(io::Error::from(io::ErrorKind::NotFound)));
        assert_eq!(gone.exit_code(), 3);
        assert!(gone.to_string().contains("running?"), "{gone}");
    }
}
