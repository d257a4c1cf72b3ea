//! What somebody else may have done to a link's root discipline, and what follows.

use std::io;
use std::time::Duration;

use tracing::{info, warn};

use super::Shaper;
use super::effect::Found;
use crate::contest;
use crate::foreign::Root;
use crate::kernel::Kernel;
use crate::memory::Memory;
use crate::plan::Form;

impl Shaper {
    /// Finds out what is at the root. Returns a time to wait when nothing can be done now.
    pub(super) fn inspect_root(
        &mut self,
        kernel: &mut impl Kernel,
        memory: &mut Memory,
        index: u32,
        now: Duration,
    ) -> io::Result<Option<Duration>> {
        let root = kernel.root(index)?;
        if root == Root::Ours {
            if self.form == Form::Open && self.account.is_none() && self.granted {
                self.found = kernel.rates(index)?.map(Found::new);
            }
            // Somebody may have changed its numbers: only what we install is known.
            self.form = Form::Unknown;
            self.blocked_by.clear();
            return Ok(None);
        }
        if self.form != Form::Open {
            let times = self.contest.lost(now);
            if times < contest::LIMIT {
                info!(
                    link = self.name,
                    ?root,
                    "somebody took our limit off the link"
                );
            } else {
                if times == contest::LIMIT {
                    warn!(
                        link = self.name,
                        "another program keeps taking our limit off the link"
                    );
                }
                self.form = Form::Open;
                self.blocked_by = "contested".to_owned();
                return Ok(Some(contest::PAUSE));
            }
        }
        self.form = Form::Open;
        let blocked_by = match root {
            Root::Fixed(name) => name,
            Root::Restorable(qdisc) => match memory.remember(qdisc) {
                Ok(()) => String::new(),
                Err(error) => {
                    warn!(link = self.name, %error, "cannot remember the link's own discipline");
                    "runtime-directory".to_owned()
                }
            },
            Root::Default | Root::Ours => {
                memory.forget(index);
                String::new()
            }
        };
        if self.blocked_by != blocked_by && !blocked_by.is_empty() {
            warn!(
                link = self.name,
                "the link carries {blocked_by}, which bwflow will not destroy; nothing is \
                 enforced until it is removed (tc qdisc del dev {} root)",
                self.name
            );
        }
        self.blocked_by = blocked_by;
        Ok(None)
    }
}
