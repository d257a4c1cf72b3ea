//! Jellyfin: documents that are replaced as a whole, keys, remote callers, sessions.

use bwflow_tests::fake::jellyfin::{Session, User};
use bwflow_tests::fake::{Service, merge};
use serde_json::{Value, json};

use super::client::{Client, KEY};

#[tokio::test]
async fn a_part_of_a_document_resets_the_rest_and_is_remembered_for_ever() {
    let client = Client::new().await;
    let whole = client.jellyfin("GET", "/System/Configuration", None).await;
    let mut whole = whole.json().unwrap();
    whole["RemoteClientBitrateLimit"] = json!(4_000_000);
    let posted = client.jellyfin("POST", "/System/Configuration", Some(&whole));
    assert_eq!(posted.await.status, 204);
    {
        let state = client.fake.state();
        assert_eq!(state.jellyfin.limit(), 4_000_000);
        assert_eq!(state.log.misdeeds, [""; 0]);
        assert_eq!(state.log.bitrates, [4_000_000]);
    }
    let part = json!({"remoteclientbitratelimit": 1});
    let posted = client.jellyfin("POST", "/System/Configuration", Some(&part));
    assert_eq!(posted.await.status, 204);
    {
        let mut state = client.fake.state();
        assert_eq!(state.jellyfin.limit(), 1);
        assert_eq!(
            state.jellyfin.configuration["IsStartupWizardCompleted"],
            json!(false)
        );
        assert_eq!(state.log.misdeeds.len(), 1);
        state
            .patch(&json!({"jellyfin": {"configuration": {"IsStartupWizardCompleted": true}}}))
            .unwrap();
        assert_eq!(state.log.misdeeds.len(), 1, "it is remembered");
    }
    for (path, body, status) in [
        ("/System/Configuration", json!([]), 400),
        (
            "/System/Configuration",
            json!({"RemoteClientBitrateLimit": "1"}),
            400,
        ),
        (
            "/System/Configuration",
            json!({"RemoteClientBitrateLimit": 2_147_483_648_u64}),
            400,
        ),
        ("/System/Configuration/branding", json!({}), 404),
    ] {
        let answer = client.jellyfin("POST", path, Some(&body)).await;
        assert_eq!(answer.status, status, "{path} {body}");
    }
}

#[tokio::test]
async fn the_network_document_is_read_in_its_exact_case_only() {
    let client = Client::new().await;
    let path = "/System/Configuration/network";
    let whole = client.jellyfin("GET", path, None).await.json().unwrap();
    let camel: serde_json::Map<_, _> = whole
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name[..1].to_lowercase() + &name[1..], value.clone()))
        .collect();
    let camel = Value::Object(camel);
    let posted = client.jellyfin("POST", path, Some(&camel)).await;
    assert_eq!(posted.status, 204);
    let state = client.fake.state();
    assert_eq!(state.jellyfin.network["PublicHttpPort"], json!(8096));
    assert_eq!(state.log.misdeeds.len(), 1);
}

#[tokio::test]
async fn another_spelling_of_network_takes_effect_after_a_restart_only() {
    let client = Client::new().await;
    let path = "/System/Configuration/network";
    let mut whole = client.jellyfin("GET", path, None).await.json().unwrap();
    whole["EnableRemoteAccess"] = json!(false);
    let other = "/System/Configuration/Network";
    let posted = client.jellyfin("POST", other, Some(&whole)).await;
    assert_eq!(posted.status, 204);
    let read = client.jellyfin("GET", other, None).await.json().unwrap();
    assert_eq!(read["EnableRemoteAccess"], json!(false));
    let mut state = client.fake.state();
    assert!(state.jellyfin.remote_access());
    state.jellyfin.restart();
    assert!(!state.jellyfin.remote_access());
}

#[tokio::test]
async fn keys_are_read_as_the_version_reads_them() {
    let client = Client::new().await;
    let url = format!("{}/System/Configuration", client.fake.jellyfin());
    let key = "f00dfeedf00dfeedf00dfeedf00dfeed";
    for (version, legacy) in [
        ("10.8.13", true),
        ("10.9.11", true),
        ("10.10.7", true),
        ("10.11.11", true),
        ("12.0.0", false),
    ] {
        client.fake.state().jellyfin.set_version(version);
        for (header, value, is_read) in [
            ("authorization", KEY.to_owned(), true),
            ("authorization", KEY.replace('"', ""), true),
            ("authorization", KEY.replace("MediaBrowser", "Emby"), legacy),
            ("authorization", format!("Bearer {key}"), false),
            ("x-emby-token", key.to_owned(), legacy),
            ("x-mediabrowser-token", key.to_owned(), legacy),
            ("x-emby-authorization", KEY.to_owned(), legacy),
            ("authorization", KEY.replace("f00d", "dead"), false),
        ] {
            let answer = client.send("GET", &url, &[(header, &value)], None).await;
            let expected = if is_read { 200 } else { 401 };
            assert_eq!(
                answer.unwrap().status,
                expected,
                "{version} {header}: {value}"
            );
        }
    }
    // The switch of 10.11.
    {
        let mut state = client.fake.state();
        state.jellyfin.set_version("10.11.11");
        let configuration = &mut state.jellyfin.configuration;
        configuration.insert("EnableLegacyAuthorization".into(), json!(false));
    }
    let header = [("x-emby-token", key)];
    let answer = client.send("GET", &url, &header, None).await;
    assert_eq!(answer.unwrap().status, 401);
}

#[tokio::test]
async fn who_is_not_an_administrator_reads_and_does_not_write() {
    let client = Client::new().await;
    let viewer = User::new("viewer").id;
    client
        .fake
        .state()
        .jellyfin
        .tokens
        .insert("view".into(), viewer);
    let url = format!("{}/System/Configuration", client.fake.jellyfin());
    let header = [("authorization", "MediaBrowser Token=\"view\"")];
    let whole = client.send("GET", &url, &header, None).await.unwrap();
    let whole = whole.json().unwrap();
    let posted = client.send("POST", &url, &header, Some(&whole)).await;
    assert_eq!(posted.unwrap().status, 403);
    assert!(client.fake.state().log.bitrates.is_empty());
}

#[tokio::test]
async fn who_is_remote_is_locked_out_with_remote_access() {
    let client = Client::new().await;
    let url = format!("{}/System/Endpoint", client.fake.jellyfin());
    let at_home = client.jellyfin("GET", "/System/Endpoint", None).await;
    assert_eq!(at_home.json().unwrap()["IsInNetwork"], json!(true));
    client
        .fake
        .state()
        .jellyfin
        .set_known_proxies(&["127.0.0.1"]);
    let headers = [("authorization", KEY), ("x-forwarded-for", "203.0.113.1")];
    let away = client.send("GET", &url, &headers, None).await.unwrap();
    assert_eq!(away.json().unwrap()["IsInNetwork"], json!(false));
    client
        .fake
        .state()
        .jellyfin
        .set_network("EnableRemoteAccess", json!(false));
    for (version, status) in [("10.8.13", 200), ("10.10.7", 503), ("12.0.0", 503)] {
        client.fake.state().jellyfin.set_version(version);
        let away = client.send("GET", &url, &headers, None).await.unwrap();
        assert_eq!(
            (away.status.as_u16(), away.body.len()),
            (status, 0),
            "{version}"
        );
        assert!(away.header("retry-after").is_none());
    }
    let at_home = client.jellyfin("GET", "/System/Endpoint", None).await;
    assert_eq!(at_home.status, 200);
    // The whole tunnel is remote, and so is who comes through it.
    {
        let mut state = client.fake.state();
        state.jellyfin.caller = Some([10, 0, 0, 1].into());
        state
            .jellyfin
            .set_network("LocalNetworkSubnets", json!(["!10.0.0.1/32"]));
    }
    let locked_out = client.jellyfin("GET", "/System/Endpoint", None).await;
    assert_eq!(locked_out.status, 503);
}

#[tokio::test]
async fn a_starting_server_says_so_its_own_way() {
    let client = Client::new().await;
    {
        let mut state = client.fake.state();
        state.jellyfin.slow_start = 1;
        state.jellyfin.restart();
    }
    let answer = client.jellyfin("GET", "/System/Info/Public", None).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("005"));
    assert!(answer.json().is_err(), "it is a page");
    let answer = client.jellyfin("GET", "/System/Info/Public", None).await;
    assert_eq!(answer.json().unwrap()["Version"], json!("10.11.11"));
}

#[tokio::test]
async fn base_path_and_host_are_insisted_on() {
    let client = Client::new().await;
    client.fake.state().jellyfin.set_base_path("/jellyfin");
    let outside = format!("{}/System/Ping", client.fake.address(Service::Jellyfin));
    let answer = client.send("GET", &outside, &[], None).await.unwrap();
    assert_eq!(answer.header("location"), Some("/jellyfin/web/"));
    let inside = client.jellyfin("GET", "/System/Ping", None).await;
    assert_eq!(inside.status, 200);
    client.fake.state().jellyfin.hosts = vec!["jellyfin.example.com".into()];
    let inside = client.jellyfin("GET", "/System/Ping", None).await;
    assert_eq!(inside.status, 404);
    let url = format!("{}/System/Ping", client.fake.jellyfin());
    let headers = [("host", "jellyfin.example.com")];
    let routed = client.send("GET", &url, &headers, None).await.unwrap();
    assert_eq!(routed.status, 200);
}

#[tokio::test]
async fn a_stream_gets_the_limit_that_holds_when_it_starts() {
    let client = Client::new().await;
    let mut state = client.fake.state();
    let server = &mut state.jellyfin;
    server.users.push(User::new("rich").limited(20_000_000));
    server.set_limit(4_000_000);
    server.watch(Session::new(1, "203.0.113.7", 8_000_000));
    server.watch(Session::new(2, "192.168.1.5", 8_000_000));
    server.watch(Session {
        user: "rich".into(),
        ..Session::new(3, "203.0.113.8", 8_000_000)
    });
    server.watch(Session {
        plays_directly: true,
        ..Session::new(4, "203.0.113.9", 8_000_000)
    });
    // Through a tunnel whose end is no known proxy: private, hence at home, hence unlimited.
    server.watch(Session {
        via: vec![[10, 0, 0, 1].into()],
        ..Session::new(5, "203.0.113.10", 8_000_000)
    });
    server.watch(Session::new(6, "203.0.113.11", 3_000_000));
    let rates: Vec<_> = server.sessions.iter().map(|it| it.bitrate).collect();
    assert_eq!(
        rates,
        [
            4_000_000, 8_000_000, 8_000_000, 8_000_000, 8_000_000, 3_000_000
        ]
    );
    server.set_limit(2_000_000);
    assert_eq!(server.sessions[0].bitrate, 4_000_000, "it runs on");
    server.play("00000000000000000000000000000001");
    assert_eq!(server.sessions[0].bitrate, 2_000_000);
}

#[tokio::test]
async fn a_stop_is_sent_and_perhaps_obeyed() {
    let client = Client::new().await;
    {
        let mut state = client.fake.state();
        let server = &mut state.jellyfin;
        server.watch(Session::new(1, "203.0.113.7", 8_000_000));
        server.watch(Session {
            obeys: false,
            ..Session::new(2, "203.0.113.8", 8_000_000)
        });
        server.watch(Session {
            slow_stop: 1,
            ..Session::new(3, "203.0.113.9", 8_000_000)
        });
    }
    for number in 1..=3 {
        let path = format!("/Sessions/{number:032x}/Playing/Stop");
        assert_eq!(client.jellyfin("POST", &path, None).await.status, 204);
    }
    let unknown = format!("/Sessions/{:032x}/Playing/Stop", 9);
    assert_eq!(client.jellyfin("POST", &unknown, None).await.status, 404);
    for playing in [[false, true, true], [false, true, false]] {
        let seen = client.jellyfin("GET", "/Sessions", None).await;
        let seen = seen.json().unwrap();
        let plays = [0, 1, 2].map(|it: usize| seen[it].get("NowPlayingItem").is_some());
        assert_eq!(plays, playing);
    }
}

#[tokio::test]
async fn what_a_server_ignores_keeps_its_value_behind_a_204() {
    let client = Client::new().await;
    client.fake.state().jellyfin.ignores = vec!["RemoteClientBitrateLimit".into()];
    let whole = client.jellyfin("GET", "/System/Configuration", None).await;
    let mut whole = whole.json().unwrap();
    whole["RemoteClientBitrateLimit"] = json!(1);
    let posted = client.jellyfin("POST", "/System/Configuration", Some(&whole));
    assert_eq!(posted.await.status, 204);
    assert_eq!(client.fake.state().jellyfin.limit(), 0);
}

#[tokio::test]
async fn policies_do_not_survive_a_round_trip() {
    let client = Client::new().await;
    let id = User::new("viewer").id;
    let user = client.jellyfin("GET", &format!("/Users/{id}"), None).await;
    let mut policy = user.json().unwrap()["Policy"].clone();
    let path = format!("/Users/{id}/Policy");
    let posted = client.jellyfin("POST", &path, Some(&policy)).await;
    assert_eq!(posted.status, 204);
    let stored = client.fake.state().jellyfin.users[1].policy.clone();
    assert_eq!(stored["EnableLyricManagement"], json!(false));
    merge(&mut policy, &json!({"PasswordResetProviderId": null}));
    let posted = client.jellyfin("POST", &path, Some(&policy)).await;
    assert_eq!(posted.status, 400);
}
