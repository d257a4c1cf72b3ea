//! A private bus, a stand-in for the daemon that remembers what it was told, and the helper.

#![allow(clippy::unwrap_used, unreachable_pub)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bwflow_proto::bus;
use bwflow_proto::claim::TopUp;
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use zbus::{Connection, OwnedObjectPath, Variant, connection, interface};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until `found` finds something.
pub async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A process that is killed when the test ends, however it ends.
pub struct Process(Child);

impl Process {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", || self.0.try_wait().unwrap()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory with a configuration, a state directory and a bus of its own.
pub struct World {
    directory: TempDir,
}

impl World {
    pub fn new(config: &str) -> Self {
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        world.configure(config);
        let settings = format!("DatabaseDir \"{}\"\n", world.directory.path().display());
        std::fs::write(world.path("vnstat.conf"), settings).unwrap();
        world
    }

    pub fn configure(&self, config: &str) {
        std::fs::write(self.path("config.toml"), config).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.path("bus").display())
    }

    pub async fn bus(&self) -> Process {
        let config = self.path("bus.conf");
        let text = format!(
            "<busconfig><type>custom</type><listen>{}</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow own='*'/><allow send_destination='*'/>\
             <allow receive_sender='*'/></policy></busconfig>",
            self.address()
        );
        std::fs::write(&config, text).unwrap();
        let socket = self.path("bus");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(config)
            .spawn()
            .expect("dbus-daemon is needed: install the package dbus");
        let process = Process(child);
        eventually("the bus listens", || listens(&socket)).await;
        process
    }

    pub fn helper(&self) -> Process {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_bwflow-helper"))
            .arg("--config")
            .arg(self.path("config.toml"))
            .arg("--state-directory")
            .arg(self.path("state"))
            .arg("--vnstat-config")
            .arg(self.path("vnstat.conf"))
            .arg("--address")
            .arg(self.address())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }

    pub async fn client(&self) -> Connection {
        connection::Builder::address(self.address().as_str())
            .build()
            .await
            .unwrap()
    }
}

fn listens(socket: &Path) -> Option<()> {
    std::os::unix::net::UnixStream::connect(socket)
        .ok()
        .map(drop)
}

/// What the daemon was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Grant(String, Grant),
    Ledger(String, Box<LedgerView>),
    Forget(String),
    Confirm(String, Vec<String>),
}

/// A stand-in for the daemon.
pub struct Daemon {
    calls: Arc<Mutex<Vec<Call>>>,
    /// What its links show until further notice.
    pub top_ups: Arc<Mutex<Vec<TopUp>>>,
    connection: Connection,
}

impl Daemon {
    /// Appears on the bus, looking after some links already.
    pub async fn appear(world: &World, links: &[&str]) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let top_ups = Arc::default();
        let manager = Manager(links.iter().map(|name| bus::link_path(name)).collect());
        let mut builder = connection::Builder::address(world.address().as_str())
            .serve_at(bus::PATH, Enforcer(Arc::clone(&calls)))
            .serve_at(bus::PATH, manager);
        for name in links {
            let link = Link {
                name: (*name).to_owned(),
                top_ups: Arc::clone(&top_ups),
            };
            builder = builder.serve_at(bus::link_path(name), link);
        }
        let connection = builder.name(bus::NAME).build().await.unwrap();
        Self {
            calls,
            top_ups,
            connection,
        }
    }

    pub async fn disappear(self) {
        self.connection.close().await.unwrap();
    }

    /// Says that these top-ups of a link are to be booked.
    pub async fn show_top_ups(&self, interface: &str, top_ups: &[TopUp]) {
        show_top_ups(&self.connection, interface, top_ups).await;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn forget_calls(&self) {
        self.calls.lock().unwrap().clear();
    }

    pub async fn ledger(&self, interface: &str) -> LedgerView {
        eventually("a ledger is published", || {
            self.calls().into_iter().rev().find_map(|call| match call {
                Call::Ledger(name, ledger) if name == interface => Some(*ledger),
                _ => None,
            })
        })
        .await
    }

    pub async fn grant(&self, interface: &str) -> Grant {
        eventually("a grant is set", || {
            self.calls().into_iter().rev().find_map(|call| match call {
                Call::Grant(name, grant) if name == interface => Some(grant),
                _ => None,
            })
        })
        .await
    }
}

/// Says by a signal to the helper alone, as whoever owns the connection, what the daemon says when
/// there are top-ups.
pub async fn show_top_ups(connection: &Connection, interface: &str, top_ups: &[TopUp]) {
    let changed = HashMap::from([("PendingTopUps", Variant::from(top_ups.to_vec()))]);
    let body = ("org.bwflow1.Link", changed, Vec::<&str>::new());
    connection
        .emit_signal(
            Some(bus::HELPER_NAME),
            bus::link_path(interface),
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            &body,
        )
        .await
        .unwrap();
}

struct Enforcer(Arc<Mutex<Vec<Call>>>);

#[interface(name = "org.bwflow1.Enforcer")]
impl Enforcer {
    fn set_grant(&self, interface: String, grant: Grant) {
        self.0.lock().unwrap().push(Call::Grant(interface, grant));
    }

    fn publish_ledger(&self, interface: String, ledger: LedgerView) {
        let call = Call::Ledger(interface, Box::new(ledger));
        self.0.lock().unwrap().push(call);
    }

    fn forget(&self, interface: String) {
        self.0.lock().unwrap().push(Call::Forget(interface));
    }

    fn confirm_top_ups(&self, interface: String, ids: Vec<String>) {
        self.0.lock().unwrap().push(Call::Confirm(interface, ids));
    }
}

struct Manager(Vec<OwnedObjectPath>);

#[interface(name = "org.bwflow1.Manager")]
impl Manager {
    #[zbus(property)]
    fn links(&self) -> Vec<OwnedObjectPath> {
        self.0.clone()
    }
}

struct Link {
    name: String,
    top_ups: Arc<Mutex<Vec<TopUp>>>,
}

#[interface(name = "org.bwflow1.Link")]
impl Link {
    #[zbus(property(emits_changed_signal = "const"))]
    fn interface(&self) -> String {
        self.name.clone()
    }

    #[zbus(property)]
    fn pending_top_ups(&self) -> Vec<TopUp> {
        self.top_ups.lock().unwrap().clone()
    }
}
