//! The kernel as the shaper sees it, behind a trait so that a simulator can stand in.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use bwflow_proto::network::Network;
use nix::time::{ClockId, clock_gettime};
use tracing::debug;

use crate::clock::usec;
use crate::exclusion::{Seen, Way};
use crate::foreign::{self, Root};
use crate::netlink::htb;
use crate::netlink::link::Link;
use crate::netlink::nft::Counted;
use crate::netlink::qdisc::{Handle, Parent, Qdisc};
use crate::netlink::socket::{Socket, push_attribute};
use crate::netlink::tables::Tables;
use crate::netlink::tbf::{Rates, Tbf};
use crate::progress::Progress;

/// What is assumed of a link whose speed nobody tells: 50 Gbit/s, in bytes per second. Looks come
/// in time for twice that, and what was seen to be faster is believed.
const UNKNOWN_SPEED: u64 = 6_250_000_000;

/// What the shaper asks of the kernel.
pub trait Kernel {
    /// `CLOCK_BOOTTIME`: goes on during suspend, is never set.
    fn now(&self) -> Duration;
    /// `CLOCK_REALTIME`, microseconds since the Unix epoch.
    fn wall_usec(&self) -> u64;
    /// The link of this name, if there is one now.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn link(&mut self, name: &str) -> io::Result<Option<Link>>;
    /// What is at the root of a link's queues.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn root(&mut self, index: u32) -> io::Result<Root>;
    /// What has left our bucket and what waits behind it; `None` when it is not there.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn progress(&mut self, index: u32) -> io::Result<Option<Progress>>;
    /// The rates of our bucket; `None` when it is not there.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn rates(&mut self, index: u32) -> io::Result<Option<Rates>>;
    /// Installs our bucket, or changes it; either way it is full afterwards. With `beside`, what
    /// is excluded has a lane beside it. Whether it is another one than before, with a plain queue.
    ///
    /// # Errors
    /// `ENOENT` when the kernel has no `sch_tbf`, [`io::ErrorKind::Unsupported`] when it has no
    /// `sch_htb` for the lanes, `EPERM` without CAP_NET_ADMIN, and so on.
    fn shape(&mut self, index: u32, tbf: &Tbf, beside: bool) -> io::Result<bool>;
    /// Puts an empty queue into our bucket; what waited in the old one is dropped. It is a fair
    /// one with short delay, or a plain one when the kernel lacks that.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn renew_queue(&mut self, index: u32, tbf: &Tbf, packet: u32) -> io::Result<()>;
    /// Takes our bucket off and puts `before` back, or the kernel's default.
    ///
    /// # Errors
    /// What rtnetlink reports.
    fn unshape(&mut self, index: u32, before: Option<&Qdisc>) -> io::Result<()>;
    /// Makes the rules that count a link's excluded traffic and send it past our bucket; what was
    /// received from the networks is only counted if it is `received`.
    ///
    /// # Errors
    /// The kernel has no nf_tables or no egress hook; `ENODEV` when there is no such link.
    fn exempt(&mut self, link: &str, networks: &[Network], received: bool) -> io::Result<()>;
    /// What those rules have counted; nothing when they are not there.
    ///
    /// # Errors
    /// What nf_tables or rtnetlink reports.
    fn exempted(&mut self, link: &Link) -> io::Result<Option<Seen>>;
    /// Deletes those rules; none is no error.
    ///
    /// # Errors
    /// What nf_tables reports.
    fn unexempt(&mut self, link: &str) -> io::Result<()>;
    /// The port by which notifications of nf_tables name this connection; 0 if there is none.
    fn rules_port(&self) -> u32;
    /// As fast as the link can go, bytes per second; an upper bound when nobody tells.
    fn fastest(&self, name: &str) -> u64;
}

/// The kernel this program runs on.
pub struct Linux {
    socket: Socket,
    fair_queue: bool,
    /// Only connected when needed: that makes the kernel load nf_tables.
    tables: Option<Tables>,
    /// How often lanes were made.
    lanes_made: u32,
}

impl Linux {
    /// Connects to the kernel in the calling thread's network namespace.
    ///
    /// # Errors
    /// What `socket(2)` and `bind(2)` report.
    pub fn connect() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open()?,
            fair_queue: true,
            tables: None,
            lanes_made: 0,
        })
    }

    /// The port by which notifications name this connection.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// The names of the links that carry our bucket.
    ///
    /// # Errors
    /// What rtnetlink reports.
    pub fn shaped_names(&mut self) -> io::Result<Vec<String>> {
        let qdiscs = self.socket.qdiscs()?;
        let ours = |index: u32| {
            qdiscs.iter().any(|qdisc| {
                qdisc.index == index && qdisc.parent == Parent::Root && qdisc.is_ours()
            })
        };
        let links = self.socket.links()?;
        Ok(links
            .into_iter()
            .filter(|link| ours(link.index))
            .map(|link| link.name)
            .collect())
    }
}

impl Linux {
    /// Our bucket, wherever it is.
    fn ours(&mut self, index: u32) -> io::Result<Option<Qdisc>> {
        let root = self.socket.root_qdisc(index)?.filter(Qdisc::is_ours);
        match root {
            Some(root) if root.kind == "htb" => {
                let bucket = self.socket.qdisc_at(index, htb::BUCKET_PARENT)?;
                Ok(bucket.filter(|it| it.handle == Handle::BUCKET && it.kind == "tbf"))
            }
            root => Ok(root),
        }
    }

    fn tables(&mut self) -> io::Result<&mut Tables> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::connect()?,
        };
        Ok(self.tables.insert(tables))
    }

    /// The links that have rules of ours, also those that are gone.
    ///
    /// # Errors
    /// What nf_tables reports.
    pub fn exempted_names(&mut self) -> io::Result<Vec<String>> {
        self.tables()?.links()
    }

    /// A link's queue and what it has lost, given how many packets were `counted` on the way there.
    fn way(
        &mut self,
        link: &Link,
        counted: impl FnOnce(&mut Self) -> io::Result<Option<Counted>>,
    ) -> io::Result<Option<Seen>> {
        let told = |root: &Option<Qdisc>| {
            let root = root
                .as_ref()
                .filter(|root| root.is_ours() && root.kind == "htb");
            root.and_then(|root| htb::direct_packets(&root.options))
        };
        let before = told(&self.socket.root_qdisc(link.index)?);
        let Some(counted) = counted(self)? else {
            return Ok(None);
        };
        let root = self.socket.root_qdisc(link.index)?;
        let lost = i64::try_from(link.lost).unwrap_or(i64::MAX);
        let handle = root.as_ref().map_or(0, |root| root.handle.0);
        let (least, most) = match (before, told(&root)) {
            (Some(before), Some(after)) => {
                let packets = i64::try_from(counted.tx_packets).unwrap_or(i64::MAX);
                (packets - i64::from(after), packets - i64::from(before))
            }
            _ => {
                let drops = root.map_or(0, |root| i64::from(root.drops));
                (drops, drops)
            }
        };
        Ok(Some(Seen {
            counted,
            way: Way {
                handle,
                made: self.lanes_made,
            },
            lost: lost.saturating_add(least),
            lost_most: lost.saturating_add(most),
        }))
    }
}

impl Kernel for Linux {
    fn now(&self) -> Duration {
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Into::into)
    }

    fn wall_usec(&self) -> u64 {
        usec(
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        self.socket.link(name)
    }

    fn root(&mut self, index: u32) -> io::Result<Root> {
        let mut qdiscs = self.socket.qdiscs()?;
        qdiscs.retain(|qdisc| qdisc.index == index);
        let mut filtered = false;
        if let Some(root) = qdiscs.iter().find(|qdisc| qdisc.parent == Parent::Root)
            && root.handle.major() != 0
        {
            filtered = self.socket.has_filters(index, root.handle)?;
        }
        Ok(foreign::classify(&qdiscs, filtered))
    }

    fn progress(&mut self, index: u32) -> io::Result<Option<Progress>> {
        Ok(self.ours(index)?.map(|qdisc| Progress {
            passed: qdisc.bytes,
            waiting: qdisc.backlog,
        }))
    }

    fn rates(&mut self, index: u32) -> io::Result<Option<Rates>> {
        Ok(self
            .ours(index)?
            .and_then(|qdisc| Rates::parse(&qdisc.options)))
    }

    fn shape(&mut self, index: u32, tbf: &Tbf, beside: bool) -> io::Result<bool> {
        let root = self.socket.root_qdisc(index)?.filter(Qdisc::is_ours);
        let kind = if beside { "htb" } else { "tbf" };
        // The kernel changes no discipline into one of another kind.
        if root.as_ref().is_some_and(|root| root.kind != kind) {
            self.socket.delete_root(index, Handle::OURS)?;
        }
        let is_there = root.is_some_and(|root| root.kind == kind);
        let options = tbf.options();
        if !beside {
            self.socket
                .replace_qdisc(index, Parent::Root, Handle::OURS, "tbf", &options)?;
            return Ok(!is_there);
        }
        let bucket_is_there = is_there && self.ours(index)?.is_some();
        if !is_there {
            self.lanes_made = self.lanes_made.wrapping_add(1);
        }
        if !bucket_is_there {
            self.socket
                .make_lanes(index)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => io::Error::new(
                        io::ErrorKind::Unsupported,
                        "the kernel has no hierarchical token bucket, sch_htb",
                    ),
                    _ => error,
                })?;
        }
        self.socket
            .replace_qdisc(index, htb::BUCKET_PARENT, Handle::BUCKET, "tbf", &options)?;
        Ok(!bucket_is_there)
    }

    fn exempt(&mut self, link: &str, networks: &[Network], received: bool) -> io::Result<()> {
        self.tables()?.install(link, networks, received)
    }

    fn exempted(&mut self, link: &Link) -> io::Result<Option<Seen>> {
        self.way(link, |kernel| kernel.tables()?.read(&link.name))
    }

    fn unexempt(&mut self, link: &str) -> io::Result<()> {
        self.tables()?.remove(link)
    }

    fn renew_queue(&mut self, index: u32, tbf: &Tbf, packet: u32) -> io::Result<()> {
        let [first, second] = Handle::QUEUES;
        let qdiscs = self.socket.qdiscs()?;
        let is_there = |handle| {
            let mut all = qdiscs.iter();
            all.any(|qdisc| qdisc.index == index && qdisc.handle == handle)
        };
        let taken = is_there(first);
        let bucket = if is_there(Handle::BUCKET) {
            Handle::BUCKET
        } else {
            Handle::OURS
        };
        let class = Parent::Other(bucket.0 | 1);
        let handle = if taken { second } else { first };
        if self.fair_queue {
            let options = fq_codel_options(tbf.rate, packet);
            match self
                .socket
                .replace_qdisc(index, class, handle, "fq_codel", &options)
            {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    debug!("this kernel has no fq_codel; using a short queue");
                    self.fair_queue = false;
                }
                other => return other,
            }
        }
        // struct tc_fifo_qopt
        self.socket
            .replace_qdisc(index, class, handle, "bfifo", &tbf.limit.to_ne_bytes())
    }

    fn unshape(&mut self, index: u32, before: Option<&Qdisc>) -> io::Result<()> {
        match before {
            Some(qdisc) => self.socket.replace_qdisc(
                index,
                Parent::Root,
                qdisc.handle,
                &qdisc.kind,
                &qdisc.options,
            ),
            None => self.socket.delete_root(index, Handle::OURS),
        }
    }

    fn rules_port(&self) -> u32 {
        self.tables.as_ref().map_or(0, Tables::port)
    }

    fn fastest(&self, name: &str) -> u64 {
        // A virtual link reports a speed that it does not keep to (veth: 10 Gbit/s at most by
        // name, 17 Gbit/s and more in fact), so only hardware is believed.
        let device = format!("/sys/class/net/{name}");
        let physical = fs::metadata(format!("{device}/device")).is_ok();
        let megabits = fs::read_to_string(format!("{device}/speed"))
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
            .filter(|megabits| physical && *megabits > 0);
        megabits.map_or(UNKNOWN_SPEED, |megabits| megabits.saturating_mul(125_000))
    }
}

/// fq_codel's options (`linux/pkt_sched.h`): a target that a packet at this rate can keep to.
fn fq_codel_options(rate: u64, packet: u32) -> Vec<u8> {
    const TCA_FQ_CODEL_TARGET: u16 = 1;
    const TCA_FQ_CODEL_INTERVAL: u16 = 3;
    const TCA_FQ_CODEL_ECN: u16 = 4;
    const TCA_FQ_CODEL_MEMORY_LIMIT: u16 = 9;
    // CoDel needs a target above the time of one and a half packets (RFC 8289, section 4.3).
    let packet_usec = u64::from(packet) * 1_500_000 / rate.max(1);
    let target = u32::try_from(packet_usec)
        .unwrap_or(u32::MAX)
        .clamp(5_000, 1_000_000);
    let mut options = Vec::with_capacity(32);
    push_attribute(&mut options, TCA_FQ_CODEL_TARGET, &target.to_ne_bytes());
    push_attribute(
        &mut options,
        TCA_FQ_CODEL_INTERVAL,
        &(target + 95_000).to_ne_bytes(),
    );
    push_attribute(&mut options, TCA_FQ_CODEL_ECN, &1u32.to_ne_bytes());
    push_attribute(
        &mut options,
        TCA_FQ_CODEL_MEMORY_LIMIT,
        &(4u32 << 20).to_ne_bytes(),
    );
    options
}
