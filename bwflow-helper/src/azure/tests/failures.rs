//! What comes of failures.

use std::time::Duration;

use serde_json::json;

use super::world::{TOKEN, World, budget, config, costs, fails, says};
use crate::azure::responder::{Heard, Reply};
use crate::azure::{Cost, Trouble};

async fn answered<F>(reply: F) -> (Result<Cost, Trouble>, World)
where
    F: Fn(&Heard, usize) -> Reply + Send + 'static,
{
    let mut world = World::of(&config(), reply).await;
    let cost = world.azure.cost(&budget()).await;
    (cost, world)
}

/// Status and code of the answer, the header that hints at a wait; then the kind of trouble (`!` where it is definite), how
/// often is asked, and a part of the text.
const FAILURES: &str = "
    401 RBACAccessDenied           -                      | Denied! 1      | role \"Cost Management Reader\" there
    403 AuthorizationFailed        -                      | Denied! 1      | role \"Cost Management Reader\" there
    401 ExpiredAuthenticationToken -                      | Denied! 2      | not even a new one
    400 400                        -                      | Refused! 1     | (400): It is so.
    404 SubscriptionNotFound       -                      | Refused! 1     | (404): SubscriptionNotFound: It is so. - `subscription_id` in
    404 ResourceGroupNotFound      -                      | Refused! 1     | (404): ResourceGroupNotFound: It is so. - `resource_group` in
    302 -                          location=/x            | Refused! 1     | (302)
    429 429                        retry-after=32         | Throttled 3    | asked too often for the cost: It is so.
    429 429                        QPU-retry-after=600    | Throttled 1    | too often
    429 429                        -                      | Throttled 3    | too often
    503 ServiceUnavailable         retry-after=1          | Unreachable 3  | at present (503)
    500 InternalServerError        ENTITY-retry-after=900 | Unreachable 3  | at present (500)
    408 -                          -                      | Unreachable 3  | at present (408)
";

#[tokio::test]
async fn a_failure_is_named_with_its_cure_and_tried_again_only_where_that_helps() {
    let mut world = World::of(&config(), |_, _| fails(500, "x", "x")).await;
    for line in FAILURES.trim().lines() {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let given: Vec<_> = fields[0].split_whitespace().collect();
        let (status, code, hint) = (given[0].parse().unwrap(), given[1], given[2]);
        let (kind, requests) = fields[1].split_once(' ').unwrap();
        let prefix = "x-ms-ratelimit-microsoft.costmanagement-";
        let header = hint.split_once('=').map(|(name, value)| {
            let name = name.replace("QPU", &format!("{prefix}qpu"));
            (
                name.replace("ENTITY", &format!("{prefix}entity")),
                value.to_owned(),
            )
        });
        let code = code.to_owned();
        world.now(move |_, _| {
            let mut reply = fails(status, &code, "It is so.");
            reply.1.extend(header.clone());
            reply
        });
        let trouble = world.azure.cost(&budget()).await.unwrap_err();
        let mark = if trouble.is_definite { "!" } else { "" };
        assert_eq!(format!("{:?}{mark}", trouble.kind), kind, "{trouble:?}");
        assert_eq!(world.asked().len().to_string(), requests, "{trouble:?}");
        assert!(trouble.text.contains(fields[2]), "{trouble:?}");
        let is_throttled = matches!(status, 429 | 503);
        let seconds = trouble.retry_after.map(|it| it.as_secs());
        let expected = if hint.ends_with("600") { 600 } else { 60 };
        assert_eq!(seconds, is_throttled.then_some(expected), "{trouble:?}");
        let least = if is_throttled { 30 } else { 2 };
        let waits = world.waits();
        assert!(
            waits.iter().all(|it| (least..=60).contains(it)),
            "{waits:?}"
        );
    }
}

#[tokio::test]
async fn hints_beside_a_good_answer_delay_nothing() {
    let (cost, world) = answered(|_, _| {
        let mut reply = says(200, &costs(&json!([[1, "USD"]])));
        let name = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
        reply.1.push((name.to_owned(), "60".to_owned()));
        reply
    })
    .await;
    assert!(cost.is_ok());
    assert!(world.waits().is_empty());
}

#[tokio::test]
async fn a_moments_failure_is_not_noticed() {
    for status in [429, 500, 503] {
        let (cost, world) = answered(move |_, before| match before {
            0 => fails(status, "x", "x"),
            _ => says(200, &costs(&json!([[1, "USD"]]))),
        })
        .await;
        assert!(cost.is_ok(), "{status}");
        assert_eq!(world.waits().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn no_secret_comes_back_in_an_error() {
    let message = format!("Bearer {TOKEN} is not good");
    let (cost, world) = answered(move |_, _| fails(400, "Bad", &message)).await;
    let trouble = cost.unwrap_err();
    assert!(
        trouble.text.contains("Bearer [secret] is not good"),
        "{trouble}"
    );
    let shown = format!("{:?} {trouble:?}", world.azure);
    assert!(!shown.contains("secret.x"), "{shown}");
}

#[tokio::test]
async fn no_secret_comes_back_by_any_way_round() {
    let (start, end) = TOKEN.split_at(5);
    for message in [
        format!("{start}\u{200b}{end}"),
        format!("{start}\u{1b}{end} is bad"),
        format!("{}{TOKEN}{TOKEN}", "x".repeat(280)),
    ] {
        let (cost, _) = answered(move |_, _| fails(400, "Bad", &message)).await;
        let text = cost.unwrap_err().text;
        assert!(
            !text.contains(TOKEN) && !text.contains(&TOKEN[..17]),
            "{text}"
        );
    }
    for (status, kind) in [(403, TOKEN.to_owned()), (200, format!("{TOKEN}/html"))] {
        let (cost, _) = answered(move |_, _| {
            let mut reply = fails(status, "Bad", "x");
            reply.1[0].1.clone_from(&kind);
            reply
        })
        .await;
        let text = cost.unwrap_err().text;
        assert!(!text.contains(TOKEN), "{text}");
    }
}

/// The most memory that this process ever had, KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    line.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn many_small_things_do_not_fill_the_memory() {
    let mut world = World::of(&config(), |_, _| fails(500, "x", "x")).await;
    let before = most_memory();
    // Just below what is read at all, and a third of it on every page.
    for many in [590_000, 190_000] {
        let things = format!("[{}{{\"\":0}}]", "{\"\":0},".repeat(many));
        let link = format!("{}/more", world.server.url);
        for (status, body) in [
            (
                200,
                format!("{{\"value\":{things},\"nextLink\":\"{link}\"}}"),
            ),
            (
                200,
                format!(
                    "{{\"properties\":{{\"columns\":[],\"rows\":{things},\"nextLink\":\"{link}\"}}}}"
                ),
            ),
            (
                200,
                format!("{{\"properties\":{{\"columns\":{things},\"rows\":[[1]]}}}}"),
            ),
            (400, format!("{{\"error\":{things}}}")),
        ] {
            world.now(move |heard, _| {
                if heard.line().contains("/budgets/cap?") {
                    return fails(404, "x", "x");
                }
                let mut reply = says(status, &json!(null));
                reply.2.clone_from(&body);
                reply
            });
            world.azure.budget().await.unwrap_err();
            world.azure.cost(&budget()).await.unwrap_err();
        }
    }
    let grown = most_memory() - before;
    assert!(grown < 64 << 10, "{grown} KiB");
}

#[tokio::test]
async fn what_takes_too_long_is_trouble() {
    let never = std::future::pending::<Result<(), Trouble>>();
    let trouble = crate::azure::within(Duration::from_millis(1), never).await;
    assert_eq!(trouble.map_err(|it| it.is_definite), Err(false));
}
