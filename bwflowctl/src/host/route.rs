//! The links of the default routes, from the kernel's own tables: `ip` need not be there.

/// `linux/route.h`: the route can be used.
const UP: u32 = 0x1;
/// `linux/route.h`: the route says that there is no way.
const REJECT: u32 = 0x200;

/// The links with a default route, the preferred one first, each once: those of IPv4, and where there
/// are none, those of IPv6. The tables are those of the network namespace of the caller.
pub fn default_links() -> Vec<String> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let links = links_v4(&read("/proc/net/route"));
    if links.is_empty() {
        return links_v6(&read("/proc/net/ipv6_route"));
    }
    links
}

/// The same from the text of `/proc/net/route`.
pub fn links_v4(table: &str) -> Vec<String> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, to, _, flags, _, _, metric, mask, ..] = fields.as_slice() else {
            return None;
        };
        let is_default = *to == "00000000" && *mask == "00000000";
        (is_default && is_usable(flags)).then_some((metric.parse().ok()?, (*interface).to_owned()))
    };
    by_metric(table.lines().skip(1).filter_map(route).collect())
}

/// The same from the text of `/proc/net/ipv6_route`.
pub fn links_v6(table: &str) -> Vec<String> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [to, length, _, _, _, metric, _, _, flags, interface] = fields.as_slice() else {
            return None;
        };
        let is_default = *length == "00" && to.bytes().all(|digit| digit == b'0');
        let metric = u32::from_str_radix(metric, 16).ok()?;
        // The kernel's last word, that there is no way, stands on the loopback.
        (is_default && is_usable(flags) && *interface != "lo")
            .then_some((metric, (*interface).to_owned()))
    };
    by_metric(table.lines().filter_map(route).collect())
}

fn is_usable(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & UP != 0 && flags & REJECT == 0)
}

fn by_metric(mut routes: Vec<(u32, String)>) -> Vec<String> {
    routes.sort_by_key(|(metric, _)| *metric);
    let mut links = Vec::new();
    for (_, link) in routes {
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn the_preferred_link_comes_first_and_each_once() {
        let table = format!(
            "{HEAD}wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t00000000\t020200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
             eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        );
        assert_eq!(links_v4(&table), ["eth0", "wlan0"]);
    }

    #[test]
    fn what_is_down_refuses_or_leads_elsewhere_is_no_way_out() {
        let table = format!(
            "{HEAD}eth1\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n\
             *\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n\
             tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
        );
        assert_eq!(links_v4(&table), [""; 0]);
        assert_eq!(links_v4("nonsense\nmore nonsense\n"), [""; 0]);
    }

    #[test]
    fn the_default_route_of_ipv6_is_found_by_its_length() {
        let zero = "0".repeat(32);
        let table = format!(
            "20010db8{pad} 40 {zero} 00 {zero} 00000100 1 0 00000001     eth0\n\
             {zero} 00 {zero} 00 fe80{pad4} 00000400 1 0 00450003     eth0\n\
             {zero} 00 {zero} 00 fe80{pad4} 00000064 1 0 00450003     wwan0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200       lo\n",
            pad = "0".repeat(24),
            pad4 = "0".repeat(28),
        );
        assert_eq!(links_v6(&table), ["wwan0", "eth0"]);
    }
}
