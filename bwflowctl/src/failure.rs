//! Why a command could not do its job, in the user's terms.

use std::io;

use thiserror::Error;
use zbus::fdo;

/// Each displays as what is wrong and what to do about it.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Failed(String),

    /// A file or a word of the command line that cannot be used; the text names it.
    #[error("{0}")]
    Configuration(String),

    #[error(
        "bwflowd is not running; start it with `systemctl start bwflowd bwflow-helper` \
         (its log: `journalctl -u bwflowd`)"
    )]
    NotRunning,

    #[error("the bus cannot be reached: {0}; is dbus-daemon or dbus-broker running?")]
    NoBus(String),

    #[error("bwflowd does not answer")]
    Silent,

    #[error("not allowed: {0}")]
    Denied(String),

    #[error("standard output was closed")]
    ClosedPipe,
}

impl Failure {
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::ClosedPipe => 0,
            Self::Failed(_) | Self::Silent => 1,
            Self::Configuration(_) => 2,
            Self::NotRunning | Self::NoBus(_) => 3,
            Self::Denied(_) => 4,
        }
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
            zbus::Error::InputOutput(error) => Self::NoBus(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
