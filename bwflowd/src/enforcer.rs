//! The one task that owns every link's state: takes grants, hears the kernel, looks in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bwflow_proto::alarm::{Alarm, ClockSteps};
use bwflow_proto::exclusion::{Excluded, MAX_NETWORKS};
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use bwflow_proto::network::Network;
use bwflow_proto::state::LinkState;
use bwflow_proto::units::format_rate;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use crate::account::Account;
use crate::board::{Board, LinkView};
use crate::clock::Clock;
use crate::decision::{Author, Decision, Refusal};
use crate::exclusions::Exclusions;
use crate::grants::Grants;
use crate::kernel::Kernel;
use crate::memory::Memory;
use crate::name::check_name;
use crate::netlink::link::Link;
use crate::netlink::monitor::Event;
use crate::pulse::{Pulse, status};
use crate::shaper::Shaper;
use crate::store::Store;

/// More links than any machine has budgets for.
pub const MAX_LINKS: usize = 4096;

/// What the helper asks for, already checked for who asks.
#[derive(Debug)]
pub enum Command {
    /// Put a link under a grant; answers what is wrong with it, if something is.
    SetGrant(String, Grant, oneshot::Sender<Result<(), String>>),
    /// Show a link's ledger; answers what is wrong with the call, if something is.
    PublishLedger(String, LedgerView, oneshot::Sender<Result<(), String>>),
    /// Take our limit off and forget the link.
    Forget(String, oneshot::Sender<Result<(), String>>),
    /// Carry out an authorised administrator's decision about a link.
    Decide(
        String,
        Decision,
        Author,
        oneshot::Sender<Result<(), Refusal>>,
    ),
    /// Drop the top-ups with these ids: the helper has booked them.
    ConfirmTopUps(String, Vec<String>, oneshot::Sender<Result<(), String>>),
    /// How much was neither charged nor held back.
    Excluded(String, oneshot::Sender<Result<Excluded, String>>),
}

#[derive(Debug)]
struct Entry {
    shaper: Shaper,
    ledger: Option<LedgerView>,
    /// `CLOCK_BOOTTIME` of the next look.
    due: Duration,
    state: LinkState,
    since_usec: u64,
}

/// Every link's state, and what changes it.
pub struct Enforcer<K> {
    kernel: K,
    memory: Memory,
    store: Store,
    grants: Grants,
    exclusions: Exclusions,
    board: Arc<Board>,
    links: BTreeMap<String, Entry>,
}

impl<K: Kernel> Enforcer<K> {
    /// Starts with the links that have claims, or a grant of an earlier run.
    pub fn new(
        kernel: K,
        memory: Memory,
        store: Store,
        grants: Grants,
        exclusions: Exclusions,
        board: Arc<Board>,
    ) -> Self {
        let mut enforcer = Self {
            kernel,
            memory,
            store,
            grants,
            exclusions,
            board,
            links: BTreeMap::new(),
        };
        // Also for what is over by now: whose limit is found on the link is known from its claims.
        for name in enforcer.store.names() {
            enforcer.entry(&name);
        }
        enforcer.expire();
        for (name, grant) in enforcer.grants.all() {
            // What makes no sense was not written by us.
            if enforcer.check_link(&name).is_ok()
                && let Ok(account) = account_of(&grant)
            {
                enforcer.entry(&name).shaper.set_account(account);
            }
        }
        for name in enforcer.links.keys().cloned().collect::<Vec<_>>() {
            enforcer.look(&name);
        }
        enforcer
    }

    fn clock(&self) -> Clock {
        Clock {
            boottime: self.kernel.now(),
            wall_usec: self.kernel.wall_usec(),
        }
    }

    /// Takes over a link that carries our bucket from an earlier run. It stays as it is until
    /// the helper hands over a grant.
    pub fn adopt(&mut self, name: &str) {
        self.entry(name);
        self.look(name);
        if self.prune(name) {
            info!(link = name, "the limit of an earlier run stays in force");
        }
    }

    /// Carries out one command.
    pub fn command(&mut self, command: Command) {
        match command {
            Command::SetGrant(name, grant, reply) => {
                let _ = reply.send(self.set_grant(&name, &grant));
            }
            Command::PublishLedger(name, ledger, reply) => {
                let _ = reply.send(self.publish_ledger(&name, ledger));
            }
            Command::Forget(name, reply) => {
                let _ = reply.send(self.forget(&name));
            }
            Command::Decide(name, decision, author, reply) => {
                let _ = reply.send(self.decide(&name, &decision, &author));
            }
            Command::ConfirmTopUps(name, ids, reply) => {
                let _ = reply.send(self.confirm_top_ups(&name, &ids));
            }
            Command::Excluded(name, reply) => {
                let _ = reply.send(Ok(self.excluded(&name)));
            }
        }
    }

    fn set_grant(&mut self, name: &str, grant: &Grant) -> Result<(), String> {
        self.check_link(name)?;
        let account = account_of(grant)?;
        self.entry(name).shaper.set_account(account);
        self.look(name);
        self.grants.put(name, grant);
        self.store.set_granted(name, true, &self.clock());
        Ok(())
    }

    fn publish_ledger(&mut self, name: &str, ledger: LedgerView) -> Result<(), String> {
        self.check_link(name)?;
        self.entry(name).ledger = Some(ledger);
        self.show(name);
        Ok(())
    }

    fn check_link(&self, name: &str) -> Result<(), String> {
        check_name(name)?;
        if self.links.len() >= MAX_LINKS && !self.links.contains_key(name) {
            return Err(format!(
                "there are {MAX_LINKS} links already; Forget some first"
            ));
        }
        Ok(())
    }

    /// What administrators have decided stays, and the link with it.
    fn forget(&mut self, name: &str) -> Result<(), String> {
        let Some(entry) = self.links.get_mut(name) else {
            return Ok(());
        };
        self.grants.remove(name);
        if !self.store.get(name).is_empty() {
            entry.ledger = None;
            entry.shaper.drop_account();
            self.look(name);
            self.store.set_granted(name, false, &self.clock());
            return Ok(());
        }
        entry
            .shaper
            .release(&mut self.kernel, &self.memory)
            .map_err(|error| format!("the limit of {name} could not be taken off: {error}"))?;
        self.links.remove(name);
        self.board.remove(name);
        info!(link = name, "forgotten");
        Ok(())
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        let (store, wall_usec) = (&self.store, self.kernel.wall_usec());
        let exclusions = &self.exclusions;
        self.links.entry(name.to_owned()).or_insert_with(|| {
            let mut shaper = Shaper::new(name);
            shaper.set_tally(exclusions.get(name));
            let claims = store.get(name);
            shaper.set_demands(claims.demands());
            if !claims.is_empty() && !claims.granted {
                shaper.never_granted();
            }
            Entry {
                shaper,
                ledger: None,
                due: Duration::ZERO,
                state: LinkState::Absent,
                since_usec: wall_usec,
            }
        })
    }

    /// Takes in what the kernel reported by itself.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Link(link) => self.link_changed(&link),
            Event::LinkGone(link) => {
                debug!(link = link.name, index = link.index, "gone");
                if let Some(entry) = self.links.get_mut(&link.name)
                    && entry.shaper.index() == Some(link.index)
                {
                    entry.shaper.link_deleted(&link);
                    self.look(&link.name);
                }
            }
            Event::Root(index) => {
                if let Some(name) = self.name_of(index) {
                    self.touched(&name);
                }
            }
            Event::Rules(name) => {
                if let Some(entry) = self.links.get_mut(&name) {
                    entry.shaper.rules_touched();
                    self.look(&name);
                }
            }
            Event::Lost => {
                for name in self.links.keys().cloned().collect::<Vec<_>>() {
                    if let Some(entry) = self.links.get_mut(&name) {
                        entry.shaper.rules_touched();
                    }
                    self.touched(&name);
                }
            }
        }
    }

    fn link_changed(&mut self, link: &Link) {
        // Renamed away: the budget belongs to the name, and nothing of ours stays behind.
        if let Some(name) = self.name_of(link.index)
            && name != link.name
            && let Some(entry) = self.links.get_mut(&name)
        {
            warn!(
                link = name,
                now = link.name,
                "renamed; the budget stays with the old name"
            );
            entry.shaper.link_lost();
            if let Err(error) =
                entry
                    .shaper
                    .release_index(link.index, &mut self.kernel, &self.memory)
            {
                warn!(link = link.name, %error, "our limit could not be taken off");
            }
            self.look(&name);
        }
        if let Some(entry) = self.links.get_mut(&link.name) {
            entry.shaper.link_changed(link.clone());
            self.look(&link.name);
        }
    }

    fn name_of(&self, index: u32) -> Option<String> {
        let found = self
            .links
            .iter()
            .find(|(_, entry)| entry.shaper.index() == Some(index));
        found.map(|(name, _)| name.clone())
    }

    fn touched(&mut self, name: &str) {
        if let Some(entry) = self.links.get_mut(name) {
            entry.shaper.root_touched();
            self.look(name);
        }
    }

    /// `CLOCK_BOOTTIME` at which something is due.
    fn due(&self) -> Option<Duration> {
        let looks = self.links.values().map(|entry| entry.due);
        looks.chain(self.store.next(&self.clock())).min()
    }

    /// Ends what is over and looks at every link that is due.
    pub fn tick(&mut self) {
        self.expire();
        let now = self.kernel.now();
        let due = self.links.iter().filter(|(_, entry)| entry.due <= now);
        for name in due.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.look(&name);
        }
    }

    fn look(&mut self, name: &str) {
        if let Some(entry) = self.links.get_mut(name) {
            let wait = entry.shaper.look(&mut self.kernel, &mut self.memory);
            entry.due = self.kernel.now() + wait;
            if entry.shaper.excludes() {
                self.exclusions.note(name, entry.shaper.tally());
            }
            self.show(name);
        }
    }

    /// Reads it afresh.
    fn excluded(&mut self, name: &str) -> Excluded {
        let Some(entry) = self.links.get_mut(name) else {
            return Excluded::default();
        };
        let excluded = entry.shaper.excluded(&mut self.kernel);
        self.exclusions.put(name, entry.shaper.tally());
        excluded
    }

    fn show(&mut self, name: &str) {
        let Some(entry) = self.links.get_mut(name) else {
            return;
        };
        let shaper = &entry.shaper;
        let claims = self.store.get(name);
        let state = shaper.state();
        if state != entry.state {
            match shaper.limit() {
                0 => info!(link = name, "{} -> {state}", entry.state),
                rate => {
                    info!(
                        link = name,
                        "{} -> {state} at {}",
                        entry.state,
                        format_rate(rate)
                    );
                }
            }
            entry.state = state;
            entry.since_usec = self.kernel.wall_usec();
        }
        self.board.show(
            name,
            LinkView {
                index: shaper.index().unwrap_or_default(),
                state,
                since_usec: entry.since_usec,
                limit: shaper.limit(),
                blocked_by: shaper.blocked_by().to_owned(),
                grant: shaper.grant().cloned(),
                ledger: entry.ledger.clone(),
                throttle: claims.throttle.map(|standing| standing.claim),
                override_claim: claims.override_claim.map(|standing| standing.claim),
                top_ups: claims.top_ups,
            },
        );
    }

    /// Takes every limit off.
    pub fn release_all(&mut self) {
        for (name, entry) in &mut self.links {
            if let Err(error) = entry.shaper.release(&mut self.kernel, &self.memory) {
                warn!(link = name, %error, "our limit could not be taken off");
            }
        }
    }

    /// Works until `stop` completes.
    ///
    /// # Errors
    /// What the kernel's notification socket and its timers report.
    pub async fn run(
        &mut self,
        monitor: &mut crate::netlink::monitor::Monitor,
        commands: &mut mpsc::Receiver<Command>,
        pulse: &mut Pulse,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let (alarm, steps) = (Alarm::new()?, ClockSteps::new()?);
        tokio::pin!(stop);
        loop {
            pulse.tell(|| status(&self.board.links()));
            if self.links.values().any(|entry| entry.shaper.excludes()) {
                monitor.watch_rules(self.kernel.rules_port());
            }
            let due = self.due();
            if pulse.is_due(self.kernel.now(), due) {
                pulse.answered(self.kernel.now(), self.kernel.link("lo").is_ok());
            }
            if let Some(at) = due.into_iter().chain(pulse.next()).min() {
                alarm.set(at)?;
            }
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                events = monitor.next() => {
                    for event in events? {
                        self.event(event);
                    }
                }
                Some(command) = commands.recv() => self.command(command),
                stepped = steps.stepped() => {
                    stepped?;
                    self.clock_stepped();
                }
                rings = alarm.rings() => {
                    rings?;
                    self.tick();
                }
            }
        }
    }
}

fn account_of(grant: &Grant) -> Result<Account, String> {
    if grant.rate_bytes_per_second == 0 {
        return Err("RateBytesPerSecond must be at least 1".to_owned());
    }
    if let Some(exclusion) = &grant.exclusion {
        if exclusion.networks.len() > MAX_NETWORKS {
            return Err(format!("Networks must be {MAX_NETWORKS} at most"));
        }
        for text in &exclusion.networks {
            let network = text.parse::<Network>();
            if network.is_err() || network.is_ok_and(|network| network.length() == 0) {
                return Err(format!(
                    "Networks: {text:?} is no network, or is everything"
                ));
            }
        }
    }
    Account::open(grant.clone()).ok_or_else(|| "Count must be tx, rx, sum or max".to_owned())
}

#[cfg(test)]
mod tests;
mod verbs;
