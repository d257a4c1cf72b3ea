//! `org.bwflow1.Link`: one object per link.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use zbus::names::InterfaceName;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedVariant, Variant, interface};

use crate::board::{Board, LinkView};

type Dict = HashMap<String, OwnedVariant>;

/// The interface object of one link; reads from the board.
#[derive(Debug)]
pub struct Link {
    name: String,
    board: Arc<Board>,
}

impl Link {
    /// The interface's name.
    pub const INTERFACE: &'static str = "org.bwflow1.Link";

    /// The object of the link with this name.
    pub fn new(name: &str, board: Arc<Board>) -> Self {
        Self {
            name: name.to_owned(),
            board,
        }
    }

    fn view(&self) -> LinkView {
        self.board.link(&self.name).unwrap_or_default()
    }
}

fn grant_dict(grant: Option<Grant>) -> Dict {
    grant
        .and_then(|grant| Dict::try_from(Variant::from(grant)).ok())
        .unwrap_or_default()
}

fn ledger_dict(ledger: Option<LedgerView>) -> Dict {
    ledger
        .and_then(|ledger| Dict::try_from(Variant::from(ledger)).ok())
        .unwrap_or_default()
}

#[interface(name = "org.bwflow1.Link")]
impl Link {
    /// The interface's name, e.g. "eth0".
    #[zbus(property(emits_changed_signal = "const"))]
    fn interface(&self) -> String {
        self.name.clone()
    }

    /// The kernel's index of the interface; 0 while it is absent.
    #[zbus(property)]
    fn interface_index(&self) -> u32 {
        self.view().index
    }

    /// "open", "armed", "throttled", "overridden", "manual", "blocked" or "absent"; treat other
    /// words as "other".
    #[zbus(property)]
    fn state(&self) -> String {
        self.view().state.to_string()
    }

    /// When the state was entered, microseconds since the Unix epoch.
    #[zbus(property, name = "StateSinceUSec")]
    fn state_since_usec(&self) -> u64 {
        self.view().since_usec
    }

    /// The rate the kernel holds the link to now, bytes per second; 0 when it does not.
    #[zbus(property)]
    fn limit_bytes_per_second(&self) -> u64 {
        self.view().limit
    }

    /// While the state is "blocked": what forbids enforcement, e.g. "htb 1:"; else empty.
    #[zbus(property)]
    fn blocked_by(&self) -> String {
        self.view().blocked_by
    }

    /// The grant in force, with the keys of Enforcer.SetGrant; empty when there is none.
    #[zbus(property)]
    fn grant(&self) -> Dict {
        grant_dict(self.view().grant)
    }

    /// The ledger as last published; empty when there is none. PeriodStartUSec (t),
    /// PeriodEndUSec (t), Timezone (s), BudgetBytes (t), BurstBytes (t), UsedBytes (t), TxBytes
    /// (t), RxBytes (t), AccruedBytes (t), AvailableBytes (x), DripBytesPerSecond (t), TopupBytes
    /// (t), CorrectionBytes (x), Source (s), Counted (s), ForecastBytes (t), ExhaustedAtUSec (t,
    /// 0 when not in this period), ReachedPercent (u), UpdatedAtUSec (t).
    #[zbus(property)]
    fn ledger(&self) -> Dict {
        ledger_dict(self.view().ledger)
    }

    /// UsedBytes has reached this many percent of the budget in this period.
    #[zbus(signal)]
    pub async fn threshold_reached(emitter: &SignalEmitter<'_>, percent: u32) -> zbus::Result<()>;
}

/// Tells the bus what is different between two views of a link, in one signal.
///
/// # Errors
/// What the connection reports.
pub async fn announce(
    emitter: &SignalEmitter<'_>,
    before: &LinkView,
    now: &LinkView,
) -> zbus::Result<()> {
    let mut changed: HashMap<&str, Variant<'_>> = HashMap::new();
    if before.index != now.index {
        changed.insert("InterfaceIndex", now.index.into());
    }
    if before.state != now.state {
        changed.insert("State", now.state.as_str().into());
    }
    if before.since_usec != now.since_usec {
        changed.insert("StateSinceUSec", now.since_usec.into());
    }
    if before.limit != now.limit {
        changed.insert("LimitBytesPerSecond", now.limit.into());
    }
    if before.blocked_by != now.blocked_by {
        changed.insert("BlockedBy", now.blocked_by.as_str().into());
    }
    if before.grant != now.grant {
        changed.insert("Grant", grant_dict(now.grant.clone()).into());
    }
    if before.ledger != now.ledger {
        changed.insert("Ledger", ledger_dict(now.ledger.clone()).into());
    }
    if !changed.is_empty() {
        let interface = InterfaceName::from_static_str_unchecked(Link::INTERFACE);
        zbus::fdo::Properties::properties_changed(emitter, interface, changed, Cow::Borrowed(&[]))
            .await?;
    }
    if let (Some(before), Some(now)) = (&before.ledger, &now.ledger)
        && now.period_start_usec == before.period_start_usec
        && now.reached_percent > before.reached_percent
    {
        Link::threshold_reached(emitter, now.reached_percent).await?;
    }
    Ok(())
}
