//! How many may wait at a time, each and altogether.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A waiting room with a number of seats, of which nobody gets more than a share.
#[derive(Debug)]
pub struct Seats<K: Ord> {
    each: usize,
    all: usize,
    taken: Mutex<BTreeMap<K, usize>>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The one who asks has their share.
    Share,
    /// Everything is taken.
    Room,
}

/// A seat, free again with the end of this value.
#[derive(Debug)]
pub struct Seat<'a, K: Ord> {
    seats: &'a Seats<K>,
    key: K,
}

impl<K: Ord + Clone> Seats<K> {
    /// At most `each` for one and `all` together.
    pub fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            taken: Mutex::new(BTreeMap::new()),
        }
    }

    /// A seat, at once or not at all: a queue would be one more thing to fill.
    ///
    /// # Errors
    /// What is full.
    pub fn take(&self, key: &K) -> Result<Seat<'_, K>, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(key).is_some_and(|own| *own >= self.each) {
            return Err(Full::Share);
        }
        if taken.values().sum::<usize>() >= self.all {
            return Err(Full::Room);
        }
        *taken.entry(key.clone()).or_default() += 1;
        Ok(Seat {
            seats: self,
            key: key.clone(),
        })
    }
}

impl<K: Ord> Drop for Seat<'_, K> {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_seats_come_free() {
        let seats = Seats::new(2, 3);
        let first = seats.take(&'a').unwrap();
        let _second = seats.take(&'a').unwrap();
        assert_eq!(seats.take(&'a').unwrap_err(), Full::Share);
        let third = seats.take(&'b').unwrap();
        assert_eq!(seats.take(&'c').unwrap_err(), Full::Room);
        drop(third);
        assert!(seats.take(&'c').is_ok());
        drop(first);
        assert!(seats.take(&'a').is_ok());
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let seats = Seats::new(1, 1);
        for key in 0..1000 {
            drop(seats.take(&key).unwrap());
        }
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
