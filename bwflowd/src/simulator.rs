//! A kernel made of arithmetic: one link, one token bucket, a clock that tests turn.

use std::io;
use std::time::Duration;

use bwflow_proto::network::Network;

use crate::clock::usec;
use crate::exclusion::Seen;
use crate::foreign::Root;
use crate::kernel::Kernel;
use crate::netlink::link::Link;
use crate::netlink::nft::Counted;
use crate::netlink::qdisc::{Handle, Parent, Qdisc};
use crate::netlink::tbf::{Rates, Tbf};
use crate::progress::Progress;

/// The link's name.
pub(crate) const NAME: &str = "sim0";

#[derive(Clone, Copy, Debug)]
struct Installed {
    tbf: Tbf,
    /// Bytes times 10^9, so that no fraction is lost.
    tokens: u128,
    passed: u64,
}

/// The simulated kernel.
#[derive(Debug)]
pub(crate) struct Simulator {
    now: Duration,
    /// How far the wall clock is ahead of `now`, microseconds.
    pub(crate) ahead_usec: u64,
    /// The link, while there is one.
    pub(crate) link: Option<Link>,
    bucket: Option<Installed>,
    /// What somebody else put at the root.
    pub(crate) foreign: Option<Root>,
    /// What the link can do, bytes per second.
    pub(crate) speed: u64,
    /// Bytes that wait behind the bucket.
    pub(crate) waiting: u32,
    /// Whether the kernel lacks what is to be put back.
    pub(crate) forgetful: bool,
    /// How many requests changed something.
    pub(crate) changes: u32,
    /// The rules that exclude networks, and what they have counted.
    pub(crate) rules: Option<Counted>,
    tables_made: u64,
    /// Whether the bucket has a lane beside it.
    pub(crate) lanes: bool,
    /// Whether the kernel has no lanes.
    pub(crate) no_lanes: bool,
    /// The errno of rules, if the kernel has none.
    pub(crate) no_rules: Option<i32>,
    /// The errno of every change, if the kernel is to refuse.
    pub(crate) refuse: Option<i32>,
}

impl Simulator {
    /// A link that can do `speed` bytes a second and has been up for a while.
    pub(crate) fn new(speed: u64) -> Self {
        let link = Link {
            index: 3,
            name: NAME.to_owned(),
            mtu: 1500,
            running: true,
            tx: 0,
            rx: 0,
            lost: 0,
            segment: 0,
        };
        Self {
            now: Duration::from_secs(1000),
            ahead_usec: 1_800_000_000_000_000,
            link: Some(link),
            bucket: None,
            foreign: None,
            speed,
            waiting: 0,
            forgetful: false,
            changes: 0,
            refuse: None,
            rules: None,
            tables_made: 0,
            lanes: false,
            no_lanes: false,
            no_rules: None,
        }
    }

    /// Lets time pass while somebody wants to send `wanted` bytes a second.
    pub(crate) fn pass(&mut self, time: Duration, wanted: u64) {
        const NANO: u128 = 1_000_000_000;
        self.now += time;
        let Some(link) = &mut self.link else { return };
        let mut bytes = u128::from(wanted.min(self.speed)) * time.as_nanos();
        if let Some(bucket) = &mut self.bucket {
            let tbf = &bucket.tbf;
            let gained = u128::from(tbf.rate) * time.as_nanos();
            let capped = tbf.peak.map_or(bytes, |peak| {
                bytes.min(u128::from(peak.rate) * time.as_nanos())
            });
            // Tokens that come in while the bucket is full are lost only if nobody takes them.
            bytes = capped.min(bucket.tokens + gained);
            let full = u128::from(tbf.burst) * NANO;
            bucket.tokens = (bucket.tokens + gained - bytes).min(full);
            bucket.passed += u64::try_from(bytes / NANO).unwrap_or(u64::MAX);
        }
        link.tx += u64::try_from(bytes / NANO).unwrap_or(u64::MAX);
    }

    /// Sends `bytes` to an excluded network.
    pub(crate) fn send_excluded(&mut self, bytes: u64) {
        if let Some(link) = &mut self.link {
            link.tx += bytes;
        }
        if let Some(rules) = &mut self.rules {
            rules.tx_bytes += bytes;
        }
    }

    /// Bytes sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.tx)
    }

    /// The bucket on the link.
    pub(crate) fn tbf(&self) -> Option<Tbf> {
        self.bucket.map(|bucket| bucket.tbf)
    }

    /// The machine boots: everything is as new, and that took `time`.
    pub(crate) fn reboot(&mut self, time: Duration) {
        let wall_usec = self.wall_usec() + usec(time);
        self.now = Duration::from_secs(10);
        self.ahead_usec = wall_usec - usec(self.now);
        self.bucket = None;
        self.foreign = None;
        if let Some(link) = &mut self.link {
            (link.tx, link.rx) = (0, 0);
        }
    }

    /// Somebody takes the bucket away.
    pub(crate) fn steal(&mut self) {
        self.bucket = None;
    }

    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        self.refuse
            .map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }
}

impl Kernel for Simulator {
    fn now(&self) -> Duration {
        self.now
    }

    fn wall_usec(&self) -> u64 {
        usec(self.now) + self.ahead_usec
    }

    fn rates(&mut self, _index: u32) -> io::Result<Option<Rates>> {
        Ok(self.bucket.map(|bucket| Rates {
            rate: bucket.tbf.rate,
            peak: bucket.tbf.peak.map_or(0, |peak| peak.rate),
        }))
    }

    fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        Ok(self.link.clone().filter(|link| link.name == name))
    }

    fn root(&mut self, _index: u32) -> io::Result<Root> {
        Ok(match (&self.bucket, &self.foreign) {
            (Some(_), _) => Root::Ours,
            (None, Some(root)) => root.clone(),
            (None, None) => Root::Default,
        })
    }

    fn progress(&mut self, _index: u32) -> io::Result<Option<Progress>> {
        Ok(self.bucket.map(|bucket| Progress {
            passed: bucket.passed,
            waiting: self.waiting,
        }))
    }

    fn shape(&mut self, _index: u32, tbf: &Tbf, beside: bool) -> io::Result<bool> {
        if beside && self.no_lanes {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.change()?;
        let fresh = self.bucket.is_none() || self.lanes != beside;
        self.lanes = beside;
        let passed = self.bucket.map_or(0, |bucket| bucket.passed);
        let tokens = u128::from(tbf.burst) * 1_000_000_000;
        self.bucket = Some(Installed {
            tbf: *tbf,
            tokens,
            passed,
        });
        Ok(fresh)
    }

    fn exempt(&mut self, _link: &str, _networks: &[Network], received: bool) -> io::Result<()> {
        if let Some(errno) = self.no_rules {
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.tables_made += 1;
        self.rules = Some(Counted {
            table: self.tables_made,
            rules: Counted::rules_wanted(received),
            ..Counted::default()
        });
        Ok(())
    }

    fn exempted(&mut self, _link: &Link) -> io::Result<Option<Seen>> {
        Ok(self.rules.map(|counted| Seen {
            counted,
            ..Seen::default()
        }))
    }

    fn unexempt(&mut self, _link: &str) -> io::Result<()> {
        self.rules = None;
        Ok(())
    }

    fn renew_queue(&mut self, _index: u32, _tbf: &Tbf, _packet: u32) -> io::Result<()> {
        self.waiting = 0;
        self.change()
    }

    fn unshape(&mut self, _index: u32, before: Option<&Qdisc>) -> io::Result<()> {
        self.change()?;
        if self.forgetful && before.is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.bucket = None;
        self.foreign = before.cloned().map(Root::Restorable);
        Ok(())
    }

    fn rules_port(&self) -> u32 {
        0
    }

    fn fastest(&self, _name: &str) -> u64 {
        self.speed
    }
}

/// A discipline that can be put back.
pub(crate) fn pfifo() -> Qdisc {
    Qdisc {
        index: 3,
        handle: Handle(0x8001_0000),
        parent: Parent::Root,
        kind: "pfifo".to_owned(),
        options: vec![77, 0, 0, 0],
        bytes: 0,
        backlog: 0,
        drops: 0,
    }
}
