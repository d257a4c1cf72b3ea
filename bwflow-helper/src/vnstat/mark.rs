//! vnStat's figures held against our own: what it has accounted, dropped and invented, and what
//! it saw that we could not. Pure.
//!
//! Within one boot the growth of vnStat's totals is what the link moved, unless vnStat dropped or
//! invented something. After a reboot it may be more without being wrong: vnStat may have read the
//! counters once more after us, before they began anew.

use std::sync::Arc;

use crate::counter::{Anchor, Counters};

/// What vnStat adds for a counter that fell, less where it fell from: it takes every such fall for
/// an overflow at 32 bits.
const ROLLOVER: u64 = u32::MAX as u64;
/// No link is faster; bytes a second (50 Gbit/s, the highest limit vnStat takes).
const FASTEST: u64 = 6_250_000_000;

/// An interface as vnStat's database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When vnStat first knew it, in vnStat's words: another text, another count.
    pub created: String,
    /// The same as an instant, microseconds since the Unix epoch.
    pub created_usec: i64,
    /// When the figures were true.
    pub updated_usec: i64,
    /// The kernel's counters then.
    pub counters: Counters,
    /// All that vnStat ever accounted to it.
    pub totals: Counters,
    /// Whether the kernel has counted on since then: it was in this boot.
    pub is_of_this_boot: bool,
}

/// Up to where vnStat's figures have been compared with ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// [`Seen::created`].
    pub created: String,
    /// The boot the counters belong to.
    pub boot: Arc<str>,
    /// The interface they belong to.
    pub interface_index: u32,
    /// The kernel's counters; zero if all that vnStat knows is from before this boot.
    pub counters: Counters,
    /// [`Seen::totals`].
    pub totals: Counters,
    /// [`Anchor::moved`] at these counters.
    pub moved: Counters,
    /// [`Seen::updated_usec`].
    pub usec: i64,
}

/// What is new since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The next mark.
    pub mark: Mark,
    /// What vnStat has accounted.
    pub accounted: Counters,
    /// What was moved and vnStat has not accounted.
    pub dropped: Counters,
    /// What vnStat has accounted and was never moved.
    pub invented: Counters,
    /// What was moved and only vnStat has seen.
    pub missed: Counters,
}

/// The mark of figures that were read before the counters of `anchor`, in whose boot we are.
pub fn mark(seen: &Seen, anchor: &Anchor) -> Mark {
    let now = anchor.counters;
    // Counters above the kernel's are those of an interface that is no more.
    let is_current =
        seen.is_of_this_boot && seen.counters.tx <= now.tx && seen.counters.rx <= now.rx;
    let counters = if is_current {
        seen.counters
    } else {
        Counters::default()
    };
    Mark {
        created: seen.created.clone(),
        boot: Arc::clone(&anchor.boot),
        interface_index: anchor.interface_index,
        counters,
        totals: seen.totals,
        moved: minus(anchor.moved, minus(now, counters)),
        usec: seen.updated_usec,
    }
}

/// What was moved and vnStat has not written yet.
pub const fn live(mark: &Mark, anchor: &Anchor) -> Counters {
    minus(anchor.moved, mark.moved)
}

/// From a mark to what vnStat has written since.
pub fn step(from: &Mark, seen: &Seen, anchor: &Anchor) -> Step {
    let mark = mark(seen, anchor);
    let is_same = seen.created == from.created
        && seen.totals.tx >= from.totals.tx
        && seen.totals.rx >= from.totals.rx;
    let accounted = if is_same {
        minus(seen.totals, from.totals)
    } else if seen.created_usec >= from.usec {
        // A new database, and all that it holds is younger than the mark.
        seen.totals
    } else {
        // An old copy came back; what it has to do with the mark is not known.
        return Step {
            mark,
            accounted: Counters::default(),
            dropped: Counters::default(),
            invented: Counters::default(),
            missed: Counters::default(),
        };
    };
    let moved = minus(mark.moved, from.moved);
    let excess = minus(accounted, moved);
    let is_rebooted = is_same && *from.boot != *mark.boot;
    let missed = if is_rebooted {
        let before =
            |from: u64, moved: u64, now: u64| from.saturating_add(moved.saturating_sub(now));
        let most = most(mark.usec.saturating_sub(from.usec));
        let believed = |excess, last| Some(believable(excess, last)).filter(|it| *it <= most);
        let tx = before(from.counters.tx, moved.tx, mark.counters.tx);
        let rx = before(from.counters.rx, moved.rx, mark.counters.rx);
        Counters {
            tx: believed(excess.tx, tx).unwrap_or(0),
            rx: believed(excess.rx, rx).unwrap_or(0),
        }
    } else {
        Counters::default()
    };
    Step {
        dropped: minus(moved, accounted),
        invented: minus(excess, missed),
        mark,
        accounted,
        missed,
    }
}

/// Of what vnStat accounted beyond our count before a reboot, what was surely moved. `last` is the
/// counter that we saw last. From there on it may have gone on; but if what we missed would have
/// taken it past 32 bits, then the interface may as well have been created anew, which vnStat
/// takes for an overflow.
const fn believable(excess: u64, last: u64) -> u64 {
    if last >= ROLLOVER || excess < ROLLOVER - last {
        return excess;
    }
    excess - (ROLLOVER - last)
}

/// What a link can move in a time, at most.
fn most(usec: i64) -> u64 {
    let seconds = u64::try_from(usec / 1_000_000)
        .unwrap_or(0)
        .saturating_add(1);
    seconds.saturating_mul(FASTEST)
}

const fn minus(a: Counters, b: Counters) -> Counters {
    Counters {
        tx: a.tx.saturating_sub(b.tx),
        rx: a.rx.saturating_sub(b.rx),
    }
}

#[cfg(test)]
mod tests;
