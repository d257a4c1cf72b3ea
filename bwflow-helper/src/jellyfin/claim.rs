//! The rules of one setting that we change and others may change, too. Nothing here touches the world.

use serde::{Deserialize, Serialize};

/// How many tries are remembered. A guard has a handful of tiers.
const REMEMBERED: usize = 16;

/// What we know of a setting that we have changed or are about to change. On the disk before each
/// change, so that our own value is never taken for somebody's choice, whenever we may die.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim<T> {
    /// What would be there without us.
    original: T,
    /// What we wrote last and have read back.
    written: Option<T>,
    /// What we set out to write since; it may or may not be there.
    tried: Vec<T>,
    /// What we had set out to write before that and never saw there: sent perhaps, so that it may
    /// still arrive, until the next look finds what we wrote. Any other value that we once had there
    /// is somebody's choice if it comes back.
    #[serde(default)]
    former: Vec<T>,
}

/// What to do about a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Nothing: it is as wanted, or nothing is wanted.
    Keep,
    /// Write this; the claim says so already and has to be kept first.
    Write(T),
    /// Write what was there before us, then call [`put_back`].
    PutBack(T),
}

/// What a setting can be held to.
pub(super) trait Setting: Copy + Eq {
    /// Whether this is at least as strict as `wanted`.
    fn satisfies(self, wanted: Self) -> bool;
}

/// A limit: 0 and less is none.
impl Setting for i64 {
    fn satisfies(self, wanted: Self) -> bool {
        self > 0 && self <= wanted
    }
}

/// An access: denied is stricter.
impl Setting for bool {
    fn satisfies(self, wanted: Self) -> bool {
        !self || wanted
    }
}

/// What to do when the setting is `present`; updates the claim accordingly. `wanted` is never looser
/// than what the claim's original is: then that is put back. Nothing wanted is what was before us.
pub(super) fn step<T: Setting>(
    claim: &mut Option<Claim<T>>,
    present: T,
    wanted: Option<T>,
) -> Step<T> {
    let Some(held) = claim else {
        return match wanted {
            Some(wanted) if !present.satisfies(wanted) => {
                *claim = Some(Claim {
                    original: present,
                    written: None,
                    tried: vec![wanted],
                    former: Vec::new(),
                });
                Step::Write(wanted)
            }
            _ => Step::Keep,
        };
    };
    let is_ours = held.is_ours(present);
    let Some(wanted) = wanted else {
        if is_ours {
            return Step::PutBack(held.original);
        }
        *claim = None;
        return Step::Keep;
    };
    if !is_ours && present.satisfies(wanted) {
        // Somebody has taken it over.
        *claim = None;
        return Step::Keep;
    }
    if !is_ours && !held.former.contains(&present) {
        // Looser, and somebody's choice: what to put back one day.
        held.original = present;
    }
    if held.original.satisfies(wanted) {
        return Step::PutBack(held.original);
    }
    if is_ours && present == wanted {
        // A second look clears `former`: nothing can be under way any more.
        held.confirm(wanted);
        return Step::Keep;
    }
    held.try_to_write(wanted);
    Step::Write(wanted)
}

/// Notes that `value`, which [`step`] said to write, was read back.
pub(super) fn confirm<T: Setting>(claim: &mut Option<Claim<T>>, value: T) {
    if let Some(claim) = claim {
        claim.confirm(value);
    }
}

/// Notes that the original was read back: nothing is ours any more.
pub(super) fn put_back<T>(claim: &mut Option<Claim<T>>) {
    *claim = None;
}

impl<T: Setting> Claim<T> {
    /// Whether a value may be there by our doing.
    fn is_ours(&self, value: T) -> bool {
        self.written == Some(value) || self.tried.contains(&value)
    }

    fn try_to_write(&mut self, value: T) {
        if !self.tried.contains(&value) {
            self.tried.push(value);
        }
        bound(&mut self.tried);
    }

    /// `value` was read back.
    fn confirm(&mut self, value: T) {
        self.written = Some(value);
        self.former = self.tried.drain(..).filter(|it| *it != value).collect();
    }
}

fn bound<T>(values: &mut Vec<T>) {
    let excess = values.len().saturating_sub(REMEMBERED);
    values.drain(..excess);
}

#[cfg(test)]
mod tests;
