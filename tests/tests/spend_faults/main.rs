//! What goes wrong, what the guard makes of it, and what becomes of Jellyfin: a table.
//!
//! The real guard with its real clients, against the fake cloud and the fake server, with an injected
//! clock. After each row: no tier became more generous on bad data, no limit of zero and no part of a
//! document was posted, no secret was logged.

#![allow(clippy::unwrap_used)]

mod cloud;
mod full_disk;
mod hangs;
mod home;
mod home_moves;
mod log;
mod model;
mod row;
mod scene;
mod time;
mod weeks;

use std::sync::Arc;

use log::Log;
use row::{Row, run};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many rows are played side by side: most of them wait for a disk or for an answer.
const SIDE_BY_SIDE: usize = 6;

async fn all(rows: Vec<Row>, at_least: usize) {
    let log = Log::of_all();
    let count = rows.len();
    assert!(count >= at_least, "{count} rows");
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = JoinSet::new();
    for row in rows {
        let places = Arc::clone(&places);
        playing.spawn(async move {
            let _place = places.acquire().await.unwrap();
            (row.name, run(row).await)
        });
    }
    let (mut failed, mut secrets) = (Vec::new(), Vec::new());
    while let Some(played) = playing.join_next().await {
        match played.unwrap() {
            (_, Ok(more)) => secrets.extend(more),
            (name, Err(why)) => failed.push(format!("{name}: {why}")),
        }
    }
    assert!(failed.is_empty(), "of {count} rows:\n{}", failed.join("\n"));
    let logged = log.text();
    assert!(
        logged.contains("spend tier"),
        "nothing was logged: {logged}"
    );
    // Shorter ones are words that stand for a wrong key here.
    for secret in secrets.iter().filter(|it| it.len() > 12) {
        assert!(!logged.contains(secret), "{secret} was logged");
    }
    println!("MEASURED spend faults: {count} rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_data_of_the_cloud_never_loosens_a_tier() {
    all(cloud::rows(), 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_media_server_in_trouble_is_held_in_the_end_and_never_harmed() {
    all(home::rows(), 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_restarts_and_lost_memory_never_loosen_a_tier() {
    all(time::rows(), 10).await;
}
