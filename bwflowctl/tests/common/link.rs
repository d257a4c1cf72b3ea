//! The stand-in for a link of the daemon: shows what it is told and notes what it is asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use bwflow_proto::claim::{Claim, Options, TopUp};
use bwflow_proto::ledger::LedgerView;
use zbus::names::ErrorName;
use zbus::{DBusError, Message, OwnedVariant, interface, message};

/// What the stand-in shows of a link, and what it answers.
#[derive(Default)]
pub(crate) struct Link {
    pub(crate) interface: String,
    pub(crate) state: String,
    pub(crate) limit: u64,
    pub(crate) blocked_by: String,
    pub(crate) ledger: Option<LedgerView>,
    pub(crate) throttle: Option<Claim>,
    pub(crate) lift: Option<Claim>,
    pub(crate) pending: Mutex<Vec<TopUp>>,
    /// What every method answers; `None` is success.
    pub(crate) refusal: Option<Answer>,
    /// Whether a method never answers.
    pub(crate) is_silent: bool,
    /// Each call as it came: method, arguments, whether a password may be asked for.
    pub(crate) calls: Mutex<Vec<String>>,
    /// A file whose contents at the time of a call are noted with it.
    pub(crate) log: Option<PathBuf>,
}

/// An error by its name on the bus.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) &'static str, pub(crate) &'static str);

impl DBusError for Answer {
    fn create_reply(&self, call: &message::Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.1)
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::try_from(self.0).unwrap()
    }

    fn description(&self) -> Option<&str> {
        Some(self.1)
    }
}

impl Link {
    async fn answer(&self, header: &message::Header<'_>, what: &str) -> Result<(), Answer> {
        let flags = header.primary().flags();
        let may_ask = flags.contains(message::Flags::ALLOW_INTERACTIVE_AUTH);
        let may_start = !flags.contains(message::Flags::NO_AUTO_START);
        assert!(!may_start, "{what} would have the bus start a daemon");
        let log = self.log.as_ref().map(std::fs::read_to_string);
        let log = log.map_or(String::new(), |log| format!(" after {:?}", log.unwrap()));
        let may_ask = if may_ask { " ask" } else { "" };
        self.calls
            .lock()
            .unwrap()
            .push(format!("{what}{may_ask}{log}"));
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

/// The options that were given, in one line.
fn shown(options: &Options) -> String {
    let Options {
        duration_usec,
        until_usec,
        rate_bytes_per_second,
        top_up_bytes,
        reason,
        force,
    } = options;
    let numbers = [
        ("for", duration_usec),
        ("until", until_usec),
        ("rate", rate_bytes_per_second),
        ("add", top_up_bytes),
    ];
    let numbers = numbers
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!(" {name}={value}")));
    let reason = reason.as_ref().map(|reason| format!(" reason={reason}"));
    let force = force.map(|force| format!(" force={force}"));
    numbers.chain(reason).chain(force).collect()
}

fn dictionary<T>(value: Option<T>) -> HashMap<String, OwnedVariant>
where
    OwnedVariant: TryFrom<T, Error: std::fmt::Debug>,
{
    value.map_or_else(HashMap::new, |value| {
        HashMap::try_from(OwnedVariant::try_from(value).unwrap()).unwrap()
    })
}

#[interface(name = "org.bwflow1.Link")]
impl Link {
    #[zbus(property(emits_changed_signal = "const"))]
    fn interface(&self) -> String {
        self.interface.clone()
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.state.clone()
    }

    #[zbus(property, name = "StateSinceUSec")]
    fn state_since_usec(&self) -> u64 {
        1_795_305_600_000_000
    }

    #[zbus(property)]
    fn limit_bytes_per_second(&self) -> u64 {
        self.limit
    }

    #[zbus(property)]
    fn blocked_by(&self) -> String {
        self.blocked_by.clone()
    }

    #[zbus(property)]
    fn grant(&self) -> HashMap<String, OwnedVariant> {
        HashMap::new()
    }

    #[zbus(property)]
    fn ledger(&self) -> HashMap<String, OwnedVariant> {
        dictionary(self.ledger.clone())
    }

    #[zbus(property, name = "Throttle")]
    fn current_throttle(&self) -> HashMap<String, OwnedVariant> {
        dictionary(self.throttle.clone())
    }

    #[zbus(property, name = "Override")]
    fn current_override(&self) -> HashMap<String, OwnedVariant> {
        dictionary(self.lift.clone())
    }

    #[zbus(property)]
    fn pending_top_ups(&self) -> Vec<TopUp> {
        self.pending.lock().unwrap().clone()
    }

    async fn throttle(
        &self,
        rate: u64,
        options: Options,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        let what = format!("Throttle {rate}{}", shown(&options));
        self.answer(&header, &what).await
    }

    async fn clear_throttle(
        &self,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        self.answer(&header, "ClearThrottle").await
    }

    #[zbus(name = "Override")]
    async fn override_limit(
        &self,
        options: Options,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        let what = format!("Override{}", shown(&options));
        self.answer(&header, &what).await
    }

    async fn clear_override(
        &self,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        self.answer(&header, "ClearOverride").await
    }

    async fn top_up(
        &self,
        bytes: u64,
        options: Options,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        let what = format!("TopUp {bytes}{}", shown(&options));
        self.answer(&header, &what).await?;
        let id = format!("{:032x}", self.calls.lock().unwrap().len());
        self.pending.lock().unwrap().push(TopUp {
            id,
            bytes,
            ..TopUp::default()
        });
        Ok(())
    }

    async fn correct(
        &self,
        used: u64,
        options: Options,
        #[zbus(header)] header: message::Header<'_>,
    ) -> Result<(), Answer> {
        let what = format!("Correct {used}{}", shown(&options));
        self.answer(&header, &what).await
    }
}
