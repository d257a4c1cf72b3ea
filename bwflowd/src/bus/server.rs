//! Keeps `org.bwflow1` on the bus and tells it what changes on the board.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, NAME, PATH, link_path};
use bwflow_proto::socket::Stream;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tracing::{info, warn};
use zbus::fdo::{DBusProxy, ObjectManager};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, connection::Builder};

use super::authority::Authority;
use super::enforcer::Enforcer;
use super::link::{Link, announce};
use super::manager::Manager;
use super::verbs::Verbs;
use crate::board::{Board, LinkView};
use crate::enforcer::Command;

/// How long to wait before the bus is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// The longest message that is taken, bytes. Of those that are meant for us, the helper's with a
/// thousand booked top-ups is the longest, 40 kB.
const MAX_MESSAGE: u64 = 65_536;

/// What the bus side works with.
pub struct Server {
    /// The bus's address; the system bus when none is given.
    pub address: Option<String>,
    /// The only user who may call `Enforcer`, and the one whom no verb obeys.
    pub helper_uid: u32,
    /// What is shown.
    pub board: Arc<Board>,
    /// Where `Enforcer`'s calls and authorised verbs go.
    pub commands: mpsc::Sender<Command>,
}

impl Server {
    /// Connects, puts the objects up and takes the name.
    ///
    /// # Errors
    /// The bus cannot be reached, or the name is taken or forbidden by the bus's policy.
    pub async fn connect(&self) -> zbus::Result<Session> {
        let stream = Stream::connect(self.address.as_deref(), MAX_MESSAGE).await?;
        let builder = Builder::socket(stream);
        let helper = Arc::new(AtomicBool::new(false));
        let connection = builder
            .serve_at(PATH, ObjectManager)
            .serve_at(PATH, Manager::new(self.board.clone(), helper.clone()))
            .serve_at(PATH, Enforcer::new(self.helper_uid, self.commands.clone()))
            .build()
            .await?;
        let mut session = Session {
            connection,
            helper,
            shown: BTreeMap::new(),
            // What waited on an earlier connection has ended with it.
            verbs: Arc::new(Verbs::new(
                Authority::new(self.helper_uid),
                self.commands.clone(),
            )),
        };
        session.show(&self.board).await?;
        session.connection.request_name(NAME).await?;
        Ok(session)
    }

    /// Serves until the end of the program; connects again whenever the bus goes away.
    pub async fn serve(&self, mut session: Session) {
        loop {
            match session.follow(&self.board).await {
                Ok(()) => warn!("the bus has gone; limits stay in force, waiting for it"),
                Err(error) => warn!(%error, "the bus failed; limits stay in force, trying again"),
            }
            drop(session);
            session = loop {
                tokio::time::sleep(RETRY).await;
                if let Ok(session) = self.connect().await {
                    info!("back on the bus");
                    break session;
                }
            };
        }
    }
}

/// One connection and what it has been told.
pub struct Session {
    connection: Connection,
    helper: Arc<AtomicBool>,
    shown: BTreeMap<String, LinkView>,
    verbs: Arc<Verbs>,
}

impl Session {
    /// Tells the bus about changes until the connection is closed.
    async fn follow(&mut self, board: &Arc<Board>) -> zbus::Result<()> {
        let bus = DBusProxy::new(&self.connection).await?;
        let mut owners = bus
            .receive_name_owner_changed_with_args(&[(0, HELPER_NAME)])
            .await?;
        let name = zbus::names::BusName::try_from(HELPER_NAME)?;
        self.helper_is(bus.name_has_owner(name).await?).await?;
        loop {
            tokio::select! {
                () = self.connection.closed() => return Ok(()),
                () = board.changed() => self.show(board).await?,
                Some(change) = owners.next() => {
                    let present = change.args()?.new_owner().is_some();
                    self.helper_is(present).await?;
                }
            }
        }
    }

    async fn helper_is(&self, present: bool) -> zbus::Result<()> {
        if self.helper.swap(present, Ordering::Relaxed) != present {
            if !present {
                warn!("bwflow-helper is gone; grants are carried on without it");
            }
            let server = self.connection.object_server();
            let manager = server.interface::<_, Manager>(PATH).await?;
            manager
                .get()
                .await
                .helper_state_changed(manager.signal_emitter())
                .await?;
        }
        Ok(())
    }

    async fn show(&mut self, board: &Arc<Board>) -> zbus::Result<()> {
        let now = board.links();
        let server = self.connection.object_server();
        let mut listed = false;
        for name in self.shown.keys().filter(|name| !now.contains_key(*name)) {
            server.remove::<Link, _>(link_path(name)).await?;
            listed = true;
        }
        for (name, view) in &now {
            let path = link_path(name);
            match self.shown.get(name) {
                None => {
                    let link = Link::new(name, board.clone(), self.verbs.clone());
                    server.at(path, link).await?;
                    listed = true;
                }
                Some(before) => {
                    let emitter = SignalEmitter::new(&self.connection, path)?;
                    announce(&emitter, before, view).await?;
                }
            }
        }
        if listed {
            let manager = server.interface::<_, Manager>(PATH).await?;
            manager
                .get()
                .await
                .links_changed(manager.signal_emitter())
                .await?;
        }
        self.shown = now;
        Ok(())
    }
}
