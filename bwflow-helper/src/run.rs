//! The loop: looks at the counters when it is time, books, publishes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bwflow_proto::alarm::Alarm;
use bwflow_proto::config::Source;
use tokio::sync::{mpsc, oneshot};

use crate::args::Args;
use crate::bookkeeper::Bookkeeper;
use crate::clock::{Clock, boot_id};
use crate::configuration;
use crate::failure::Failure;
use crate::ledger::lock::Lock;
use crate::ledger::store::{Store, StoreError, make_directory};
use crate::meter::{Meter, Sight};
use crate::publication::Publication;
use crate::publisher::{self, Command, Exclusions};
use crate::signals::{Order, Signals};
use crate::supervision::Supervision;
use crate::vnstat::json;
use crate::vnstat::watch::Watch;
use spend::Room;

mod requests;
mod spend;

/// How long to wait for the daemon to say what was excluded.
const ANSWER: Duration = Duration::from_secs(2);
/// How soon to ask it again while it has not begun to count.
const FIRST_EXCLUSION: Duration = Duration::from_secs(1);
/// How long to wait for the daemon to take the last figures when ending.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration is wrong or the ledger cannot be used.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = configuration::load(&args.config).map_err(Failure::Configuration)?;
    let directory = args.state_directory();
    make_directory(&directory).map_err(|error| StoreError::Directory {
        path: directory.clone(),
        error,
    })?;
    let _lock = Lock::take(&directory)?;
    let books = Bookkeeper::new(config, Store::open(&directory)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(work(args, books));
    // A name that is being looked up must not hold up the end.
    runtime.shutdown_background();
    outcome
}

async fn work(args: &Args, books: Bookkeeper) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let alarm = Alarm::new()?;
    let (publisher, commands) = mpsc::unbounded_channel();
    let (requests, mut requested) = mpsc::channel(16);
    let mut helper = Helper {
        boot: boot_id()?,
        meter: Meter::open()?,
        watch: Watch::new(args.vnstat_config.as_deref(), &args.vnstat_program),
        args: args.clone(),
        asked: 0,
        books,
        publisher,
        published: HashMap::new(),
        looked: None,
        supervision: Supervision::new(),
        edge: None,
        awaits_exclusion: false,
        guard: Room::new(requests.clone()),
    };
    // Before anything is told: a restart lifts no cap.
    helper.start_guard();
    helper.say_links();
    let shown = helper.guard.shown();
    tokio::spawn(publisher::run(
        args.address.clone(),
        commands,
        requests,
        shown,
    ));
    helper.look(true).await;
    helper.supervision.ready();
    loop {
        alarm.set(helper.due()?)?;
        tokio::select! {
            order = signals.next() => match order {
                Order::End => {
                    // Nobody may wait for an answer any more.
                    drop(requested);
                    return helper.end().await;
                }
                Order::Reload => { helper.reload().await; }
            },
            sights = helper.meter.notices() => { helper.noticed(sights).await; }
            Some(request) = requested.recv() => helper.serve(request).await,
            rung = alarm.rings() => {
                rung?;
                helper.look(false).await;
            }
        }
    }
}

struct Helper {
    boot: Arc<str>,
    meter: Meter,
    books: Bookkeeper,
    watch: Watch,
    args: Args,
    /// In which state of the watch the program `vnstat` was asked.
    asked: u64,
    publisher: mpsc::UnboundedSender<Command>,
    published: HashMap<String, Publication>,
    /// When the counters were last read, by `CLOCK_BOOTTIME`.
    looked: Option<Duration>,
    supervision: Supervision,
    /// From when to when the next edge of an hour or period is known: calendars are costly.
    edge: Option<(i64, i64)>,
    /// Whether the daemon is there and has yet to count what is excluded.
    awaits_exclusion: bool,
    guard: Room,
}

impl Helper {
    /// When to look next, by `CLOCK_BOOTTIME`: never past the edge of an hour or a period.
    fn due(&mut self) -> io::Result<Duration> {
        let clock = Clock::read(&self.boot)?;
        let known = self
            .edge
            .filter(|(from, to)| (*from..*to).contains(&clock.usec));
        let (from, to) = known.unwrap_or_else(|| (clock.usec, self.books.next_edge(clock.usec)));
        self.edge = Some((from, to));
        let until_edge = u64::try_from(to.saturating_sub(clock.usec)).unwrap_or(0);
        let edge = clock.boottime() + Duration::from_micros(until_edge);
        let poll = self.books.config().poll_interval;
        let interval = self.supervision.interval(poll);
        // The daemon counts from our first grant on.
        let interval = if self.awaits_exclusion {
            interval.min(FIRST_EXCLUSION)
        } else {
            interval
        };
        let next = self
            .looked
            .map_or(Duration::ZERO, |looked| looked + interval);
        Ok(next.min(edge))
    }

    /// Reads all counters and books them; publishes what is new, or everything if `all`. Returns
    /// what went wrong; that has been logged, and the next look makes good for it.
    async fn look(&mut self, all: bool) -> Option<String> {
        let interfaces = self.books.interfaces();
        // Before the question: what flows until the answer is then counted, not forgiven.
        let clock = match Clock::read(&self.boot) {
            Ok(clock) => clock,
            Err(error) => return Some(complain(&error)),
        };
        self.looked = Some(clock.boottime());
        // Before the counters, too: then what flows meanwhile is charged for a moment, not forgiven.
        let exclusions = self.ask_exclusions().await;
        if self.books.config().source != Source::Kernel {
            let new = self.books.without_mark();
            self.watch.look(&interfaces, &new, &clock);
        }
        match self.meter.look(&interfaces).await {
            Ok(sights) => {
                self.books.observe(&sights, &clock);
                let news = self.exclude(&exclusions, &clock);
                let trouble = self.book(&[], &clock, all || news);
                self.supervision.alive(clock.boottime());
                self.ask_vnstat(&clock).await;
                trouble
            }
            Err(error) => {
                self.reopen(&clock);
                Some(complain(&format!("the counters cannot be read: {error}")))
            }
        }
    }

    /// The kernel told something by itself.
    async fn noticed(&mut self, sights: io::Result<Vec<Sight>>) -> Option<String> {
        let clock = match Clock::read(&self.boot) {
            Ok(clock) => clock,
            Err(error) => return Some(complain(&error)),
        };
        match sights {
            Ok(sights) => {
                let trouble = self.book(&sights, &clock, false);
                if sights.contains(&Sight::Overrun) {
                    return self.look(false).await;
                }
                trouble
            }
            Err(error) => {
                self.reopen(&clock);
                // The next socket may fail at once, too.
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some(complain(&format!(
                    "the counters cannot be watched: {error}"
                )))
            }
        }
    }

    /// A socket that failed may have lost messages, and may fail for ever.
    fn reopen(&mut self, clock: &Clock) {
        self.books.observe(&[Sight::Overrun], clock);
        match Meter::open() {
            Ok(meter) => self.meter = meter,
            Err(error) => {
                complain(&error);
            }
        }
    }

    /// What the daemon says was excluded; nothing if it does not answer: everything is charged
    /// then, until it does.
    async fn ask_exclusions(&mut self) -> Exclusions {
        let excluding = self.books.excluding();
        if excluding.is_empty() {
            return Vec::new();
        }
        let (answer, answered) = oneshot::channel();
        self.send(Command::Excluded(excluding, answer));
        match tokio::time::timeout(ANSWER, answered).await {
            Ok(Ok(exclusions)) => exclusions,
            _ => Vec::new(),
        }
    }

    /// Takes note of what was excluded. Whether that must be told at once.
    fn exclude(&mut self, exclusions: &Exclusions, clock: &Clock) -> bool {
        let mut news = false;
        for (interface, excluded) in exclusions {
            news |= self.books.exclude(interface, excluded, clock);
        }
        self.awaits_exclusion = !exclusions.is_empty() && self.books.awaits_exclusion();
        news
    }

    fn book(&mut self, sights: &[Sight], clock: &Clock, all: bool) -> Option<String> {
        self.books.observe(sights, clock);
        let committed = if all {
            self.books.commit()
        } else {
            self.books.commit_due()
        };
        let mut trouble = committed.err().map(|error| complain(&error));
        match self.books.compare(&self.watch, clock) {
            Ok(news) => self.published.retain(|name, _| !news.contains(name)),
            Err(error) => trouble = Some(complain(&error)),
        }
        for interface in self.books.interfaces() {
            if let Err(error) = self.publish(&interface, clock, all) {
                return Some(complain(&error));
            }
        }
        trouble
    }

    /// Has the program `vnstat` read what we cannot: only rows, but a past is better than none.
    async fn ask_vnstat(&mut self, clock: &Clock) {
        let is_asked = self.asked == self.watch.generation();
        let is_of_use = matches!(self.watch.current(), Err(trouble) if !trouble.is_passing());
        if is_asked || !is_of_use || self.books.config().source == Source::Kernel {
            return;
        }
        let links = match self.books.without_past() {
            Ok(links) => links,
            Err(error) => {
                complain(&error);
                return;
            }
        };
        if links.is_empty() {
            return;
        }
        self.asked = self.watch.generation();
        let Some(text) = self.watch.program().json().await else {
            return;
        };
        for link in links {
            let rows = match json::rows(&text, &link, self.watch.dates()) {
                Ok(rows) => rows,
                Err(why) => {
                    tracing::info!("{link}: nothing is known of the time before: {why}");
                    continue;
                }
            };
            match self.books.import(&link, &rows, clock) {
                Ok(()) => {
                    tracing::info!("{link}: the time before is taken from vnstat --json");
                    self.published.remove(&link);
                }
                Err(error) => {
                    complain(&error);
                }
            }
        }
        for interface in self.books.interfaces() {
            if let Err(error) = self.publish(&interface, clock, false) {
                complain(&error);
            }
        }
    }

    fn publish(&mut self, interface: &str, clock: &Clock, all: bool) -> Result<(), StoreError> {
        let now = clock.boottime();
        let movement = self.books.movement(interface).unwrap_or_default();
        let told = self.published.get(interface);
        if !all && told.is_some_and(|told| told.stands(now, clock.usec, movement)) {
            return Ok(());
        }
        let Some(figures) = self.books.figures(interface, clock)? else {
            return Ok(());
        };
        let publication = Publication {
            at: now,
            movement,
            period_end_usec: figures.1.period_end_usec,
        };
        self.published.insert(interface.to_owned(), publication);
        self.send(Command::Figures(interface.to_owned(), Box::new(figures)));
        Ok(())
    }

    fn say_links(&self) {
        self.send(Command::Links(self.books.interfaces()));
    }

    fn send(&self, command: Command) {
        // The publisher lives as long as this sender.
        let _ = self.publisher.send(command);
    }

    /// Follows a changed configuration, if there is nothing wrong with it.
    async fn reload(&mut self) -> Option<String> {
        let config = match configuration::load(&self.args.config) {
            Ok(config) => config,
            Err(problems) => {
                tracing::error!(
                    "the configuration in force stays: the new one is wrong\n{problems}"
                );
                return None;
            }
        };
        // What was moved until now is booked under the old rules.
        self.look(false).await;
        if let Err(error) = self.books.reconfigure(config) {
            return Some(complain(&error));
        }
        tracing::info!("the configuration was read again");
        // vnStat's may have changed, too.
        self.watch = Watch::new(
            self.args.vnstat_config.as_deref(),
            &self.args.vnstat_program,
        );
        self.asked = 0;
        self.published.clear();
        self.edge = None;
        self.reconfigure_guard();
        self.say_links();
        self.look(true).await
    }

    /// The last reading. The grants stay with the daemon.
    async fn end(&mut self) -> Result<(), Failure> {
        self.supervision.stopping();
        let trouble = self.look(true).await;
        let (answer, answered) = oneshot::channel();
        self.send(Command::Flush(answer));
        // Whether anybody takes the last figures or not, they are in the ledger.
        let _ = tokio::time::timeout(FAREWELL, answered).await;
        trouble.map_or(Ok(()), |text| Err(Failure::Other(text)))
    }
}

/// Logs what went wrong and hands the text on.
fn complain(trouble: &dyn fmt::Display) -> String {
    let text = trouble.to_string();
    tracing::error!("{text}");
    text
}
