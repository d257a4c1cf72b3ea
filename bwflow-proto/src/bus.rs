//! Names, paths and proxies of the bus interface.

use std::collections::HashMap;

use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant, proxy};

use crate::claim::{Options, TopUp};
use crate::exclusion::Excluded;
use crate::grant::Grant;
use crate::history::{self, Change, Row};
use crate::ledger::LedgerView;

/// The name the daemon owns on the system bus.
pub const NAME: &str = "org.bwflow1";
/// The daemon's root object: `Manager`, `Enforcer` and `ObjectManager` are here.
pub const PATH: &str = "/org/bwflow1";
/// The name the helper owns on the system bus.
pub const HELPER_NAME: &str = "org.bwflow1.Helper";
/// The helper's only object.
pub const HELPER_PATH: &str = "/org/bwflow1/helper";

/// The object path of a link: bytes outside `[A-Za-z0-9]` become `_` and two hex digits, as
/// systemd escapes unit names in its bus paths (`sd_bus_path_encode(3)`).
pub fn link_path(interface: &str) -> OwnedObjectPath {
    use std::fmt::Write as _;
    let mut path = format!("{PATH}/link/");
    for (i, byte) in interface.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && i > 0) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "_{byte:02x}");
        }
    }
    if interface.is_empty() {
        path.push('_');
    }
    ObjectPath::try_from(path)
        .expect("every byte was escaped")
        .into()
}

/// What the daemon is and what it looks after.
#[proxy(
    interface = "org.bwflow1.Manager",
    default_service = "org.bwflow1",
    default_path = "/org/bwflow1"
)]
pub trait Manager {
    /// The daemon's version, as in `bwflowd --version`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> zbus::Result<String>;
    /// Object paths of the links that have a grant or a ledger.
    #[zbus(property)]
    fn links(&self) -> zbus::Result<Vec<OwnedObjectPath>>;
    /// `present` while the helper owns its name, else `absent`.
    #[zbus(property)]
    fn helper_state(&self) -> zbus::Result<String>;
}

/// One link.
#[proxy(
    interface = "org.bwflow1.Link",
    default_service = "org.bwflow1",
    assume_defaults = false
)]
pub trait Link {
    /// The interface's name, e.g. `eth0`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn interface(&self) -> zbus::Result<String>;
    /// The kernel's index of the interface; 0 while it is absent.
    #[zbus(property)]
    fn interface_index(&self) -> zbus::Result<u32>;
    /// One of the words of [`crate::state::LinkState`].
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;
    /// When the state was entered, microseconds since the Unix epoch.
    #[zbus(property, name = "StateSinceUSec")]
    fn state_since_usec(&self) -> zbus::Result<u64>;
    /// The rate the kernel holds the link to now, bytes per second; 0 when none.
    #[zbus(property)]
    fn limit_bytes_per_second(&self) -> zbus::Result<u64>;
    /// What forbids enforcement while the state is `blocked`, e.g. `htb 1:`; else empty.
    #[zbus(property)]
    fn blocked_by(&self) -> zbus::Result<String>;
    /// The grant in force ([`Grant`]'s keys); empty when there is none.
    #[zbus(property)]
    fn grant(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    /// The ledger as last published ([`LedgerView`]'s keys); empty when there is none.
    #[zbus(property)]
    fn ledger(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    /// The manual throttle ([`crate::claim::Claim`]'s keys); empty when there is none.
    #[zbus(property, name = "Throttle")]
    fn current_throttle(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    /// The override ([`crate::claim::Claim`]'s keys); empty when there is none.
    #[zbus(property, name = "Override")]
    fn current_override(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    /// Top-ups and corrections that the helper has yet to book ([`TopUp`]'s keys), oldest first.
    #[zbus(property)]
    fn pending_top_ups(&self) -> zbus::Result<Vec<TopUp>>;
    /// Caps the link to a rate, at least 1 byte per second, while its budget lasts; the grant
    /// still holds under it. Replaces an earlier throttle. polkit action `org.bwflow1.throttle`.
    #[zbus(allow_interactive_auth)]
    fn throttle(&self, rate_bytes_per_second: u64, options: Options) -> zbus::Result<()>;
    /// Ends the throttle; none is no error. polkit action `org.bwflow1.throttle`.
    #[zbus(allow_interactive_auth)]
    fn clear_throttle(&self) -> zbus::Result<()>;
    /// Lifts every limit, or holds the link to a rate, whatever the budget; what flows is charged.
    /// Replaces an earlier override. polkit action `org.bwflow1.override`.
    #[zbus(name = "Override", allow_interactive_auth)]
    fn override_limit(&self, options: Options) -> zbus::Result<()>;
    /// Ends the override; none is no error. polkit action `org.bwflow1.override`.
    #[zbus(allow_interactive_auth)]
    fn clear_override(&self) -> zbus::Result<()>;
    /// Adds bytes to this period's budget; of the options only `reason` may be given. Returns
    /// when that cannot get lost any more; the helper books it. polkit action
    /// `org.bwflow1.top-up`.
    #[zbus(allow_interactive_auth)]
    fn top_up(&self, bytes: u64, options: Options) -> zbus::Result<()>;
    /// Makes the ledger agree with a bill: what has been used in this period is `used_bytes` at the
    /// moment the helper books it, and what flows from then on is added; of the options only
    /// `reason` may be given. Returns when that cannot get lost any more. polkit action
    /// `org.bwflow1.correct`.
    #[zbus(allow_interactive_auth)]
    fn correct(&self, used_bytes: u64, options: Options) -> zbus::Result<()>;
    /// `used_bytes` has reached this many percent of the budget in this period.
    #[zbus(signal)]
    fn threshold_reached(&self, percent: u32) -> zbus::Result<()>;
}

/// What only the helper's user may call. No call starts the daemon: whoever stopped it meant it, and
/// a helper that ends along with it would wait for its return.
#[proxy(
    interface = "org.bwflow1.Enforcer",
    default_service = "org.bwflow1",
    default_path = "/org/bwflow1"
)]
pub trait Enforcer {
    /// Replaces the grant of a link; the link object appears with its first grant or ledger.
    #[zbus(no_autostart)]
    fn set_grant(&self, interface: &str, grant: Grant) -> zbus::Result<()>;
    /// Replaces the published ledger of a link.
    #[zbus(no_autostart)]
    fn publish_ledger(&self, interface: &str, ledger: LedgerView) -> zbus::Result<()>;
    /// Forgets a link's grant and ledger and takes their limit off. What an administrator has set
    /// by hand stays, and the link's object with it.
    #[zbus(no_autostart)]
    fn forget(&self, interface: &str) -> zbus::Result<()>;
    /// The helper has booked these top-ups and corrections (ids), for ever; unknown ids are no error.
    #[zbus(no_autostart)]
    fn confirm_top_ups(&self, interface: &str, ids: &[&str]) -> zbus::Result<()>;
    /// How much of a link's traffic was of the networks that its grants exclude.
    #[zbus(no_autostart)]
    fn excluded(&self, interface: &str) -> zbus::Result<Excluded>;
}

/// The accountant's own, read-only interface.
#[proxy(
    interface = "org.bwflow1.Helper",
    default_service = "org.bwflow1.Helper",
    default_path = "/org/bwflow1/helper"
)]
pub trait Helper {
    /// Reads the counters, commits and publishes now; at most once a second, otherwise the last
    /// figures stand. Returns when the daemon has them.
    fn refresh(&self) -> zbus::Result<()>;
    /// The links that have a past to tell, in the order of the configuration.
    fn links(&self) -> zbus::Result<Vec<history::Link>>;
    /// What a link moved in stretches of a resolution (the words of [`history::Resolution`]) that
    /// begin in `[since, until)`, the one that holds `since` included; those without traffic are
    /// left out. Of many only the first are returned, and then as the next call's `since` where
    /// to go on, else 0. Times are microseconds since the Unix epoch.
    fn history(
        &self,
        interface: &str,
        resolution: &str,
        since_usec: u64,
        until_usec: u64,
    ) -> zbus::Result<(Vec<Row>, u64)>;
    /// Top-ups and corrections of a link that were decided in `[since, until)`, oldest first;
    /// paged as the history is.
    fn adjustments(
        &self,
        interface: &str,
        since_usec: u64,
        until_usec: u64,
    ) -> zbus::Result<(Vec<Change>, u64)>;
    /// What the spend guard knows and does ([`crate::spend::SpendView`]'s keys); empty while it is
    /// switched off.
    #[zbus(property)]
    fn spend(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    /// Has the spend guard look at cost, budget and Jellyfin now, at most every 10 seconds, and ask
    /// the cloud at most once a minute. Returns when it is done and published.
    fn check_spend(&self) -> zbus::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_paths_are_valid_and_distinct() {
        assert_eq!(link_path("eth0").as_str(), "/org/bwflow1/link/eth0");
        assert_eq!(
            link_path("wg-home.7").as_str(),
            "/org/bwflow1/link/wg_2dhome_2e7"
        );
        assert_eq!(link_path("0pt").as_str(), "/org/bwflow1/link/_30pt");
        assert_eq!(link_path("a_b").as_str(), "/org/bwflow1/link/a_5fb");
        assert_eq!(link_path("").as_str(), "/org/bwflow1/link/_");
    }
}
