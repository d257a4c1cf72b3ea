//! Whether a caller may do what they ask for: root may, the helper may not, polkit decides the rest.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use nix::unistd::{Uid, User};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};
use zbus::fdo::{DBusProxy, Error};
use zbus::message::{Flags, Header};
use zbus::names::UniqueName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, DBusError as _};
use zbus_polkit::policykit1::{
    AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject,
};

use super::callers::Callers;
use super::failure::Failure;
use super::question::Question;
use super::seats::{Full, Seats};
use crate::decision::Author;

/// Questions to polkit that one user may have open.
const PER_USER: usize = 8;
/// Questions to polkit that may be open altogether; as many replies the system bus lets a
/// connection wait for.
const ALL_CHECKS: usize = 128;
/// How long a person may take to type a password.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the user database may take to name somebody whose id we know already.
const NAMING: Duration = Duration::from_secs(1);

const HELP: &str = "use sudo, or have an administrator write a polkit rule (there is an example \
                    in /usr/share/doc/bwflow)";

/// Asks who calls and whether they may.
#[derive(Debug)]
pub struct Authority {
    helper_uid: u32,
    callers: Callers,
    checks: Seats<u32>,
    asked: AtomicU64,
}

/// How a question to polkit ended.
enum Outcome {
    Answered(zbus::Result<AuthorizationResult>),
    CallerLeft,
    TookTooLong,
}

impl Authority {
    /// Never authorises the user with the helper's id: it is the one that talks to the Internet.
    pub fn new(helper_uid: u32) -> Self {
        Self {
            helper_uid,
            callers: Callers::default(),
            checks: Seats::new(PER_USER, ALL_CHECKS),
            asked: AtomicU64::new(0),
        }
    }

    /// Returns whoever sent the message, once every question is answered by yes.
    ///
    /// # Errors
    /// Somebody said no, could not be asked, or too much is under way; nothing has changed then.
    pub async fn authorise(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        questions: &[Question],
    ) -> Result<Author, Failure> {
        let sender = header
            .sender()
            .ok_or_else(|| Failure::denied("the message names no sender"))?;
        let uid = self.callers.uid(connection, sender).await?;
        if uid == self.helper_uid {
            return Err(Failure::denied(
                "bwflow-helper decides by the budget alone and never by hand",
            ));
        }
        // Root waits for nobody and needs no seat. All others are counted before anything is
        // awaited, so that of a flood nothing stays.
        if uid != 0 {
            let _check = self.checks.take(&uid).map_err(|full| match full {
                Full::Share => Failure::too_many(format!(
                    "{PER_USER} requests of user id {uid} wait for a password; answer or end \
                     those first"
                )),
                Full::Room => Failure::too_many(format!(
                    "{ALL_CHECKS} requests wait for a password already; try again later"
                )),
            })?;
            for question in questions {
                // In a place of its own, so that those who are refused before it stay small.
                Box::pin(self.ask(connection, header, sender, question)).await?;
            }
        }
        Ok(Author {
            uid,
            name: Box::pin(name(uid)).await,
        })
    }

    async fn ask(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        sender: &UniqueName<'_>,
        question: &Question,
    ) -> Result<(), Failure> {
        let id = question.action.id();
        let interactive = header
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let flags = if interactive {
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION
        } else {
            CheckAuthorizationFlags::empty()
        };
        // By its unique name, which is never used twice; a process id would be a race.
        let subject = Subject::new_for_message_header(header)
            .map_err(|error| Failure::denied(error.to_string()))?;
        let details: HashMap<&str, &str> = question
            .details
            .iter()
            .map(|(key, text)| (*key, text.as_str()))
            .collect();
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let cancellation = format!("bwflowd-{number}");
        let polkit = AuthorityProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .map_err(|error| unasked(id, &error))?;
        let outcome = tokio::select! {
            answer = polkit.check_authorization(&subject, id, &details, flags, &cancellation) => {
                Outcome::Answered(answer)
            }
            // Without a person in it the answer comes at once.
            () = left(connection, sender), if interactive => Outcome::CallerLeft,
            () = sleep(PATIENCE) => Outcome::TookTooLong,
        };
        match outcome {
            Outcome::Answered(Ok(answer)) => judge(id, &answer, interactive),
            Outcome::Answered(Err(error)) => Err(unasked(id, &error)),
            Outcome::CallerLeft | Outcome::TookTooLong => {
                // Without a reply: the bus lets a connection wait for 128 of them at a time, and
                // so many questions may be open.
                let arguments = (cancellation,);
                let cancelled = polkit
                    .inner()
                    .call_noreply("CancelCheckAuthorization", &arguments);
                if let Err(error) = cancelled.await {
                    warn!(%error, "a question to polkit could not be cancelled");
                }
                if matches!(outcome, Outcome::CallerLeft) {
                    debug!(action = id, "whoever asked has left the bus");
                    return Err(Failure::denied("whoever asked has left the bus"));
                }
                Err(Failure::denied(format!(
                    "{id}: nobody typed a password within {} minutes",
                    PATIENCE.as_secs() / 60
                )))
            }
        }
    }
}

/// Completes when a connection is not on the bus any more.
async fn left(connection: &Connection, sender: &UniqueName<'_>) {
    let bus = DBusProxy::builder(connection).cache_properties(CacheProperties::No);
    let Ok(bus) = bus.build().await else {
        return pending().await;
    };
    let its_own = [(0, sender.as_str())];
    let Ok(mut changes) = bus.receive_name_owner_changed_with_args(&its_own).await else {
        return pending().await;
    };
    // It may have left before we watched.
    if !matches!(bus.name_has_owner(sender.clone().into()).await, Ok(false)) {
        changes.next().await;
    }
}

/// What follows from polkit's answer.
fn judge(id: &str, answer: &AuthorizationResult, interactive: bool) -> Result<(), Failure> {
    if answer.is_authorized {
        info!(action = id, "authorised by polkit");
        return Ok(());
    }
    if answer.is_challenge && !interactive {
        return Err(Failure::Standard(Error::InteractiveAuthorizationRequired(
            format!("{id} needs an administrator's password, and the caller allows no question"),
        )));
    }
    let why = if answer.details.contains_key("polkit.dismissed") {
        "no administrator was authenticated: the prompt was closed"
    } else if answer.is_challenge {
        "it needs an administrator's password, and there is nothing here to ask for it"
    } else if interactive {
        // polkit does not tell a wrong password from a rule's no.
        "no administrator was authenticated: wrong password, or the prompt was closed, or a \
         polkit rule forbids it"
    } else {
        "a polkit rule forbids it"
    };
    Err(Failure::denied(format!("{id}: {why}; {HELP}")))
}

/// What follows when polkit gave no answer.
fn unasked(id: &str, error: &zbus::Error) -> Failure {
    debug!(action = id, %error, "no answer from polkit");
    let (name, text) = match error {
        zbus::Error::MethodError(name, text, _) => (name.to_string(), text.as_deref()),
        zbus::Error::FDO(error) => (error.name().to_string(), error.description()),
        _ => return Failure::denied("polkit went away; try again"),
    };
    let text = text.unwrap_or_default();
    match name.as_str() {
        "org.freedesktop.PolicyKit1.Error.Cancelled" => {
            Failure::denied(format!("{id}: the question for a password was cancelled"))
        }
        name if name.starts_with("org.freedesktop.PolicyKit1.Error.") => {
            warn!(action = id, text, "polkit cannot decide");
            Failure::denied(format!("{id}: polkit cannot decide ({text}); use sudo"))
        }
        "org.freedesktop.DBus.Error.LimitsExceeded" => {
            Failure::too_many("too many requests wait for a password; try again later")
        }
        "org.freedesktop.DBus.Error.NoReply" | "org.freedesktop.DBus.Error.Disconnected" => {
            Failure::denied("polkit went away; try again")
        }
        _ => Failure::denied(format!(
            "{id}: there is no polkit to ask, and without it only root is served; use sudo"
        )),
    }
}

/// A user's name; empty if there is none. On a thread of its own, since the user database may be
/// far away and the kernel's notifications must not wait for it.
async fn name(uid: u32) -> String {
    let lookup = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
    match timeout(NAMING, lookup).await {
        Ok(Ok(Ok(Some(user)))) => user.name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn answer(is_authorized: bool, is_challenge: bool) -> AuthorizationResult {
        AuthorizationResult {
            is_authorized,
            is_challenge,
            details: HashMap::new(),
        }
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert_eq!(judge("a", &answer(true, false), false), Ok(()));
        for interactive in [false, true] {
            let refused = judge("a", &answer(false, false), interactive).unwrap_err();
            assert_eq!(refused.name(), "org.freedesktop.DBus.Error.AccessDenied");
            assert!(
                refused
                    .description()
                    .is_some_and(|text| text.contains("sudo"))
            );
        }
    }

    #[test]
    fn a_password_that_was_asked_for_in_vain_is_said_to_be_wrong_or_not_given() {
        let told = |details: &[(&str, &str)], interactive| {
            let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            let answer = AuthorizationResult {
                details: details.iter().map(own).collect(),
                ..answer(false, false)
            };
            let refused = judge("a", &answer, interactive).unwrap_err();
            refused.description().unwrap().to_owned()
        };
        let wrong = told(&[], true);
        assert!(
            wrong.starts_with(
                "a: no administrator was authenticated: wrong password, or the prompt was closed"
            ),
            "{wrong}"
        );
        let closed = told(&[("polkit.dismissed", "true")], true);
        assert!(
            closed.starts_with("a: no administrator was authenticated: the prompt was closed; use"),
            "{closed}"
        );
        assert!(!told(&[], false).contains("password"));
    }

    #[test]
    fn a_challenge_without_permission_to_ask_says_so() {
        let refused = judge("a", &answer(false, true), false).unwrap_err();
        assert_eq!(
            refused.name(),
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
        );
        let refused = judge("a", &answer(false, true), true).unwrap_err();
        assert_eq!(refused.name(), "org.freedesktop.DBus.Error.AccessDenied");
    }

    #[test]
    fn a_missing_polkit_and_one_that_went_away_are_told_apart() {
        let text = |error: Error| {
            let refused = unasked("a", &zbus::Error::FDO(Box::new(error)));
            assert_eq!(refused.name(), "org.freedesktop.DBus.Error.AccessDenied");
            refused.description().unwrap().to_owned()
        };
        for missing in [
            Error::ServiceUnknown(String::new()),
            Error::NameHasNoOwner(String::new()),
            Error::SpawnExecFailed(String::new()),
        ] {
            assert!(text(missing).contains("only root is served"));
        }
        for gone in [
            Error::NoReply(String::new()),
            Error::Disconnected(String::new()),
        ] {
            assert!(text(gone).contains("try again"));
        }
        let closed = unasked("a", &zbus::Error::InvalidReply);
        assert_eq!(closed.description(), Some("polkit went away; try again"));
    }

    #[tokio::test]
    async fn the_author_s_name_is_the_user_database_s() {
        assert_eq!(name(0).await, "root");
        assert_eq!(name(u32::MAX - 7).await, "");
    }
}
