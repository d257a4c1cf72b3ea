//! What `exclude` costs a packet, with bwflowd alone. The figures in the documents come from here.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use bwflow_proto::exclusion::Exclusion;
use bwflow_proto::grant::Grant;
use bwflow_tests::grant::{grant, set_grant};
use bwflow_tests::net::{LINK, Pair};
use bwflow_tests::peer::{CHARGED, Counts, FREE, FREE_NETWORK, nft};
use bwflow_tests::rig::Rig;
use bwflow_tests::wait::wait_for;

/// Payload of a packet of 64 bytes, with the headers of UDP, IP and Ethernet.
const PAYLOAD: usize = 64 - 8 - 20 - 14;
/// So few at a time that some of these times nobody else gets the processor in between.
const PACKETS: u32 = 250;
const TIMES: usize = 40;
const ROUNDS: usize = 5;
/// Microseconds that excluding may cost each packet: far more than it does.
const BOUND: f64 = 3.0;
/// A rate that holds the link and no packet of this test, bytes per second.
const PLENTY: u64 = 5_000_000_000;

/// [`FREE_NETWORK`] and others, none beside another: a set of nf_tables joins neighbours.
fn networks(many: usize) -> Vec<String> {
    let others = (0..255).map(|number| format!("172.16.{number}.0/25"));
    let all = std::iter::once(FREE_NETWORK.to_owned()).chain(others);
    all.take(many).collect()
}

/// Brings the link into the state, and waits for it.
fn prepare(rig: &Rig, many: usize, is_held: bool) {
    let available = if is_held { 0 } else { 1 << 50 };
    let exclusion = (many > 0).then(|| Exclusion {
        networks: networks(many),
        ..Exclusion::default()
    });
    let granted = grant(&rig.pair, available, PLENTY);
    set_grant(
        rig,
        Grant {
            exclusion,
            ..granted
        },
    )
    .unwrap();
    wait_for(
        "the link is as it is to be",
        Duration::from_secs(10),
        || {
            let rules = nft(&rig.pair.inside, &["list", "ruleset"]);
            let qdiscs = rig.pair.inside.qdiscs(LINK);
            let found = rules.matches('/').count();
            let root = match (is_held, many) {
                (false, _) => !qdiscs.contains("b0f1:"),
                (true, 0) => qdiscs.contains("tbf b0f1: root"),
                (true, _) => qdiscs.contains("htb b0f1: root") && qdiscs.contains("tbf b0f4:"),
            };
            (found == many && root).then_some(())
        },
    );
}

/// Microseconds for sending and receiving one packet, at best.
fn cost(pair: &Pair, address: &'static str) -> f64 {
    pair.inside.within(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((address, 7001)).unwrap();
        let time = || {
            let begin = Instant::now();
            for _ in 0..PACKETS {
                // This processor goes the whole way to the peer's socket before it returns.
                socket.send(&[7; PAYLOAD]).unwrap();
            }
            begin.elapsed().as_secs_f64() * 1e6 / f64::from(PACKETS)
        };
        (0..TIMES).map(|_| time()).fold(f64::INFINITY, f64::min)
    })
}

#[test]
fn excluding_costs_a_packet_little() {
    let mut rig = Rig::for_daemon();
    rig.start_daemon();
    let _addresses = Counts::start(&rig.pair);
    nft(&rig.pair.outside, &["delete", "table", "netdev", "count"]);
    // It takes what fits, and the rest ends where it would have been put.
    let _sink = rig
        .pair
        .outside
        .within(|| UdpSocket::bind("0.0.0.0:7001").unwrap());
    let mut cases = Vec::new();
    for is_held in [false, true] {
        for many in [0, 1, 16, 256] {
            cases.push((is_held, many, CHARGED, f64::INFINITY));
            if many > 0 {
                cases.push((is_held, many, FREE, f64::INFINITY));
            }
        }
    }
    for _ in 0..ROUNDS {
        for (is_held, many, address, least) in &mut cases {
            prepare(&rig, *many, *is_held);
            *least = least.min(cost(&rig.pair, address));
        }
    }
    let without = |held: bool| {
        let found = cases.iter().find(|case| case.0 == held && case.1 == 0);
        found.unwrap().3
    };
    for (is_held, many, address, least) in &cases {
        let more = least - without(*is_held);
        println!(
            "MEASURED {} link, {many} networks, {} packet: {least:.2} us, {more:+.2} us",
            if *is_held { "held" } else { "open" },
            if *address == FREE {
                "excluded"
            } else {
                "charged"
            },
        );
        assert!(more < BOUND, "{more}");
    }
}
