//! What this host is: the link it reaches the world by, how fast that is, its time zone, its
//! vnStat, its services. Everything is only looked at; what the texts mean is read by pure functions.

pub(crate) mod files;
pub(crate) mod kernel;
pub mod route;
pub mod service;
pub mod speed;
pub mod timezone;
pub mod vnstat;

/// The kernel's interfaces, one folder each.
pub const INTERFACES: &str = "/sys/class/net";

/// What the host speaks to itself by.
pub const LOOPBACK: &str = "lo";

/// The names of all interfaces but the loopback, sorted; none where the kernel does not tell.
pub fn interfaces() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(INTERFACES) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        // `bonding_masters` stands there too and is a file.
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != LOOPBACK)
        .collect();
    names.sort_unstable();
    names
}
