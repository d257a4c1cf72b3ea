//! `org.bwflow1.Link`: one object per link.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bwflow_proto::claim::{Claim, Options, TopUp};
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use zbus::message::Header;
use zbus::names::InterfaceName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant, interface};

use super::failure::Failure;
use super::verbs::Verbs;
use crate::board::{Board, LinkView};
use crate::decision::Decision;

type Dict = HashMap<String, OwnedVariant>;

/// The interface object of one link; reads from the board.
///
/// Every method takes `&self`: one that took `&mut self` and waited for a password would keep
/// everybody from reading the properties.
#[derive(Debug)]
pub struct Link {
    name: String,
    board: Arc<Board>,
    verbs: Arc<Verbs>,
}

impl Link {
    /// The interface's name.
    pub const INTERFACE: &'static str = "org.bwflow1.Link";

    /// The object of the link with this name.
    pub fn new(name: &str, board: Arc<Board>, verbs: Arc<Verbs>) -> Self {
        Self {
            name: name.to_owned(),
            board,
            verbs,
        }
    }

    fn view(&self) -> LinkView {
        self.board.link(&self.name).unwrap_or_default()
    }

    async fn decide(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        decision: Decision,
    ) -> Result<(), Failure> {
        let grant = self.view().grant;
        let min_rate = grant.map_or(0, |grant| grant.min_rate_bytes_per_second);
        self.verbs
            .carry_out(connection, header, &self.name, min_rate, decision)
            .await
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

fn claim_dict(claim: Option<Claim>) -> Dict {
    claim
        .and_then(|claim| Dict::try_from(Variant::from(claim)).ok())
        .unwrap_or_default()
}

#[interface(name = "org.bwflow1.Link")]
impl Link {
    /// Caps the link to a rate, at least 1 byte per second, while its budget lasts; the grant
    /// still holds under it. Replaces an earlier throttle. Options: DurationUSec (t, from now) or
    /// UntilUSec (t, wall clock), without either it holds until it is cleared; Reason (s, at most
    /// 200 bytes); Force (b), without which a rate under the configured min_rate is refused with
    /// org.bwflow1.Error.BelowMinRate. polkit action org.bwflow1.throttle.
    async fn throttle(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        rate_bytes_per_second: u64,
        options: Options,
    ) -> Result<(), Failure> {
        let decision = Decision::Throttle(rate_bytes_per_second, options);
        self.decide(connection, &header, decision).await
    }

    /// Ends the throttle; none is no error. polkit action org.bwflow1.throttle.
    async fn clear_throttle(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Failure> {
        self.decide(connection, &header, Decision::ClearThrottle)
            .await
    }

    /// Lifts every limit, or holds the link to a rate, whatever the budget; what flows is charged.
    /// Replaces an earlier override. Options: those of Throttle; RateBytesPerSecond (t), no limit
    /// without it; TopUpBytes (t) does what TopUp does, and both or neither is done. polkit
    /// action org.bwflow1.override, and org.bwflow1.top-up with TopUpBytes.
    #[zbus(name = "Override")]
    async fn override_limit(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        options: Options,
    ) -> Result<(), Failure> {
        self.decide(connection, &header, Decision::Override(options))
            .await
    }

    /// Ends the override; none is no error. polkit action org.bwflow1.override.
    async fn clear_override(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Failure> {
        self.decide(connection, &header, Decision::ClearOverride)
            .await
    }

    /// Adds bytes to this period's budget; the only option is Reason (s). Returns when that cannot
    /// get lost any more; the helper books it. polkit action org.bwflow1.top-up.
    async fn top_up(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        bytes: u64,
        options: Options,
    ) -> Result<(), Failure> {
        let decision = Decision::TopUp(bytes, options);
        self.decide(connection, &header, decision).await
    }

    /// Makes the ledger agree with a bill: what has been used in this period is used_bytes at the
    /// moment the helper books it, which is at once if it runs, and what flows from then on is
    /// added. The only option is Reason (s). Returns when that cannot get lost any more. polkit
    /// action org.bwflow1.correct.
    async fn correct(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
        used_bytes: u64,
        options: Options,
    ) -> Result<(), Failure> {
        let decision = Decision::Correct(used_bytes, options);
        self.decide(connection, &header, decision).await
    }

    /// The manual throttle; empty when there is none. RateBytesPerSecond (t), OwnerUID (u), Owner
    /// (s, may be empty), Reason (s, may be empty), SetAtUSec (t), ExpiresUSec (t, 0 if it holds
    /// until it is cleared); times are microseconds since the Unix epoch.
    #[zbus(property, name = "Throttle")]
    fn current_throttle(&self) -> Dict {
        claim_dict(self.view().throttle)
    }

    /// The override, with the keys of Throttle; RateBytesPerSecond is 0 when every limit is
    /// lifted. Empty when there is none.
    #[zbus(property, name = "Override")]
    fn current_override(&self) -> Dict {
        claim_dict(self.view().override_claim)
    }

    /// Top-ups and corrections that the helper has yet to book, oldest first: Id (s), Bytes (t),
    /// OwnerUID (u), Owner (s), Reason (s), AtUSec (t). In a correction Bytes is 0 and UsedBytes (t)
    /// what has been used.
    #[zbus(property)]
    fn pending_top_ups(&self) -> Vec<TopUp> {
        self.view().top_ups
    }

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
    /// (t), VnstatBytes (t), LiveBytes (t), CorrectionBytes (x; these three make up UsedBytes),
    /// BillCorrectionBytes (x), VnstatDroppedBytes (t), VnstatInventedBytes (t), VnstatVersion (s),
    /// VnstatUpdatedUSec (t), Source (s, vnstat or kernel), SourceNote (s, why vnStat is not used
    /// though it is wanted), Counted (s), ForecastBytes (t), ExhaustedAtUSec (t, 0 when not in
    /// this period), ReachedPercent (u), UpdatedAtUSec (t).
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
    if before.throttle != now.throttle {
        changed.insert("Throttle", claim_dict(now.throttle.clone()).into());
    }
    if before.override_claim != now.override_claim {
        changed.insert("Override", claim_dict(now.override_claim.clone()).into());
    }
    if before.top_ups != now.top_ups {
        changed.insert("PendingTopUps", now.top_ups.clone().into());
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
