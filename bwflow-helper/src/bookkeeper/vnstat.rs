//! vnStat's figures on their way into the books.

use std::collections::BTreeMap;

use bwflow_proto::config::Source;

use super::Bookkeeper;
use crate::account::{Account, within};
use crate::clock::Clock;
use crate::counter::{Anchor, Counters};
use crate::ledger::imports::Stretch;
use crate::ledger::slot::spread;
use crate::ledger::store::{Store, StoreError};
use crate::ledger::vnstat::{Comparison, Shares};
use crate::period::Period;
use crate::vnstat::Trouble;
use crate::vnstat::database::Link;
use crate::vnstat::mark::{self, Mark, Step};
use crate::vnstat::parts::Origin;
use crate::vnstat::plausible;
use crate::vnstat::rows::{Rows, Tail, before, into_period};
use crate::vnstat::watch::Watch;

/// What is known of vnStat's count of one link.
#[derive(Clone, Debug, Default)]
pub(super) struct Acquaintance {
    /// Up to where it was compared with ours.
    mark: Option<Mark>,
    /// Which of the watch's states that was.
    generation: u64,
    /// Why it was not taken in that state though it can be read.
    refused: Option<String>,
    /// Whether it is used, and by which version; undecided before the first look.
    standing: Standing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Undecided,
    Used {
        version: String,
    },
    Unused {
        why: String,
        /// Whether whoever configured it should know.
        is_missed: bool,
    },
}

impl Acquaintance {
    pub(super) fn of(store: &Store, interface: &str) -> Result<Self, StoreError> {
        Ok(Self {
            mark: store.mark(interface)?,
            ..Self::default()
        })
    }
}

impl Bookkeeper {
    /// The links that were never compared with vnStat: of those its rows are wanted.
    pub fn without_mark(&self) -> Vec<String> {
        let is_new = |name: &&str| {
            self.acquaintances
                .get(*name)
                .is_none_or(|it| it.mark.is_none())
        };
        let names = self.accounts.iter().map(Account::interface);
        names.filter(is_new).map(str::to_owned).collect()
    }

    /// The links that are there and whose past was not imported.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn without_past(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for account in self.accounts.iter().filter(|a| a.present().is_some()) {
            if !self.store.is_imported(account.interface())? {
                names.push(account.interface().to_owned());
            }
        }
        Ok(names)
    }

    /// Compares what vnStat has written with what was counted here, and books what is new.
    /// Returns the links of which something else is to be told now.
    ///
    /// # Errors
    /// When the ledger cannot be read or written. It is done again the next time then.
    pub fn compare(&mut self, watch: &Watch, clock: &Clock) -> Result<Vec<String>, StoreError> {
        let mut news = Vec::new();
        for index in 0..self.accounts.len() {
            let interface = self.accounts[index].interface().to_owned();
            let known = self.acquaintances.entry(interface.clone()).or_default();
            let is_looked_at = known.generation == watch.generation();
            let standing = match watch.current() {
                _ if self.config.source == Source::Kernel => Standing::Undecided,
                Err(trouble) => unused(trouble, self.config.source, known.mark.is_some()),
                Ok(snapshot) => match snapshot.links.get(&interface) {
                    None => Standing::Unused {
                        why: format!("vnStat does not know {interface}"),
                        is_missed: true,
                    },
                    Some(link) => {
                        if !is_looked_at {
                            self.follow(index, link, watch.generation(), clock)?;
                        }
                        let known = self.acquaintances.get(&interface);
                        match known.and_then(|known| known.refused.clone()) {
                            Some(why) => Standing::Unused {
                                why,
                                is_missed: true,
                            },
                            None => Standing::Used {
                                version: snapshot.version.clone(),
                            },
                        }
                    }
                },
            };
            let known = self.acquaintances.entry(interface.clone()).or_default();
            if known.standing != standing {
                say(&interface, &standing);
                known.standing = standing;
                news.push(interface);
            }
        }
        Ok(news)
    }

    /// Books what a link moved before its first sight, from rows without counters.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn import(
        &mut self,
        interface: &str,
        rows: &Rows,
        clock: &Clock,
    ) -> Result<(), StoreError> {
        self.commit()?;
        let account = self.accounts.iter().find(|a| a.interface() == interface);
        let Some(account) = account else {
            return Ok(());
        };
        let period = account.calendar().containing(clock.usec);
        let rows = rows.clone().begun_at(clock.usec);
        let finest = rows.finest(period.start_usec);
        let past = self.past(account, &finest, Tail::default(), &period)?;
        self.store.import(interface, &past)?;
        Ok(())
    }

    /// Whose count a link's balance is.
    pub(super) fn origin(&self, account: &Account, period: &Period) -> Result<Origin, StoreError> {
        let interface = account.interface();
        let known = self.acquaintances.get(interface);
        let standing = known.map(|it| &it.standing);
        let mark = known.and_then(|it| it.mark.as_ref());
        match (standing, mark, account.anchor()) {
            (Some(Standing::Used { version }), Some(mark), Some(anchor)) => Ok(Origin::Vnstat {
                version: version.clone(),
                updated_usec: mark.usec,
                shares: self.store.shares(interface, period)?,
                live: mark::live(mark, anchor),
            }),
            (
                Some(Standing::Unused {
                    why,
                    is_missed: true,
                }),
                ..,
            ) => Ok(Origin::Kernel { note: why.clone() }),
            _ => Ok(Origin::Kernel {
                note: String::new(),
            }),
        }
    }

    /// Takes over what vnStat says of a link, if that link is there to be compared with.
    fn follow(
        &mut self,
        index: usize,
        link: &Link,
        generation: u64,
        clock: &Clock,
    ) -> Result<(), StoreError> {
        let Some(anchor) = self.accounts[index].present().cloned() else {
            return Ok(());
        };
        let interface = self.accounts[index].interface().to_owned();
        let known = self.acquaintances.get(&interface);
        let checked = link.rows.as_ref().map_or(Ok(()), plausible::check);
        let mark = match (known.and_then(|known| known.mark.clone()), &checked) {
            (Some(from), _) => Some(self.advance(index, &from, link, &anchor, clock)?),
            (None, Ok(())) => Some(self.meet(index, link, &anchor, clock)?),
            // Without a mark the rows are asked for again when they have changed.
            (None, Err(_)) => None,
        };
        let known = self.acquaintances.entry(interface).or_default();
        known.refused = match (&mark, checked) {
            (None, Err(why)) => Some(format!("vnStat's rows are not taken: {why}")),
            _ => None,
        };
        known.mark = mark;
        known.generation = generation;
        Ok(())
    }

    /// The first comparison: what there was before is imported.
    fn meet(
        &mut self,
        index: usize,
        link: &Link,
        anchor: &Anchor,
        clock: &Clock,
    ) -> Result<Mark, StoreError> {
        // The past of a link that is not in the ledger cannot be, either.
        self.commit()?;
        let account = &self.accounts[index];
        let period = account.calendar().containing(clock.usec);
        let mark = mark::mark(&link.seen, anchor);
        let rows = link.rows.clone().unwrap_or_default().begun_at(clock.usec);
        let rows = rows.finest(period.start_usec);
        let tail = Tail {
            start_usec: link.seen.updated_usec,
            end_usec: clock.usec,
            bytes: Counters {
                tx: anchor.counters.tx.saturating_sub(mark.counters.tx),
                rx: anchor.counters.rx.saturating_sub(mark.counters.rx),
            },
        };
        let past = self.past(account, &rows, tail, &period)?;
        let shares: Vec<(i64, Shares)> = rows
            .into_iter()
            .map(|row| into_period(row, &period))
            .filter(|row| row.start_usec >= period.start_usec)
            .map(|row| {
                let accounted = row.bytes;
                let shares = Shares {
                    accounted,
                    ..Shares::default()
                };
                (row.start_usec, shares)
            })
            .collect();
        self.store.compare(&Comparison {
            interface: account.interface(),
            mark: Some(&mark),
            shares: &shares,
            past: Some(&past),
            missed: None,
        })?;
        Ok(mark)
    }

    /// What vnStat's rows and the tail say of the time before the first sight.
    fn past(
        &self,
        account: &Account,
        rows: &[Stretch],
        tail: Tail,
        period: &Period,
    ) -> Result<Vec<Stretch>, StoreError> {
        let interface = account.interface();
        let Some(first_seen) = self.store.first_seen(interface)? else {
            return Ok(Vec::new());
        };
        // At most one row holds the first sight, and only of that our own count is asked.
        let mut failure = None;
        let past = before(rows, tail, first_seen, period, |to| {
            let pending = within(account.pending(), i64::MIN, to);
            match self.store.traffic(interface, i64::MIN, to) {
                Ok(booked) => booked.plus(pending),
                Err(error) => {
                    failure = Some(error);
                    Counters::default()
                }
            }
        });
        failure.map_or(Ok(past), Err)
    }

    /// A later comparison.
    fn advance(
        &mut self,
        index: usize,
        from: &Mark,
        link: &Link,
        anchor: &Anchor,
        clock: &Clock,
    ) -> Result<Mark, StoreError> {
        let step = mark::step(from, &link.seen, anchor);
        // Silence is worth no commit.
        if step.accounted.is_zero() && step.mark.moved == from.moved && step.mark.boot == from.boot
        {
            return Ok(step.mark);
        }
        self.commit()?;
        let account = &self.accounts[index];
        let missed = missed(&step, from, account, clock);
        self.store.compare(&Comparison {
            interface: account.interface(),
            mark: Some(&step.mark),
            shares: &by_hour(&step, from, account),
            past: None,
            missed: missed.as_ref(),
        })?;
        if let Some(missed) = missed {
            tracing::info!(
                "{}: {} B sent and {} B received before the last reboot are charged by what \
                 vnStat saw",
                account.interface(),
                missed.bytes.tx,
                missed.bytes.rx
            );
        }
        Ok(step.mark)
    }
}

/// What only vnStat has seen was moved before this boot; if that was in the last period, it counts
/// into this one, which is the safe side.
fn missed(step: &Step, from: &Mark, account: &Account, clock: &Clock) -> Option<Stretch> {
    if step.missed.is_zero() {
        return None;
    }
    let booted = clock.usec.saturating_sub(clock.boottime_usec);
    let stretch = Stretch {
        start_usec: from.usec,
        end_usec: booted.max(from.usec + 1),
        bytes: step.missed,
    };
    let period = account.calendar().containing(clock.usec);
    Some(into_period(stretch, &period))
}

/// A step's figures, spread over the time between the marks.
fn by_hour(step: &Step, from: &Mark, account: &Account) -> Vec<(i64, Shares)> {
    let mut hours: BTreeMap<i64, Shares> = BTreeMap::new();
    // A vnStat whose clock stood still for long, or was set back, wrote just now.
    let begin = from.usec.clamp(
        step.mark.usec.saturating_sub(LONGEST_STEP_USEC),
        step.mark.usec,
    );
    let mut add = |bytes: Counters, put: fn(&mut Shares) -> &mut Counters| {
        for slot in spread(begin, step.mark.usec, bytes, account.calendar()) {
            let sum = put(hours.entry(slot.start_usec).or_default());
            *sum = sum.plus(slot.bytes);
        }
    };
    add(step.accounted, |shares| &mut shares.accounted);
    add(step.dropped, |shares| &mut shares.dropped);
    add(step.invented, |shares| &mut shares.invented);
    hours.into_iter().collect()
}

/// What vnStat wrote after a longer silence is not spread further back.
const LONGEST_STEP_USEC: i64 = 24 * 3_600_000_000;

fn unused(trouble: &Trouble, source: Source, was_used: bool) -> Standing {
    Standing::Unused {
        why: trouble.to_string(),
        // Whoever has no vnStat and never asked for it misses nothing.
        is_missed: source == Source::Vnstat || was_used || !matches!(trouble, Trouble::Missing(_)),
    }
}

fn say(interface: &str, standing: &Standing) {
    match standing {
        Standing::Undecided => {}
        Standing::Used { version } => tracing::info!("{interface}: counted with vnStat {version}"),
        Standing::Unused {
            why,
            is_missed: true,
        } => {
            tracing::warn!("{interface}: counted by the kernel alone: {why}");
        }
        Standing::Unused { why, .. } => {
            tracing::info!("{interface}: counted by the kernel alone: {why}");
        }
    }
}

#[cfg(test)]
mod tests;
