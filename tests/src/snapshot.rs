//! Everything that a verb could change, to be compared before and after.

use std::fs;
use std::process::Command;

use crate::net::LINK;
use crate::rig::Rig;

/// The link's disciplines in the kernel, what the daemon keeps on disk, and all that it shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    qdiscs: String,
    claims: Option<String>,
    objects: String,
}

impl Snapshot {
    /// Takes one.
    ///
    /// # Panics
    /// When the daemon does not answer.
    pub fn take(rig: &Rig) -> Self {
        let output = Command::new("dbus-send")
            .arg(format!("--bus={}", rig.bus.address()))
            .args(["--print-reply=literal", "--dest=org.bwflow1"])
            .args([
                "/org/bwflow1",
                "org.freedesktop.DBus.ObjectManager.GetManagedObjects",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        // Dictionaries come in any order.
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words: Vec<_> = text.split_whitespace().collect();
        words.sort_unstable();
        Self {
            qdiscs: rig.pair.inside.qdiscs(LINK),
            claims: fs::read_to_string(rig.daemon_state().join("claims.json")).ok(),
            objects: words.join(" "),
        }
    }
}
