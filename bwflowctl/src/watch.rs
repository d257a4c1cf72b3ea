//! The daemon's objects as they change.

use std::collections::HashMap;
use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, NAME, PATH};
use futures_util::stream::{Select, StreamExt as _, select};
use tokio::time::timeout;
use zbus::fdo::ManagedObjects;
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedVariant, message};

use crate::bus::Bus;
use crate::failure::Failure;
use crate::snapshot::{LINK_INTERFACE, Snapshot, links};
use crate::time::now_usec;

/// Far more than the daemon sends while one call is answered: a full queue would hold up the
/// answer behind it.
const QUEUE: usize = 16_384;

const RETRY: Duration = Duration::from_secs(2);

/// Follows the daemon through its changes, its absence and its return.
pub(crate) struct Watch<'b> {
    bus: &'b Bus,
    signals: Select<MessageStream, MessageStream>,
    objects: ManagedObjects,
    has_helper: bool,
    /// The daemon that the objects are from; `None` while there is none.
    daemon: Option<(Option<OwnedUniqueName>, message::Sequence)>,
}

impl<'b> Watch<'b> {
    /// Subscribes first and reads then, so that no change falls in between.
    pub(crate) async fn start(bus: &'b Bus) -> Result<Self, Failure> {
        let connection = bus.connection();
        let changes = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .path_namespace(PATH)
            .build()?;
        let owners = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg0ns(NAME)
            .build()?;
        let signals = select(
            subscribe(changes, connection).await?,
            subscribe(owners, connection).await?,
        );
        let mut watch = Self {
            bus,
            signals,
            objects: ManagedObjects::new(),
            has_helper: bus.has_helper().await?,
            daemon: None,
        };
        watch.read().await?;
        Ok(watch)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            has_daemon: self.daemon.is_some(),
            has_helper: self.has_helper,
            links: links(&self.objects, now_usec()),
        }
    }

    /// Waits for the next signal and takes it in; the snapshot may be as it was.
    pub(crate) async fn changed(&mut self) -> Result<(), Failure> {
        let next = match &self.daemon {
            Some(_) => self.signals.next().await,
            // A daemon that is there but did not answer sends no signal when it can again.
            None => match timeout(RETRY, self.signals.next()).await {
                Ok(next) => next,
                Err(_) if self.bus.has_daemon().await? => return self.read().await,
                Err(_) => return Ok(()),
            },
        };
        let Some(signal) = next else {
            return Err(Failure::NoBus("the connection was closed".to_owned()));
        };
        let signal = signal?;
        let header = signal.header();
        match header.member().map(|member| member.as_str()) {
            Some("NameOwnerChanged") if is_from_bus(&signal) => self.owner_changed(&signal).await,
            Some(member) if self.is_news(&signal) => match member {
                "PropertiesChanged" => self.properties_changed(&signal).await,
                "InterfacesAdded" | "InterfacesRemoved" => self.read().await,
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Only the daemon's own word counts, and only what the objects do not contain yet.
    fn is_news(&self, signal: &Message) -> bool {
        let Some((sender, position)) = &self.daemon else {
            return false;
        };
        let header = signal.header();
        header.sender().map(|name| name.as_str()) == sender.as_ref().map(|name| name.as_str())
            && signal.recv_position() > *position
    }

    async fn owner_changed(&mut self, signal: &Message) -> Result<(), Failure> {
        let body = signal.body();
        let (name, _, new): (&str, &str, &str) = body.deserialize()?;
        if name == HELPER_NAME {
            self.has_helper = !new.is_empty();
        } else if name == NAME && new.is_empty() {
            self.forget();
        } else if name == NAME {
            self.read().await?;
        }
        Ok(())
    }

    async fn properties_changed(&mut self, signal: &Message) -> Result<(), Failure> {
        let body = signal.body();
        let (interface, changed, invalidated): (&str, HashMap<String, OwnedVariant>, Vec<&str>) =
            body.deserialize()?;
        if interface != LINK_INTERFACE {
            return Ok(());
        }
        let header = signal.header();
        let known = header
            .path()
            .and_then(|path| {
                let mut objects = self.objects.iter_mut();
                objects.find(|(known, _)| known.as_str() == path.as_str())
            })
            .and_then(|(_, interfaces)| {
                let mut interfaces = interfaces.iter_mut();
                interfaces.find(|(name, _)| name.as_str() == LINK_INTERFACE)
            });
        match known {
            Some((_, properties)) if invalidated.is_empty() => {
                properties.extend(changed);
                Ok(())
            }
            _ => self.read().await,
        }
    }

    /// Reads everything anew. A daemon that is not there is a state to show, not a failure.
    async fn read(&mut self) -> Result<(), Failure> {
        match self.bus.read().await {
            Ok(reading) => {
                self.objects = reading.objects;
                self.daemon = Some((reading.sender, reading.position));
                Ok(())
            }
            Err(Failure::NotRunning | Failure::Silent) => {
                self.forget();
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn forget(&mut self) {
        self.objects.clear();
        self.daemon = None;
    }
}

fn is_from_bus(signal: &Message) -> bool {
    let header = signal.header();
    header.sender().map(|name| name.as_str()) == Some("org.freedesktop.DBus")
}

async fn subscribe(rule: MatchRule<'_>, connection: &Connection) -> Result<MessageStream, Failure> {
    let queue = std::num::NonZeroUsize::new(QUEUE);
    Ok(MessageStream::for_match_rule(rule, connection, queue).await?)
}
