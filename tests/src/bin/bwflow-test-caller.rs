//! Calls the verbs of the link under test as whoever runs it.
//!
//! Usage: `bwflow-test-caller ADDRESS`. Each line of input is one call in JSON, each line of output
//! one answer, in the order in which they come; calls do not wait for each other.
//!
//! The call `Hang` is not sent: it makes the caller polkit's agent for the process `number`, one
//! that takes every question, however many, and never answers.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Instant;

use bwflow_proto::bus::link_path;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use zbus::message::{Flags, Message};
use zbus::{Connection, MessageStream, OwnedVariant, Variant, connection::Builder, interface};
use zbus_polkit::policykit1::{AuthorityProxy, Subject};

const AGENT: &str = "/agent";

struct Agent;

#[interface(name = "org.freedesktop.PolicyKit1.AuthenticationAgent")]
impl Agent {
    async fn begin_authentication(
        &self,
        _action: String,
        _message: String,
        _icon: String,
        _details: HashMap<String, String>,
        _cookie: String,
        _identities: Vec<(String, HashMap<String, OwnedVariant>)>,
    ) {
        println!("{}", json!({"agent": "begun"}));
        std::future::pending::<()>().await;
    }

    async fn cancel_authentication(&self, _cookie: String) {
        println!("{}", json!({"agent": "cancelled"}));
    }
}

async fn hang(connection: &Connection, call: &Value) {
    let process = u32::try_from(call["number"].as_u64().unwrap()).unwrap();
    let subject = Subject::new_for_pid(process, None, None).unwrap();
    connection.object_server().at(AGENT, Agent).await.unwrap();
    AuthorityProxy::new(connection)
        .await
        .unwrap()
        .register_authentication_agent(&subject, "C", AGENT)
        .await
        .unwrap();
    println!("{}", json!({"id": call["id"], "ms": 0.0}));
}

/// The options of a call as they cross the bus.
fn options(call: &Value) -> HashMap<String, Variant<'static>> {
    let Some(given) = call["options"].as_object() else {
        return HashMap::new();
    };
    let convert = |value: &Value| match value {
        Value::Bool(flag) => Variant::from(*flag),
        Value::Number(number) => Variant::from(number.as_u64().unwrap()),
        other => Variant::from(other.as_str().unwrap().to_owned()),
    };
    given
        .iter()
        .map(|(key, value)| (key.clone(), convert(value)))
        .collect()
}

fn message(call: &Value) -> Message {
    let method = call["method"].as_str().unwrap();
    let path = link_path(call["link"].as_str().unwrap());
    let read = method == "GetAll";
    let mut builder = Message::method_call(path, method)
        .destination("org.bwflow1")
        .interface(if read {
            "org.freedesktop.DBus.Properties"
        } else {
            "org.bwflow1.Link"
        });
    if call["interactive"] == true {
        builder = builder.with_flags(Flags::ALLOW_INTERACTIVE_AUTH);
    }
    let (number, options) = (call["number"].as_u64(), options(call));
    match method {
        "GetAll" => builder.build(&("org.bwflow1.Link",)),
        "ClearThrottle" | "ClearOverride" => builder.build(&()),
        "Override" => builder.build(&(options,)),
        _ => builder.build(&(number.unwrap(), options)),
    }
    .unwrap()
}

async fn answer(connection: Connection, call: Value) {
    let message = message(&call);
    let serial = message.primary_header().serial_num();
    let mut replies = MessageStream::from(&connection);
    let begin = Instant::now();
    connection.send(&message).await.unwrap();
    let reply = loop {
        use futures_util::StreamExt as _;
        let reply = replies.next().await.unwrap().unwrap();
        if reply.header().reply_serial() == Some(serial) {
            break reply;
        }
    };
    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    let header = reply.header();
    let error = header.error_name().map(ToString::to_string);
    let text: Option<String> = error.as_ref().and_then(|_| reply.body().deserialize().ok());
    println!(
        "{}",
        json!({"id": call["id"], "error": error, "text": text, "ms": milliseconds})
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).unwrap();
    let connection = Builder::address(address.as_str()).build().await.unwrap();
    println!(
        "{}",
        json!({"name": connection.unique_name().unwrap().as_str()})
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let call: Value = serde_json::from_str(&line).unwrap();
        if call["method"] == "Hang" {
            hang(&connection, &call).await;
            continue;
        }
        tokio::spawn(answer(connection.clone(), call));
        // So that calls are sent in the order of the lines.
        tokio::task::yield_now().await;
    }
}
