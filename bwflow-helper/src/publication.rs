//! Which figures are worth telling: a pure decision, so that an idle link costs next to nothing.

use std::time::Duration;

use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;

/// Figures that differ by this many bytes are told at once. The daemon counts by itself and does
/// not depend on them; readers who want them to the byte ask by `Refresh`.
const NOTABLE: u64 = 1_000_000;
/// Less than that is told after this time, as soon as something moves again.
const NEWS_INTERVAL: Duration = Duration::from_secs(60);
/// Figures are told at least this often, so that readers see what accrues.
const INTERVAL: Duration = Duration::from_secs(300);

/// What was last told of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    at: Duration,
    interface_index: u32,
    period_end_usec: u64,
    tx_bytes: u64,
    rx_bytes: u64,
    reached_percent: u32,
}

impl Publication {
    /// These figures were told at `now` (`CLOCK_BOOTTIME`).
    pub const fn of(grant: &Grant, ledger: &LedgerView, now: Duration) -> Self {
        Self {
            at: now,
            interface_index: grant.interface_index,
            period_end_usec: ledger.period_end_usec,
            tx_bytes: ledger.tx_bytes,
            rx_bytes: ledger.rx_bytes,
            reached_percent: ledger.reached_percent,
        }
    }

    /// Whether nothing needs to be told at `now`, `usec` by the wall clock, as no byte has moved.
    pub fn stands(&self, now: Duration, usec: i64) -> bool {
        now.saturating_sub(self.at) < INTERVAL
            && u64::try_from(usec).is_ok_and(|usec| usec < self.period_end_usec)
    }

    /// Whether these figures should be told at `now`.
    pub fn outdated_by(&self, grant: &Grant, ledger: &LedgerView, now: Duration) -> bool {
        let age = now.saturating_sub(self.at);
        let moved =
            ledger.tx_bytes.abs_diff(self.tx_bytes) + ledger.rx_bytes.abs_diff(self.rx_bytes);
        grant.interface_index != self.interface_index
            || ledger.period_end_usec != self.period_end_usec
            || ledger.reached_percent != self.reached_percent
            || moved >= NOTABLE
            || (moved > 0 && age >= NEWS_INTERVAL)
            || age >= INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(1000);

    fn outdated(after: u64, grant: &Grant, ledger: &LedgerView) -> bool {
        let told = Publication::of(&Grant::default(), &LedgerView::default(), AT);
        told.outdated_by(grant, ledger, AT + Duration::from_secs(after))
    }

    fn moved(tx_bytes: u64) -> LedgerView {
        LedgerView {
            tx_bytes,
            ..LedgerView::default()
        }
    }

    #[test]
    fn what_matters_is_told_at_once() {
        let same = Grant::default();
        assert!(outdated(0, &same, &moved(NOTABLE)));
        let other_link = Grant {
            interface_index: 3,
            ..Grant::default()
        };
        assert!(outdated(0, &other_link, &moved(0)));
        let next_period = LedgerView {
            period_end_usec: 9,
            ..moved(0)
        };
        assert!(outdated(0, &same, &next_period));
        let threshold = LedgerView {
            reached_percent: 50,
            ..moved(0)
        };
        assert!(outdated(0, &same, &threshold));
    }

    #[test]
    fn silence_needs_no_figures_until_the_period_ends() {
        let view = LedgerView {
            period_end_usec: 50,
            ..moved(0)
        };
        let told = Publication::of(&Grant::default(), &view, AT);
        assert!(told.stands(AT, 49));
        assert!(!told.stands(AT, 50));
        assert!(!told.stands(AT + INTERVAL, 49));
    }

    #[test]
    fn chatter_waits_a_minute_and_silence_five() {
        let same = Grant::default();
        assert!(!outdated(59, &same, &moved(1)));
        assert!(outdated(60, &same, &moved(1)));
        assert!(!outdated(299, &same, &moved(0)));
        assert!(outdated(300, &same, &moved(0)));
    }
}
