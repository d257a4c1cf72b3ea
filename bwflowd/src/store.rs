//! Keeps every link's claims on disk: on it before anything is changed for them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{error, warn};

use crate::claims::{Claims, Standing};
use crate::clock::Clock;
use record::File;

const FILE: &str = "claims.json";
/// How soon a file that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The claims of every link, and their file.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    /// Which boot `CLOCK_BOOTTIME` counts; empty if nobody tells.
    boot: String,
    links: BTreeMap<String, Claims>,
    /// When to write again what the file does not have yet.
    retry: Option<Duration>,
}

impl Store {
    /// Reads what an earlier run left in `directory`. A file that makes no sense is kept aside
    /// and reported, and counts as empty.
    ///
    /// # Errors
    /// There is a file, but it cannot be read.
    pub fn open(directory: &Path, boot: &str, clock: &Clock) -> io::Result<Self> {
        let mut store = Self {
            file: directory.join(FILE),
            boot: boot.to_owned(),
            links: BTreeMap::new(),
            retry: None,
        };
        let text = match fs::read(&store.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(store),
            Err(error) => {
                let text = format!("{}: {error}", store.file.display());
                return Err(io::Error::new(error.kind(), text));
            }
        };
        match File::parse(&text) {
            Ok(file) => store.load(file, clock),
            Err(reason) => store.set_aside(&reason),
        }
        Ok(store)
    }

    fn load(&mut self, file: File, clock: &Clock) {
        let written = file.clock();
        let same_boot = !self.boot.is_empty() && file.boot == self.boot;
        self.links = file.into_claims();
        if same_boot {
            // The clock may have been set while nobody looked.
            self.restate(clock);
        } else {
            for claims in self.links.values_mut() {
                claims.reboot(&written, clock);
            }
            // From here on the new boot's clock counts.
            self.settle(clock);
        }
    }

    fn set_aside(&self, reason: &str) {
        let aside = self.file.with_extension("json.damaged");
        let kept = match fs::rename(&self.file, &aside) {
            Ok(()) => format!("it is kept as {}", aside.display()),
            Err(error) => format!("it cannot be kept aside: {error}"),
        };
        error!(
            "{}: {reason}; starting without throttles, overrides and top-ups; {kept}",
            self.file.display()
        );
    }

    /// One link's claims.
    pub fn get(&self, name: &str) -> Claims {
        self.links.get(name).cloned().unwrap_or_default()
    }

    /// The links that have claims.
    pub fn names(&self) -> Vec<String> {
        self.links.keys().cloned().collect()
    }

    /// Replaces a link's claims; on disk before this returns.
    ///
    /// # Errors
    /// The file can't be written: nothing has changed then.
    pub fn replace(&mut self, name: &str, claims: Claims, clock: &Clock) -> io::Result<()> {
        let before = if claims.is_empty() {
            self.links.remove(name)
        } else {
            self.links.insert(name.to_owned(), claims)
        };
        self.write(clock).inspect_err(|_| {
            match before {
                Some(before) => self.links.insert(name.to_owned(), before),
                None => self.links.remove(name),
            };
            // The new file may be in its place already.
            self.retry = Some(clock.boottime + RETRY);
        })
    }

    /// Notes whether a link has a grant, if it has claims.
    pub fn set_granted(&mut self, name: &str, granted: bool, clock: &Clock) {
        if let Some(claims) = self.links.get_mut(name)
            && claims.granted != granted
        {
            claims.granted = granted;
            self.settle(clock);
        }
    }

    /// Drops what is over, and returns it with the link's name. That is done whatever becomes of
    /// the file, which says itself when a claim is over.
    pub fn expire(&mut self, clock: &Clock) -> Vec<(String, &'static str, Standing)> {
        let mut over = Vec::new();
        for (name, claims) in &mut self.links {
            let ended = claims.expire(clock);
            over.extend(ended.into_iter().map(|(word, it)| (name.clone(), word, it)));
        }
        self.links.retain(|_, claims| !claims.is_empty());
        if !over.is_empty() || self.retry.is_some_and(|at| at <= clock.boottime) {
            self.settle(clock);
        }
        over
    }

    /// Somebody may have set the wall clock: what it will show at the ends is computed anew.
    pub fn restate(&mut self, clock: &Clock) {
        let before = self.links.clone();
        for claims in self.links.values_mut() {
            claims.restate(clock);
        }
        if self.links != before {
            self.settle(clock);
        }
    }

    /// `CLOCK_BOOTTIME` at which [`Self::expire`] has something to do.
    pub fn next(&self, clock: &Clock) -> Option<Duration> {
        let ends = self.links.values().filter_map(|it| it.next_end(clock));
        ends.chain(self.retry).min()
    }

    /// Writes what has happened already; tried again later if that fails.
    fn settle(&mut self, clock: &Clock) {
        if let Err(error) = self.write(clock) {
            warn!("{}: {error}; trying again", self.file.display());
            self.retry = Some(clock.boottime + RETRY);
        }
    }

    fn write(&mut self, clock: &Clock) -> io::Result<()> {
        let text = File::new(&self.boot, clock, &self.links).text()?;
        let new = self.file.with_extension("json.new");
        // Whatever an earlier run left there, in whoever's name.
        let _ = fs::remove_file(&new);
        let mut file = fs::File::create_new(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        let directory = self.file.parent().unwrap_or(Path::new("."));
        fs::File::open(directory)?.sync_all()?;
        self.retry = None;
        Ok(())
    }
}

mod record;
#[cfg(test)]
mod tests;
