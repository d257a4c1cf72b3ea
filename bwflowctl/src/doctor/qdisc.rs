//! The queueing disciplines at the links' roots, which everybody may ask the kernel for.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use netlink_packet_route::tc::{TcAttribute, TcHandle};

/// The major number of bwflow's own (`Handle::OURS` in bwflowd).
const OURS: u16 = 0xb0f1;

/// The discipline at a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Qdisc {
    /// Its name, e.g. `fq_codel`.
    pub(super) kind: String,
    /// Whether it is bwflow's.
    pub(super) is_ours: bool,
    /// Whether the kernel attached it by itself.
    pub(super) is_default: bool,
}

impl Qdisc {
    /// What a link has that needs no queue.
    pub(super) fn none() -> Self {
        Self {
            kind: "noqueue".to_owned(),
            is_ours: false,
            is_default: true,
        }
    }
}

/// Those at the roots, by interface index; nothing if the kernel does not tell.
pub(super) async fn roots() -> Option<HashMap<u32, Qdisc>> {
    let (connection, handle, _) = rtnetlink::new_connection().ok()?;
    let serving = tokio::spawn(connection);
    let messages: Result<Vec<_>, _> = handle.qdisc().get().execute().try_collect().await;
    serving.abort();
    let mut roots = HashMap::new();
    for message in messages.ok()? {
        let header = &message.header;
        let Ok(index) = u32::try_from(header.index) else {
            continue;
        };
        if header.parent != TcHandle::ROOT {
            continue;
        }
        let kind = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                TcAttribute::Kind(kind) => Some(kind.clone()),
                _ => None,
            });
        let qdisc = Qdisc {
            kind: kind.unwrap_or_default(),
            is_ours: header.handle.major == OURS,
            is_default: header.handle.major == 0,
        };
        roots.insert(index, qdisc);
    }
    Some(roots)
}
