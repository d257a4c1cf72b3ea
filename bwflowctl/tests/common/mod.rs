//! A private bus with a daemon that says what a test wants, and the real program asking it.

#![allow(clippy::unwrap_used)]
// Each file of tests uses a part of it.
#![allow(dead_code, unused_imports)]

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use bwflow_proto::bus::{HELPER_NAME, HELPER_PATH, NAME, PATH, link_path};
use bwflow_proto::ledger::LedgerView;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use zbus::fdo::ObjectManager;
use zbus::{Connection, connection, interface};

pub(crate) use link::{Answer, Link};

mod link;

const PATIENCE: Duration = Duration::from_secs(20);

/// A `dbus-daemon` of our own, gone with the test.
pub(crate) struct PrivateBus {
    _process: Child,
    pub(crate) address: String,
}

impl PrivateBus {
    pub(crate) async fn start() -> Self {
        Self::start_by("--session").await
    }

    /// One that every user may enter, with its files in a directory.
    pub(crate) async fn start_for_all(directory: &Path) -> Self {
        let config = directory.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow user='*'/><allow own='*'/>\
             <allow send_destination='*'/>\
             <allow eavesdrop='true'/></policy></busconfig>",
            directory.join("bus").display()
        );
        std::fs::write(&config, text).unwrap();
        Self::start_by(&format!("--config-file={}", config.display())).await
    }

    async fn start_by(configuration: &str) -> Self {
        let mut process = Command::new("dbus-daemon")
            .args([configuration, "--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("dbus-daemon is installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = timeout(PATIENCE, lines.next_line()).await;
        Self {
            _process: process,
            address: address.unwrap().unwrap().expect("an address"),
        }
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, words: &[&str]) -> Output {
        let output = timeout(PATIENCE, self.command(words).output()).await;
        output.expect("the program ends in time").unwrap()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bwflowctl"));
        command
            .args(words)
            .args(["--address", &self.address])
            .kill_on_drop(true);
        command
    }
}

/// The stand-in for the daemon, with `links` as (interface, ledger), all of them open.
pub(crate) async fn daemon(bus: &PrivateBus, links: &[(&str, Option<LedgerView>)]) -> Connection {
    let mut builder =
        connection::Builder::address(bus.address.as_str()).serve_at(PATH, ObjectManager);
    for (interface, ledger) in links {
        let link = Link {
            interface: (*interface).to_owned(),
            state: "open".to_owned(),
            ledger: ledger.clone(),
            ..Link::default()
        };
        builder = builder.serve_at(link_path(interface), link);
    }
    builder.name(NAME).build().await.unwrap()
}

/// Has the stand-in change anything about a link without a word.
pub(crate) async fn change(daemon: &Connection, interface: &str, what: impl FnOnce(&mut Link)) {
    let path = link_path(interface);
    let link = daemon.object_server().interface::<_, Link>(path).await;
    what(&mut *link.unwrap().get_mut().await);
}

/// Waits until a link is as wanted.
pub(crate) async fn until(daemon: &Connection, interface: &str, is_so: impl Fn(&Link) -> bool) {
    let path = link_path(interface);
    let link = daemon.object_server().interface::<_, Link>(path).await;
    let link = link.unwrap();
    let wait = async {
        while !is_so(&*link.get().await) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("in time");
}

/// Has the stand-in change a link's state and say so.
pub(crate) async fn set_state(daemon: &Connection, interface: &str, state: &str) {
    let server = daemon.object_server();
    let path = link_path(interface);
    let link = server.interface::<_, Link>(path).await.unwrap();
    let mut values = link.get_mut().await;
    values.state = state.to_owned();
    values.state_changed(link.signal_emitter()).await.unwrap();
}

/// The stand-in for the helper: it has counted whenever it is asked.
pub(crate) async fn helper(bus: &PrivateBus) -> Connection {
    struct Helper;

    #[interface(name = "org.bwflow1.Helper")]
    impl Helper {
        fn refresh(&self) {}
    }

    connection::Builder::address(bus.address.as_str())
        .serve_at(HELPER_PATH, Helper)
        .name(HELPER_NAME)
        .build()
        .await
        .unwrap()
}

/// The program while it runs, line by line.
pub(crate) struct Running {
    pub(crate) process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    talk: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let talk = BufReader::new(process.stderr.take().unwrap()).lines();
        Self {
            process,
            lines,
            talk,
        }
    }

    /// The next line of data.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("a line in time").unwrap().expect("a line")
    }

    /// The next line of talk.
    pub(crate) async fn talk(&mut self) -> String {
        let line = timeout(PATIENCE, self.talk.next_line()).await;
        line.expect("a line in time").unwrap().expect("a line")
    }

    /// Closes our end of the program's standard output and waits for its end.
    pub(crate) async fn hang_up(self) -> ExitStatus {
        let Self {
            mut process, lines, ..
        } = self;
        drop(lines);
        ended(&mut process).await
    }
}

/// Waits for the end of a program.
pub(crate) async fn ended(process: &mut Child) -> ExitStatus {
    let status = timeout(PATIENCE, process.wait()).await;
    status.expect("the program ends in time").unwrap()
}
