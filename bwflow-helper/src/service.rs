//! The helper's own bus interface.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bwflow_proto::claim::TopUp;
use bwflow_proto::history::{Change, Link, Resolution, Row};
use bwflow_proto::spend::SpendView;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use zbus::{DBusError, OwnedVariant, Variant, interface};

use crate::history::Allowance;
use crate::spend::world::Ask;

/// Somebody wants fresh figures; the answer goes back through this.
pub type Refresh = oneshot::Sender<Result<(), Error>>;

/// The answer to a question; `Err` says in words for the user why there is none.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A stretch of a link's past that somebody wants to know, microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The interface's name.
    pub interface: String,
    /// First instant.
    pub since_usec: u64,
    /// First instant that does not belong to it any more.
    pub until_usec: u64,
}

/// What the loop that owns the ledger is asked for.
#[derive(Debug)]
pub enum Request {
    /// Count, commit and publish now.
    Refresh(Refresh),
    /// Book these top-ups of a link; answers with those that are in the ledger for good.
    Book(String, Vec<TopUp>, oneshot::Sender<Vec<String>>),
    /// Name the links that have a past.
    Links(Reply<Vec<Link>>),
    /// Tell the past.
    History(Stretch, Resolution, Reply<(Vec<Row>, u64)>),
    /// Tell what was changed by hand.
    Adjustments(Stretch, Reply<(Vec<Change>, u64)>),
    /// Do what the spend guard needs.
    Spend(Ask),
    /// Have the spend guard check now.
    CheckSpend(Reply<()>),
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, DBusError)]
#[zbus(prefix = "org.bwflow1.Error")]
pub enum Error {
    /// `bwflowd` is not on the bus, so nobody has the figures.
    DaemonAbsent(String),
    /// The figures could not be read or handed over.
    Failed(String),
    /// The question makes no sense; the text says what does.
    InvalidArgs(String),
    /// Too many questions at once.
    LimitsExceeded(String),
}

/// Between two checks of the spend guard that somebody asks for.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Serves `org.bwflow1.Helper`: thin, the one loop that owns the ledger does the work.
pub struct Service {
    requests: mpsc::Sender<Request>,
    /// When this service began, which its allowance counts from.
    begun: Instant,
    allowance: Mutex<Allowance>,
    /// Held while the loop is asked something.
    turn: tokio::sync::Mutex<()>,
    /// What the spend guard shows.
    spend: watch::Receiver<Option<SpendView>>,
    /// When the spend guard was last asked to check; held while it does.
    checked: tokio::sync::Mutex<Option<Instant>>,
}

impl Service {
    /// Passes requests on to the loop, and shows what the spend guard shows.
    pub fn new(requests: mpsc::Sender<Request>, spend: watch::Receiver<Option<SpendView>>) -> Self {
        Self {
            requests,
            begun: Instant::now(),
            allowance: Mutex::new(Allowance::new(Duration::ZERO)),
            turn: tokio::sync::Mutex::new(()),
            spend,
            checked: tokio::sync::Mutex::new(None),
        }
    }

    /// Has the loop answer a question, if not too many are asked.
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        let crowded = || {
            Error::LimitsExceeded(
                "too many questions about the past at once; try again in a second".to_owned(),
            )
        };
        // A queue would be as long as those who flood it like.
        let _turn = self.turn.try_lock().map_err(|_| crowded())?;
        let is_allowed = self
            .allowance
            .lock()
            .is_ok_and(|mut allowance| allowance.take(self.begun.elapsed()));
        if !is_allowed {
            return Err(crowded());
        }
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(request(answer)).await;
        sent.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?
    }
}

fn ending() -> Error {
    Error::Failed("bwflow-helper is ending".to_owned())
}

#[interface(name = "org.bwflow1.Helper")]
impl Service {
    /// Reads the counters, commits and publishes now; at most once a second, otherwise the last
    /// figures stand. Returns when the daemon has them.
    async fn refresh(&self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Refresh(answer);
        self.requests.send(request).await.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?
    }

    /// The links that have a past to tell, in the order of the configuration: interface (s), the
    /// IANA name of the time zone whose midnights begin days and periods (s), what is charged (s:
    /// "tx", "rx", "sum" or "max").
    async fn links(&self) -> Result<Vec<Link>, Error> {
        self.ask(Request::Links).await
    }

    /// What a link moved in the "hours" of UTC, the "days" of its time zone or the "months" (its
    /// billing periods) that begin in [since, until), the one that holds since included, by times
    /// in microseconds since the Unix epoch. Each row: start (t), end (t), bytes sent (t),
    /// received (t) and charged (t, in months with corrections), who counted (s: "bwflow",
    /// "vnstat" or "both"). What vnStat knew by longer stretches only is a row of that length. Rows
    /// without traffic are left out. At most 1000 are returned, and
    /// with them as the next call's since where to go on; that is 0 after the last ones. Of
    /// everybody's calls together one at a time is answered, and 20 a second after the first 40;
    /// others are refused with org.bwflow1.Error.LimitsExceeded, and can be made again.
    #[zbus(out_args("rows", "next_usec"))]
    async fn history(
        &self,
        interface: String,
        resolution: String,
        since_usec: u64,
        until_usec: u64,
    ) -> Result<(Vec<Row>, u64), Error> {
        let Ok(resolution) = resolution.parse() else {
            return Err(Error::InvalidArgs(
                "the resolution must be hours, days or months".to_owned(),
            ));
        };
        let stretch = Stretch {
            interface,
            since_usec,
            until_usec,
        };
        self.ask(|answer| Request::History(stretch, resolution, answer))
            .await
    }

    /// What was changed by hand in [since, until), oldest first: when (t), "topup" or "correction"
    /// (s), bytes added to the budget or to what was used (x), by whom (s, may be empty), why (s,
    /// may be empty). Paged and held to the same pace as History.
    #[zbus(out_args("changes", "next_usec"))]
    async fn adjustments(
        &self,
        interface: String,
        since_usec: u64,
        until_usec: u64,
    ) -> Result<(Vec<Change>, u64), Error> {
        let stretch = Stretch {
            interface,
            since_usec,
            until_usec,
        };
        self.ask(|answer| Request::Adjustments(stretch, answer))
            .await
    }

    /// What the spend guard knows, has decided and has seen done; empty while it is switched off.
    /// Before the end of the first check CheckedAtUSec is 0. Times (`...USec`, t) are microseconds
    /// since the Unix epoch; money (`...Micros`, x) is millionths of the unit of Currency (s), left out
    /// where it is not known. Knowledge (s: "unknown", "stale" or "fresh"); AzureBudgetName (s),
    /// FallbackBudgetMicros, BudgetMicros, BudgetSource (s: "azure_budget_api", "azure_only_budget" or
    /// "fallback"), BudgetNote (s); PeriodStartUSec, PeriodEndUSec; CostMicros, CostAtUSec;
    /// EstimateMicros, UnreportedBytes (t), PricePerGbMicros, BasisPoints (x, hundredths of a percent
    /// of the budget); Tier (s), TierSinceUSec, TierReason (s), BitrateBitsPerSecond (u, 0 is none),
    /// Off (b); Interface (s), LinkRateBytesPerSecond (t, 0 is none); JellyfinHost (s), JellyfinPort
    /// (q), JellyfinState (s: "held", "pending", "unreachable", "foreign", "refused" or "none"),
    /// JellyfinBitrate (x, negative when never read), JellyfinRemoteAccess (s: "yes", "no" or empty),
    /// JellyfinAtUSec, JellyfinVersion (s), JellyfinError (s), JellyfinErrorSinceUSec, Findings (a(ss):
    /// kind, subject); CostError (s), CostErrorSinceUSec; CheckedAtUSec, NextCheckUSec, NextCostUSec.
    #[zbus(property)]
    async fn spend(&self) -> HashMap<String, OwnedVariant> {
        let view = self.spend.borrow().clone();
        view.and_then(|view| HashMap::try_from(Variant::from(view)).ok())
            .unwrap_or_default()
    }

    /// Has the spend guard look at cost, budget and Jellyfin now, and returns when it is done and
    /// Spend says so. At most one at a time and one in 10 seconds; others are refused with
    /// org.bwflow1.Error.LimitsExceeded. The cloud is asked at most once a minute.
    async fn check_spend(&self) -> Result<(), Error> {
        let crowded = |text: &str| Error::LimitsExceeded(text.to_owned());
        let checked = self.checked.try_lock();
        let mut checked =
            checked.map_err(|_| crowded("a check is under way; try again when it is done"))?;
        if checked.is_some_and(|at| at.elapsed() < CHECK_INTERVAL) {
            return Err(crowded(
                "the last check was less than 10 seconds ago; try again then",
            ));
        }
        *checked = Some(Instant::now());
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request::CheckSpend(answer)).await;
        sent.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?
    }
}
