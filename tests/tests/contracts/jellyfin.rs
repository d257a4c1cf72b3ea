//! Requests to Jellyfin, by the documents of three versions.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use bwflow_helper::azure::Pause;
use bwflow_helper::http::{Http, Patience};
use bwflow_helper::jellyfin::{ApiKey, Jellyfin, Outcome, Owned, State, Wanted};
use bwflow_proto::config;
use bwflow_tests::documents::read;
use bwflow_tests::fake::Fake;
use bwflow_tests::fake::jellyfin::Session;
use bwflow_tests::prism::Prism;

use super::violations;

/// Where the documents say less than the truth: this is an object.
const NETWORK: &str = "response.body Response body must be string";

/// A server of one version with its validator before it.
pub(super) struct Server {
    version: &'static str,
    fake: Fake,
    prism: Prism,
}

pub(super) async fn start(directory: &Path) -> Vec<Server> {
    let mut servers = Vec::new();
    for (version, name) in [
        ("10.10.7", "10.10.7-reduced"),
        ("10.11.11", "10.11.11-mock"),
        ("12.0.0", "12.0.0-mock"),
    ] {
        let document = read(directory, &format!("jellyfin/jellyfin-openapi-{name}.json"));
        let fake = Fake::start().await;
        fake.state().jellyfin.set_version(version);
        let prism = Prism::start(&document, &fake.jellyfin());
        servers.push(Server {
            version,
            fake,
            prism,
        });
    }
    servers
}

impl Server {
    /// Sends a request as it is, and returns the status.
    async fn send(&self, method: &str, path: &str, body: Option<&str>) -> u16 {
        let patience = Patience {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
        };
        let http = Http::new(patience).unwrap();
        let url = format!("{}{path}", self.prism.address());
        let mut request = http.client().request(method.parse().unwrap(), url);
        let key = &self.fake.state().jellyfin.keys[0].clone();
        request = request.header("authorization", format!("MediaBrowser Token=\"{key}\""));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let answer = http.send(request.build().unwrap()).await.unwrap();
        answer.status.as_u16()
    }

    /// bwflow's client, which speaks to the validator.
    fn client(&self) -> Jellyfin {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, &self.fake.state().jellyfin.keys[0]).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let config = config::Jellyfin {
            url: self.prism.address(),
            host_header: None,
            api_key_file: Some(file),
            message: Some("Streaming ends for this month.".into()),
        };
        let key = ApiKey::load(&config).unwrap();
        Jellyfin::new(&config, key)
            .unwrap()
            .with_pause(Pause::none())
    }

    fn assert_is(&self, outcome: &Outcome, state: State, limit: i64, remote_access: bool) {
        let version = self.version;
        assert_eq!(outcome.state, state, "{version}: {outcome:?}");
        let server = self.fake.state();
        assert_eq!(server.jellyfin.limit(), limit, "{version}");
        assert_eq!(server.jellyfin.remote_access(), remote_access, "{version}");
        assert_eq!(server.log.misdeeds, [""; 0], "{version}");
    }

    fn violations(&self) -> Vec<String> {
        let mut found = violations(&self.prism);
        found.retain(|it| it != NETWORK);
        found
    }
}

const fn limited(bitrate: Option<u32>, off: bool) -> Wanted {
    Wanted { bitrate, off }
}

pub(super) async fn all_requests_pass(server: Server) {
    let version = server.version;
    server.prism.ready();
    {
        let mut state = server.fake.state();
        state.jellyfin.set_limit(4_000_000);
        state
            .jellyfin
            .watch(Session::new(1, "203.0.113.7", 8_000_000));
        state
            .jellyfin
            .watch(Session::new(2, "192.168.1.5", 8_000_000));
    }
    // The fake's answers.
    for path in [
        "/System/Info/Public",
        "/System/Endpoint",
        "/System/Configuration",
        "/System/Configuration/network",
        "/Sessions",
        "/Users",
    ] {
        assert_eq!(
            server.send("GET", path, None).await,
            200,
            "{version} {path}"
        );
    }
    assert_eq!(server.violations(), [""; 0], "{version}");

    // bwflow's requests: a limit, everything off with a word to the viewers, and all of it back.
    server.fake.state().log.requests.clear();
    let mut client = server.client();
    let mut owned = Owned::default();
    for (wanted, state, limit, remote_access) in [
        (
            limited(Some(2_000_000), false),
            State::Held,
            2_000_000,
            true,
        ),
        (
            limited(Some(1_000_000), true),
            State::Held,
            1_000_000,
            false,
        ),
        (
            limited(Some(3_000_000), false),
            State::Held,
            3_000_000,
            true,
        ),
    ] {
        let outcome = client.converge(&wanted, &mut owned, &mut |_| Ok(())).await;
        server.assert_is(&outcome, state, limit, remote_access);
    }
    let outcome = client.restore(&mut owned, &mut |_| Ok(())).await;
    server.assert_is(&outcome, State::None, 4_000_000, true);
    for (method, path) in [
        ("POST", "/System/Configuration"),
        ("POST", "/System/Configuration/network"),
        ("GET", "/System/Endpoint"),
        ("GET", "/Sessions"),
        ("GET", "/Users"),
        ("POST", "/Playing/Stop"),
        ("POST", "/Message"),
    ] {
        let state = server.fake.state();
        let mut requests = state.log.requests.iter();
        let is_there = requests.any(|it| it.method == method && it.path.ends_with(path));
        assert!(is_there, "{version}: {method} {path} was never sent");
    }
    assert_eq!(server.violations(), [""; 0], "{version}");

    // The validator notices what is wrong.
    let wrong = "{\"MaxStreamingBitrate\":1}";
    server
        .send("POST", "/System/Configuration", Some(wrong))
        .await;
    let found = server.violations().join("\n");
    assert!(found.contains("MaxStreamingBitrate"), "{version}: {found}");
}
