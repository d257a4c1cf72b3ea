//! One link's way through the looks at its counters: which bytes are charged, and to which hour.

use std::sync::Arc;

use bwflow_proto::exclusion::Excluded;

use crate::clock::Clock;
use crate::counter::{Anchor, Counters};
use crate::exclusion::Exclusion;
use crate::ledger::slot::{HOUR_USEC, Slot, spread};
use crate::meter::{Reading, Sight};
use crate::period::Calendar;

/// Fewer charged bytes than this may wait for their commit: a link that only chatters would
/// otherwise cost a write to disk at every look. A restart loses none of them, a power cut may.
const CHATTER: u64 = 64 * 1024;
/// How long they may wait, microseconds.
const CHATTER_USEC: u64 = 300_000_000;

/// The state of one link's accounting between two commits.
#[derive(Clone, Debug)]
pub struct Account {
    /// The configured name, which alone decides what is charged.
    interface: String,
    calendar: Calendar,
    anchor: Option<Anchor>,
    /// Whether an interface of this name exists; nobody knows before the first answer.
    presence: Presence,
    /// Charged, but not yet in the ledger.
    pending: Vec<Slot>,
    /// Whether the anchor holds news that the ledger must have at once.
    unsaved: bool,
    /// All that was charged since this program began.
    charged: Counters,
    /// When the anchor in the ledger was taken.
    saved_usec: i64,
    /// Up to where excluded traffic was taken off.
    exclusion: Exclusion,
    /// Excluded, but not yet so in the ledger.
    pending_excluded: Vec<Slot>,
    /// Whether the ledger does not know the last reading of what was excluded.
    exclusion_unsaved: bool,
    /// Why nothing can be excluded; empty when nothing is wrong.
    exclusion_fault: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Unknown,
    Present,
    Absent,
}

/// How a reading came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// We asked: the interface is whole, and a counter that fell was reset.
    Asked,
    /// The kernel told us while it changed the interface, maybe while it takes it apart: a veth
    /// that has lost its peer no longer knows what it received.
    Told,
}

impl Account {
    /// An account that goes on from the anchor in the ledger, if there is one.
    pub fn new(interface: &str, calendar: Calendar, anchor: Option<Anchor>) -> Self {
        Self {
            interface: interface.to_owned(),
            calendar,
            saved_usec: anchor.as_ref().map_or(0, |anchor| anchor.usec),
            anchor,
            presence: Presence::Unknown,
            pending: Vec::new(),
            unsaved: false,
            charged: Counters::default(),
            exclusion: Exclusion::default(),
            pending_excluded: Vec::new(),
            exclusion_unsaved: false,
            exclusion_fault: String::new(),
        }
    }

    /// Goes on from what the ledger says was excluded.
    #[must_use]
    pub fn with_exclusion(self, exclusion: Exclusion) -> Self {
        Self { exclusion, ..self }
    }

    /// Up to where excluded traffic was taken off.
    pub const fn exclusion(&self) -> &Exclusion {
        &self.exclusion
    }

    /// Why nothing can be excluded; empty when nothing is wrong.
    pub fn exclusion_fault(&self) -> &str {
        &self.exclusion_fault
    }

    /// Bytes of [`Self::pending`] or earlier that are not charged, which the ledger does not know.
    pub fn pending_excluded(&self) -> &[Slot] {
        &self.pending_excluded
    }

    /// What the ledger does not know of what was excluded, if anything.
    pub fn unsaved_exclusion(&self) -> Option<(&[Slot], &Exclusion)> {
        self.exclusion_unsaved
            .then_some((&self.pending_excluded, &self.exclusion))
    }

    /// Takes in what the daemon says was excluded until now; what the meter saw meanwhile must have
    /// been taken in before. Returns whether there is news that nobody but us can tell.
    pub fn exclude(&mut self, excluded: &Excluded, clock: &Clock) -> bool {
        let is_first = self.exclusion.epoch == 0;
        let from = clock.usec.saturating_sub(self.exclusion.age_usec(clock));
        let now = Counters {
            tx: excluded.tx_bytes,
            rx: excluded.rx_bytes,
        };
        let before = self.exclusion.counters;
        let bytes = self.exclusion.advance(excluded.epoch, now, clock);
        // Silence needs no commit.
        self.exclusion_unsaved |= self.exclusion.counters != before || is_first;
        if !bytes.is_zero() {
            for slot in spread(from, clock.usec, bytes, &self.calendar) {
                add(&mut self.pending_excluded, slot);
            }
        }
        let is_news = self.exclusion_fault != excluded.fault || (is_first && excluded.epoch != 0);
        self.exclusion_fault.clone_from(&excluded.fault);
        is_news
    }

    /// The interface's name.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// When its periods begin.
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Follows another calendar from now on; what is charged stays where it is.
    pub fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// The interface and its counters at the last look, while it exists.
    pub fn present(&self) -> Option<&Anchor> {
        self.anchor
            .as_ref()
            .filter(|_| self.presence == Presence::Present)
    }

    /// The counters up to which everything is charged, of whatever interface was there last.
    pub const fn anchor(&self) -> Option<&Anchor> {
        self.anchor.as_ref()
    }

    /// Charged bytes that the ledger does not hold yet.
    pub fn pending(&self) -> &[Slot] {
        &self.pending
    }

    /// All that was charged since this program began.
    pub const fn charged(&self) -> Counters {
        self.charged
    }

    /// What the ledger does not hold yet, if anything.
    pub fn unsaved(&self) -> Option<(&[Slot], &Anchor)> {
        let anchor = self.anchor.as_ref()?;
        // Silence needs no commit; but an hour of it does, so that the next bytes after a restart
        // are not spread over it.
        let stale = anchor.usec.abs_diff(self.saved_usec) >= HOUR_USEC.unsigned_abs();
        (self.unsaved || stale || !self.pending.is_empty()).then_some((&self.pending, anchor))
    }

    /// Whether that must not wait for more.
    pub fn commit_is_due(&self) -> bool {
        let Some((pending, anchor)) = self.unsaved() else {
            return false;
        };
        let bytes = within(pending, i64::MIN, i64::MAX);
        self.unsaved
            || pending.is_empty()
            || bytes.tx.saturating_add(bytes.rx) >= CHATTER
            || anchor.usec.abs_diff(self.saved_usec) >= CHATTER_USEC
    }

    /// The ledger has what [`Self::unsaved`] and [`Self::unsaved_exclusion`] said.
    pub fn saved(&mut self) {
        self.pending_excluded.clear();
        self.exclusion_unsaved = false;
        self.pending.clear();
        self.unsaved = false;
        self.saved_usec = self.anchor.as_ref().map_or(0, |anchor| anchor.usec);
    }

    /// Takes note of what the meter saw. Returns whether anything about this link is new.
    pub fn observe(&mut self, sight: &Sight, clock: &Clock) -> bool {
        let before = self.presence;
        let moved = match sight {
            Sight::Answer(reading) if reading.interface == self.interface => {
                self.presence = Presence::Present;
                self.charge(reading, clock, Source::Asked)
            }
            Sight::Missing(interface) if *interface == self.interface => {
                self.presence = Presence::Absent;
                false
            }
            Sight::Notice(reading) if reading.interface == self.interface => {
                self.noticed(reading, clock)
            }
            // Our interface under another name: it was renamed just now.
            Sight::Notice(reading) if self.is_ours(reading, clock) => {
                self.presence = Presence::Absent;
                self.charge(reading, clock, Source::Told)
            }
            Sight::Gone(reading)
                if self.is_ours(reading, clock)
                    || (self.presence == Presence::Unknown
                        && reading.interface == self.interface) =>
            {
                self.presence = Presence::Absent;
                self.charge(reading, clock, Source::Told)
            }
            Sight::Overrun => {
                self.presence = Presence::Unknown;
                false
            }
            _ => false,
        };
        moved || self.presence != before
    }

    /// Whether a reading is of the interface that has our name as far as we know.
    fn is_ours(&self, reading: &Reading, clock: &Clock) -> bool {
        self.present().is_some_and(|anchor| {
            anchor.boot == clock.boot && anchor.interface_index == reading.interface_index
        })
    }

    /// The kernel tells of the interface that has our name.
    fn noticed(&mut self, reading: &Reading, clock: &Clock) -> bool {
        // Before the first answer nobody knows whether this is the name's old or new holder; the
        // answer is under way and will tell.
        if self.presence == Presence::Unknown {
            return false;
        }
        if self.is_ours(reading, clock) {
            return self.charge(reading, clock, Source::Told);
        }
        // This is the moment it got the name, by creation or by renaming. What it moved before
        // was not moved under the name, and is not charged.
        self.presence = Presence::Present;
        self.unsaved = true;
        let moved = self.moved();
        self.set_anchor(reading.interface_index, reading.counters, moved, clock);
        true
    }

    /// Charges what was moved since the anchor, and moves the anchor.
    fn charge(&mut self, reading: &Reading, clock: &Clock, source: Source) -> bool {
        let index = reading.interface_index;
        let Some(anchor) = &self.anchor else {
            // The first sight ever: what was before is not ours to charge.
            self.unsaved = true;
            // But it may be more than vnStat has written, so that it is not zero.
            self.set_anchor(index, reading.counters, reading.counters, clock);
            return true;
        };
        let same = anchor.boot == clock.boot && anchor.interface_index == index;
        let (bytes, counters) = match source {
            Source::Told if same => anchor.advance_to(reading.counters),
            _ => {
                let bytes = anchor.bytes_until(&clock.boot, index, reading.counters);
                (bytes, reading.counters)
            }
        };
        let moved = !bytes.is_zero() || !same;
        // A reset to zero charges nothing, but the ledger's anchor must not stay above it.
        let reset = counters.tx < anchor.counters.tx || counters.rx < anchor.counters.rx;
        self.unsaved |= !same || reset;
        // How long it took is asked of the clock that never steps; when it was, of the wall clock
        // as it stands now. Bytes of a new boot are younger than the boot.
        let took = if anchor.boot == clock.boot {
            clock.boottime_usec - anchor.boottime_usec
        } else {
            clock.boottime_usec
        };
        if !bytes.is_zero() {
            self.charged = self.charged.plus(bytes);
            self.exclusion.moved(bytes);
            let from = clock.usec.saturating_sub(took.max(0));
            for slot in spread(from, clock.usec, bytes, &self.calendar) {
                add(&mut self.pending, slot);
            }
        }
        self.set_anchor(index, counters, self.moved().plus(bytes), clock);
        moved
    }

    /// All that was ever seen to be moved under this name.
    fn moved(&self) -> Counters {
        self.anchor
            .as_ref()
            .map_or_else(Counters::default, |anchor| anchor.moved)
    }

    fn set_anchor(
        &mut self,
        interface_index: u32,
        counters: Counters,
        moved: Counters,
        clock: &Clock,
    ) {
        self.anchor = Some(Anchor {
            boot: Arc::clone(&clock.boot),
            interface_index,
            counters,
            moved,
            usec: clock.usec,
            boottime_usec: clock.boottime_usec,
        });
    }
}

fn add(slots: &mut Vec<Slot>, slot: Slot) {
    match slots
        .iter_mut()
        .find(|other| other.start_usec == slot.start_usec)
    {
        Some(other) => other.bytes = other.bytes.plus(slot.bytes),
        None => slots.push(slot),
    }
}

/// The part of charged bytes that falls into `[from, to)`.
pub fn within(slots: &[Slot], from: i64, to: i64) -> Counters {
    slots
        .iter()
        .filter(|slot| from <= slot.start_usec && slot.start_usec < to)
        .fold(Counters::default(), |sum, slot| sum.plus(slot.bytes))
}

#[cfg(test)]
mod tests;
