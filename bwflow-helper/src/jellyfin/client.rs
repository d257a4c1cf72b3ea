//! Requests to Jellyfin, and what its answers mean.

use std::time::Duration;

use bwflow_proto::config;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::document::Document;
use super::key::ApiKey;
use super::problem::Problem;
use crate::http::{Answer, Http, Patience};

/// A home server may have to spin up a disk first.
pub(super) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(15),
};
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// An address for documentation (RFC 5737): nobody's, and certainly not local.
const STRANGER: &str = "203.0.113.1";

/// The way to one server.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    base: String,
    host: Option<HeaderValue>,
    key: ApiKey,
}

/// What a server says of itself to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its id; dashes and case do not matter, so they are gone.
    pub(super) id: String,
    /// Its version, as it says, cut to what can be shown.
    pub(super) version: String,
}

impl Client {
    pub(super) fn new(
        config: &config::Jellyfin,
        key: ApiKey,
        patience: Patience,
    ) -> Result<Self, String> {
        let host = config.host_header.as_deref().map(HeaderValue::from_str);
        let host = host
            .transpose()
            .map_err(|_| "host_header in [spend.jellyfin] is no host name".to_owned())?;
        Ok(Self {
            http: Http::new(patience)?,
            base: config.url.trim_end_matches('/').to_owned(),
            host,
            key,
        })
    }

    /// Who it is.
    pub(super) async fn identity(&self) -> Result<Identity, Problem> {
        let told = self.get("/System/Info/Public").await?;
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        let not_it = || Problem::NotJellyfin("something that does not say who it is".to_owned());
        let id = text("Id").ok_or_else(not_it)?;
        let id: String = id.chars().filter(char::is_ascii_hexdigit).collect();
        let version = text("Version").ok_or_else(not_it)?;
        let version: String = version
            .chars()
            .filter(|it| it.is_ascii_alphanumeric() || ".-+".contains(*it))
            .take(32)
            .collect();
        if id.len() != 32 {
            return Err(not_it());
        }
        if told.get("StartupWizardCompleted") == Some(&Value::Bool(false)) {
            return Err(Problem::NotSetUp);
        }
        let id = id.to_ascii_lowercase();
        Ok(Identity { id, version })
    }

    /// Whether it takes us for a client of its own network; with a stranger's address in
    /// `X-Forwarded-For`, whether it takes that for one.
    pub(super) async fn is_in_network(&self, as_stranger: bool) -> Result<bool, Problem> {
        let path = "/System/Endpoint";
        let mut request = self.request(Method::GET, path)?;
        if as_stranger {
            let headers = request.headers_mut();
            headers.insert("x-forwarded-for", HeaderValue::from_static(STRANGER));
        }
        let answer = self.send(request, path).await?;
        let unfit = || Problem::Unfit("no word on whether bwflow is local".to_owned());
        let told = json(&answer)?;
        told.get("IsInNetwork")
            .and_then(Value::as_bool)
            .ok_or_else(unfit)
    }

    /// A configuration, untouched.
    pub(super) async fn document(&self, path: &'static str) -> Result<Document, Problem> {
        let answer = self.send(self.request(Method::GET, path)?, path).await?;
        json(&answer)?;
        Document::parse(&answer.body).map_err(Problem::Unfit)
    }

    /// Sends a configuration. That it was taken proves nothing: it has to be read back.
    pub(super) async fn replace(&self, path: &'static str, body: Vec<u8>) -> Result<(), Problem> {
        self.post(path, path, body).await.map(drop)
    }

    /// Any other question.
    pub(super) async fn get(&self, path: &'static str) -> Result<Value, Problem> {
        let answer = self.send(self.request(Method::GET, path)?, path).await?;
        json(&answer)
    }

    /// A command to a session.
    pub(super) async fn command(&self, path: &str, body: Vec<u8>) -> Result<(), Problem> {
        self.post(path, "/Sessions/...", body).await.map(drop)
    }

    async fn post(
        &self,
        path: &str,
        shown: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, Problem> {
        let mut request = self.request(Method::POST, path)?;
        if !body.is_empty() {
            let headers = request.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.body_mut() = Some(body.into());
        self.send(request, shown).await
    }

    fn request(&self, method: Method, path: &str) -> Result<reqwest::Request, Problem> {
        let address = format!("{}{path}", self.base);
        let address = reqwest::Url::parse(&address)
            .map_err(|_| Problem::Unreachable("has no proper url".to_owned()))?;
        let mut request = reqwest::Request::new(method, address);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let authorization = self.key.authorization();
        let mut authorization = HeaderValue::from_str(&authorization)
            .map_err(|_| Problem::Unfit("no way to send this API key".to_owned()))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        Ok(request)
    }

    async fn send(&self, request: reqwest::Request, path: &'static str) -> Result<Answer, Problem> {
        let is_get = request.method() == Method::GET;
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|error| Problem::Unreachable(error.to_string()))?;
        judge(&answer, is_get, path)?;
        Ok(answer)
    }
}

/// What an answer's status means.
fn judge(answer: &Answer, is_get: bool, path: &'static str) -> Result<(), Problem> {
    let status = answer.status;
    match status {
        // 10.8 answers so whom it keeps out; of nothing can be made out what it means.
        StatusCode::OK if is_get && answer.body.is_empty() => Err(Problem::Empty),
        _ if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(Problem::WrongKey),
        StatusCode::FORBIDDEN => Err(Problem::Forbidden),
        StatusCode::MISDIRECTED_REQUEST => Err(Problem::Misdirected),
        StatusCode::NOT_FOUND if is_get => Err(Problem::Absent(path)),
        StatusCode::SERVICE_UNAVAILABLE => Err(unavailable(answer)),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Err(Problem::Behind(status.as_u16()))
        }
        _ if status.is_redirection() => Err(Problem::Redirected(destination(answer))),
        _ if status.is_client_error() && !is_get => Err(Problem::TurnedDown(status.as_u16())),
        _ => Err(Problem::Status(status.as_u16())),
    }
}

/// 503: while starting Jellyfin sends a page and `Retry-After`; to whom its filter keeps out, nothing
/// at all.
fn unavailable(answer: &Answer) -> Problem {
    let wait = answer.headers.get(RETRY_AFTER);
    if wait.is_none() && answer.body.is_empty() {
        return Problem::Blocked;
    }
    let seconds = wait.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    Problem::Starting(seconds.map(|it| Duration::from_secs(it).min(LONGEST_WAIT)))
}

/// Where a redirect leads, without what may follow a `?`.
fn destination(answer: &Answer) -> String {
    let place = answer.headers.get(LOCATION).and_then(|it| it.to_str().ok());
    let place = place.unwrap_or("").split(['?', '#']).next().unwrap_or("");
    // `user:password@` has no business in a log either.
    let place = place.rsplit('@').next().unwrap_or("");
    place
        .chars()
        .filter(char::is_ascii_graphic)
        .take(80)
        .collect()
}

fn json(answer: &Answer) -> Result<Value, Problem> {
    answer.json().map_err(Problem::NotJellyfin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: map,
            body: body.as_bytes().to_vec(),
        }
    }

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Problem {
        judge(&answer(status, headers, body), true, "/Path").unwrap_err()
    }

    #[test]
    fn the_two_kinds_of_503_and_the_empty_200_are_told_apart() {
        let starting = judged(503, &[("retry-after", "005")], "<html>");
        let wait = Some(Duration::from_secs(5));
        assert_eq!(starting, Problem::Starting(wait));
        assert_eq!(judged(503, &[], ""), Problem::Blocked);
        assert_eq!(judged(503, &[], "<html>"), Problem::Starting(None));
        let nonsense = judged(503, &[("retry-after", "-7")], "");
        assert_eq!(nonsense, Problem::Starting(None));
        let forever = judged(503, &[("retry-after", "999999999")], "");
        assert_eq!(forever, Problem::Starting(Some(LONGEST_WAIT)));
        assert_eq!(judged(200, &[], ""), Problem::Empty);
        assert!(judge(&answer(204, &[], ""), false, "/Path").is_ok());
    }

    #[test]
    fn each_status_says_what_to_do() {
        for (problem, words) in [
            (judged(401, &[], ""), "API Keys"),
            (judged(401, &[], ""), "systemctl restart bwflow-helper"),
            (judged(421, &[], ""), "host_header"),
            (judged(403, &[], ""), "403"),
            (judged(404, &[], "x"), "`/Path`"),
            (judged(502, &[], "<html>"), "proxy"),
            (judged(500, &[], "secret"), "500"),
            (
                judged(
                    302,
                    &[("location", "http://u:p@h/jellyfin/web/?k=secret")],
                    "",
                ),
                "`h/jellyfin/web/`",
            ),
        ] {
            let text = problem.to_string();
            assert!(text.contains(words) && !text.contains("secret"), "{text}");
        }
    }
}
