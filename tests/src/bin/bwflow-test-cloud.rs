//! The fake of Azure and Jellyfin as a program, for machines' scenarios and foreign clients.
//!
//! Usage: `bwflow-test-cloud [ARM IMDS JELLYFIN CONTROL]`, each an address with its port; without
//! them free ports of 127.0.0.1. Prints one line of JSON with the base addresses and runs until it
//! is ended. What the control endpoint does: see `bwflow_tests::fake::control`.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use bwflow_tests::fake::{Fake, Service};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let given: Vec<SocketAddr> = std::env::args()
        .skip(1)
        .map(|it| it.parse().unwrap_or_else(|_| panic!("{it}: ADDRESS:PORT?")))
        .collect();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let [arm, imds, jellyfin, control] = match *given.as_slice() {
        [] => [any; 4],
        [arm, imds, jellyfin, control] => [arm, imds, jellyfin, control],
        _ => panic!("usage: bwflow-test-cloud [ARM IMDS JELLYFIN CONTROL]"),
    };
    let mut fake = Fake::start_at([arm, imds, jellyfin]).await;
    let control = fake.start_control(control).await;
    let addresses = serde_json::json!({
        "arm": fake.arm(),
        "imds": fake.imds(),
        "jellyfin": fake.address(Service::Jellyfin),
        "control": format!("http://{control}"),
    });
    println!("{addresses}");
    std::future::pending::<()>().await;
}
