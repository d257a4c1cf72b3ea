//! What a running program may do, by `/proc/PID/status`.

use crate::host::files::Files;

/// The bit of CAP_NET_ADMIN (`linux/capability.h`).
pub(super) const NET_ADMIN: u64 = 1 << 12;

/// What a process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    /// Effective user.
    pub(super) uid: u32,
    /// `CapEff`.
    pub(super) effective: u64,
    /// `CapPrm`.
    pub(super) permitted: u64,
    /// `CapBnd`: what it could ever get.
    pub(super) bounding: u64,
}

impl Rights {
    /// Reads them; nothing if the process is gone or hidden.
    pub(super) fn of(files: &Files, pid: u32) -> Option<Self> {
        Self::parse(&files.read(&format!("/proc/{pid}/status")).ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches(':').trim())
        };
        let mask = |name| u64::from_str_radix(field(name)?, 16).ok();
        Some(Self {
            uid: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
            effective: mask("CapEff")?,
            permitted: mask("CapPrm")?,
            bounding: mask("CapBnd")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let status = "Name:\tbwflowd\nUid:\t998\t997\t998\t998\nCapInh:\t0000000000000000\n\
                      CapPrm:\t0000000000001000\nCapEff:\t0000000000001000\n\
                      CapBnd:\t0000000000001000\nCapAmb:\t0000000000000000\n";
        let rights = Rights {
            uid: 997,
            effective: NET_ADMIN,
            permitted: NET_ADMIN,
            bounding: NET_ADMIN,
        };
        assert_eq!(Rights::parse(status), Some(rights));
        assert_eq!(Rights::parse("Name:\tx\n"), None);
    }
}
