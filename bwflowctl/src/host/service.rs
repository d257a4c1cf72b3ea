//! The services of this host, where systemd keeps them.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether systemd is what runs this host, as `sd_booted(3)` tells it.
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether the unit runs now.
pub fn is_active(unit: &str) -> bool {
    systemctl(&["is-active", "--quiet", unit])
}

/// Whether the unit is started at boot.
pub fn is_enabled(unit: &str) -> bool {
    systemctl(&["is-enabled", "--quiet", unit])
}

/// Whether the unit is installed.
pub fn is_installed(unit: &str) -> bool {
    systemctl(&["cat", unit])
}

fn systemctl(words: &[&str]) -> bool {
    has_systemd()
        && Command::new("systemctl")
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}
