//! The API key: full administrator of the media server, so it is kept like root's password.

use std::fmt;

use bwflow_proto::config;

/// An API key of Jellyfin.
#[derive(Clone)]
pub struct ApiKey(());

impl ApiKey {
    /// Reads it from the configured file, or else from the systemd credential `jellyfin-api-key`.
    ///
    /// # Errors
    /// When there is none, others can read it or it cannot be one: what is wrong, and how to mend it.
    pub fn load(_config: &config::Jellyfin) -> Result<Self, String> {
        Err("this build cannot read an API key yet".to_owned())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}
