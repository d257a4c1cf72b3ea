//! A host that is to be configured: a network with a default route, an `/etc` of its own, and somebody who
//! sits at it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bwflow_proto::config::{Config, load_str};
use tempfile::TempDir;

use crate::net::Namespace;
use crate::process::program;
use crate::terminal::Terminal;

/// A host: links, a default route over `wan0`, and an `/etc` above that of the real one.
#[derive(Debug)]
pub struct Desk {
    /// Its network.
    pub namespace: Namespace,
    /// What lies above the real `/etc`, in `etc`.
    pub directory: TempDir,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// One whose clock is Berlin's, so that vnStat dates traffic by another clock than the plan.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn new() -> Self {
        let desk = Self {
            namespace: Namespace::new(),
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["etc", "work"] {
            fs::create_dir(desk.directory.path().join(name)).unwrap();
        }
        for (link, address) in [("wan0", "10.7.0.1/24"), ("lan0", "10.8.0.1/24")] {
            let peer = format!("peer-{link}");
            desk.namespace
                .ip(&format!("link add {link} type veth peer name {peer}"));
            desk.namespace.ip(&format!("addr add {address} dev {link}"));
            desk.namespace.ip(&format!("link set {link} up"));
            desk.namespace.ip(&format!("link set {peer} up"));
        }
        desk.namespace.ip("route add default via 10.7.0.2");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", desk.etc("localtime"))
            .unwrap();
        desk
    }

    /// A file as the host sees it once it was changed.
    pub fn etc(&self, name: &str) -> PathBuf {
        self.directory.path().join("etc").join(name)
    }

    /// The configuration there is.
    ///
    /// # Panics
    /// When there is none.
    pub fn config(&self) -> String {
        fs::read_to_string(self.etc("bwflow/config.toml")).unwrap()
    }

    /// What it means.
    ///
    /// # Panics
    /// When it is not right.
    pub fn meaning(&self) -> Config {
        let loaded = load_str("config.toml", &self.config());
        loaded
            .unwrap_or_else(|rejected| panic!("{rejected}"))
            .config
    }

    /// What runs a command on this host; its words follow.
    fn words(&self) -> Vec<String> {
        let path = self.directory.path().display();
        let mount = format!(
            "mount -t overlay overlay /etc -o lowerdir=/etc,upperdir={path}/etc,workdir={path}/work && exec \"$@\""
        );
        let words = [
            "ip",
            "netns",
            "exec",
            self.namespace.name(),
            "sh",
            "-c",
            &mount,
            "sh",
        ];
        words.map(str::to_owned).to_vec()
    }

    /// `bwflowctl init` without a terminal.
    pub fn run(&self, words: &[&str]) -> Told {
        let init = program("bwflowctl");
        self.command(&[&[init.to_str().unwrap(), "init"], words].concat())
    }

    /// Any command without a terminal.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn command(&self, words: &[&str]) -> Told {
        let inside = self.words();
        let output = Command::new(&inside[0])
            .args(&inside[1..])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Told::from(output)
    }

    /// `bwflowctl init` on a terminal.
    pub fn sit(&self, words: &str) -> Terminal {
        let inside: Vec<String> = self
            .words()
            .iter()
            .map(|word| format!("'{word}'"))
            .collect();
        let init = program("bwflowctl");
        let line = format!("{} {} init {words}", inside.join(" "), init.display());
        Terminal::start(self.directory.path(), &line)
    }

    /// Every file of `/etc` that is not the real host's: what it holds, and which it is.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn changed(&self) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        collect(&self.directory.path().join("etc"), &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            collect(&path, found);
        }
        let text = if kind.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        found.insert(path, (kind.ino(), text));
    }
}

/// How a command ended, and what it printed.
#[derive(Debug)]
pub struct Told {
    /// Its exit status.
    pub code: Option<i32>,
    /// Standard output.
    pub data: String,
    /// Standard error.
    pub talk: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            data: String::from_utf8(output.stdout).unwrap(),
            talk: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
