//! What administrators decide, until when it holds, and what becomes of their top-ups.

use std::fs::File;
use std::io::{self, Read as _};

use tracing::info;

use super::Enforcer;
use crate::decision::{Author, Decision, Refusal};
use crate::kernel::Kernel;

/// What nobody throttles a link below by mistake while no grant says so, bytes per second.
const MIN_RATE: u64 = 8000;

impl<K: Kernel> Enforcer<K> {
    /// Carries out an authorised decision: first on disk, then in the kernel.
    pub(super) fn decide(
        &mut self,
        name: &str,
        decision: &Decision,
        author: &Author,
    ) -> Result<(), Refusal> {
        self.check_link(name).map_err(Refusal::Invalid)?;
        let clock = self.clock();
        let grant = self.links.get(name).and_then(|it| it.shaper.grant());
        let min_rate = grant.map_or(MIN_RATE, |grant| grant.min_rate_bytes_per_second);
        decision.check(clock.wall_usec, min_rate)?;
        // What is over by now must not come back if this cannot be kept.
        self.expire();
        let before = self.store.get(name);
        let mut claims = before.clone();
        claims.decide(decision, author, &clock, new_id)?;
        if claims != before {
            claims.granted |= self
                .links
                .get(name)
                .is_some_and(|it| it.shaper.is_granted());
            self.store.replace(name, claims, &clock).map_err(|error| {
                Refusal::Failed(format!("the decision cannot be written down: {error}"))
            })?;
        }
        let (uid, by) = (author.uid, &author.name);
        info!(link = name, uid, by, ?decision, "decided");
        self.follow(name);
        Ok(())
    }

    /// Drops what the helper has booked.
    pub(super) fn confirm_top_ups(&mut self, name: &str, ids: &[String]) -> Result<(), String> {
        let before = self.store.get(name);
        let mut claims = before.clone();
        claims.top_ups.retain(|top_up| !ids.contains(&top_up.id));
        if claims == before {
            return Ok(());
        }
        self.store
            .replace(name, claims, &self.clock())
            .map_err(|error| format!("the top-ups cannot be taken off the list: {error}"))?;
        self.follow(name);
        Ok(())
    }

    /// Ends what is over.
    pub(super) fn expire(&mut self) {
        let clock = self.clock();
        for (name, word, standing) in self.store.expire(&clock) {
            let by = standing.claim.owner;
            info!(link = name, by, "the {word} is over");
            self.follow(&name);
        }
    }

    /// Somebody has set the wall clock.
    pub(super) fn clock_stepped(&mut self) {
        self.store.restate(&self.clock());
        self.expire();
        for name in self.store.names() {
            self.show(&name);
        }
    }

    /// Brings a link in line with its claims. One of which nothing is known any more goes.
    fn follow(&mut self, name: &str) {
        let claims = self.store.get(name);
        let entry = self.entry(name);
        entry.shaper.set_demands(claims.demands());
        self.look(name);
        self.prune(name);
    }

    /// Lets go of a link that nothing is known of any more; tells whether it stays.
    pub(super) fn prune(&mut self, name: &str) -> bool {
        let stays = self.links.get(name).is_some_and(|entry| {
            entry.ledger.is_some()
                || entry.shaper.grant().is_some()
                || entry.shaper.is_shaped()
                || !self.store.get(name).is_empty()
        });
        if !stays {
            self.links.remove(name);
            self.board.remove(name);
        }
        stays
    }
}

/// 32 hex digits that nobody has used.
fn new_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
