//! Requests to Jellyfin, by the documents of three versions.

use std::path::Path;
use std::time::Duration;

use bwflow_helper::http::{Http, Patience};
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

    fn violations(&self) -> Vec<String> {
        let mut found = violations(&self.prism);
        found.retain(|it| it != NETWORK);
        found
    }
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

    // The validator notices what is wrong.
    let wrong = "{\"MaxStreamingBitrate\":1}";
    server
        .send("POST", "/System/Configuration", Some(wrong))
        .await;
    let found = server.violations().join("\n");
    assert!(found.contains("MaxStreamingBitrate"), "{version}: {found}");
}
