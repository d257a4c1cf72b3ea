//! Where the real vnStat is wrong, and bwflow is not.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use bwflow_tests::config::day_old;
use bwflow_tests::net::LINK;
use bwflow_tests::process::Process;
use bwflow_tests::rig::Rig;
use bwflow_tests::vnstat::{Vnstat, execute, query};
use bwflow_tests::wait::wait_for;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
/// "Within one packet": the longest that the link takes.
const PACKET: u64 = 1514;

const BUDGET: &str = "[daemon]\npoll_interval_seconds = 3\n";

fn config() -> String {
    day_old("900 GB", "800 GB", BUDGET)
}

/// Sends datagrams to the peer, whose kernel counts them, and returns how many bytes the link has
/// sent in all.
fn send(rig: &Rig, bytes: u64) -> u64 {
    let before = rig.pair.sent();
    rig.pair.inside.within(move || {
        let socket = std::net::UdpSocket::bind("10.99.0.1:0").unwrap();
        for _ in 0..bytes.div_ceil(1400) {
            // The peer has nobody who listens, and says so.
            let _ = socket.send_to(&[0; 1400], "10.99.0.2:9");
        }
    });
    let sent = rig.pair.sent();
    assert!(
        sent >= before + bytes,
        "{bytes} bytes were to be sent: {before} to {sent}"
    );
    sent
}

fn number(report: &Value, key: &str) -> i64 {
    report[key]
        .as_i64()
        .unwrap_or_else(|| panic!("no {key} in {report}"))
}

/// Whether vnStat has written all but what the two ends ask each other meanwhile.
fn is_little(report: &Value) -> bool {
    u64::try_from(number(report, "live_bytes")).unwrap() <= PACKET
}

/// Waits until what is charged is within a packet of `expected`, and holds the parts against the sum.
#[track_caller]
fn wait_used(rig: &Rig, expected: u64) -> Value {
    let mut last = Value::Null;
    let begin = std::time::Instant::now();
    loop {
        if let Some(report) = rig.report() {
            assert_parts(&report);
            let used = u64::try_from(number(&report, "used_bytes")).unwrap();
            if used.abs_diff(expected) <= PACKET {
                return report;
            }
            last = report;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "{expected} bytes were to be charged: {last}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn assert_parts(report: &Value) {
    let parts = ["vnstat_bytes", "live_bytes", "correction_bytes"].map(|key| number(report, key));
    assert_eq!(
        parts.iter().sum::<i64>(),
        number(report, "used_bytes"),
        "{report}"
    );
}

/// Waits until a report says so.
fn wait_report(rig: &Rig, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let (_, report) = wait_for(what, PATIENCE, || rig.report().filter(|report| is(report)));
    assert_parts(&report);
    report
}

fn measured(what: &str, vnstat: Option<u64>, report: &Value, truth: u64) {
    let vnstat = vnstat.map_or_else(|| "nothing".to_owned(), |bytes| bytes.to_string());
    println!(
        "MEASURED {what}: {truth} bytes went out, bwflow charged {}, vnStat has {vnstat} \
         (dropped {}, invented {})",
        report["used_bytes"], report["vnstat_dropped_bytes"], report["vnstat_invented_bytes"]
    );
}

/// A rig with a vnStat that knows the link, and a helper that uses it from the first byte on.
fn both() -> (Rig, Vnstat) {
    let mut rig = Rig::new();
    let mut vnstat = Vnstat::new(&rig, "");
    vnstat.start(LINK, 0);
    rig.start(&config());
    wait_report(&rig, "counted with vnStat", |report| {
        report["source"] == "vnstat"
    });
    (rig, vnstat)
}

#[test]
fn a_vnstat_that_stood_still_for_400_seconds_costs_not_a_byte() {
    let mut rig = Rig::new();
    let mut vnstat = Vnstat::new(&rig, "");
    // It lives some minutes in the past until it is stopped, and then in the present: it sees the
    // gap that it would have seen, had it been away for so long.
    vnstat.start(LINK, -420);
    rig.start(&config());
    wait_report(&rig, "counted with vnStat", |report| {
        report["source"] == "vnstat"
    });
    let before = send(&rig, 3_000_000);
    vnstat.catch_up(LINK, before);
    vnstat.stop();
    let sent = send(&rig, 20_000_000);
    vnstat.start(LINK, 0);
    vnstat.catch_up(LINK, sent);
    wait_used(&rig, sent);
    let report = wait_report(&rig, "the gap is seen", is_little);
    let total = vnstat.total(LINK).unwrap();
    measured("vnStat stopped for 400 s", Some(total), &report, sent);
    assert!(
        total < sent - 19_000_000,
        "vnStat is off: {total} of {sent}"
    );
    assert!(
        number(&report, "vnstat_dropped_bytes") >= 20_000_000,
        "{report}"
    );
    let after = send(&rig, 1_000_000);
    wait_used(&rig, after);
}

#[test]
fn a_link_created_anew_is_charged_what_it_sent_and_not_vnstat_s_phantom() {
    let (rig, vnstat) = both();
    let first = send(&rig, 5_000_000);
    vnstat.catch_up(LINK, first);
    wait_used(&rig, first);
    rig.pair.disconnect();
    rig.wait_state("absent", PATIENCE);
    rig.pair.connect();
    let second = send(&rig, 1_000_000);
    vnstat.catch_up(LINK, second);
    wait_used(&rig, first + second);
    let report = wait_report(&rig, "vnStat has written", is_little);
    let total = vnstat.total(LINK).unwrap();
    measured(
        "an interface created anew",
        Some(total),
        &report,
        first + second,
    );
    assert!(
        total.abs_diff(first + second) > 500_000,
        "vnStat is off: {total}"
    );
}

/// The other end of a tunnel: a program that reads all that goes out, and another that counts it.
struct Tunnel {
    name: &'static str,
    reader: Process,
    counter: std::process::Child,
}

impl Tunnel {
    /// Makes the tunnel, up and with an address, in the rig's namespace.
    fn new(rig: &Rig, name: &'static str) -> Self {
        let mut reader = Command::new("ip")
            .args(["netns", "exec", rig.pair.inside.name()])
            .args(["socat", "-u", "-b", "65536"])
            .arg(format!("TUN:10.98.0.1/24,tun-name={name},iff-no-pi,iff-up"))
            .arg("STDOUT")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let counter = Command::new("wc")
            .arg("-c")
            .stdin(reader.stdout.take().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the tunnel is up", PATIENCE, || {
            let addresses = rig.pair.inside.ip("-o -4 address");
            addresses.contains(name).then_some(())
        });
        rig.pair.inside.ip(&format!("link set {name} mtu 65521"));
        Self {
            name,
            reader: Process::of(reader),
            counter,
        }
    }

    /// What the kernel says has gone out.
    fn sent(&self, rig: &Rig) -> u64 {
        let name = self.name;
        rig.pair
            .inside
            .within(move || bwflow_tests::net::counters(name).1)
    }

    /// Ends it, and returns how many bytes have come out.
    fn end(mut self) -> u64 {
        self.reader.terminate();
        let output = self.counter.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().parse().unwrap()
    }
}

#[test]
fn a_tunnel_above_vnstat_s_cap_is_charged_in_full() {
    let mut rig = Rig::new();
    let tunnel = Tunnel::new(&rig, "tun9");
    let name = tunnel.name;
    let mut vnstat = Vnstat::new(&rig, "");
    vnstat.start(name, 0);
    rig.configure(&config().replace(LINK, name));
    rig.start_daemon();
    rig.helper = Some(Process::start(&mut rig.helper_command()));
    let report = || {
        let output = rig.ctl(&["report", "--json", "-i", name]);
        let json: Value = serde_json::from_slice(&output.stdout).ok()?;
        let link = json["links"][0].clone();
        link["used_bytes"].is_u64().then_some(link)
    };
    wait_for("counted with vnStat", PATIENCE, || {
        report().filter(|report| report["source"] == "vnstat")
    });
    let before = tunnel.sent(&rig);
    rig.pair.inside.within(|| flood(FLOOD));
    // What stood in the queue goes out later.
    let mut last = 0;
    let (_, after) = wait_for("the tunnel is quiet", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(200));
        let sent = tunnel.sent(&rig);
        (std::mem::replace(&mut last, sent) == sent).then_some(sent)
    });
    // vnStat takes the speed of every tun<digit> for 1 Gbit/s, whatever the link says.
    let speed = (after - before) as f64 * 8e-9 / FLOOD.as_secs_f64();
    assert!(speed > 1.5, "{speed} Gbit/s is not above the cap");
    vnstat.catch_up(name, after);
    let (_, report) = wait_for("all is charged", PATIENCE, || {
        report().filter(|report| {
            let used = u64::try_from(number(report, "used_bytes")).unwrap();
            used.abs_diff(after) <= PACKET && is_little(report)
        })
    });
    assert_parts(&report);
    let total = vnstat.total(name).unwrap();
    let truth = tunnel.end();
    measured(
        &format!("a tunnel above its cap, at {speed:.1} Gbit/s"),
        Some(total),
        &report,
        truth,
    );
    let used = u64::try_from(number(&report, "used_bytes")).unwrap();
    assert!(used.abs_diff(truth) <= PACKET, "{used} of {truth}");
    assert!(total < truth / 2, "vnStat is off: {total} of {truth}");
}

/// How long traffic must flow that fills more than one of vnStat's intervals, which are of 2 s.
const FLOOD: Duration = Duration::from_secs(7);

/// Sends for so long to nobody behind the tunnel of the calling thread's namespace.
fn flood(time: Duration) {
    let socket = std::net::UdpSocket::bind("10.98.0.1:0").unwrap();
    let datagram = vec![0; 60_000];
    let begin = std::time::Instant::now();
    while begin.elapsed() < time {
        let _ = socket.send_to(&datagram, "10.98.0.2:9");
    }
}

#[test]
fn a_database_that_goes_is_damaged_or_is_locked_changes_nothing() {
    let (rig, mut vnstat) = both();
    let sent = send(&rig, 2_000_000);
    vnstat.catch_up(LINK, sent);
    vnstat.stop();
    let kept = fs::read(vnstat.database()).unwrap();

    fs::remove_file(vnstat.database()).unwrap();
    let sent = send(&rig, 1_000_000);
    wait_report(&rig, "the removal is seen", |report| {
        report["source"] == "kernel"
    });
    let report = wait_used(&rig, sent);
    assert!(
        report["source_note"]
            .as_str()
            .unwrap()
            .contains("no vnStat database"),
        "{report}"
    );
    assert_eq!(number(&report, "vnstat_bytes"), 0);
    measured("the database removed", vnstat.total(LINK), &report, sent);

    fs::write(vnstat.database(), &kept[..6000]).unwrap();
    fs::set_permissions(vnstat.database(), fs::Permissions::from_mode(0o644)).unwrap();
    let sent = send(&rig, 1_000_000);
    wait_report(&rig, "the damage is seen", |report| {
        report["source_note"]
            .as_str()
            .is_some_and(|note| note.contains("damaged"))
    });
    let report = wait_used(&rig, sent);
    measured("the database truncated", vnstat.total(LINK), &report, sent);
    let status = String::from_utf8(rig.ctl(&["status"]).stdout).unwrap();
    assert!(status.contains("counted by the kernel alone"), "{status}");

    fs::write(vnstat.database(), &kept).unwrap();
    vnstat.start(LINK, 0);
    vnstat.catch_up(LINK, sent);
    wait_report(&rig, "vnStat is back", |report| {
        report["source"] == "vnstat"
    });
    wait_used(&rig, sent);

    let lock = Lock::take(&vnstat);
    // What has not changed is not read, and then nobody notices.
    bwflow_tests::process::run("touch", &[vnstat.database().to_str().unwrap()]);
    let sent = send(&rig, 1_000_000);
    wait_report(&rig, "the lock is seen", |report| {
        report["source_note"]
            .as_str()
            .is_some_and(|note| note.contains("locked"))
    });
    wait_used(&rig, sent);
    lock.hold_for_ten_seconds();
    wait_report(&rig, "the lock is gone", |report| {
        report["source"] == "vnstat"
    });
    let report = wait_used(&rig, sent);
    let total = vnstat.total(LINK);
    measured("the database locked for 10 s", total, &report, sent);
}

/// Somebody who writes to the database for long.
struct Lock {
    shell: std::process::Child,
    begin: std::time::Instant,
}

impl Lock {
    fn take(vnstat: &Vnstat) -> Self {
        use std::io::{BufRead as _, BufReader, Write as _};
        let mut shell = Command::new("sqlite3")
            .args(["-cmd", ".timeout 5000"])
            .arg(vnstat.database())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = "BEGIN EXCLUSIVE; SELECT 'locked';\n";
        shell
            .stdin
            .as_mut()
            .unwrap()
            .write_all(words.as_bytes())
            .unwrap();
        let mut line = String::new();
        let output = BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line);
        assert_eq!((output.unwrap() > 0, line.trim()), (true, "locked"));
        Self {
            shell,
            begin: std::time::Instant::now(),
        }
    }

    fn hold_for_ten_seconds(mut self) {
        // That it takes so long is what the test is about.
        std::thread::sleep(Duration::from_secs(10).saturating_sub(self.begin.elapsed()));
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }
}

/// What a vnStat has in its database before bwflow comes: the month so far, and today.
fn history(vnstat: &Vnstat, version: &str) -> u64 {
    let database = vnstat.database();
    let days = "WITH RECURSIVE d(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM d WHERE n < 40)";
    execute(
        &database,
        &format!(
            "UPDATE info SET value = '{version}' WHERE name = 'vnstatversion';
             {days} INSERT INTO day (interface, date, rx, tx)
                 SELECT i.id, date('now', 'localtime', '-' || n || ' days'), 50, 1000000
                 FROM d, interface i WHERE i.name = '{LINK}';
             UPDATE interface SET txtotal = txtotal + 40000000 WHERE name = '{LINK}';"
        ),
    );
    let today = format!(
        "SELECT tx FROM day, interface i WHERE interface = i.id AND i.name = '{LINK}' \
         AND date = date('now', 'localtime')"
    );
    query(&database, &today).map_or(0, |tx| tx.parse().unwrap())
}

/// Days of the present period before today, by the tool that everybody has.
fn count_days(day: u8) -> u64 {
    let script = format!(
        "n=0; while [ $n -lt 32 ]; do d=$(date -d \"-$n days\" +%-d); \
         last=$(date -d \"$(date -d \"-$n days\" +%Y-%m-01) +1 month -1 day\" +%-d); \
         b={day}; [ $b -gt $last ] && b=$last; [ $d -eq $b ] && break; n=$((n+1)); done; echo $n"
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// A configuration whose periods begin on this day.
fn billed_on(day: u8) -> String {
    format!(
        "[bandwidth]\nmonthly_budget = \"900 GB\"\nbilling_day = {day}\ntimezone = \"UTC\"\n\
         [network]\ninterface = \"{LINK}\"\n{BUDGET}"
    )
}

#[test]
fn installed_in_mid_month_the_period_so_far_comes_from_vnstat_once() {
    for day in [1, 15, 31] {
        let mut rig = Rig::new();
        let mut vnstat = Vnstat::new(&rig, "");
        vnstat.start(LINK, 0);
        let unknown = rig.pair.sent();
        send(&rig, 100_000);
        let sent = rig.pair.sent();
        vnstat.catch_up(LINK, sent);
        vnstat.stop();
        let today = history(&vnstat, "2.6");
        // Written by nobody yet, but in the kernel's counter.
        let sent_after = send(&rig, 70_000);
        rig.start(&billed_on(day));
        let expected = count_days(day) * 1_000_000 + today + (sent_after - sent);
        let report = wait_used(&rig, expected);
        println!(
            "MEASURED installed in mid-month, billing day {day}: {} bytes used from the start, \
             {expected} were moved ({unknown} before vnStat)",
            report["used_bytes"]
        );
        assert_eq!(report["vnstat_version"], "2.6");
        let live = u64::try_from(number(&report, "live_bytes")).unwrap();
        assert!(live >= sent_after - sent, "{report}");
        assert_eq!(number(&report, "correction_bytes"), 0, "{report}");
        // Once is enough, whoever restarts.
        assert!(rig.helper.as_mut().unwrap().terminate().success());
        rig.start_helper();
        let more = send(&rig, 50_000);
        wait_used(&rig, expected + (more - sent_after));
    }
}

#[test]
fn what_the_helper_may_not_read_the_program_vnstat_may() {
    let mut rig = Rig::new();
    let mut vnstat = Vnstat::new(&rig, "");
    vnstat.start(LINK, 0);
    send(&rig, 100_000);
    let sent = rig.pair.sent();
    vnstat.catch_up(LINK, sent);
    vnstat.stop();
    let today = history(&vnstat, "2.10");
    // Whoever may read it, by another's hand: here a copy, for the real program.
    let copy = rig.directory().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(vnstat.database(), copy.join("vnstat.db")).unwrap();
    let settings = rig.directory().join("copy.conf");
    fs::write(&settings, format!("DatabaseDir \"{}\"\n", copy.display())).unwrap();
    let program = rig.directory().join("may-read");
    let script = format!(
        "#!/bin/sh\nexec vnstat \"$1\" --config {}\n",
        settings.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let readable = |mode| {
        fs::set_permissions(vnstat.database(), fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(0o600);

    rig.configure(&billed_on(15));
    rig.start_daemon();
    let mut command = rig.helper_command();
    command.arg("--vnstat-program").arg(&program);
    rig.helper = Some(Process::start(&mut command));
    let expected = count_days(15) * 1_000_000 + today;
    let report = wait_used(&rig, expected);
    println!(
        "MEASURED the database unreadable, asked vnstat --json: {} bytes used from the start, \
         {expected} in its rows",
        report["used_bytes"]
    );
    assert_eq!(report["source"], "kernel", "{report}");
    let note = report["source_note"].as_str().unwrap();
    assert!(note.contains("Permission denied"), "{report}");
    let status = String::from_utf8(rig.ctl(&["status"]).stdout).unwrap();
    assert!(status.contains("Permission denied"), "{status}");
    let more = send(&rig, 50_000);
    wait_used(&rig, expected + (more - sent));

    // Readable again, though vnStat has written nothing: what is known is not taken once more.
    readable(0o644);
    wait_report(&rig, "the database is read", |report| {
        report["source"] == "vnstat"
    });
    let more = send(&rig, 50_000);
    wait_used(&rig, expected + (more - sent));
    readable(0o600);
    wait_report(&rig, "the database is shut", |report| {
        report["source"] == "kernel"
    });
    wait_used(&rig, expected + (more - sent));
}
