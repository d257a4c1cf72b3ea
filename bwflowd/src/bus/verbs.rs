//! The way of every verb: validate, authorise, pass on, reply.

use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use zbus::Connection;
use zbus::fdo::Error;
use zbus::message::Header;

use super::authority::Authority;
use super::failure::Failure;
use super::question::questions;
use crate::decision::Decision;
use crate::enforcer::Command;

/// The longest body of a verb's message, bytes: no option is long, but a message that waits for a
/// password is kept as long as it waits.
const MAX_BODY: u32 = 4096;

/// What all links' verbs share.
#[derive(Debug)]
pub struct Verbs {
    authority: Authority,
    commands: mpsc::Sender<Command>,
}

impl Verbs {
    /// Asks `authority` and then tells the enforcer's task by `commands`.
    pub fn new(authority: Authority, commands: mpsc::Sender<Command>) -> Self {
        Self {
            authority,
            commands,
        }
    }

    /// Carries a decision about a link out, if it makes sense and the caller may. `min_rate` is
    /// the link's, bytes per second.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub async fn carry_out(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        link: &str,
        min_rate: u64,
        decision: Decision,
    ) -> Result<(), Failure> {
        check_message(header, &decision)?;
        // What makes no sense is not worth a password.
        let now = unix_usec();
        decision.check(now, min_rate)?;
        let questions = questions(link, &decision, now);
        let author = self
            .authority
            .authorise(connection, header, &questions)
            .await?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Decide(link.to_owned(), decision, author, reply);
        let stopping = || Failure::Standard(Error::Failed("bwflowd is stopping".to_owned()));
        self.commands.send(command).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?.map_err(Failure::from)
    }
}

/// What zbus lets pass: arguments to a method that has none, and bodies and descriptors of any
/// number.
fn check_message(header: &Header<'_>, decision: &Decision) -> Result<(), Failure> {
    let body = header.primary().body_len();
    if body > MAX_BODY {
        return Err(Failure::invalid(format!(
            "the arguments have {body} bytes, more than {MAX_BODY}"
        )));
    }
    if body > 0 && matches!(decision, Decision::ClearThrottle | Decision::ClearOverride) {
        return Err(Failure::invalid("this method takes no arguments"));
    }
    if header.unix_fds().is_some_and(|count| count > 0) {
        return Err(Failure::invalid("no file descriptors are taken"));
    }
    Ok(())
}

fn unix_usec() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
