//! `org.bwflow1.Manager`: what the daemon is and what it looks after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bwflow_proto::bus::link_path;
use zbus::{OwnedObjectPath, interface};

use crate::board::Board;

/// The interface object.
#[derive(Debug)]
pub struct Manager {
    board: Arc<Board>,
    helper: Arc<AtomicBool>,
}

impl Manager {
    /// Reads links from `board` and the helper's presence from `helper`.
    pub fn new(board: Arc<Board>, helper: Arc<AtomicBool>) -> Self {
        Self { board, helper }
    }
}

#[interface(name = "org.bwflow1.Manager")]
impl Manager {
    /// The daemon's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    /// The objects of the links that have a grant or a ledger, or carry a limit of an earlier run.
    #[zbus(property)]
    fn links(&self) -> Vec<OwnedObjectPath> {
        self.board
            .links()
            .keys()
            .map(|name| link_path(name))
            .collect()
    }

    /// "present" while org.bwflow1.Helper is owned, else "absent".
    #[zbus(property)]
    fn helper_state(&self) -> String {
        if self.helper.load(Ordering::Relaxed) {
            "present"
        } else {
            "absent"
        }
        .to_owned()
    }
}
