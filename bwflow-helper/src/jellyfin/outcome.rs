//! What is wanted of Jellyfin, and what has become of it.

use std::time::Duration;

use bwflow_proto::spend::Finding;

/// What Jellyfin is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What each remote stream is limited to, bits per second, 1 to 2147483647. Nothing: what it
    /// was before us, but while `off` holds, what it is.
    pub bitrate: Option<u32>,
    /// Whether remote streaming is switched off.
    pub off: bool,
}

/// How far Jellyfin follows; the words of `SpendView::jellyfin_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Read back, and right.
    Held,
    /// Being tried.
    Pending,
    /// Nobody answers at its address.
    Unreachable,
    /// An administrator set something stricter, which is left alone.
    Foreign,
    /// It cannot be done, or not safely.
    Refused,
    /// Nothing is asked of it, and nothing of ours is left there.
    #[default]
    None,
}

impl State {
    /// The word on the bus and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Pending => "pending",
            Self::Unreachable => "unreachable",
            Self::Foreign => "foreign",
            Self::Refused => "refused",
            Self::None => "none",
        }
    }
}

/// What a look at Jellyfin, or an attempt to change it, has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How far it follows.
    pub state: State,
    /// `RemoteClientBitrateLimit` as read back, bits per second; 0 and less is no limit. Nothing if
    /// it could not be read.
    pub bitrate: Option<i64>,
    /// `EnableRemoteAccess` as read back. Nothing if it was not read.
    pub remote_access: Option<bool>,
    /// The server's version, as it says.
    pub version: Option<String>,
    /// Why it does not hold, or what is left undone; one sentence, for people.
    pub error: Option<String>,
    /// How soon to try again, if sooner than at the next check.
    pub retry_after: Option<Duration>,
    /// Why the limit has no effect for somebody.
    pub findings: Vec<Finding>,
    /// Remote streams that run above the limit, because they began before it.
    pub above_limit: u32,
    /// Remote streams that run on although they were told to stop.
    pub ignoring_stop: u32,
}
