//! Hands the figures to `bwflowd`, whenever it is there, over whatever bus there is.

use std::collections::BTreeMap;
use std::time::Duration;

use bwflow_proto::bus::{self, EnforcerProxy, LinkProxy, ManagerProxy};
use bwflow_proto::claim::TopUp;
use bwflow_proto::exclusion::Excluded;
use bwflow_proto::grant::Grant;
use bwflow_proto::ledger::LedgerView;
use bwflow_proto::socket::Stream;
use bwflow_proto::spend::SpendView;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use zbus::fdo::{DBusProxy, RequestNameFlags, RequestNameReply};
use zbus::names::OwnedUniqueName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, connection};

use crate::service::{Error, Refresh, Request, Service};
use crate::top_ups::TopUps;

mod caution;

use caution::Caution;

/// How long the daemon may take to answer a call.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest message that is taken, bytes. Of those that are meant for us, the daemon's list of a
/// thousand top-ups, all with the longest reason, is the longest, 700 kB.
const MAX_MESSAGE: u64 = 1 << 20;
/// Waiting times between attempts to reach the bus: doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// How often to ask again for a name that somebody else has.
const NAME_RETRY: Duration = Duration::from_secs(10);

/// What the publisher is told.
#[derive(Debug)]
pub enum Command {
    /// Exactly these links are looked after; the daemon is to forget all others.
    Links(Vec<String>),
    /// The cap of this link may only be tightened until something else is said, or of none.
    Tighten(Option<String>),
    /// The latest figures of a link.
    Figures(String, Box<(Grant, LedgerView)>),
    /// Say how much of these links' traffic was excluded; nothing while the daemon does not answer.
    Excluded(Vec<String>, oneshot::Sender<Exclusions>),
    /// Say when the daemon has everything there is.
    Flush(Refresh),
}

/// What the spend guard shows, if anything.
pub type Shown = watch::Receiver<Option<SpendView>>;

/// What was excluded, by the links' names.
pub type Exclusions = Vec<(String, Excluded)>;

/// What the daemon should know; the latest figures win.
#[derive(Debug, Default)]
struct Desired {
    links: BTreeMap<String, Figures>,
    /// Whether it is known which links are ours at all.
    named: bool,
    /// Whether the daemon looks after no links but ours.
    tidy: bool,
    waiting: Vec<Refresh>,
    asked: Vec<(Vec<String>, oneshot::Sender<Exclusions>)>,
    caution: Caution,
}

#[derive(Debug, Default)]
struct Figures {
    latest: Option<Box<(Grant, LedgerView)>>,
    delivered: bool,
}

impl Desired {
    fn apply(&mut self, command: Command) {
        match command {
            Command::Links(names) => {
                let mut old = std::mem::take(&mut self.links);
                self.links = names
                    .into_iter()
                    .map(|name| {
                        let figures = old.remove(&name).unwrap_or_default();
                        (name, figures)
                    })
                    .collect();
                self.named = true;
                self.tidy = false;
            }
            Command::Figures(name, latest) => {
                if let Some(figures) = self.links.get_mut(&name) {
                    figures.latest = Some(latest);
                    figures.delivered = false;
                }
            }
            Command::Tighten(link) => self.caution.set(link),
            Command::Excluded(names, answer) => self.asked.push((names, answer)),
            Command::Flush(answer) => self.waiting.push(answer),
        }
    }

    /// Applies all that wait: of several, only the latest figures are worth a call.
    fn apply_all(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) {
        while let Ok(command) = commands.try_recv() {
            self.apply(command);
        }
    }

    /// The daemon is another one now, and knows nothing.
    fn start_over(&mut self) {
        self.tidy = false;
        for figures in self.links.values_mut() {
            figures.delivered = false;
        }
    }

    fn answer(&mut self, result: &Result<(), Error>) {
        // Whoever asks the daemon something learns that it has not answered.
        self.asked.clear();
        for waiting in self.waiting.drain(..) {
            // Who asked may be gone.
            let _ = waiting.send(result.clone());
        }
    }
}

/// Publishes until the commands end. `address` is a D-Bus address, or nothing for the system bus.
pub async fn run(
    address: Option<String>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    requests: mpsc::Sender<Request>,
    mut spend: Shown,
) {
    let mut desired = Desired::default();
    let mut wait = BACKOFF.0;
    let mut said = String::new();
    loop {
        let reason = match connect(address.as_deref(), &requests, &spend).await {
            Ok(connection) => {
                wait = BACKOFF.0;
                let serving = serve(
                    &connection,
                    &mut desired,
                    &mut commands,
                    &requests,
                    &mut spend,
                );
                match serving.await {
                    Ok(()) => return,
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
        if reason != said {
            tracing::warn!("no bus to publish on ({reason}); counting goes on");
            said = reason;
        }
        let until = Instant::now() + wait;
        wait = (wait * 2).min(BACKOFF.1);
        loop {
            desired.answer(&Err(Error::DaemonAbsent("the bus is gone".to_owned())));
            match tokio::time::timeout_at(until, commands.recv()).await {
                Ok(Some(command)) => desired.apply(command),
                Ok(None) => return,
                Err(_) => break,
            }
        }
    }
}

async fn connect(
    address: Option<&str>,
    requests: &mpsc::Sender<Request>,
    spend: &Shown,
) -> zbus::Result<Connection> {
    let build = async {
        let stream = Stream::connect(address, MAX_MESSAGE).await?;
        connection::Builder::socket(stream)
            .method_timeout(PATIENCE)
            .serve_at(
                bus::HELPER_PATH,
                Service::new(requests.clone(), spend.clone()),
            )
            .build()
            .await
    };
    // A bus that accepts and says nothing would otherwise hold us here for ever.
    tokio::time::timeout(2 * PATIENCE, build)
        .await
        .unwrap_or_else(|_| Err(zbus::Error::Failure("the bus does not answer".to_owned())))
}

/// Publishes on one connection; an error when that is gone, success when the commands end.
async fn serve(
    connection: &Connection,
    desired: &mut Desired,
    commands: &mut mpsc::UnboundedReceiver<Command>,
    requests: &mpsc::Sender<Request>,
    spend: &mut Shown,
) -> zbus::Result<()> {
    let driver = DBusProxy::new(connection).await?;
    let mut owners = driver
        .receive_name_owner_changed_with_args(&[(0, bus::NAME)])
        .await?;
    let mut daemon = owner(&driver).await?;
    let mut top_ups = listen(connection, daemon.as_ref(), requests).await?;
    let mut name = Name::default();
    name.request(connection).await?;
    desired.start_over();
    tracing::info!(
        "on the bus; bwflowd is {}",
        if daemon.is_some() {
            "there"
        } else {
            "not there yet"
        }
    );
    let mut said = String::new();
    desired.apply_all(commands);
    loop {
        if let Some(top_ups) = &mut top_ups {
            let mut outcome = answer_asked(connection, desired).await;
            if outcome.is_ok() {
                outcome = deliver(connection, desired, top_ups).await;
            }
            if outcome.is_ok() && top_ups.is_due() {
                // The links have their objects now. What is booked brings new figures.
                let names: Vec<String> = desired.links.keys().cloned().collect();
                let asking = top_ups.ask(connection, names.iter());
                let (asked, has_other_links) =
                    meanwhile(asking, connection, desired, commands).await;
                outcome = asked;
                if has_other_links {
                    top_ups.ask_again();
                }
                desired.apply_all(commands);
                if outcome.is_ok() {
                    outcome = deliver(connection, desired, top_ups).await;
                }
            }
            desired.caution.remind(requests);
            match &outcome {
                Ok(()) => said.clear(),
                Err(error) => {
                    let reason = error.to_string();
                    if reason != said {
                        tracing::warn!("bwflowd did not take the figures: {reason}");
                        said = reason;
                    }
                }
            }
            desired.answer(&outcome.map_err(|error| Error::Failed(error.to_string())));
        } else {
            let absent = Error::DaemonAbsent("bwflowd is not on the bus".to_owned());
            desired.answer(&Err(absent));
        }
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else {
                    return Ok(());
                };
                if let (Command::Links(_), Some(top_ups)) = (&command, &mut top_ups) {
                    top_ups.ask_again();
                }
                desired.apply(command);
                desired.apply_all(commands);
            }
            shown = next_top_ups(top_ups.as_mut(), desired.links.keys()) => {
                if let (Some((link, shown)), Some(top_ups)) = (shown?, &mut top_ups) {
                    let booking = top_ups.book(&link, shown);
                    let (_, has_other_links) =
                        meanwhile(booking, connection, desired, commands).await;
                    if has_other_links {
                        top_ups.ask_again();
                    }
                }
                desired.apply_all(commands);
            }
            changed = owners.next() => {
                daemon = new_owner(changed)?;
                top_ups = listen(connection, daemon.as_ref(), requests).await?;
                let word = if daemon.is_some() { "there" } else { "gone" };
                tracing::info!("bwflowd is {word}");
                desired.start_over();
            }
            Ok(()) = spend.changed() => show_spend(connection).await?,
            () = name.retry_time() => name.request(connection).await?,
            () = connection.closed() => return Err(gone()),
        }
    }
}

/// Tells everybody who listens that the spend guard shows something else.
async fn show_spend(connection: &Connection) -> zbus::Result<()> {
    let server = connection.object_server();
    let service = server.interface::<_, Service>(bus::HELPER_PATH).await?;
    let shown = service.get().await;
    shown.spend_changed(service.signal_emitter()).await
}

/// Waits for work of the accounting loop, and goes on answering what the loop asks for it: before it
/// books, it asks what was excluded. Returns whether there are other links now, too.
async fn meanwhile<T>(
    work: impl Future<Output = T>,
    connection: &Connection,
    desired: &mut Desired,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> (T, bool) {
    let mut has_other_links = false;
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return (done, has_other_links),
            Some(command) = commands.recv() => {
                has_other_links |= matches!(command, Command::Links(_));
                desired.apply(command);
                if let Err(error) = answer_asked(connection, desired).await {
                    tracing::debug!("bwflowd does not say what was excluded: {error}");
                }
            }
        }
    }
}

fn gone() -> zbus::Error {
    zbus::Error::Failure("the connection was closed".to_owned())
}

/// The daemon's connection, if it is there.
async fn owner(driver: &DBusProxy<'_>) -> zbus::Result<Option<OwnedUniqueName>> {
    match driver.get_name_owner(bus::NAME.try_into()?).await {
        Ok(owner) => Ok(Some(owner)),
        Err(zbus::fdo::Error::NameHasNoOwner(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn new_owner(signal: Option<zbus::fdo::NameOwnerChanged>) -> zbus::Result<Option<OwnedUniqueName>> {
    let signal = signal.ok_or_else(gone)?;
    let owner = signal.args()?.new_owner().as_ref().map(|it| it.to_owned());
    Ok(owner.map(Into::into))
}

async fn listen(
    connection: &Connection,
    daemon: Option<&OwnedUniqueName>,
    requests: &mpsc::Sender<Request>,
) -> zbus::Result<Option<TopUps>> {
    match daemon {
        Some(daemon) => {
            let top_ups = TopUps::listen(connection, daemon.clone(), requests.clone()).await?;
            Ok(Some(top_ups))
        }
        None => Ok(None),
    }
}

/// The next top-ups that are shown, or nothing when it is time to ask for them again.
async fn next_top_ups(
    top_ups: Option<&mut TopUps>,
    links: impl Iterator<Item = &String> + Clone,
) -> zbus::Result<Option<(String, Vec<TopUp>)>> {
    match top_ups {
        Some(top_ups) => top_ups.next(links).await,
        None => std::future::pending().await,
    }
}

/// Brings the daemon up to date: a link's grant first, then its ledger, and only then that its
/// top-ups are part of them.
async fn deliver(
    connection: &Connection,
    desired: &mut Desired,
    top_ups: &mut TopUps,
) -> zbus::Result<()> {
    let enforcer = EnforcerProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    for (name, figures) in &mut desired.links {
        if let (false, Some(latest)) = (figures.delivered, &figures.latest) {
            let (mut grant, ledger) = (**latest).clone();
            desired.caution.temper(connection, name, &mut grant).await?;
            enforcer.set_grant(name, grant).await?;
            enforcer.publish_ledger(name, ledger).await?;
            figures.delivered = true;
        }
    }
    if desired.named && !desired.tidy {
        forget_others(connection, &enforcer, desired).await?;
        desired.tidy = true;
    }
    top_ups.confirm(&enforcer).await
}

/// Passes questions about what was excluded on to the daemon.
async fn answer_asked(connection: &Connection, desired: &mut Desired) -> zbus::Result<()> {
    for (names, answer) in std::mem::take(&mut desired.asked) {
        let enforcer = EnforcerProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let mut exclusions = Vec::new();
        for name in names {
            let excluded = enforcer.excluded(&name).await?;
            exclusions.push((name, excluded));
        }
        // Who asked may be gone.
        let _ = answer.send(exclusions);
    }
    Ok(())
}

/// Lets the daemon forget links that are not in the configuration, also those that were dropped
/// from it while we did not run.
async fn forget_others(
    connection: &Connection,
    enforcer: &EnforcerProxy<'_>,
    desired: &Desired,
) -> zbus::Result<()> {
    let manager = ManagerProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    for path in manager.links().await? {
        if desired
            .links
            .keys()
            .any(|name| bus::link_path(name) == path)
        {
            continue;
        }
        let link = LinkProxy::builder(connection)
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let name = link.interface().await?;
        tracing::info!("{name}: not in the configuration; bwflowd is to forget it");
        enforcer.forget(&name).await?;
    }
    Ok(())
}

/// Our own name on the bus.
#[derive(Default)]
struct Name {
    retry_at: Option<Instant>,
    said: bool,
}

impl Name {
    async fn request(&mut self, connection: &Connection) -> zbus::Result<()> {
        let flags = RequestNameFlags::DO_NOT_QUEUE;
        let reply = connection
            .request_name_with_flags(bus::HELPER_NAME, flags)
            .await;
        let refusal = match reply {
            Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => {
                self.retry_at = None;
                return Ok(());
            }
            Ok(_) | Err(zbus::Error::NameTaken) => "somebody else has it".to_owned(),
            // The bus has answered: its policy refuses us, which an administrator can mend.
            Err(error @ (zbus::Error::MethodError(..) | zbus::Error::FDO(_))) => error.to_string(),
            Err(error) => return Err(error),
        };
        if !self.said {
            tracing::warn!(
                "the name {} is not to be had: {refusal}; trying on",
                bus::HELPER_NAME
            );
            self.said = true;
        }
        self.retry_at = Some(Instant::now() + NAME_RETRY);
        Ok(())
    }

    async fn retry_time(&self) {
        match self.retry_at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
