//! Which user is behind a connection, asked of the bus once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use zbus::Connection;
use zbus::names::{OwnedUniqueName, UniqueName};

use super::failure::Failure;
use super::seats::{Full, Seats};

/// Connections that are remembered; more than speak to us at a time.
const REMEMBERED: usize = 1024;
/// Connections about which the bus may be asked at a time. It lets each user have 256 of them, so
/// that nobody takes all of these seats.
const ALL_FIRST: usize = 1024;
/// Calls of one connection that may wait until it is known who that is; nobody types more.
const EACH_FURTHER: usize = 8;
/// Calls of everybody that may wait so beside the first of their connection.
const ALL_FURTHER: usize = 256;

/// A user's id, as soon as the bus has told it.
type Uid = Arc<OnceCell<u32>>;

/// The users of this bus's connections. Unique names are never used twice on a bus, so what was
/// learnt stays true for as long as our own connection lasts.
#[derive(Debug)]
pub struct Callers {
    uids: Mutex<HashMap<OwnedUniqueName, Uid>>,
    first: Seats<OwnedUniqueName>,
    further: Seats<OwnedUniqueName>,
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            uids: Mutex::default(),
            first: Seats::new(1, ALL_FIRST),
            further: Seats::new(EACH_FURTHER, ALL_FURTHER),
        }
    }
}

impl Callers {
    /// The user behind a connection. Only a connection's first call waits for the bus's answer and
    /// what comes together with it; afterwards there is nothing to wait for, and no seat to take.
    ///
    /// # Errors
    /// The bus does not say, or too many calls wait for it to say so.
    pub async fn uid(
        &self,
        connection: &Connection,
        sender: &UniqueName<'_>,
    ) -> Result<u32, Failure> {
        let sender = OwnedUniqueName::from(sender.to_owned());
        let uid = self.entry(&sender);
        if let Some(uid) = uid.get() {
            return Ok(*uid);
        }
        // Whoever calls for the first time is not to be kept out by others' second calls.
        let _seat = match self.first.take(&sender) {
            Ok(seat) => seat,
            Err(Full::Share) => self.further.take(&sender).map_err(|full| match full {
                Full::Share => Failure::too_many(format!(
                    "{EACH_FURTHER} requests of this connection are under way; wait for one to end"
                )),
                Full::Room => Failure::too_many("too many requests are under way; try again"),
            })?,
            Err(Full::Room) => {
                return Err(Failure::too_many(
                    "too many connections make their first request; try again",
                ));
            }
        };
        let known = uid.get_or_try_init(|| ask(connection, &sender)).await;
        known
            .copied()
            .map_err(|_| Failure::denied("the bus does not say who asks"))
    }

    /// What is known about a connection, or will be.
    fn entry(&self, sender: &OwnedUniqueName) -> Uid {
        let mut uids = self.uids.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uid) = uids.get(sender) {
            return uid.clone();
        }
        // The bus does not tell of those who leave unless it is asked to, which would cost more
        // than to ask again about those who are still there.
        if uids.len() >= REMEMBERED {
            uids.clear();
        }
        uids.entry(sender.clone()).or_default().clone()
    }
}

/// Not by a proxy: this is what everybody can have us do.
async fn ask(connection: &Connection, sender: &OwnedUniqueName) -> zbus::Result<u32> {
    let bus = "org.freedesktop.DBus";
    let reply = connection
        .call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "GetConnectionUnixUser",
            sender,
        )
        .await?;
    reply.body().deserialize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn name(number: usize) -> OwnedUniqueName {
        UniqueName::try_from(format!(":1.{number}")).unwrap().into()
    }

    #[test]
    fn what_was_learnt_is_found_again_and_no_more_is_kept_than_so_much() {
        let callers = Callers::default();
        callers.entry(&name(0)).set(7).unwrap();
        assert_eq!(callers.entry(&name(0)).get(), Some(&7));
        assert_eq!(callers.entry(&name(1)).get(), None);
        for number in 2..5 * REMEMBERED {
            callers.entry(&name(number)).set(8).unwrap();
            assert!(callers.uids.lock().unwrap().len() <= REMEMBERED);
        }
        // Asked again rather than mistaken.
        assert_eq!(callers.entry(&name(0)).get(), None);
    }
}
