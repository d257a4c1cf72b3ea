//! Taking our limit off, and putting back what was there before it.

use std::io;

use tracing::{info, warn};

use super::Shaper;
use crate::foreign::Root;
use crate::kernel::Kernel;
use crate::memory::Memory;
use crate::plan::Form;

impl Shaper {
    /// Takes our bucket off and puts back what was there before, or the kernel's default where
    /// that cannot be had any more.
    pub(super) fn take_off(
        &mut self,
        index: u32,
        kernel: &mut impl Kernel,
        memory: &Memory,
    ) -> io::Result<()> {
        let before = memory.recall(index);
        if let Err(error) = kernel.unshape(index, before.as_ref()) {
            let Some(before) = before else {
                return Err(error);
            };
            let kind = before.kind;
            warn!(link = self.name, %error, kind, "cannot be put back; the kernel's default is");
            kernel.unshape(index, None)?;
        }
        self.form = Form::Open;
        Ok(())
    }

    /// Takes our limit off, if there is one.
    ///
    /// # Errors
    /// What rtnetlink reports; a link that is gone is no error.
    pub fn release(&mut self, kernel: &mut impl Kernel, memory: &Memory) -> io::Result<()> {
        self.take_rules_off(kernel)?;
        let Some(link) = kernel.link(&self.name)? else {
            return Ok(());
        };
        self.release_index(link.index, kernel, memory)
    }

    /// As [`Self::release`], for a link that may have another name by now.
    ///
    /// # Errors
    /// What rtnetlink reports.
    pub fn release_index(
        &mut self,
        index: u32,
        kernel: &mut impl Kernel,
        memory: &Memory,
    ) -> io::Result<()> {
        self.take_rules_off(kernel)?;
        if kernel.root(index)? == Root::Ours {
            self.take_off(index, kernel, memory)?;
            info!(link = self.name, "limit taken off");
        }
        self.form = Form::Open;
        self.found = None;
        Ok(())
    }
}
