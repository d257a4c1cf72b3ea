//! nf_tables' messages (`linux/netfilter/nf_tables.h`): a table for each link that excludes
//! networks, which counts their packets and sends them past our bucket.
//!
//! What `nft list ruleset` shows of it:
//!
//! ```text
//! table netdev bwflow_eth0 {
//!     set v4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
//!     chain tx {
//!         type filter hook egress device "eth0" priority 2147483647; policy accept;
//!         meta priority b0f1:0 meta priority set none
//!         ip daddr @v4 counter meta priority set b0f1:0
//!     }
//! }
//! ```

use std::net::IpAddr;

use bwflow_proto::network::Network;

use super::qdisc::Handle;
use super::socket::{Message, Request, attributes, push_attribute};

/// Our chains come last of all: what another one drops must not be counted.
const LAST: u32 = i32::MAX.cast_unsigned();
const SUBSYSTEM: u16 = 10 << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
pub(super) const GET_TABLE: u16 = SUBSYSTEM | 1;
const DELETE_TABLE: u16 = SUBSYSTEM | 2;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
pub(super) const GET_RULE: u16 = SUBSYSTEM | 7;
const NEW_SET: u16 = SUBSYSTEM | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM | 12;
/// The last message that names its table first; later ones tell of generations and objects.
const LAST_OF_TABLE: u16 = SUBSYSTEM | 14;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const FAMILY: u8 = 5;
/// `sizeof(struct nfgenmsg)`.
pub(super) const NFGENMSG: usize = 4;
const NESTED: u16 = 1 << 15;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
const ACKNOWLEDGE: u16 = 4;

/// `NFTA_TABLE_NAME`, and the table's name in every other kind of message.
const TABLE: u16 = 1;
const TABLE_HANDLE: u16 = 4;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const COUNTER_BYTES: u16 = 1;
const COUNTER_PACKETS: u16 = 2;

/// The chain for what is sent.
const SENT: &str = "tx";
/// The chain for what is received.
const RECEIVED: &str = "rx";

/// Every table of ours begins so; the link's name follows.
const PREFIX: &str = "bwflow_";

/// The table of the link of this name.
pub fn table_of(link: &str) -> String {
    format!("{PREFIX}{link}")
}

/// The link whose table this is; nothing for somebody else's.
pub fn link_of(table: &str) -> Option<&str> {
    table.strip_prefix(PREFIX)
}

/// One version of IP, as far as the rules differ.
struct Version {
    set: &'static str,
    /// The number of the address type, by which `nft` knows how to print it.
    kind: u32,
    /// An address, bytes.
    length: u32,
    /// `skb->protocol`.
    protocol: u16,
    /// Where the addresses are in the header.
    source: u32,
    destination: u32,
}

const VERSIONS: [Version; 2] = [
    Version {
        set: "v4",
        kind: 7,
        length: 4,
        protocol: 0x0800,
        source: 12,
        destination: 16,
    },
    Version {
        set: "v6",
        kind: 8,
        length: 16,
        protocol: 0x86dd,
        source: 8,
        destination: 24,
    },
];

/// A link's table, made anew in one transaction, whatever was there before. What is received is
/// counted only if it `counts_received`.
pub fn install(link: &str, networks: &[Network], counts_received: bool) -> Vec<Request> {
    let table = table_of(link);
    let mut requests = vec![
        request(BATCH_BEGIN, 0, 0, &[]),
        // To delete a table that is not there is an error; so it is made first.
        named(NEW_TABLE, CREATE, &table, &[]),
        named(DELETE_TABLE, 0, &table, &[]),
        named(NEW_TABLE, CREATE, &table, &[]),
    ];
    for version in &VERSIONS {
        requests.push(set(&table, version));
        let elements = elements(version, networks);
        if !elements.is_empty() {
            let mut more = text(2, version.set);
            push_nested(&mut more, 3, &elements);
            requests.push(named(NEW_ELEMENTS, CREATE, &table, &more));
        }
    }
    requests.push(chain(&table, SENT, 1, link));
    requests.push(guard(&table));
    for version in &VERSIONS {
        requests.push(rule(&table, SENT, version, version.destination, true));
    }
    if counts_received {
        requests.push(chain(&table, RECEIVED, 0, link));
        for version in &VERSIONS {
            requests.push(rule(&table, RECEIVED, version, version.source, false));
        }
    }
    requests.push(request(BATCH_END, 0, 0, &[]));
    acknowledged(requests)
}

/// Deletes a link's table.
pub fn remove(link: &str) -> Vec<Request> {
    acknowledged(vec![
        request(BATCH_BEGIN, 0, 0, &[]),
        named(DELETE_TABLE, 0, &table_of(link), &[]),
        request(BATCH_END, 0, 0, &[]),
    ])
}

/// Asks for an answer to the last request that can have one.
fn acknowledged(mut requests: Vec<Request>) -> Vec<Request> {
    if let Some(last) = requests.iter_mut().rev().nth(1) {
        last.flags |= ACKNOWLEDGE;
    }
    requests
}

fn request(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Request {
    // struct nfgenmsg; a batch says there which subsystem it is for.
    let subsystem = if family == 0 { SUBSYSTEM >> 8 } else { 0 };
    let mut body = vec![family, 0];
    body.extend_from_slice(&subsystem.to_be_bytes());
    body.extend_from_slice(attributes);
    Request { kind, flags, body }
}

fn named(kind: u16, flags: u16, table: &str, more: &[u8]) -> Request {
    let mut attributes = text(TABLE, table);
    attributes.extend_from_slice(more);
    request(kind, flags, FAMILY, &attributes)
}

/// The body of a question about a table.
pub(super) fn question(table: Option<&str>) -> Vec<u8> {
    let mut body = vec![FAMILY, 0, 0, 0];
    if let Some(table) = table {
        body.extend(text(TABLE, table));
    }
    body
}

fn text(kind: u16, text: &str) -> Vec<u8> {
    let mut terminated = text.as_bytes().to_vec();
    terminated.push(0);
    let mut attribute = Vec::new();
    push_attribute(&mut attribute, kind, &terminated);
    attribute
}

fn push_number(body: &mut Vec<u8>, kind: u16, number: u32) {
    push_attribute(body, kind, &number.to_be_bytes());
}

fn push_nested(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    push_attribute(body, kind | NESTED, value);
}

fn set(table: &str, version: &Version) -> Request {
    const INTERVAL: u32 = 4;
    let mut more = text(2, version.set);
    push_number(&mut more, 3, INTERVAL);
    push_number(&mut more, 4, version.kind);
    push_number(&mut more, 5, version.length);
    push_number(&mut more, 10, u32::from(version.protocol));
    named(NEW_SET, CREATE, table, &more)
}

/// Where each run of excluded addresses begins, and where it ends if it does not end with the last
/// address there is.
fn elements(version: &Version, networks: &[Network]) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut runs: Vec<(IpAddr, Option<IpAddr>)> = Vec::new();
    for network in Network::merged(networks.to_vec()) {
        if octets(network.address()).len() != usize::try_from(version.length).unwrap_or(0) {
            continue;
        }
        match runs.last_mut() {
            // The kernel takes no run that begins where another ends.
            Some((_, end)) if *end == Some(network.address()) => *end = network.end(),
            _ => runs.push((network.address(), network.end())),
        }
    }
    let mut elements = Vec::new();
    for (begin, end) in runs {
        push_nested(&mut elements, LIST_ELEMENT, &element(&octets(begin), false));
        if let Some(end) = end {
            push_nested(&mut elements, LIST_ELEMENT, &element(&octets(end), true));
        }
    }
    elements
}

fn element(address: &[u8], ends: bool) -> Vec<u8> {
    const INTERVAL_END: u32 = 1;
    let mut element = Vec::new();
    push_data(&mut element, 1, address);
    if ends {
        push_number(&mut element, 3, INTERVAL_END);
    }
    element
}

/// A value as expressions and elements hold it (`NFTA_DATA_VALUE`).
fn push_data(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let mut data = Vec::new();
    push_attribute(&mut data, 1, value);
    push_nested(body, kind, &data);
}

/// A chain that the link calls for each packet: hook 0 is ingress, 1 is egress.
fn chain(table: &str, name: &str, hook: u32, link: &str) -> Request {
    let mut place = Vec::new();
    push_number(&mut place, 1, hook);
    push_number(&mut place, 2, LAST);
    place.extend(text(3, link));
    let mut more = text(3, name);
    more.extend(text(7, "filter"));
    push_nested(&mut more, 4, &place);
    named(NEW_CHAIN, CREATE, table, &more)
}

const REGISTER: u32 = 1;
const META_PRIORITY: u32 = 2;

/// The expressions of a rule.
#[derive(Default)]
struct Expressions(Vec<u8>);

impl Expressions {
    fn push(&mut self, name: &str, data: &[u8]) {
        let mut expression = text(EXPRESSION_NAME, name);
        push_nested(&mut expression, EXPRESSION_DATA, data);
        push_nested(&mut self.0, LIST_ELEMENT, &expression);
    }

    /// Goes on only with what has this value in the register.
    fn compare(&mut self, value: &[u8]) {
        let mut data = numbers(&[(1, REGISTER), (2, 0)]);
        push_data(&mut data, 3, value);
        self.push("cmp", &data);
    }

    fn set_priority(&mut self, priority: u32) {
        let mut value = numbers(&[(1, REGISTER)]);
        push_data(&mut value, 2, &priority.to_ne_bytes());
        self.push("immediate", &value);
        self.push("meta", &numbers(&[(2, META_PRIORITY), (3, REGISTER)]));
    }

    fn rule(&self, table: &str, chain: &str) -> Request {
        let mut more = text(RULE_CHAIN, chain);
        push_nested(&mut more, RULE_EXPRESSIONS, &self.0);
        named(NEW_RULE, CREATE | APPEND, table, &more)
    }
}

fn numbers(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut data = Vec::new();
    for (kind, number) in pairs {
        push_number(&mut data, *kind, *number);
    }
    data
}

/// Takes our priority from what comes with it: a program may have set it, and what a tunnel has
/// wrapped keeps that of the tunnel's own lanes. Only what this link excludes may pass.
fn guard(table: &str) -> Request {
    let mut list = Expressions::default();
    list.push("meta", &numbers(&[(2, META_PRIORITY), (1, REGISTER)]));
    list.compare(&Handle::OURS.0.to_ne_bytes());
    list.set_priority(0);
    list.rule(table, SENT)
}

/// Counts what has an address of the set at this place, and sends it past our bucket if it `passes`.
fn rule(table: &str, chain: &str, version: &Version, place: u32, passes: bool) -> Request {
    const META_PROTOCOL: u32 = 1;
    const NETWORK_HEADER: u32 = 1;
    let mut list = Expressions::default();
    list.push("meta", &numbers(&[(2, META_PROTOCOL), (1, REGISTER)]));
    list.compare(&version.protocol.to_be_bytes());
    let address = [
        (1, REGISTER),
        (2, NETWORK_HEADER),
        (3, place),
        (4, version.length),
    ];
    list.push("payload", &numbers(&address));
    let mut is_excluded = text(1, version.set);
    push_number(&mut is_excluded, 2, REGISTER);
    list.push("lookup", &is_excluded);
    list.push("counter", &[]);
    if passes {
        list.set_priority(Handle::OURS.0);
    }
    list.rule(table, chain)
}

/// What a link's rules have counted since they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Which table it was: another number is another table, whose counters began at zero.
    pub table: u64,
    /// Bytes that were to be sent to excluded networks, with their link-layer headers.
    pub tx_bytes: u64,
    /// In so many packets.
    pub tx_packets: u64,
    /// Bytes that came from excluded networks.
    pub rx_bytes: u64,
    /// How many rules are there.
    pub rules: u32,
}

impl Counted {
    /// How many rules there must be.
    pub const fn rules_wanted(counts_received: bool) -> u32 {
        if counts_received { 5 } else { 3 }
    }

    /// Adds what a rule has counted.
    pub(super) fn add(&mut self, message: Message<'_>) {
        let mut sends = None;
        let mut count = None;
        for attribute in attributes(message.payload, NFGENMSG) {
            match attribute.kind() & !NESTED {
                RULE_CHAIN => sends = Some(name(attribute.value()) == SENT),
                RULE_EXPRESSIONS => {
                    count = attributes(attribute.value(), 0).find_map(|e| counter(e.value()));
                }
                _ => {}
            }
        }
        let Some(sends) = sends else {
            return;
        };
        self.rules += 1;
        let (bytes, packets) = count.unwrap_or_default();
        if sends {
            self.tx_bytes = self.tx_bytes.saturating_add(bytes);
            self.tx_packets = self.tx_packets.saturating_add(packets);
        } else {
            self.rx_bytes = self.rx_bytes.saturating_add(bytes);
        }
    }
}

/// Bytes and packets, if the expression is a counter.
fn counter(expression: &[u8]) -> Option<(u64, u64)> {
    let part =
        |kind: u16| attributes(expression, 0).find(|attribute| attribute.kind() & !NESTED == kind);
    if name(part(EXPRESSION_NAME)?.value()) != "counter" {
        return None;
    }
    let data = part(EXPRESSION_DATA)?;
    let number = |kind: u16| {
        let found = attributes(data.value(), 0).find(|attribute| attribute.kind() == kind)?;
        found
            .value()
            .first_chunk()
            .map(|bytes| u64::from_be_bytes(*bytes))
    };
    Some((number(COUNTER_BYTES)?, number(COUNTER_PACKETS)?))
}

fn name(value: &[u8]) -> &str {
    let text = value.strip_suffix(&[0]).unwrap_or(value);
    std::str::from_utf8(text).unwrap_or_default()
}

/// The name and the handle of the table that a message tells of.
pub(super) fn table(message: Message<'_>) -> Option<(String, u64)> {
    let (mut found, mut handle) = (None, 0);
    for attribute in attributes(message.payload, NFGENMSG) {
        let value = attribute.value();
        match attribute.kind() & !NESTED {
            TABLE => found = Some(name(value).to_owned()),
            TABLE_HANDLE => {
                handle = value
                    .first_chunk()
                    .map_or(0, |bytes| u64::from_be_bytes(*bytes));
            }
            _ => {}
        }
    }
    found.map(|found| (found, handle))
}

/// The link whose table a notification says to have been changed.
pub(super) fn touched(message: Message<'_>) -> Option<String> {
    if !(NEW_TABLE..=LAST_OF_TABLE).contains(&message.kind)
        || message.payload.first() != Some(&FAMILY)
    {
        return None;
    }
    let table = attributes(message.payload, NFGENMSG)
        .find(|attribute| attribute.kind() & !NESTED == TABLE)?;
    link_of(name(table.value())).map(str::to_owned)
}
