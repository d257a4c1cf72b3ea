//! What is in the way, in words that lead to its cure.

use std::time::Duration;

use super::outcome::State;

/// What is in the way. Displays as one sentence that quotes neither key nor configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// Nobody answers there.
    #[error(
        "Jellyfin {0}; are host and port of url in [spend.jellyfin] right, is the way there up, and \
         does Jellyfin run?"
    )]
    Unreachable(String),
    /// A proxy answers, the server behind it does not.
    #[error("the proxy before Jellyfin answers {0}: Jellyfin itself cannot be reached")]
    Behind(u16),
    /// It starts or restarts.
    #[error("Jellyfin is starting")]
    Starting(Option<Duration>),
    /// Its filter for remote access keeps us out.
    #[error(
        "Jellyfin takes bwflow for a remote client and keeps it out, as remote access is switched off: switch \
         it on in Jellyfin's dashboard (Networking) from home, and let Jellyfin see bwflow as local"
    )]
    Blocked,
    /// As above, or a proxy that knows no such host.
    #[error(
        "an empty answer: either Jellyfin 10.8 keeps bwflow out as a remote client, or a proxy has no site \
         of this name (host_header in [spend.jellyfin])"
    )]
    Empty,
    /// 401.
    #[error(
        "Jellyfin does not know this API key: make one in its dashboard under API Keys, and put it where \
         bwflow-helper reads it; one in /etc/credstore is read only at the start (systemctl restart \
         bwflow-helper)"
    )]
    WrongKey,
    /// 403.
    #[error(
        "Jellyfin or a proxy before it forbids this (403): an API key of Jellyfin's dashboard is needed, \
         and a proxy that lets bwflow through"
    )]
    Forbidden,
    /// 421.
    #[error(
        "a proxy before Jellyfin has no site of this name (421): host_header in [spend.jellyfin] has to \
         be the name that it knows"
    )]
    Misdirected,
    /// 3xx, never followed.
    #[error(
        "it redirects to `{0}`: url in [spend.jellyfin] needs Jellyfin's base path, another host or https"
    )]
    Redirected(String),
    /// 404.
    #[error(
        "there is no `{0}` at this address (404): url in [spend.jellyfin] needs Jellyfin's base path, or \
         host_header the name that the proxy knows"
    )]
    Absent(&'static str),
    /// Somebody else answers.
    #[error("not Jellyfin, but {0}: see url and host_header in [spend.jellyfin]")]
    NotJellyfin(String),
    /// Jellyfin answers, but not what it should.
    #[error("Jellyfin gives {0}, so nothing is changed there")]
    Unfit(String),
    /// It was never set up, or is being set up anew.
    #[error("Jellyfin's setup wizard has not been completed, so nothing is changed there")]
    NotSetUp,
    /// Any other status.
    #[error("Jellyfin or a proxy before it answers {0}: see their logs")]
    Status(u16),
    /// It took the document, and has kept another value.
    #[error("Jellyfin said yes to {name} = {wanted}, but still has {present}")]
    NotKept {
        /// The member.
        name: &'static str,
        /// What was sent.
        wanted: String,
        /// What was read back.
        present: String,
    },
    /// A write was turned down.
    #[error("Jellyfin turns down its own configuration with one value changed ({0}): see its log")]
    TurnedDown(u16),
    /// The record could not be kept.
    #[error("what was there before cannot be noted ({0}), so nothing is changed in Jellyfin")]
    Record(String),
    /// All of it took too long.
    #[error("Jellyfin answers too slowly")]
    TooSlow,
    /// We could not undo it.
    #[error(
        "Jellyfin takes bwflow itself for a remote client, so bwflow could not switch remote access on again \
         and leaves it: put bwflow's address among Jellyfin's LAN networks"
    )]
    SelfRemote,
    /// The key is another server's, as it seems.
    #[error(
        "where bwflow-helper reads this server's API key, there is another API key now, which is not sent \
         there: put the former one back, or set RemoteClientBitrateLimit and EnableRemoteAccess by hand"
    )]
    AnotherKey,
    /// Another server than the one that holds what is ours.
    #[error(
        "another Jellyfin server answers there than the one that bwflow has changed, so nothing is put back"
    )]
    AnotherServer,
}

impl Problem {
    /// How far Jellyfin follows, then.
    pub(super) const fn state(&self) -> State {
        match self {
            Self::Unreachable(_) | Self::Behind(_) | Self::TooSlow => State::Unreachable,
            Self::Starting(_) | Self::Status(_) | Self::NotKept { .. } | Self::Record(_) => {
                State::Pending
            }
            _ => State::Refused,
        }
    }

    /// Whether it may be over in a moment.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Starting(_) | Self::Status(_) | Self::NotKept { .. } | Self::Behind(_)
        )
    }

    /// How long the server asks to wait.
    pub(super) const fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Starting(wait) => *wait,
            _ => None,
        }
    }
}
