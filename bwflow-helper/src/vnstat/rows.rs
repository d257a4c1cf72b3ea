//! vnStat's rows as stretches of time that do not overlap, and the part of them from before the
//! first sight of a link. Pure.

use crate::counter::Counters;
use crate::ledger::imports::Stretch;
use crate::period::Period;

/// A link's rows, each table in order of time. A row that is not over yet ends when it was
/// written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of five minutes, the last two days.
    pub five_minutes: Vec<Stretch>,
    /// The last days.
    pub hours: Vec<Stretch>,
    /// The last weeks.
    pub days: Vec<Stretch>,
    /// The last years.
    pub months: Vec<Stretch>,
}

impl Rows {
    /// Those that had begun at `usec`. A clock that was ahead leaves rows of times to come, behind
    /// which nothing can be found any more; what they hold is in the coarser rows, too.
    #[must_use]
    pub fn begun_at(mut self, usec: i64) -> Self {
        for table in [
            &mut self.five_minutes,
            &mut self.hours,
            &mut self.days,
            &mut self.months,
        ] {
            table.retain(|row| row.start_usec <= usec);
        }
        self
    }

    /// The finest rows that there are for each time, in order and not overlapping: months, where
    /// their days are known the days, where their hours are known the hours, and five minutes
    /// only of an hour that `edge` divides. Their sum is at least that of the
    /// coarsest rows.
    pub fn finest(&self, edge: i64) -> Vec<Stretch> {
        // What a coarser table has forgotten, or never had, a finer one may still know.
        let days = refined(&self.months, &self.days);
        let hours = refined(&days, &self.hours);
        hours
            .into_iter()
            .flat_map(|row| {
                if row.start_usec < edge && edge < row.end_usec {
                    parts(row, &self.five_minutes)
                } else {
                    vec![row]
                }
            })
            .collect()
    }
}

/// The rows, each replaced by its parts, and the parts of none.
fn refined(rows: &[Stretch], parts_of_all: &[Stretch]) -> Vec<Stretch> {
    let mut refined: Vec<Stretch> = rows
        .iter()
        .flat_map(|row| parts(*row, parts_of_all))
        .collect();
    let is_part = |part: &&Stretch| {
        !rows
            .iter()
            .any(|row| part.start_usec < row.end_usec && row.start_usec < part.end_usec)
    };
    refined.extend(parts_of_all.iter().filter(is_part));
    refined.sort_by_key(|row| row.start_usec);
    refined
}

/// A row divided into those of a finer table. What they leave of it lies before the first of them,
/// where the finer table has forgotten; else in the last, which is the safe side.
fn parts(row: Stretch, finer: &[Stretch]) -> Vec<Stretch> {
    let mut parts: Vec<Stretch> = finer
        .iter()
        .filter(|part| row.start_usec <= part.start_usec && part.end_usec <= row.end_usec)
        .copied()
        .collect();
    let known = sum(&parts);
    let rest = Counters {
        tx: row.bytes.tx.saturating_sub(known.tx),
        rx: row.bytes.rx.saturating_sub(known.rx),
    };
    let first = parts.first().map(|part| part.start_usec);
    match (first, parts.last_mut()) {
        (Some(first), _) if first > row.start_usec && !rest.is_zero() => {
            let forgotten = Stretch {
                end_usec: first,
                bytes: rest,
                ..row
            };
            parts.insert(0, forgotten);
        }
        (_, Some(last)) => last.bytes = last.bytes.plus(rest),
        (_, None) => parts.push(row),
    }
    parts
}

/// What stretches add up to.
pub fn sum(stretches: &[Stretch]) -> Counters {
    stretches
        .iter()
        .fold(Counters::default(), |sum, stretch| sum.plus(stretch.bytes))
}

/// What the kernel has counted since vnStat wrote its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// When vnStat wrote.
    pub start_usec: i64,
    /// Now.
    pub end_usec: i64,
    /// What was moved in between.
    pub bytes: Counters,
}

/// What was moved before a link's first sight: of the finest rows and the tail, what lies before
/// it. Of the row in which it lies, what is not `own`: all that was charged here until some instant.
///
/// A row in which `period` begins, and that cannot be divided, counts into it as a whole: rather
/// too much was used than too little.
pub fn before(
    rows: &[Stretch],
    tail: Tail,
    first_seen_usec: i64,
    period: &Period,
    mut own: impl FnMut(i64) -> Counters,
) -> Vec<Stretch> {
    let mut stretches = rows.to_vec();
    let last = stretches.last_mut();
    match last {
        // vnStat wrote after the first sight: the tail lies behind it, and belongs to the same row.
        Some(last) if first_seen_usec < last.end_usec && !tail.bytes.is_zero() => {
            last.bytes = last.bytes.plus(tail.bytes);
            last.end_usec = last.end_usec.max(tail.end_usec);
        }
        last => {
            let begin = last.map_or(tail.start_usec, |last| last.end_usec.max(tail.start_usec));
            stretches.push(Stretch {
                start_usec: begin,
                end_usec: tail.end_usec.max(begin + 1),
                bytes: tail.bytes,
            });
        }
    }
    stretches
        .into_iter()
        .filter(|stretch| stretch.start_usec < first_seen_usec)
        .map(|stretch| {
            if stretch.end_usec <= first_seen_usec {
                return stretch;
            }
            let own = own(stretch.end_usec);
            Stretch {
                end_usec: first_seen_usec,
                bytes: Counters {
                    tx: stretch.bytes.tx.saturating_sub(own.tx),
                    rx: stretch.bytes.rx.saturating_sub(own.rx),
                },
                ..stretch
            }
        })
        .map(|stretch| into_period(stretch, period))
        .filter(|stretch| !stretch.bytes.is_zero())
        .collect()
}

/// Moves the start of a stretch in which a period begins to the period's.
pub fn into_period(stretch: Stretch, period: &Period) -> Stretch {
    let start = period.start_usec;
    if stretch.start_usec < start && start < stretch.end_usec {
        return Stretch {
            start_usec: start,
            ..stretch
        };
    }
    stretch
}

#[cfg(test)]
mod tests;
