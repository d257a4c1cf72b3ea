//! What is to hold on a link when everybody has spoken, and what that is called.

use std::time::Duration;

use bwflow_proto::state::LinkState;

use super::Shaper;
use crate::account::Account;
use crate::arbitration::{Budget, Ruling};
use crate::netlink::tbf::Rates;
use crate::plan::{Form, Terms};

/// Our limit as an earlier run left it. Its grant is not known, so that nothing may be faster
/// than its bucket allows without tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    rates: Rates,
    /// Whether its bucket is as it was left; the kernel fills it when the link flaps.
    pub(super) intact: bool,
}

impl Found {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            rates,
            intact: true,
        }
    }

    /// Whether it does all that a throttle asks for.
    fn serves(&self, throttle: Option<u64>) -> bool {
        let peak = self.rates.peak;
        self.intact && throttle.is_none_or(|throttle| peak > 0 && peak <= throttle)
    }
}

impl Shaper {
    /// Decides between what administrators demand, the grant, and what was found.
    pub(super) fn ruling(&self) -> Ruling {
        let granted = self.grant().map(|grant| Budget {
            rate: grant.rate_bytes_per_second,
            peak: grant.peak_bytes_per_second,
        });
        let found = self.found.filter(|_| granted.is_none());
        let ruling = self.demands.rule(granted);
        match (self.demands.override_rate, found) {
            (None, Some(found)) => {
                let rate = found.rates.rate.max(1);
                Ruling::Flat(self.demands.throttle.map_or(rate, |cap| rate.min(cap)))
            }
            _ => ruling,
        }
    }

    /// Whether the link is to be left as it is, because what is there is right and unknown.
    pub(super) fn leaves(&self, ruling: Ruling) -> bool {
        let found = self.found.is_some_and(|found| {
            self.form == Form::Unknown
                && self.account.is_none()
                && self.demands.override_rate.is_none()
                && found.serves(self.demands.throttle)
        });
        found || (ruling == Ruling::Lift && self.form == Form::Open)
    }

    /// What may still flow under a ruling.
    pub(super) fn remaining(&self, ruling: Ruling, now: Duration) -> i64 {
        match ruling {
            Ruling::Lift => i64::MAX,
            Ruling::Flat(_) => 0,
            Ruling::Grant { .. } => self
                .account
                .as_ref()
                .map_or(0, |account| account.remaining(now)),
        }
    }

    pub(super) fn terms(&self, ruling: Ruling) -> Terms {
        let grant = self.grant().cloned().unwrap_or_default();
        let (drip, rate, peak) = match ruling {
            Ruling::Lift => (0, 1, 0),
            Ruling::Flat(rate) => (0, rate, 0),
            Ruling::Grant { peak } => (
                grant.drip_bytes_per_second,
                grant.rate_bytes_per_second,
                peak,
            ),
        };
        let mtu = self.link.as_ref().map_or(1500, |link| link.mtu);
        Terms {
            drip,
            rate,
            peak,
            poll: self.poll_interval(),
            // An Ethernet header with some tags: the kernel drops what does not fit the bucket.
            packet: mtu.saturating_add(64),
            fastest: self.fastest,
            sending_only: self
                .account
                .as_ref()
                .is_none_or(Account::counts_sending_only),
            exact: !self.demands.is_empty(),
        }
    }

    /// What holds the link now.
    pub fn state(&self) -> LinkState {
        if self.link.is_none() {
            return LinkState::Absent;
        }
        if !self.blocked_by.is_empty() {
            return LinkState::Blocked;
        }
        if self.demands.override_rate.is_some() {
            return LinkState::Overridden;
        }
        let by_hand = self.demands.throttle_decides(self.rate());
        match &self.form {
            Form::Open => LinkState::Open,
            _ if by_hand => LinkState::Manual,
            Form::Armed(_) => LinkState::Armed,
            Form::Held { .. } | Form::Unknown => LinkState::Throttled,
        }
    }

    /// The rate the kernel holds the link to, bytes per second; 0 when it does not.
    pub fn limit(&self) -> u64 {
        match self.state() {
            LinkState::Absent | LinkState::Blocked => 0,
            _ => self.rate(),
        }
    }

    /// The rate that what is on the link holds it to now.
    fn rate(&self) -> u64 {
        match &self.form {
            Form::Held { rate, .. } => *rate,
            Form::Armed(bucket) => bucket.peak(),
            Form::Unknown => self
                .found
                .filter(|found| found.serves(self.demands.throttle))
                .filter(|_| self.demands.throttle.is_some())
                .map_or(0, |found| found.rates.peak),
            Form::Open => 0,
        }
    }
}
