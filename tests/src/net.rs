//! Network namespaces and the veth pairs between them.

use std::fs::{self, File};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};

use crate::process::run;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace that is gone with this value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Namespace {
    /// Makes one with its loopback up.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bwtest-{}-{number}", std::process::id());
        run("ip", &["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip("link set lo up");
        // Neighbour discovery speaks by itself, and the tests count every byte.
        namespace
            .within(|| fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap());
        namespace
    }

    /// Its name for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in it.
    pub fn ip(&self, arguments: &str) -> String {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments.split_whitespace());
        run("ip", &all)
    }

    /// Runs `tc` in it.
    pub fn tc(&self, arguments: &str) -> String {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments.split_whitespace());
        run("tc", &all)
    }

    /// Calls `work` on a thread inside it.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or `work` panics.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.thread(work).join().unwrap()
    }

    /// Starts a thread inside it.
    ///
    /// # Panics
    /// When the namespace cannot be entered.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        std::thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET).expect("tests need root");
            work()
        })
    }

    /// The root queueing discipline of a link as `tc` shows it, without counters.
    pub fn qdiscs(&self, link: &str) -> String {
        self.tc(&format!("-d qdisc show dev {link}"))
    }

    /// Whether bwflow's discipline is on the link.
    pub fn is_shaped(&self, link: &str) -> bool {
        self.qdiscs(link).contains("b0f1:")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        run("ip", &["netns", "delete", &self.name]);
    }
}

/// Two namespaces joined by a veth pair: `wan0` (10.99.0.1) inside, `peer0` (10.99.0.2) outside.
#[derive(Debug)]
pub struct Pair {
    /// Where bwflow works.
    pub inside: Namespace,
    /// The rest of the world.
    pub outside: Namespace,
}

/// The link under test.
pub const LINK: &str = "wan0";

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// Makes both and brings the link up.
    pub fn new() -> Self {
        let pair = Self {
            inside: Namespace::new(),
            outside: Namespace::new(),
        };
        pair.connect();
        pair
    }

    /// Creates the veth pair (again).
    pub fn connect(&self) {
        let outside = self.outside.name();
        self.inside.ip(&format!(
            "link add {LINK} type veth peer name peer0 netns {outside}"
        ));
        self.inside.ip(&format!("addr add 10.99.0.1/24 dev {LINK}"));
        self.outside.ip("addr add 10.99.0.2/24 dev peer0");
        self.outside.ip("link set peer0 up");
        self.inside.ip(&format!("link set {LINK} up"));
    }

    /// Makes senders hand the link one packet at a time. Of a segment that leaves uncut the
    /// interface counts one header, while the bucket charges every header it will have on the
    /// wire; a test that measures a rate to the per cent must count the same bytes.
    pub fn send_single_packets(&self) {
        self.inside.ip(&format!("link set {LINK} gso_max_segs 1"));
    }

    /// Deletes the veth pair.
    pub fn disconnect(&self) {
        self.inside.ip(&format!("link del {LINK}"));
    }

    /// Bytes the peer has received.
    pub fn received(&self) -> u64 {
        self.outside.within(|| counters("peer0").0)
    }

    /// Bytes the link has sent, by the kernel's count.
    pub fn sent(&self) -> u64 {
        self.inside.within(|| counters(LINK).1)
    }
}

/// Bytes received and sent by a link of the calling thread's namespace.
///
/// # Panics
/// When there is no such link.
pub fn counters(link: &str) -> (u64, u64) {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(link)?.strip_prefix(':'))
        .unwrap_or_else(|| panic!("no link {link}"));
    let fields: Vec<u64> = line
        .split_whitespace()
        .map(|field| field.parse().unwrap())
        .collect();
    (fields[0], fields[8])
}
