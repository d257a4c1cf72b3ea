//! One link under one grant: reads counters, decides, and changes the kernel's bucket.

use std::io;
use std::time::Duration;

use bwflow_proto::grant::Grant;
use tracing::{debug, warn};

use crate::account::{Account, Reading};
use crate::arbitration::{Demands, Ruling};
use crate::bucket::Bucket;
use crate::contest::Contest;
use crate::kernel::Kernel;
use crate::memory::Memory;
use crate::netlink::link::Link;
use crate::pace::Pace;
use crate::plan::{Form, SELDOM, Step};
use crate::progress::Watch;

/// What a grant may ask for as the longest time between two looks.
const SHORTEST_POLL: Duration = Duration::from_millis(100);
const LONGEST_POLL: Duration = Duration::from_secs(3600);
/// How long a link whose kernel said no is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

use effect::Found;
use exempt::Exempt;

/// A link and what is done with it.
#[derive(Debug)]
pub struct Shaper {
    name: String,
    link: Option<Link>,
    account: Option<Account>,
    demands: Demands,
    /// Whether a limit of an earlier run may be that of a grant.
    granted: bool,
    /// That limit, until there is a grant.
    found: Option<Found>,
    form: Form,
    blocked_by: String,
    fastest: u64,
    /// Whether what is at the root must be read before anything is done.
    inspect: bool,
    pace: Pace,
    contest: Contest,
    watch: Watch,
    /// What went wrong and was logged, so that it is not said again and again.
    complaint: String,
    exempt: Exempt,
}

impl Shaper {
    /// A link of which nothing is known yet but its name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            link: None,
            account: None,
            demands: Demands::default(),
            granted: true,
            found: None,
            form: Form::Open,
            blocked_by: String::new(),
            fastest: 0,
            inspect: true,
            pace: Pace::default(),
            contest: Contest::default(),
            watch: Watch::default(),
            complaint: String::new(),
            exempt: Exempt::default(),
        }
    }

    /// Says that nobody but administrators has limited this link in earlier runs.
    pub fn never_granted(&mut self) {
        self.granted = false;
    }

    /// Whether a grant holds the link, or may have in an earlier run.
    pub fn is_granted(&self) -> bool {
        self.account.is_some() || self.found.is_some()
    }

    /// Whether something of ours is on the link, as far as is known.
    pub fn is_shaped(&self) -> bool {
        self.form != Form::Open
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's index of the interface, if it is there.
    pub fn index(&self) -> Option<u32> {
        self.link.as_ref().map(|link| link.index)
    }

    /// The grant in force.
    pub fn grant(&self) -> Option<&Grant> {
        self.account.as_ref().map(Account::grant)
    }

    /// Puts the link under a new grant. What was spent since its counters were read is charged
    /// at the next look.
    pub fn set_account(&mut self, account: Account) {
        self.set_exempt(account.excluded_networks(), !account.counts_sending_only());
        self.account = Some(account);
        self.found = None;
        self.pace.interrupt();
    }

    /// Takes back the grant, and what is left of an earlier run's; a look must follow.
    pub fn drop_account(&mut self) {
        self.set_exempt(Vec::new(), false);
        self.account = None;
        self.found = None;
        self.pace.interrupt();
    }

    /// Puts the link under what administrators demand; a look must follow.
    pub fn set_demands(&mut self, demands: Demands) {
        if self.demands != demands {
            self.demands = demands;
            self.pace.interrupt();
        }
    }

    /// What forbids enforcement, e.g. `htb 1:`; empty when nothing does.
    pub fn blocked_by(&self) -> &str {
        &self.blocked_by
    }

    /// Takes in what the kernel reported about the link of this name. Its counters may be older
    /// than what was read since, so that they are not charged; a look must follow.
    pub fn link_changed(&mut self, link: Link) {
        if let Some(before) = &self.link
            && before.index == link.index
        {
            // The kernel resets a link's queues when it stops or starts: the bucket is full again.
            if before.running != link.running && self.form != Form::Open {
                self.form = Form::Unknown;
                if let Some(found) = &mut self.found {
                    found.intact = false;
                }
            }
        } else {
            self.form = Form::Open;
            self.found = None;
            self.inspect = true;
            self.exempt_only(link.index);
        }
        self.link = Some(link);
    }

    /// Takes in that the link was deleted, with its final counters.
    pub fn link_deleted(&mut self, last: &Link) {
        if let Some(account) = &mut self.account {
            account.close_link(reading(last));
        }
        self.link_lost();
    }

    /// Takes in that there is no link of this name any more.
    pub fn link_lost(&mut self) {
        self.link = None;
        self.form = Form::Open;
        self.found = None;
        self.blocked_by.clear();
        self.inspect = true;
        // The rules go with the link, or wait for another of its name.
        self.renew_exemption();
    }

    /// Takes in that somebody else touched the link's root discipline.
    pub fn root_touched(&mut self) {
        self.inspect = true;
    }

    fn charge(&mut self, link: &Link) {
        if let Some(account) = &mut self.account {
            account.observe(reading(link));
        }
    }

    /// Looks at the link and does what is due. Returns how long to wait before the next look.
    pub fn look(&mut self, kernel: &mut impl Kernel, memory: &mut Memory) -> Duration {
        match self.try_look(kernel, memory) {
            Ok(next) => {
                self.complaint.clear();
                next
            }
            Err(error) => {
                self.blocked_by = format!("kernel: {error}");
                if self.complaint != self.blocked_by {
                    warn!(link = self.name, %error, "{}", hint(&error));
                    self.complaint.clone_from(&self.blocked_by);
                }
                self.inspect = true;
                AFTER_FAILURE
            }
        }
    }

    fn try_look(&mut self, kernel: &mut impl Kernel, memory: &mut Memory) -> io::Result<Duration> {
        let poll = self.poll_interval();
        let Some(link) = kernel.link(&self.name)? else {
            if self.link.is_some() {
                self.link_lost();
            }
            return Ok(SELDOM);
        };
        let index = link.index;
        let Some(link) = self.exempt_first(link, kernel)? else {
            return Ok(SELDOM);
        };
        self.charge(&link);
        self.link_changed(link);
        let now = kernel.now();
        let seen = match self.form {
            Form::Armed(_) | Form::Held { .. } if !self.inspect => kernel.progress(index)?,
            _ => None,
        };
        match (&mut self.form, seen) {
            (Form::Armed(bucket), Some(seen)) => bucket.observe(seen.passed, now),
            (Form::Armed(_) | Form::Held { .. }, None) => self.inspect = true,
            _ => {}
        }
        if self.inspect {
            if let Some(wait) = self.inspect_root(kernel, memory, index, now)? {
                return Ok(wait);
            }
            self.fastest = kernel.fastest(&self.name);
            self.inspect = false;
        }
        if !self.blocked_by.is_empty() && !self.blocked_by.starts_with("kernel:") {
            return Ok(poll);
        }
        let ruling = self.ruling();
        let remaining = self.remaining(ruling, now);
        if self.leaves(ruling) {
            self.blocked_by.clear();
            return Ok(SELDOM);
        }
        if let (Ruling::Grant { .. }, Some(grant)) = (ruling, self.grant())
            && let drip = grant.drip_bytes_per_second
            && let Some(rate) = self.pace.observe(remaining, drip, now)
        {
            self.fastest = self.fastest.max(rate.saturating_mul(2));
        }
        let terms = self.terms(ruling);
        let rate = match &self.form {
            Form::Armed(bucket) => bucket.rate(),
            _ => terms.held_rate(),
        };
        // Without carrier nothing moves, whatever the bucket.
        let running = self.link.as_ref().is_some_and(|link| link.running);
        let stuck = seen
            .is_some_and(|seen| self.watch.stands_still(now, seen, rate, terms.packet) && running);
        let step = terms.decide(remaining, &self.form, stuck);
        let remaining = match step {
            Step::Keep => remaining,
            _ => self.carry_out(step, stuck, ruling, kernel, memory, index)?,
        };
        self.blocked_by.clear();
        self.pace.begin(remaining, kernel.now());
        let waiting = seen.is_some_and(|seen| seen.waiting > 0);
        Ok(terms.next_look(remaining, &self.form, self.pace.rate(), waiting))
    }

    fn poll_interval(&self) -> Duration {
        let usec = self.grant().map_or(0, |grant| grant.poll_interval_usec);
        if usec == 0 {
            Duration::from_secs(15)
        } else {
            Duration::from_micros(usec).clamp(SHORTEST_POLL, LONGEST_POLL)
        }
    }

    /// Changes the kernel's bucket and returns what was left when that was done.
    fn carry_out(
        &mut self,
        step: Step,
        stuck: bool,
        ruling: Ruling,
        kernel: &mut impl Kernel,
        memory: &Memory,
        index: u32,
    ) -> io::Result<i64> {
        debug!(link = self.name, before = ?self.form, ?step, stuck, "changing");
        self.watch.reset();
        if step == Step::Open {
            self.take_off(index, kernel, memory)?;
            return Ok(self.remaining(ruling, kernel.now()));
        }
        let terms = self.terms(ruling);
        let before = self.form;
        let held = terms.held();
        // Held to a trickle for a blink, so that between reading the counters and filling the
        // bucket next to nothing gets through, however fast the link is.
        let is_fresh = self.shape(index, &held, kernel)?;
        self.form = Form::Held {
            rate: held.rate,
            packet: terms.packet,
        };
        if is_fresh || before == Form::Open {
            kernel.renew_queue(index, &held, terms.packet)?;
        }
        if let Some(link) = kernel.link(&self.name)?
            && link.index == index
            && let Some(link) = self.exempt_first(link, kernel)?
        {
            self.charge(&link);
        }
        let remaining = self.remaining(ruling, kernel.now());
        let seen = kernel.progress(index)?.unwrap_or_default();
        // The second opinion comes from the figures after the blink.
        if step == Step::Arm && terms.decide(remaining, &Form::Unknown, false) != Step::Hold {
            let armed = terms.armed(remaining);
            self.shape(index, &armed, kernel)?;
            let bucket = Bucket::full(armed.rate, armed.burst, seen.passed, kernel.now());
            self.form = Form::Armed(bucket.capped(terms.peak));
            // The kernel looks at a queue again when the old rate would have paid for its first
            // packet, or when another one comes (`tbf_change` wakes nobody). Senders that wait
            // for theirs to leave are woken by dropping those.
            if stuck {
                kernel.renew_queue(index, &armed, terms.packet)?;
            }
            debug!(
                link = self.name,
                burst = armed.burst,
                rate = armed.rate,
                "armed"
            );
        } else {
            // The kernel never sends what does not fit the small bucket: whole segments from
            // before would stand in the way of everything for ever.
            let fits = matches!(before, Form::Held { .. } | Form::Open) && !stuck;
            if seen.waiting > 0 && !fits {
                kernel.renew_queue(index, &held, terms.packet)?;
            }
            debug!(link = self.name, remaining, rate = held.rate, ?seen, "held");
        }
        Ok(remaining)
    }
}

fn reading(link: &Link) -> Reading {
    Reading {
        index: link.index,
        tx: link.tx,
        rx: link.rx,
    }
}

/// What to do about an error of the kernel's.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "the kernel has no token bucket filter; load it with: modprobe sch_tbf"
        }
        io::ErrorKind::PermissionDenied => "bwflowd has lost CAP_NET_ADMIN; restart it",
        _ => "the kernel refused; trying again",
    }
}

mod effect;
mod exempt;
mod inspection;
mod release;
#[cfg(test)]
mod tests;
