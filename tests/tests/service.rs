//! bwflowd and the service manager: what it is told, and what it is asked.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use bwflow_tests::config::young;
use bwflow_tests::net::LINK;
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;
use zbus::connection::Builder;
use zbus::fdo::DBusProxy;
use zbus::{OwnedObjectPath, interface};

const UNIT: &str = "/org/freedesktop/systemd1/unit/bwflowd_2eservice";
const JOB: &str = "/org/freedesktop/systemd1/job/7";
const SOON: Duration = Duration::from_secs(10);

/// As much of systemd as bwflowd asks.
struct Manager {
    pid: u32,
    answers: bool,
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    #[zbus(name = "GetUnitByPID")]
    async fn get_unit_by_pid(&self, pid: u32) -> OwnedObjectPath {
        if !self.answers {
            std::future::pending::<()>().await;
        }
        assert_eq!(pid, self.pid);
        UNIT.try_into().unwrap()
    }
}

struct Unit {
    has_job: bool,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        if self.has_job {
            (7, JOB.try_into().unwrap())
        } else {
            (0, "/".try_into().unwrap())
        }
    }
}

struct Job {
    job_type: String,
}

#[interface(name = "org.freedesktop.systemd1.Job")]
impl Job {
    #[zbus(property)]
    fn job_type(&self) -> String {
        self.job_type.clone()
    }
}

/// What the fake systemd says.
#[derive(Clone, Copy)]
enum Systemd {
    Job(&'static str),
    NoJob,
    Silent,
    Absent,
}

/// A bwflowd with a throttled link, and the socket of its service manager.
struct Service {
    rig: Rig,
    socket: UnixDatagram,
}

impl Service {
    fn start(watchdog_usec: u64) -> Self {
        let mut rig = Rig::new();
        let path = rig.directory().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut command = rig.daemon_command();
        command.env("NOTIFY_SOCKET", &path);
        if watchdog_usec > 0 {
            command.env("WATCHDOG_USEC", watchdog_usec.to_string());
        }
        rig.start_daemon_by(&mut command);
        Self { rig, socket }
    }

    fn shape(&mut self) {
        self.rig.configure(&young("20 GB", "10 GB", ""));
        self.rig.start_helper();
        let output = self.rig.ctl(&["throttle", "8 Mbit/s"]);
        assert!(output.status.success(), "{output:?}");
        assert!(self.rig.pair.inside.is_shaped(LINK));
    }

    /// The next line the service manager is told.
    fn hears(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.trim().to_owned()
    }

    fn wait_to_hear(&self, what: &str) {
        let begin = Instant::now();
        while self.hears() != what {
            assert!(begin.elapsed() < SOON, "{what} never came");
        }
    }

    /// Lets the bus carry a fake systemd.
    async fn serve(&self, systemd: Systemd) -> Option<zbus::Connection> {
        if matches!(systemd, Systemd::Absent) {
            return None;
        }
        let policy = self.rig.directory().join("org.bwflow1.conf");
        let text = fs::read_to_string(&policy).unwrap();
        let more = "<policy context=\"default\"><allow own=\"org.freedesktop.systemd1\"/>\
                    <allow send_destination=\"org.freedesktop.systemd1\"/></policy></busconfig>";
        fs::write(&policy, text.replace("</busconfig>", more)).unwrap();
        let connection = self.rig.bus.connect().await;
        DBusProxy::new(&connection)
            .await
            .unwrap()
            .reload_config()
            .await
            .unwrap();
        let job_type = match systemd {
            Systemd::Job(job_type) => job_type,
            _ => "",
        };
        let manager = Manager {
            pid: self.rig.daemon.as_ref().unwrap().id(),
            answers: !matches!(systemd, Systemd::Silent),
        };
        let unit = Unit {
            has_job: !matches!(systemd, Systemd::NoJob),
        };
        let connection = Builder::address(self.rig.bus.address().as_str())
            .serve_at("/org/freedesktop/systemd1", manager)
            .serve_at(UNIT, unit)
            .serve_at(
                JOB,
                Job {
                    job_type: job_type.to_owned(),
                },
            )
            .name("org.freedesktop.systemd1")
            .build()
            .await
            .unwrap();
        Some(connection)
    }

    /// Ends bwflowd beside such a systemd; tells whether the limit stayed, and how long it took.
    fn ends_beside(mut self, systemd: Systemd) -> (bool, Duration) {
        self.shape();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let took = runtime.block_on(async {
            let _systemd = self.serve(systemd).await;
            let daemon = self.rig.daemon.as_mut().unwrap();
            let begin = Instant::now();
            daemon.signal(nix::sys::signal::Signal::SIGTERM);
            while daemon.runs() {
                assert!(begin.elapsed() < SOON, "it does not end");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            begin.elapsed()
        });
        assert!(self.rig.daemon.as_mut().unwrap().wait().success());
        self.wait_to_hear("STOPPING=1");
        (self.rig.pair.inside.is_shaped(LINK), took)
    }
}

#[test]
fn a_restart_keeps_the_limits_and_a_stop_lifts_them() {
    for (systemd, stays) in [
        (Systemd::Job("restart"), true),
        (Systemd::Job("try-restart"), true),
        (Systemd::Job("stop"), false),
        (Systemd::NoJob, false),
        (Systemd::Absent, true),
    ] {
        let (stayed, took) = Service::start(0).ends_beside(systemd);
        assert_eq!(stayed, stays);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[test]
fn a_systemd_that_does_not_answer_costs_half_a_second_and_no_limit() {
    let (stayed, took) = Service::start(0).ends_beside(Systemd::Silent);
    assert!(stayed);
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert!(took >= Duration::from_millis(500), "{took:?}");
}

#[test]
fn it_is_ready_when_it_is_on_the_bus_and_tells_what_it_does() {
    let mut service = Service::start(0);
    assert_eq!(service.hears(), "READY=1");
    assert_eq!(service.hears(), "STATUS=no links");
    service.shape();
    service.wait_to_hear(&format!("STATUS=1 link: {LINK} open"));
    service.wait_to_hear(&format!("STATUS=1 link: {LINK} manual at 8 Mbit/s"));
}

#[test]
fn signs_of_life_come_twice_as_often_as_needed_and_not_more() {
    let service = Service::start(1_000_000);
    service.wait_to_hear("WATCHDOG=1");
    let begin = Instant::now();
    for _ in 0..6 {
        let last = Instant::now();
        service.wait_to_hear("WATCHDOG=1");
        let took = last.elapsed();
        assert!(took < Duration::from_millis(900), "{took:?}");
    }
    assert!(begin.elapsed() > Duration::from_secs(2));
}

#[test]
fn a_daemon_that_hangs_gives_no_sign_of_life() {
    let service = Service::start(1_000_000);
    service.wait_to_hear("WATCHDOG=1");
    let daemon = service.rig.daemon.as_ref().unwrap();
    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    let quiet = Duration::from_millis(300);
    service.socket.set_read_timeout(Some(quiet)).unwrap();
    let mut buffer = [0; 64];
    wait_for("silence", SOON, || {
        service.socket.recv(&mut buffer).is_err().then_some(())
    });
    service
        .socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    assert!(service.socket.recv(&mut buffer).is_err());
    daemon.signal(nix::sys::signal::Signal::SIGCONT);
    assert!(service.socket.recv(&mut buffer).is_ok(), "it works again");
}
