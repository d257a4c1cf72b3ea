//! Whether a byte could be counted twice: where links stand on each other, or one goes through
//! another.

use super::finding::Finding;
use crate::host::files::Files;

const CHECK: &str = "counting";

/// How an interface relates to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) interface: String,
    /// The bridge, bond or team it is a port of.
    pub(super) master: Option<String>,
    /// What it stands on: a bridge on its ports, a VLAN on its device.
    pub(super) lower: Vec<String>,
    /// What makes it a tunnel, e.g. `wireguard`; nothing if it is none.
    pub(super) tunnel: Option<String>,
    /// Whether it is a bridge.
    pub(super) is_bridge: bool,
}

/// Reads where an interface stands from sysfs.
pub(super) fn place(files: &Files, interface: &str) -> Place {
    let directory = format!("/sys/class/net/{interface}");
    let master = std::fs::read_link(files.path(&format!("{directory}/master"))).ok();
    let lower = files
        .names(&directory)
        .iter()
        .filter_map(|name| name.strip_prefix("lower_").map(str::to_owned))
        .collect();
    let events = files
        .read(&format!("{directory}/uevent"))
        .unwrap_or_default();
    let kind = events
        .lines()
        .find_map(|line| line.strip_prefix("DEVTYPE="));
    let tunnel = if files.has(&format!("{directory}/tun_flags")) {
        Some("tun".to_owned())
    } else {
        // ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_IPGRE, ARPHRD_IP6GRE.
        let hardware = files.line(&format!("{directory}/type"));
        match hardware.as_deref() {
            Some("768" | "769" | "776" | "778" | "823") => Some("tunnel".to_owned()),
            _ => kind
                .filter(|kind| matches!(*kind, "wireguard" | "vxlan" | "geneve" | "gre"))
                .map(str::to_owned),
        }
    };
    Place {
        interface: interface.to_owned(),
        master: master.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
        lower,
        tunnel,
        is_bridge: files.has(&format!("{directory}/bridge")),
    }
}

/// Judges the budgeted links together.
pub(super) fn judge(places: &[Place]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let has_budget = |name: &str| places.iter().any(|place| place.interface == name);
    for place in places {
        let name = &place.interface;
        if let Some(master) = place.master.as_deref().filter(|master| has_budget(master)) {
            let found = format!("is a port of {master}, which has a budget, too: counted twice");
            let cure = "keep one of them in the configuration: the one that the provider counts";
            findings.push(Finding::warning(CHECK, found, cure).on(name));
        }
        // A port is told of above.
        for lower in place.lower.iter().filter(|lower| {
            has_budget(lower)
                && !places.iter().any(|other| {
                    other.interface == **lower && other.master.as_deref() == Some(name)
                })
        }) {
            let found = format!("stands on {lower}, which has a budget, too: counted twice");
            let cure = "keep one of them in the configuration: the one that the provider counts";
            findings.push(Finding::warning(CHECK, found, cure).on(name));
        }
        if let Some(tunnel) = &place.tunnel {
            let others: Vec<&str> = places
                .iter()
                .filter(|other| other.tunnel.is_none())
                .map(|other| other.interface.as_str())
                .collect();
            let finding = if others.is_empty() {
                Finding::note(
                    CHECK,
                    format!("is a {tunnel} link: what wraps its packets is not counted"),
                )
                .cured_by("give the budget to the link that the tunnel goes through")
            } else {
                let through = others.join(" or ");
                Finding::warning(
                    CHECK,
                    format!(
                        "is a {tunnel} link: what goes through it to {through} is counted on both"
                    ),
                    "keep the one that the provider counts",
                )
            };
            findings.push(finding.on(name));
        }
        if place.is_bridge {
            let found = "is a bridge: what its machines send each other through the host is \
                         counted, too";
            let cure = "give the budget to the port that leads to the provider";
            findings.push(Finding::note(CHECK, found).cured_by(cure).on(name));
        }
    }
    if findings.is_empty() && !places.is_empty() {
        findings.push(Finding::ok(CHECK, "no byte is counted twice"));
    }
    findings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::doctor::finding::Grade;

    fn link(interface: &str) -> Place {
        Place {
            interface: interface.to_owned(),
            ..Place::default()
        }
    }

    fn grades(places: &[Place]) -> Vec<Grade> {
        judge(places).iter().map(|finding| finding.grade).collect()
    }

    #[test]
    fn links_apart_are_counted_once() {
        assert_eq!(grades(&[link("eth0"), link("eth1")]), [Grade::Ok]);
    }

    #[test]
    fn a_port_and_its_bridge_are_told_once() {
        let port = Place {
            master: Some("br0".to_owned()),
            ..link("eth0")
        };
        let bridge = Place {
            lower: vec!["eth0".to_owned()],
            ..link("br0")
        };
        assert_eq!(grades(&[port.clone(), bridge]), [Grade::Warning]);
        assert_eq!(grades(&[port]), [Grade::Ok], "the bridge has no budget");
    }

    #[test]
    fn a_vlan_and_its_device_are_counted_twice() {
        let vlan = Place {
            lower: vec!["eth0".to_owned()],
            ..link("eth0.7")
        };
        assert_eq!(grades(&[link("eth0"), vlan]), [Grade::Warning]);
    }

    #[test]
    fn a_tunnel_beside_a_link_is_counted_twice_and_alone_too_little() {
        let tunnel = Place {
            tunnel: Some("wireguard".to_owned()),
            ..link("wg0")
        };
        assert_eq!(grades(&[link("eth0"), tunnel.clone()]), [Grade::Warning]);
        assert_eq!(grades(&[tunnel]), [Grade::Note]);
    }

    #[test]
    fn sysfs_tells_where_a_link_stands() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        let net = files.path("/sys/class/net");
        for name in ["br0/bridge", "eth0", "wg0", "tun0"] {
            fs::create_dir_all(net.join(name)).unwrap();
        }
        symlink("../br0", net.join("eth0/master")).unwrap();
        symlink("../eth0", net.join("br0/lower_eth0")).unwrap();
        fs::write(net.join("wg0/uevent"), "DEVTYPE=wireguard\nINTERFACE=wg0\n").unwrap();
        fs::write(net.join("tun0/tun_flags"), "0x1001\n").unwrap();
        assert_eq!(place(&files, "eth0").master.as_deref(), Some("br0"));
        let bridge = place(&files, "br0");
        assert!(bridge.is_bridge);
        assert_eq!(bridge.lower, ["eth0"]);
        assert_eq!(place(&files, "wg0").tunnel.as_deref(), Some("wireguard"));
        assert_eq!(place(&files, "tun0").tunnel.as_deref(), Some("tun"));
    }
}
