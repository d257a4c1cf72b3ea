//! Requests to Jellyfin, and what its answers mean.

use std::time::Duration;

use bwflow_proto::config;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::Document;
use super::key::ApiKey;
use super::list::each;
use super::problem::Problem;
use super::shown::{cut, shown, shown_plain};
use crate::http::{Answer, Http, Patience};

/// A home server may have to spin up a disk first.
pub(super) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(15),
};
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The longest answer that says a few words, bytes.
const SHORT: usize = 64 << 10;
/// The longest list or configuration, bytes. A session has some 20 KB, a configuration 100 KB.
const LONG: usize = 2 << 20;
/// The longest reason for no answer that is shown, characters.
const LONGEST_REASON: usize = 300;
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

    /// The key that it is asked with.
    pub(super) const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Who it is. Asked without the key: who it is decides whether it may see that.
    pub(super) async fn identity(&self) -> Result<Identity, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            id: Option<String>,
            version: Option<String>,
            startup_wizard_completed: Option<bool>,
        }
        let path = "/System/Info/Public";
        let answer = self.send(self.bare(Method::GET, path)?, path).await?;
        let told: Told = self.read(&answer, SHORT)?;
        let not_it = || Problem::NotJellyfin("something that does not say who it is".to_owned());
        let id = told.id.ok_or_else(not_it)?;
        let id: String = id.chars().filter(char::is_ascii_hexdigit).collect();
        let version = shown_plain(&told.version.ok_or_else(not_it)?, &self.key);
        // It is recorded, which a key may not be.
        if id.len() != 32 || self.key.redact(&id) != id {
            return Err(not_it());
        }
        if told.startup_wizard_completed == Some(false) {
            return Err(Problem::NotSetUp);
        }
        Ok(Identity {
            id: id.to_ascii_lowercase(),
            version: cut(version, 32),
        })
    }

    /// Whether it takes us for a client of its own network; with a stranger's address in
    /// `X-Forwarded-For`, whether it takes that for one.
    pub(super) async fn is_in_network(&self, as_stranger: bool) -> Result<bool, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            is_in_network: Option<bool>,
        }
        let path = "/System/Endpoint";
        let mut request = self.request(Method::GET, path)?;
        if as_stranger {
            let headers = request.headers_mut();
            headers.insert("x-forwarded-for", HeaderValue::from_static(STRANGER));
        }
        let answer = self.send(request, path).await?;
        let unfit = || Problem::Unfit("no word on whether bwflow is local".to_owned());
        let told: Told = self.read(&answer, SHORT)?;
        told.is_in_network.ok_or_else(unfit)
    }

    /// A configuration, untouched.
    pub(super) async fn document(&self, path: &'static str) -> Result<Document, Problem> {
        let answer = self.send(self.request(Method::GET, path)?, path).await?;
        let _: IgnoredAny = self.read(&answer, LONG)?;
        Document::parse(&answer.body).map_err(Problem::Unfit)
    }

    /// Sends a configuration. That it was taken proves nothing: it has to be read back.
    pub(super) async fn replace(&self, path: &'static str, body: Vec<u8>) -> Result<(), Problem> {
        self.post(path, path, body).await.map(drop)
    }

    /// A list, of which `keep` keeps what is needed.
    pub(super) async fn list<T>(
        &self,
        path: &'static str,
        keep: impl FnMut(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        let answer = self.send(self.request(Method::GET, path)?, path).await?;
        self.expect(&answer, LONG)?;
        each(&answer.body, keep).map_err(|error| broken(&error))
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

    /// A request without the key.
    fn bare(&self, method: Method, path: &str) -> Result<reqwest::Request, Problem> {
        let address = format!("{}{path}", self.base);
        let address = reqwest::Url::parse(&address)
            .map_err(|_| Problem::Unreachable("has no proper url".to_owned()))?;
        let mut request = reqwest::Request::new(method, address);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        Ok(request)
    }

    fn request(&self, method: Method, path: &str) -> Result<reqwest::Request, Problem> {
        let mut request = self.bare(method, path)?;
        let authorization = self.key.authorization();
        let mut authorization = HeaderValue::from_str(&authorization)
            .map_err(|_| Problem::Unfit("no way to send this API key".to_owned()))?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(request)
    }

    async fn send(&self, request: reqwest::Request, path: &'static str) -> Result<Answer, Problem> {
        let is_get = request.method() == Method::GET;
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|error| {
            Problem::Unreachable(shown(&error.to_string(), &self.key, LONGEST_REASON))
        })?;
        judge(&answer, is_get, path, &self.key)?;
        Ok(answer)
    }

    /// What is needed of an answer of at most so many bytes.
    fn read<'a, T: Deserialize<'a>>(
        &self,
        answer: &'a Answer,
        longest: usize,
    ) -> Result<T, Problem> {
        self.expect(answer, longest)?;
        serde_json::from_slice(&answer.body).map_err(|error| broken(&error))
    }

    /// Whether it says that it is JSON, and is no longer than that.
    fn expect(&self, answer: &Answer, longest: usize) -> Result<(), Problem> {
        let what = if answer.body.is_empty() {
            "an empty answer".to_owned()
        } else if answer.body.len() > longest {
            format!("an answer of more than {} KiB", longest >> 10)
        } else {
            let media = answer.header("content-type").unwrap_or("");
            let essence = media.split(';').next().unwrap_or("").trim();
            let essence = essence.to_ascii_lowercase();
            if ["application/json", "text/json"].contains(&&*essence) || essence.ends_with("+json")
            {
                return Ok(());
            }
            let media = shown_plain(media, &self.key);
            let media = media.split(';').next().unwrap_or("").to_owned();
            format!("an answer of type `{}` instead of JSON", cut(media, 40))
        };
        Err(Problem::NotJellyfin(what))
    }
}

/// What an answer's status means.
fn judge(answer: &Answer, is_get: bool, path: &'static str, key: &ApiKey) -> Result<(), Problem> {
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
        _ if status.is_redirection() => Err(Problem::Redirected(destination(answer, key))),
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
fn destination(answer: &Answer, key: &ApiKey) -> String {
    let place = answer.headers.get(LOCATION).and_then(|it| it.to_str().ok());
    let place = shown_plain(place.unwrap_or(""), key);
    let place = place.split(['?', '#']).next().unwrap_or("");
    // `user:password@` has no business in a log either.
    cut(place.rsplit('@').next().unwrap_or("").to_owned(), 80)
}

/// What is wrong with JSON, without quoting it.
fn broken(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let what = if error.is_data() {
        "JSON of another form"
    } else {
        "broken JSON"
    };
    Problem::NotJellyfin(format!("{what} (line {line}, column {column})"))
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
        judge(
            &answer(status, headers, body),
            true,
            "/Path",
            &ApiKey::of("k"),
        )
        .unwrap_err()
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
        assert!(judge(&answer(204, &[], ""), false, "/Path", &ApiKey::of("k")).is_ok());
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
