//! Disciplines that somebody else put on a link: never destroyed, only remembered or respected.

use crate::netlink::qdisc::{Parent, Qdisc};

/// What is at the root of a link's queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// What the kernel attached by itself; it comes back when ours goes.
    Default,
    /// Our bucket.
    Ours,
    /// Somebody's discipline that its dump describes completely: it can be put back.
    Restorable(Qdisc),
    /// Somebody's discipline that must stay, and its name, e.g. `htb 1:`.
    Fixed(String),
}

/// Disciplines without classes whose dump is accepted as their configuration.
const RESTORABLE: [&str; 12] = [
    "bfifo",
    "cake",
    "codel",
    "fq",
    "fq_codel",
    "fq_pie",
    "noqueue",
    "pfifo",
    "pfifo_fast",
    "pfifo_head_drop",
    "pie",
    "sfq",
];

/// Tells what is at the root, given all disciplines of one link and whether filters are attached
/// to the root.
pub fn classify(qdiscs: &[Qdisc], filtered: bool) -> Root {
    let Some(root) = qdiscs.iter().find(|qdisc| qdisc.parent == Parent::Root) else {
        return Root::Default;
    };
    if root.is_ours() {
        return Root::Ours;
    }
    // Below the kernel's default (mq on hardware with several queues) somebody may have put
    // disciplines of their own, which would go with it.
    let child = qdiscs.iter().find(|qdisc| match qdisc.parent {
        Parent::Other(parent) => parent >> 16 == root.handle.major() && qdisc.handle.major() != 0,
        Parent::Root => false,
    });
    match child {
        Some(child) => Root::Fixed(format!(
            "{} {} with {} {}",
            root.kind, root.handle, child.kind, child.handle
        )),
        None if root.handle.major() == 0 => Root::Default,
        None if RESTORABLE.contains(&root.kind.as_str()) && !filtered => {
            Root::Restorable(root.clone())
        }
        None => Root::Fixed(format!("{} {}", root.kind, root.handle)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::qdisc::Handle;

    fn qdisc(parent: Parent, major: u32, kind: &str) -> Qdisc {
        Qdisc {
            index: 3,
            handle: Handle(major << 16),
            parent,
            kind: kind.into(),
            options: vec![1, 2],
            bytes: 0,
            backlog: 0,
            drops: 0,
        }
    }

    #[test]
    fn the_kernel_s_defaults_may_be_replaced() {
        assert_eq!(classify(&[], false), Root::Default);
        let mq = [
            qdisc(Parent::Root, 0, "mq"),
            qdisc(Parent::Other(1), 0, "fq_codel"),
            qdisc(Parent::Other(2), 0, "fq_codel"),
        ];
        assert_eq!(classify(&mq, false), Root::Default);
    }

    #[test]
    fn an_ingress_hook_is_no_obstacle() {
        let qdiscs = [
            qdisc(Parent::Other(0xffff_fff1), 0xffff, "clsact"),
            qdisc(Parent::Root, 0, "noqueue"),
        ];
        assert_eq!(classify(&qdiscs, false), Root::Default);
    }

    #[test]
    fn ours_is_known_by_its_handle() {
        let ours = Qdisc {
            handle: Handle::OURS,
            ..qdisc(Parent::Root, 0, "tbf")
        };
        assert_eq!(classify(std::slice::from_ref(&ours), false), Root::Ours);
        let lanes = Qdisc {
            kind: "htb".into(),
            ..ours.clone()
        };
        assert_eq!(classify(&[lanes], false), Root::Ours);
        let stranger = Qdisc {
            kind: "hfsc".into(),
            ..ours
        };
        assert_eq!(
            classify(&[stranger], false),
            Root::Fixed("hfsc b0f1:".into())
        );
    }

    #[test]
    fn what_can_be_put_back_is_remembered_and_the_rest_stays() {
        let fifo = qdisc(Parent::Root, 0x8001, "pfifo");
        assert_eq!(
            classify(std::slice::from_ref(&fifo), false),
            Root::Restorable(fifo.clone())
        );
        assert_eq!(classify(&[fifo], true), Root::Fixed("pfifo 8001:".into()));
        let htb = qdisc(Parent::Root, 1, "htb");
        assert_eq!(classify(&[htb], false), Root::Fixed("htb 1:".into()));
    }

    #[test]
    fn a_tree_below_a_default_root_stays() {
        let qdiscs = [
            qdisc(Parent::Root, 0, "mq"),
            qdisc(Parent::Other(1), 0x8001, "fq"),
        ];
        assert_eq!(
            classify(&qdiscs, false),
            Root::Fixed("mq 0: with fq 8001:".into())
        );
    }
}
