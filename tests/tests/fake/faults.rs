//! What goes wrong with answers and connections, whatever the service.

use std::time::Duration;

use bwflow_helper::http::NoAnswer;
use bwflow_tests::fake::Service;
use bwflow_tests::fake::fault::{Does, Fault};
use serde_json::json;

use super::client::Client;

#[tokio::test]
async fn faults_strike_whom_they_are_for_and_as_often_as_they_say() {
    let client = Client::new().await;
    let url = format!("{}/System/Info/Public", client.fake.jellyfin());
    let strike = |does: Does| {
        let fault = Fault::of(Service::Jellyfin, does)
            .at("/system/info")
            .times(1);
        client.fake.state().fail(fault);
    };
    let ask = || client.send("GET", &url, &[], None);
    strike(Does::Hang);
    assert!(matches!(ask().await, Err(NoAnswer::TimedOut)));
    strike(Does::Endless);
    assert!(matches!(ask().await, Err(NoAnswer::TooLong)));
    strike(Does::Close);
    assert!(matches!(ask().await, Err(NoAnswer::Broken(_))));
    strike(Does::Truncate);
    assert!(matches!(ask().await, Err(NoAnswer::Broken(_))));
    strike(Does::status(503, &[("retry-after", "7")]));
    let answer = ask().await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, Some("7"))
    );
    strike(Does::Headers(vec![("x-more".into(), "1".into())]));
    assert_eq!(ask().await.unwrap().header("x-more"), Some("1"));
    strike(Does::Then(json!({"jellyfin": {"version": "12.0.0"}})));
    assert_eq!(
        ask().await.unwrap().json().unwrap()["Version"],
        json!("10.11.11")
    );
    assert_eq!(
        ask().await.unwrap().json().unwrap()["Version"],
        json!("12.0.0")
    );
    let statuses: Vec<_> = {
        let state = client.fake.state();
        state.log.requests.iter().map(|it| it.status).collect()
    };
    assert_eq!(statuses, [0, 0, 0, 0, 503, 200, 200, 200]);
    assert_eq!(
        ask().await.unwrap().header("date"),
        Some("Sun, 22 Nov 2026 12:00:00 GMT")
    );
}

#[tokio::test]
async fn a_closed_door_refuses_connections_until_it_is_opened() {
    let client = Client::new().await;
    let url = format!("{}/System/Ping", client.fake.jellyfin());
    let ask = || client.send("GET", &url, &[], None);
    client.fake.set_reachable(Service::Jellyfin, false);
    let refused = tokio::time::timeout(Duration::from_secs(5), async {
        while !matches!(ask().await, Err(NoAnswer::Unreachable(_))) {
            tokio::task::yield_now().await;
        }
    });
    refused.await.unwrap();
    client.fake.set_reachable(Service::Jellyfin, true);
    let back = tokio::time::timeout(Duration::from_secs(5), async {
        while ask().await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    back.await.unwrap();
}
