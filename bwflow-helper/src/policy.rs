//! From the ledger to what the daemon is told.

use bwflow_proto::config::{Config, Link, Throttle};
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;

use crate::clock::Clock;
use crate::counter::Anchor;
use crate::exclusion::Exclusion;
use crate::forecast::{Pace, forecast};
use crate::ledger::Balance;
use crate::vnstat::parts::Origin;

/// What the ledger and the meter say about a link at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// The link's plan.
    pub link: &'a Link,
    /// Its balance in the period that holds `clock`.
    pub balance: Balance,
    /// Its pace lately.
    pub pace: Pace,
    /// The interface and its counters, up to which `balance` is complete; nothing while absent.
    pub anchor: Option<&'a Anchor>,
    /// Up to where `balance` takes off what is excluded.
    pub exclusion: &'a Exclusion,
    /// Why nothing can be excluded; empty when nothing is wrong.
    pub exclusion_fault: &'a str,
    /// Whose count the balance is.
    pub origin: &'a Origin,
    /// A cap that holds while bytes are left, bytes per second; 0 is none.
    pub peak: u64,
    /// When all of this was read.
    pub clock: &'a Clock,
}

impl Figures<'_> {
    /// What the link may send from here on.
    ///
    /// While the interface is absent, the grant is counted from zero: an interface that appears
    /// begins there.
    pub fn grant(&self, config: &Config) -> Grant {
        let (send, receive) = self.balance.available_by_direction(self.clock.usec);
        Grant {
            count: self.link.count.to_string(),
            interface_index: self.anchor.map_or(0, |anchor| anchor.interface_index),
            tx_counter: self.anchor.map_or(0, |anchor| anchor.counters.tx),
            rx_counter: self.anchor.map_or(0, |anchor| anchor.counters.rx),
            // What is available includes what has dripped until now, also if the counters were
            // read before.
            boottime_usec: unsigned(self.clock.boottime_usec),
            available_bytes: send,
            available_receive_bytes: receive,
            drip_bytes_per_second: self.balance.drip(),
            rate_bytes_per_second: hold_rate(self.link, &self.balance, self.clock.usec),
            peak_bytes_per_second: self.peak,
            min_rate_bytes_per_second: self.link.min_rate,
            poll_interval_usec: u64::try_from(config.poll_interval.as_micros()).unwrap_or(u64::MAX),
            exclusion: self.excludes().then(|| bwflow_proto::exclusion::Exclusion {
                networks: self.link.exclude.iter().map(ToString::to_string).collect(),
                epoch: self.exclusion.epoch,
                tx_bytes: self.exclusion.counters.tx,
                rx_bytes: self.exclusion.counters.rx,
            }),
        }
    }

    const fn excludes(&self) -> bool {
        !self.link.exclude.is_empty()
    }

    /// The ledger as everybody may read it.
    pub fn view(&self, config: &Config) -> LedgerView {
        let balance = &self.balance;
        let now = self.clock.usec;
        let held = match self.link.throttle {
            Throttle::Drip => 0,
            Throttle::Rate(rate) => rate,
        };
        let forecast = forecast(balance, self.pace, held, now);
        let origin = self.origin;
        let parts = origin.parts(balance);
        LedgerView {
            period_start_usec: unsigned(balance.period.start_usec),
            period_end_usec: unsigned(balance.period.end_usec),
            timezone: self.link.timezone.iana_name().unwrap_or("UTC").to_owned(),
            budget_bytes: balance.budget,
            burst_bytes: balance.burst,
            used_bytes: balance.used(),
            tx_bytes: balance.totals.traffic.tx,
            rx_bytes: balance.totals.traffic.rx,
            accrued_bytes: balance.accrued(now),
            available_bytes: balance.available(now),
            drip_bytes_per_second: balance.drip(),
            topup_bytes: balance.totals.topup,
            vnstat_bytes: parts.vnstat,
            live_bytes: parts.live,
            correction_bytes: parts.correction,
            bill_correction_bytes: balance.totals.correction,
            vnstat_dropped_bytes: parts.dropped,
            vnstat_invented_bytes: parts.invented,
            vnstat_version: origin.version().to_owned(),
            vnstat_updated_usec: unsigned(origin.updated_usec()),
            source: origin.source().to_owned(),
            source_note: origin.note().to_owned(),
            counted: self.link.count.to_string(),
            forecast_bytes: forecast.used_bytes,
            exhausted_at_usec: forecast.exhausted_usec.map_or(0, unsigned),
            reached_percent: reached(balance, &config.alert_percents),
            excluded_bytes: (self.excludes() || !balance.totals.excluded.is_zero()).then(|| {
                self.link
                    .count
                    .charge(balance.totals.excluded.tx, balance.totals.excluded.rx)
            }),
            exclusion_fault: (self.excludes() && !self.exclusion_fault.is_empty())
                .then(|| self.exclusion_fault.to_owned()),
            updated_at_usec: unsigned(now),
        }
    }
}

/// What to hold a link to when nothing is left, bytes per second, at least 1.
///
/// With `drip`: what accrues, less what repays a debt by the period's end. `min_rate` bounds how
/// slow that may get, but never lifts a link above its drip, unless nothing drips at all: then it
/// is all there is.
pub fn hold_rate(link: &Link, balance: &Balance, now_usec: i64) -> u64 {
    let rate = match link.throttle {
        Throttle::Rate(rate) => rate,
        Throttle::Drip => match balance.drip() {
            0 => link.min_rate,
            drip => {
                let rest = u128::from(balance.period.rest_usec(now_usec).max(1));
                let debt = u128::from(balance.debt(now_usec));
                // Rounded up, so that the last byte of the debt is repaid, too.
                let repay = (debt * 1_000_000).div_ceil(rest);
                let repay = u64::try_from(repay).unwrap_or(u64::MAX);
                link.min_rate.min(drip).max(drip.saturating_sub(repay))
            }
        },
    };
    rate.max(1)
}

/// The highest threshold that the used bytes have reached, in percent of the budget; 0 if none.
fn reached(balance: &Balance, thresholds: &[u32]) -> u32 {
    let used = u128::from(balance.used()) * 100;
    thresholds
        .iter()
        .copied()
        .filter(|percent| used > 0 && used >= u128::from(balance.budget) * u128::from(*percent))
        .max()
        .unwrap_or(0)
}

fn unsigned(usec: i64) -> u64 {
    u64::try_from(usec).unwrap_or(0)
}

#[cfg(test)]
mod tests;
