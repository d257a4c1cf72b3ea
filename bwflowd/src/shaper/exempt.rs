//! The traffic of a link that is neither charged nor held back.

use std::io;

use bwflow_proto::exclusion::Excluded;
use bwflow_proto::network::Network;
use tracing::{info, warn};

use super::Shaper;
use crate::exclusion::Tally;
use crate::kernel::Kernel;
use crate::netlink::link::Link;
use crate::netlink::nft::Counted;
use crate::netlink::tbf::Tbf;
use crate::plan::Form;

/// What a segment is at most when the kernel does not say.
const SEGMENT: u64 = 65_536;
/// Room for a link-layer header.
const HEADER: u64 = 64;

/// What is to be excluded, and what has come of it.
#[derive(Debug, Default)]
pub(super) struct Exempt {
    networks: Vec<Network>,
    /// Whether what is received is charged, too.
    received: bool,
    tally: Tally,
    /// The index of the link whose rules are in force.
    in_force: Option<u32>,
    /// Whether rules of an earlier run may be there.
    stale: bool,
    /// Whether our bucket was last installed with a lane beside it.
    beside: bool,
    /// Why they cannot be.
    fault: String,
}

impl Exempt {
    /// Whether excluded traffic passes beside our bucket.
    pub(super) fn is_in_force(&self) -> bool {
        self.in_force.is_some()
    }
}

impl Shaper {
    /// Goes on from what an earlier run has counted; its rules may still be there.
    pub fn set_tally(&mut self, tally: Tally) {
        self.exempt.stale = tally.epoch != 0;
        self.exempt.tally = tally;
    }

    /// What has been excluded so far.
    pub fn tally(&self) -> &Tally {
        &self.exempt.tally
    }

    /// Excludes these networks from now on; a look must follow.
    pub(super) fn set_exempt(&mut self, networks: Vec<Network>, received: bool) {
        let exempt = &mut self.exempt;
        if exempt.networks != networks || exempt.received != received {
            (exempt.networks, exempt.received) = (networks, received);
            self.renew_exemption();
        }
    }

    /// Whether networks are to be excluded.
    pub fn excludes(&self) -> bool {
        !self.exempt.networks.is_empty()
    }

    /// Takes in that somebody else touched our rules; a look must follow.
    pub fn rules_touched(&mut self) {
        self.renew_exemption();
    }

    /// The rules are to be made anew.
    pub(super) fn renew_exemption(&mut self) {
        self.exempt.stale |= self.exempt.in_force.take().is_some();
        self.exempt.fault.clear();
    }

    /// Rules for a link of another index are in force no more.
    pub(super) fn exempt_only(&mut self, index: u32) {
        if self.exempt.in_force.is_some_and(|it| it != index) {
            self.renew_exemption();
        }
    }

    /// Reads the counters and makes the rules, if that is due. Whoever charges the link reads its
    /// own counters afterwards: then a packet in between is charged for a moment, not forgiven.
    pub(super) fn exempt(&mut self, link: &Link, kernel: &mut impl Kernel) -> io::Result<()> {
        let before = self.exempt.is_in_force();
        if !self.excludes() && !before && !self.exempt.stale {
            return Ok(());
        }
        let seen = kernel.exempted(link).or_else(|error| self.unread(&error))?;
        if let Some(seen) = seen {
            let segment = match link.segment {
                0 => SEGMENT,
                segment => segment.into(),
            };
            let largest = segment.max(link.mtu.into()) + HEADER;
            self.exempt.tally.observe(&seen, largest);
            if seen.counted.rules != Counted::rules_wanted(self.exempt.received) {
                self.exempt.in_force = None;
            }
        } else {
            self.exempt.in_force = None;
        }
        if !self.excludes() {
            kernel.unexempt(&self.name)?;
            self.exempt.in_force = None;
            info!(link = self.name, "nothing is excluded any more");
        } else if self.exempt.in_force != Some(link.index) && self.exempt.fault.is_empty() {
            self.install(link, kernel)?;
        }
        self.exempt.stale = false;
        if let Some(account) = &mut self.account
            && self.exempt.tally.epoch != 0
        {
            let Tally { epoch, tx, rx, .. } = self.exempt.tally;
            account.exclude(epoch, tx, rx);
        }
        if self.exempt.beside != self.exempt.is_in_force() && self.form != Form::Open {
            // With or without a lane beside it, the bucket is another one.
            self.form = Form::Unknown;
        }
        Ok(())
    }

    /// As [`Self::exempt`], and then reads the link's own counters, if that has taken time.
    pub(super) fn exempt_first(
        &mut self,
        link: Link,
        kernel: &mut impl Kernel,
    ) -> io::Result<Option<Link>> {
        if !self.excludes() && !self.exempt.is_in_force() && !self.exempt.stale {
            return Ok(Some(link));
        }
        self.exempt_only(link.index);
        self.exempt(&link, kernel)?;
        let again = kernel.link(&self.name)?;
        Ok(again.filter(|again| again.index == link.index))
    }

    /// Installs our bucket or changes it, with a lane beside it if something is excluded.
    pub(super) fn shape(
        &mut self,
        index: u32,
        tbf: &Tbf,
        kernel: &mut impl Kernel,
    ) -> io::Result<bool> {
        self.exempt.beside = self.exempt.is_in_force();
        match kernel.shape(index, tbf, self.exempt.beside) {
            Err(error)
                if error.kind() == io::ErrorKind::Unsupported && self.exempt.is_in_force() =>
            {
                self.cannot_exempt(error.to_string());
                kernel.unexempt(&self.name)?;
                self.exempt.beside = false;
                kernel.shape(index, tbf, false)
            }
            other => other,
        }
    }

    fn install(&mut self, link: &Link, kernel: &mut impl Kernel) -> io::Result<()> {
        let exempt = &mut self.exempt;
        exempt.tally.begin(kernel.wall_usec());
        match kernel.exempt(&self.name, &exempt.networks, exempt.received) {
            Ok(()) => {
                exempt.in_force = Some(link.index);
                let told = match exempt.networks.len() {
                    1 => "1 network is".to_owned(),
                    many => format!("{many} networks are"),
                };
                info!(link = self.name, "{told} neither charged nor held back");
                // The table that these counters are of.
                if let Some(seen) = kernel.exempted(link)? {
                    self.exempt.tally.observe(&seen, 0);
                }
                Ok(())
            }
            // The link has gone meanwhile, which will be heard of.
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Err(error),
            Err(error) => {
                self.cannot_exempt(format!("the kernel refuses the rules for it ({error})"));
                Ok(())
            }
        }
    }

    fn unread(&mut self, error: &io::Error) -> io::Result<Option<crate::exclusion::Seen>> {
        if self.excludes() {
            self.cannot_exempt(format!("the kernel's rules cannot be read ({error})"));
        }
        Ok(None)
    }

    /// Notes why nothing can be excluded. Everything is charged and held back then.
    pub(super) fn cannot_exempt(&mut self, why: String) {
        self.exempt.in_force = None;
        if self.exempt.fault != why {
            warn!(
                link = self.name,
                "`exclude` is not in force, so that everything is charged and held back: {why}; \
                 it needs nf_tables with the netdev family and its egress hook (Linux 5.16), and \
                 sch_htb; load them with: modprobe -a nf_tables sch_htb"
            );
            self.exempt.fault = why;
        }
    }

    /// What has been excluded by now, as the helper is told. The link itself is left as it is.
    pub fn excluded(&mut self, kernel: &mut impl Kernel) -> Excluded {
        let counted = kernel
            .link(&self.name)
            .and_then(|link| link.map_or(Ok(()), |link| self.exempt(&link, kernel)));
        if let Err(error) = counted {
            warn!(link = self.name, %error, "what was excluded cannot be read");
        }
        let tally = &self.exempt.tally;
        Excluded {
            epoch: tally.epoch,
            tx_bytes: tally.tx,
            rx_bytes: tally.rx,
            fault: self.exempt.fault.clone(),
        }
    }

    /// Takes our rules off the link, if there may be any.
    pub(super) fn take_rules_off(&mut self, kernel: &mut impl Kernel) -> io::Result<()> {
        if self.exempt.is_in_force() || self.exempt.stale {
            kernel.unexempt(&self.name)?;
            self.exempt.in_force = None;
            self.exempt.stale = false;
        }
        Ok(())
    }
}
