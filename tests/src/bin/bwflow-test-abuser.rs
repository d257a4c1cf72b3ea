//! An unprivileged user who sends the daemon everything but what it expects.
//!
//! Usage: `bwflow-test-abuser ADDRESS flood` calls a verb on 60 connections, as fast as the daemon
//! reads, until its input ends; `bwflow-test-abuser ADDRESS long NAME PATH INTERFACE` sends a
//! service 24 messages of 10 MB.
//!
//! Usage: `bwflow-test-abuser ADDRESS SEED CALLS`. Prints a line after each phase and waits for a
//! line of input before the next: the calls, then thousands of verbs that wait for an agent that
//! never answers, then as many connections as the bus permits, then bytes that are no messages.

#![allow(clippy::unwrap_used)]

#[path = "abuser/calls.rs"]
mod calls;
#[path = "abuser/random.rs"]
mod random;
#[path = "abuser/raw.rs"]
mod raw;

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;
use zbus::{Connection, MessageStream, connection::Builder, interface};
use zbus_polkit::policykit1::{AuthorityProxy, Subject};

use self::random::Random;
use self::raw::Tally;

/// Connections that send calls.
const SENDERS: u64 = 16;
/// Connections of the flood.
const FLOODERS: usize = 60;
/// Different messages among the calls.
const MESSAGES: usize = 10_000;

/// polkit's agent that takes every question and never answers.
struct Agent;

#[interface(name = "org.freedesktop.PolicyKit1.AuthenticationAgent")]
impl Agent {
    async fn begin_authentication(
        &self,
        _action: String,
        _message: String,
        _icon: String,
        _details: std::collections::HashMap<String, String>,
        _cookie: String,
        _identities: Vec<(
            String,
            std::collections::HashMap<String, zbus::OwnedVariant>,
        )>,
    ) {
        std::future::pending::<()>().await;
    }

    async fn cancel_authentication(&self, _cookie: String) {}
}

async fn connect(address: &str) -> Connection {
    Builder::address(address).build().await.unwrap()
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let address = arguments[1].clone();
    match arguments[2].as_str() {
        "flood" => return raw::flood(&address, FLOODERS),
        "long" => {
            let [name, path, interface] = [3, 4, 5].map(|at| arguments[at].as_str());
            let long = calls::long(name, path, interface);
            let connection = connect(&address).await;
            for _ in 0..24 {
                connection.send(&long).await.unwrap();
            }
            // What came before has been read when this is answered.
            let ping = Some("org.freedesktop.DBus.Peer");
            let answer = connection.call_method(Some(name), path, ping, "Ping", &());
            answer.await.unwrap();
            return;
        }
        _ => {}
    }
    let seed: u64 = arguments[2].parse().unwrap();
    let calls: u64 = arguments[3].parse().unwrap();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();

    let agent = connect(&address).await;
    agent.object_server().at("/agent", Agent).await.unwrap();
    let subject = Subject::new_for_pid(std::process::id(), None, None).unwrap();
    AuthorityProxy::new(&agent)
        .await
        .unwrap()
        .register_authentication_agent(&subject, "C", "/agent")
        .await
        .unwrap();

    let mut random = Random::new(seed);
    let messages: Vec<_> = (0..MESSAGES).map(|_| calls::any(&mut random)).collect();
    let senders = (0..SENDERS).map(|n| {
        let (address, messages) = (&address, &messages);
        let mut random = Random::new(seed.wrapping_add(n));
        move || raw::send_calls(address, messages, &mut random, calls / SENDERS)
    });
    // The agent answers polkit meanwhile.
    let mut tally = Tally::new();
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let senders: Vec<_> = senders.map(|sender| scope.spawn(sender)).collect();
            for sender in senders {
                for (name, count) in sender.join().unwrap() {
                    *tally.entry(name).or_default() += count;
                }
            }
        });
    });
    println!("{tally:?}");
    lines.next_line().await.unwrap();

    // All of them stay until the end of the phase.
    let mut waiting = Vec::new();
    let mut tally = Tally::new();
    for _ in 0..100 {
        let connection = connect(&address).await;
        let mut replies = MessageStream::from(&connection);
        for _ in 0..100 {
            connection.send(&calls::interactive()).await.unwrap();
        }
        // Of one user 8 wait; the others' refusals have all come when nothing more comes.
        let mut answered = 0;
        while answered < 100 {
            let Ok(reply) = timeout(Duration::from_millis(300), replies.next()).await else {
                break;
            };
            let reply = reply.unwrap().unwrap();
            if let Some(name) = reply.header().error_name() {
                *tally.entry(name.to_string()).or_default() += 1;
                answered += 1;
            }
        }
        *tally.entry("waiting".to_owned()).or_default() += 100 - answered;
        waiting.push(connection);
    }
    println!("{tally:?}");
    lines.next_line().await.unwrap();
    drop(waiting);

    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..1000 {
        let attempt = timeout(
            Duration::from_secs(2),
            Builder::address(address.as_str()).build(),
        );
        match attempt.await {
            Ok(Ok(connection)) => {
                connection.send(&calls::interactive()).await.unwrap();
                open.push(connection);
            }
            _ => refused += 1,
        }
    }
    println!("{} connections, {refused} refused by the bus", open.len());
    lines.next_line().await.unwrap();
    drop(open);

    let mut random = Random::new(seed ^ 0xdead_beef);
    let dropped = raw::send_garbage(&address, &mut random, 300);
    println!("{dropped} of 300 connections with bad framing dropped by the bus");
    lines.next_line().await.unwrap();
}
