//! Why the helper ended.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::ledger::store::StoreError;

/// Why the helper ended, in words for the user.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong.
    Configuration(String),
    /// Something else.
    Other(String),
}

impl Failure {
    /// 2 for a wrong configuration, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(format!("bwflow-helper: {error}"))
    }
}
