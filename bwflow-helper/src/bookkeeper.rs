//! The links' accounts and their ledger, together.

use std::collections::HashMap;

use bwflow_proto::claim::TopUp;
use bwflow_proto::config::{Config, Link};
use bwflow_proto::exclusion::Excluded;
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;

use crate::account::{Account, within};
use crate::clock::Clock;
use crate::ledger::slot::next_edge;
use crate::ledger::store::{Entry, Store, StoreError};
use crate::ledger::{Balance, Totals};
use crate::meter::Sight;
use crate::period::{Calendar, Period};
use crate::policy::Figures;
use crate::publication::Movement;
use crate::spend::world::Cap;

mod pace;
mod past;
mod spend;
mod vnstat;

use vnstat::Acquaintance;

/// Books what the meter sees, and says what follows.
#[derive(Debug)]
pub struct Bookkeeper {
    config: Config,
    store: Store,
    /// In the order of the configuration.
    accounts: Vec<Account>,
    /// By interface: how far vnStat's count was compared with ours.
    acquaintances: HashMap<String, Acquaintance>,
    /// The spend guard's cap.
    cap: Option<Cap>,
}

impl Bookkeeper {
    /// Goes on from what the ledger holds.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn new(config: Config, store: Store) -> Result<Self, StoreError> {
        let mut books = Self {
            config: Config {
                links: Vec::new(),
                ..config.clone()
            },
            store,
            accounts: Vec::new(),
            acquaintances: HashMap::new(),
            cap: None,
        };
        books.reconfigure(config)?;
        Ok(books)
    }

    /// The configuration in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A link's interface index, 0 while it is absent, and what was charged to it since this
    /// program began: enough to see whether figures that were told still stand.
    pub fn movement(&self, interface: &str) -> Option<Movement> {
        let account = self.accounts.iter().find(|a| a.interface() == interface)?;
        Some(Movement {
            interface_index: account.present().map_or(0, |anchor| anchor.interface_index),
            charged: account.charged(),
        })
    }

    /// Names of the links, in the order of the configuration.
    pub fn interfaces(&self) -> Vec<String> {
        let links = self.config.links.iter();
        links.map(|link| link.interface.clone()).collect()
    }

    /// Follows another configuration. Charges that are not committed yet are kept with the links
    /// that stay; commit first to keep those of the others.
    ///
    /// # Errors
    /// When the ledger cannot be read; the old configuration stays in force then.
    pub fn reconfigure(&mut self, config: Config) -> Result<(), StoreError> {
        let mut added = HashMap::new();
        for link in &config.links {
            if !self
                .accounts
                .iter()
                .any(|a| a.interface() == link.interface)
            {
                let anchor = self.store.anchor(&link.interface)?;
                let exclusion = self.store.exclusion(&link.interface)?;
                let account = Account::new(&link.interface, Calendar::of(link), anchor)
                    .with_exclusion(exclusion);
                added.insert(link.interface.as_str(), account);
            }
        }
        let mut acquaintances = HashMap::new();
        for link in &config.links {
            let acquaintance = Acquaintance::of(&self.store, &link.interface)?;
            acquaintances.insert(link.interface.clone(), acquaintance);
        }
        let mut accounts = Vec::with_capacity(config.links.len());
        for link in &config.links {
            let name = link.interface.as_str();
            let kept = self.accounts.iter().position(|a| a.interface() == name);
            let account = kept.map(|index| self.accounts.swap_remove(index));
            if let Some(mut account) = account.or_else(|| added.remove(name)) {
                account.set_calendar(Calendar::of(link));
                accounts.push(account);
            }
        }
        self.accounts = accounts;
        self.acquaintances = acquaintances;
        self.config = config;
        Ok(())
    }

    /// Takes note of what the meter saw. Returns the names of the links with news.
    pub fn observe(&mut self, sights: &[Sight], clock: &Clock) -> Vec<String> {
        let mut news = Vec::new();
        for account in &mut self.accounts {
            let mut moved = false;
            for sight in sights {
                moved |= account.observe(sight, clock);
            }
            if moved {
                news.push(account.interface().to_owned());
            }
        }
        news
    }

    /// The links with excluded networks.
    pub fn excluding(&self) -> Vec<String> {
        let links = self.config.links.iter();
        let links = links.filter(|link| !link.exclude.is_empty());
        links.map(|link| link.interface.clone()).collect()
    }

    /// Whether a link waits for the first count of what it excludes.
    pub fn awaits_exclusion(&self) -> bool {
        let excluding = self.excluding();
        self.accounts.iter().any(|account| {
            account.exclusion().epoch == 0 && excluding.iter().any(|it| it == account.interface())
        })
    }

    /// Takes note of what the daemon says was excluded, after [`Self::observe`] of the counters
    /// that were read later. Returns whether that must be told at once.
    pub fn exclude(&mut self, interface: &str, excluded: &Excluded, clock: &Clock) -> bool {
        self.accounts
            .iter_mut()
            .filter(|account| account.interface() == interface)
            .any(|account| account.exclude(excluded, clock))
    }

    /// Writes what the ledger does not hold yet, if that must not wait for more.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_due(&mut self) -> Result<(), StoreError> {
        if self.accounts.iter().any(Account::commit_is_due) {
            self.commit()?;
        }
        Ok(())
    }

    /// Writes what the ledger does not hold yet, in one transaction; nothing if there is nothing.
    ///
    /// # Errors
    /// When the ledger cannot be written. The charges are kept for the next attempt.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let entries: Vec<_> = self
            .accounts
            .iter()
            .filter_map(|account| {
                let (slots, anchor) = account.unsaved()?;
                Some(Entry {
                    interface: account.interface(),
                    slots,
                    anchor,
                    excluded: account.unsaved_exclusion(),
                })
            })
            .collect();
        if entries.is_empty() {
            return Ok(());
        }
        self.store.commit(&entries)?;
        for account in &mut self.accounts {
            if account.unsaved().is_some() {
                account.saved();
            }
        }
        Ok(())
    }

    /// Books top-ups and corrections of a link, each once however often it is handed over. Returns
    /// whether the link is one of ours; if not, nothing is booked.
    ///
    /// A correction is of the period it was decided in, and says what has been used as of now.
    ///
    /// # Errors
    /// When the ledger cannot be written. What is booked until then stays, and is not booked again.
    pub fn book(&mut self, interface: &str, decided: &[TopUp]) -> Result<bool, StoreError> {
        let link = self.config.links.iter().find(|l| l.interface == interface);
        let account = self.accounts.iter().find(|a| a.interface() == interface);
        let (Some(link), Some(account)) = (link, account) else {
            return Ok(false);
        };
        let mut top_ups = decided.to_vec();
        top_ups.retain(|it| it.used_bytes.is_none());
        if !top_ups.is_empty() {
            self.store.book(interface, &top_ups)?;
        }
        for correction in decided {
            if let Some(used) = correction.used_bytes {
                let at = i64::try_from(correction.at_usec).unwrap_or(i64::MAX);
                let period = account.calendar().containing(at);
                // Each sees those before it.
                let balance = self.balance(link, account, period)?;
                let bytes = balance.correction_to(used);
                self.store.correct(interface, bytes, correction)?;
            }
        }
        Ok(true)
    }

    /// When the next hour or period begins for any of the links.
    pub fn next_edge(&self, usec: i64) -> i64 {
        let edges = self.accounts.iter().map(|a| next_edge(usec, a.calendar()));
        edges.min().unwrap_or(i64::MAX)
    }

    /// What the daemon and everybody else should know of each link now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn figures(
        &self,
        interface: &str,
        clock: &Clock,
    ) -> Result<Option<(Grant, LedgerView)>, StoreError> {
        let link = self.config.links.iter().find(|l| l.interface == interface);
        let account = self.accounts.iter().find(|a| a.interface() == interface);
        let (Some(link), Some(account)) = (link, account) else {
            return Ok(None);
        };
        let period = account.calendar().containing(clock.usec);
        let origin = self.origin(account, &period)?;
        let figures = Figures {
            link,
            origin: &origin,
            balance: self.balance(link, account, period)?,
            pace: self.pace(link, account, clock.usec)?,
            anchor: account.present(),
            exclusion: account.exclusion(),
            exclusion_fault: account.exclusion_fault(),
            peak: self.peak(interface),
            clock,
        };
        Ok(Some((
            figures.grant(&self.config),
            figures.view(&self.config),
        )))
    }

    fn balance(
        &self,
        link: &Link,
        account: &Account,
        period: Period,
    ) -> Result<Balance, StoreError> {
        let booked = self.store.totals(&link.interface, &period)?;
        let pending = within(account.pending(), period.start_usec, period.end_usec);
        let excluded = within(
            account.pending_excluded(),
            period.start_usec,
            period.end_usec,
        );
        Ok(Balance {
            period,
            budget: link.budget_bytes,
            burst: link.burst_bytes,
            count: link.count,
            totals: Totals {
                traffic: booked.traffic.plus(pending),
                excluded: booked.excluded.plus(excluded),
                ..booked
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
