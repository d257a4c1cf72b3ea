//! A client that adds nothing of its own.

use std::time::Duration;

use bwflow_helper::http::{Answer, Http, NoAnswer, Patience};
use bwflow_tests::fake::{Fake, azure};
use serde_json::{Value, json};

pub(super) const KEY: &str = "MediaBrowser Token=\"f00dfeedf00dfeedf00dfeedf00dfeed\"";
/// Sunday, 22 November 2026, 12:00 UTC.
pub(super) const NOON: i64 = 1_795_348_800;

/// Asks the fake, as plainly as can be.
pub(super) struct Client {
    http: Http,
    pub(super) fake: Fake,
}

impl Client {
    pub(super) async fn new() -> Self {
        let patience = Patience {
            connect: Duration::from_secs(2),
            total: Duration::from_millis(400),
        };
        let fake = Fake::start().await;
        fake.state().now = Some(NOON);
        Self {
            http: Http::new(patience).unwrap(),
            fake,
        }
    }

    pub(super) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = self
            .http
            .client()
            .request(method.parse().unwrap(), url.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        self.http.send(request.build().unwrap()).await
    }

    pub(super) async fn jellyfin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}{path}", self.fake.jellyfin());
        let answer = self.send(method, &url, &[("authorization", KEY)], body);
        answer.await.unwrap()
    }

    pub(super) async fn token(&self, more: &str) -> Answer {
        let url = format!(
            "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F{more}",
            self.fake.imds()
        );
        let answer = self.send("GET", &url, &[("metadata", "true")], None);
        answer.await.unwrap()
    }

    pub(super) async fn arm(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = self.token("").await.json().unwrap();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let scope = azure::SUBSCRIPTION;
        let url = format!("{}/subscriptions/{scope}{path}", self.fake.arm());
        let header = [("authorization", bearer.as_str())];
        self.send(method, &url, &header, body).await.unwrap()
    }

    pub(super) async fn cost(&self) -> Answer {
        let path = "/providers/Microsoft.CostManagement/query?api-version=2025-03-01";
        let body = json!({
            "type": "ActualCost", "timeframe": "MonthToDate",
            "dataset": {"aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}}},
        });
        self.arm("POST", path, Some(&body)).await
    }
}
