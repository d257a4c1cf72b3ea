//! Who calls, as the bus vouches for it.

use std::sync::{Mutex, PoisonError};

use zbus::fdo::{DBusProxy, Error};
use zbus::message::Header;
use zbus::{Connection, names::OwnedUniqueName};

/// Admits exactly one user.
#[derive(Debug)]
pub struct Doorkeeper {
    uid: u32,
    /// The last connection that was admitted. Unique names are never used twice on a bus.
    known: Mutex<Option<OwnedUniqueName>>,
}

impl Doorkeeper {
    /// Admits the user with this id, and nobody else, root included.
    pub fn new(uid: u32) -> Self {
        Self {
            uid,
            known: Mutex::new(None),
        }
    }

    /// Lets the sender of a message in.
    ///
    /// # Errors
    /// `AccessDenied` for every other user and when the bus does not say who it is.
    pub async fn admit(&self, connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
        let sender = header
            .sender()
            .ok_or_else(|| Error::AccessDenied("the message names no sender".to_owned()))?;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known()
            .as_ref()
            .is_some_and(|name| name.as_str() == sender.as_str())
        {
            return Ok(());
        }
        let bus = DBusProxy::new(connection).await?;
        let uid = bus.get_connection_unix_user(sender.clone().into()).await?;
        if uid != self.uid {
            return Err(Error::AccessDenied(format!(
                "only bwflow-helper (user id {}) may do this, not user id {uid}; use bwflowctl",
                self.uid
            )));
        }
        *known() = Some(sender.to_owned().into());
        Ok(())
    }
}
