//! `bwflowctl status`: what every link is held to now, once or at every change.

pub(crate) mod json;
mod line;
mod screen;

use tokio::signal::unix::{SignalKind, signal};

use crate::args::Status;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::grid::printable;
use crate::output::Output;
use crate::snapshot::{Snapshot, named};
use crate::watch::Watch;

const WAITING: &str = "waiting for bwflowd";

/// Shows the state, and with `--watch` goes on until Ctrl-C or a closed pipe.
pub(crate) async fn run(
    args: &Status,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let bus = Bus::connect(address).await?;
    if !args.watch {
        let mut snapshot = bus.snapshot().await?;
        if let Some(name) = &args.interface {
            snapshot.links = vec![named(snapshot.links, name)?];
        }
        return if args.json {
            output.data(&json::render(&snapshot)?)
        } else {
            output.data(&screen::render(&snapshot, output.has_color()))
        };
    }
    let mut watch = Watch::start(&bus).await?;
    let interface = args.interface.clone();
    if let Some(name) = &interface
        && watch.snapshot().has_daemon
    {
        named(watch.snapshot().links, name)?;
    }
    let mut display = Display::new(args.json, output.is_terminal(), interface);
    // Listening begins here, not with the first wait: Ctrl-C may come as soon as there is a line.
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::Failed(format!("cannot listen for Ctrl-C: {error}")))?;
    let closed = Output::closed();
    tokio::pin!(closed);
    loop {
        display.show(watch.snapshot(), output)?;
        tokio::select! {
            changed = watch.changed() => changed?,
            _ = interrupts.recv() => return Ok(()),
            () = &mut closed => return Err(Failure::ClosedPipe),
        }
    }
}

/// Shows snapshots one after the other, each only if it differs in what is shown.
struct Display {
    way: Way,
    /// The only link to show.
    interface: Option<String>,
    shown: String,
    was_waiting: bool,
}

enum Way {
    /// One document a line.
    Json,
    /// One screen, drawn anew.
    Screen,
    /// A line for each link that changed.
    Lines(line::Lines),
}

impl Display {
    fn new(is_json: bool, is_terminal: bool, interface: Option<String>) -> Self {
        let way = match (is_json, is_terminal) {
            (true, _) => Way::Json,
            (false, true) => Way::Screen,
            (false, false) => Way::Lines(line::Lines::default()),
        };
        Self {
            way,
            interface,
            shown: String::new(),
            was_waiting: false,
        }
    }

    fn show(&mut self, mut snapshot: Snapshot, output: &mut Output) -> Result<(), Failure> {
        if let Some(name) = &self.interface {
            snapshot.links.retain(|link| link.interface == *name);
        }
        let snapshot = &snapshot;
        let is_waiting = !snapshot.has_daemon;
        if is_waiting && !self.was_waiting && !matches!(self.way, Way::Screen) {
            output.talk(WAITING);
        }
        self.was_waiting = is_waiting;
        let text = match &mut self.way {
            Way::Json => json::render(snapshot)?,
            Way::Screen => match &self.interface {
                Some(name) if snapshot.has_daemon && snapshot.links.is_empty() => {
                    format!("no link `{}` now\n", printable(name))
                }
                _ => screen::render(snapshot, output.has_color()),
            },
            Way::Lines(lines) => {
                let text = lines.changes(snapshot, jiff::Timestamp::now());
                return if text.is_empty() {
                    Ok(())
                } else {
                    output.data(&text)
                };
            }
        };
        if text == self.shown {
            return Ok(());
        }
        match self.way {
            Way::Screen => output.redraw(&text)?,
            Way::Json | Way::Lines(_) => output.data(&text)?,
        }
        self.shown = text;
        Ok(())
    }
}
