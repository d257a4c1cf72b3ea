//! Tokens and metadata: when they are asked for, and for how long.

use std::net::TcpListener;
use std::process::Command;

use bwflow_proto::config::{self, Cloud, Identity};
use serde_json::json;

use super::world::{ID, TOKEN, World, budget, config, costs, fails, metadata, says, token};
use crate::azure::responder::{Heard, Reply};
use crate::azure::{Azure, Pause, TroubleKind};

fn fine(_: &Heard, _: usize) -> Reply {
    says(200, &costs(&json!([[1, "USD"]])))
}

/// A whole cloud whose identity service first gives these statuses.
async fn stumbling(statuses: &'static [u16]) -> World {
    let reply = move |heard: &Heard, before: usize| {
        if let Some(status) = statuses.get(before) {
            return (*status, vec![], String::new());
        }
        match heard.line() {
            it if it.contains("/identity/") => token(),
            it if it.contains("/instance/") => metadata(),
            _ => fine(heard, before),
        }
    };
    World::bare(&config(), reply).await
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_until_near_its_end() {
    let mut world = World::of(&config(), fine).await;
    for _ in 0..3 {
        world.azure.cost(&budget()).await.unwrap();
    }
    assert_eq!((world.tokens(), world.server.heard().len()), (1, 1 + 1 + 3));

    let reply = |heard: &Heard, before: usize| match heard.line() {
        it if it.contains("/identity/") => {
            says(200, &json!({ "access_token": TOKEN, "expires_in": "290" }))
        }
        it if it.contains("/instance/") => metadata(),
        _ => fine(heard, before),
    };
    let mut world = World::bare(&config(), reply).await;
    for _ in 0..3 {
        world.azure.cost(&budget()).await.unwrap();
    }
    assert_eq!(world.tokens(), 3);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_asked_for_once_more() {
    let expired = |_: &Heard, before: usize| match before {
        0 => fails(401, "ExpiredAuthenticationToken", "x"),
        _ => says(200, &costs(&json!([[1, "USD"]]))),
    };
    let mut world = World::of(&config(), expired).await;
    world.azure.cost(&budget()).await.unwrap();
    assert_eq!(
        (world.tokens(), world.asked().len(), world.waits().len()),
        (2, 2, 0)
    );

    let never = |_: &Heard, _: usize| fails(401, "InvalidAuthenticationToken", "x");
    let mut world = World::of(&config(), never).await;
    let trouble = world.azure.cost(&budget()).await.unwrap_err();
    assert_eq!((world.tokens(), world.asked().len()), (2, 2));
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Denied, true)
    );

    // That the role is missing is no fault of the token.
    let denied = |_: &Heard, _: usize| fails(401, "RBACAccessDenied", "x");
    let mut world = World::of(&config(), denied).await;
    let trouble = world.azure.cost(&budget()).await.unwrap_err();
    assert_eq!((world.tokens(), world.asked().len()), (1, 1));
    let scope =
        format!("of subscriptions/{ID}: it needs the role \"Cost Management Reader\" there");
    assert!(trouble.text.contains(&scope), "{trouble}");
}

#[tokio::test]
async fn a_service_that_is_being_renewed_is_waited_for() {
    let mut world = stumbling(&[410, 404, 500, 429, 410, 410]).await;
    world.azure.cost(&budget()).await.unwrap();
    let waits = world.waits();
    assert_eq!(waits.len(), 6, "{waits:?}");
    assert!(waits.iter().all(|it| (2..=32).contains(it)), "{waits:?}");
}

#[tokio::test]
async fn how_long_is_waited_for_the_service_depends_on_what_it_says() {
    // The last try at 410 is not before 70 seconds; four more tries where it fails; none where it refuses.
    for (status, least, most, kind, is_definite) in [
        (410, 60, 80, TroubleKind::Unreachable, false),
        (404, 26, 60, TroubleKind::Identity, false),
        (429, 26, 60, TroubleKind::Unreachable, false),
        (500, 26, 60, TroubleKind::Unreachable, false),
        (400, 0, 0, TroubleKind::Identity, true),
        (403, 0, 0, TroubleKind::Identity, true),
    ] {
        let reply = move |_: &Heard, _: usize| (status, vec![], String::new());
        let mut world = World::bare(&config(), reply).await;
        let trouble = world.azure.cost(&budget()).await.unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (kind, is_definite),
            "{trouble:?}"
        );
        let sum: u64 = world.waits().iter().sum();
        assert!(
            (least..=most).contains(&sum),
            "{status}: {:?}",
            world.waits()
        );
    }
}

#[tokio::test]
async fn what_the_service_says_is_shown() {
    let description = "Multiple user assigned identities exist, please specify the clientId";
    let body = json!({ "error": "invalid_request", "error_description": description });
    let reply = move |heard: &Heard, _: usize| match heard.line().contains("/identity/") {
        true => says(400, &body),
        false => metadata(),
    };
    let mut world = World::bare(&config(), reply).await;
    let trouble = world.azure.cost(&budget()).await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Identity, true)
    );
    for part in [description, "`client_id` in [spend.azure]"] {
        assert!(trouble.text.contains(part), "{trouble}");
    }
}

#[tokio::test]
async fn an_identity_that_the_machine_has_not_is_named_by_its_key() {
    let body = json!({ "error": "invalid_request", "error_description": "Identity not found" });
    for (identity, key) in [
        (Identity::Client("a".to_owned()), "is `client_id` in"),
        (Identity::Resource("/r".to_owned()), "is `msi_res_id` in"),
    ] {
        let config = config::Azure {
            identity: Some(identity),
            ..config()
        };
        let body = body.clone();
        let mut world = World::bare(&config, move |_, _| says(400, &body)).await;
        let trouble = world.azure.cost(&budget()).await.unwrap_err();
        assert!(trouble.text.contains(key), "{trouble}");
    }
}

#[tokio::test]
async fn nonsense_of_the_service_is_trouble_without_a_token_in_it() {
    for body in [
        json!({}),
        json!({ "access_token": 5 }),
        json!({ "access_token": "very\nsecret.x" }),
        json!("very-secret.x"),
    ] {
        let token = body.clone();
        let reply = move |heard: &Heard, _: usize| match heard.line().contains("/identity/") {
            true => says(200, &token),
            false => metadata(),
        };
        let trouble = World::bare(&config(), reply)
            .await
            .azure
            .cost(&budget())
            .await
            .unwrap_err();
        assert_eq!(
            (trouble.kind, trouble.is_definite),
            (TroubleKind::Invalid, false),
            "{body}"
        );
        assert!(!trouble.text.contains("secret.x"), "{trouble}");
    }
}

#[tokio::test]
async fn a_machine_elsewhere_is_told_that_it_is() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = config::Azure {
        imds_endpoint: Some(format!("http://{free}")),
        ..config()
    };
    let mut azure = Azure::new(&config, "USD")
        .unwrap()
        .with_pause(Pause::none());
    let trouble = azure.budget().await.unwrap_err();
    assert_eq!(
        (trouble.kind, trouble.is_definite),
        (TroubleKind::Identity, false)
    );
    assert!(
        trouble
            .text
            .contains("this is not a machine in Azure, or a firewall"),
        "{trouble}"
    );
}

#[tokio::test]
async fn the_configuration_wins_over_what_the_machine_says() {
    let (id, group) = ("00000000-1111-2222-3333-444444444444", "rg");
    for (identity, parameter) in [
        (Identity::Client("a b".to_owned()), "client_id=a+b"),
        (Identity::Object("o".to_owned()), "object_id=o"),
        (Identity::Resource("/r".to_owned()), "msi_res_id=%2fr"),
    ] {
        let config = config::Azure {
            subscription_id: Some(id.to_owned()),
            resource_group: Some(group.to_owned()),
            identity: Some(identity),
            cloud: Some(Cloud::China),
            ..config::Azure::default()
        };
        let reply = |_: &Heard, _: usize| says(200, &json!({ "value": [] }));
        let mut world = World::of(&config, reply).await;
        world.azure.budget().await.unwrap_err();
        let heard = world.server.heard();
        let lines: Vec<_> = heard.iter().map(Heard::line).collect();
        assert_eq!(
            lines,
            [
                format!(
                    "get /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3a%2f%2fmanagement.chinacloudapi.cn%2f&{parameter}"
                ),
                format!(
                    "get /subscriptions/{id}/resourcegroups/rg/providers/microsoft.consumption/budgets?api-version=2024-08-01"
                ),
            ]
        );
    }
}

#[tokio::test]
async fn the_machine_says_its_subscription_and_its_cloud() {
    for (environment, subscription, expected) in [
        ("AZUREUSGOVERNMENTCLOUD", ID, "usgovcloudapi"),
        ("", ID, "management.azure.com"),
        (
            "AzureStack",
            ID,
            "the cloud `AzureStack`, which is not known: set `cloud`",
        ),
        (
            "AzurePublicCloud",
            "",
            "set `subscription_id` in [spend.azure]",
        ),
        ("AzurePublicCloud", "a/../b", "is no subscription id"),
    ] {
        let compute = json!({ "subscriptionId": subscription, "azEnvironment": environment });
        let reply = move |heard: &Heard, before: usize| match heard.line() {
            it if it.contains("/instance/") => says(200, &compute),
            it if it.contains("/identity/") => token(),
            _ => fine(heard, before),
        };
        let mut world = World::bare(&config(), reply).await;
        match world.azure.budget().await {
            Err(trouble) if !expected.starts_with(['u', 'm']) => {
                assert_eq!(
                    (trouble.kind, trouble.is_definite),
                    (TroubleKind::Refused, true)
                );
                assert!(trouble.text.contains(expected), "{trouble}");
                assert_eq!((world.tokens(), world.asked().len()), (0, 0));
            }
            _ => assert!(
                world.server.heard()[1].line().contains(expected),
                "{environment}"
            ),
        }
    }
}

#[test]
fn no_proxy_of_the_environment_is_used() {
    const NAME: &str = "azure::tests::identity::no_proxy_of_the_environment_is_used";
    if std::env::var_os("http_proxy").is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::of(&config(), fine).await;
            world.azure.cost(&budget()).await.unwrap();
        });
        return;
    }
    // Nobody accepts there: through it, nothing would be answered.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .envs(["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"].map(|name| (name, &address)))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .status()
        .unwrap();
    assert!(status.success());
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err());
}
