//! What comes in and goes out, as the services see it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A service of the fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Azure's management API: budgets and costs.
    Arm,
    /// The identity and metadata service of a virtual machine.
    Imds,
    /// The media server.
    Jellyfin,
}

impl Service {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Arm, Self::Imds, Self::Jellyfin];
}

/// A request, as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Whose it is.
    pub service: Service,
    /// When it came, seconds since the Unix epoch by the fake's clock.
    pub at: i64,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// What follows the question mark, as sent.
    pub query: String,
    /// Headers with their names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are no text are replaced.
    pub body: String,
    /// The status that it was answered with; 0 for no answer.
    pub status: u16,
}

impl Request {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first query parameter of that name, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self
            .query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut decoded = pairs.map(|(key, value)| (decode(key, true), decode(value, true)));
        decoded.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The decoded parts of the path; empty ones at its ends are left out.
    pub fn segments(&self) -> Vec<String> {
        let path = self.path.trim_matches('/');
        path.split('/').map(|it| decode(it, false)).collect()
    }

    /// The body as JSON, if it says so and is.
    ///
    /// # Errors
    /// The answer of a strict server.
    pub fn json(&self) -> Result<Value, Reply> {
        let media = self.header("content-type").unwrap_or("");
        let media = media.split(';').next().unwrap_or("").trim();
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Reply::text(415, "Unsupported Media Type"));
        }
        serde_json::from_str(&self.body).map_err(|error| Reply::text(400, &error.to_string()))
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Headers beside length and date.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Nothing but a status.
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::typed(status, "application/json; charset=utf-8", &body.to_string())
    }

    /// Plain text.
    pub fn text(status: u16, body: &str) -> Self {
        Self::typed(status, "text/plain", body)
    }

    /// A page.
    pub fn html(status: u16, body: &str) -> Self {
        Self::typed(status, "text/html", body)
    }

    /// A body of some type.
    pub fn typed(status: u16, media: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), media.into())],
            body: body.as_bytes().to_vec(),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Undoes percent encoding; in a query `+` is a space.
pub fn decode(text: &str, in_query: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                decoded.push(value);
                at += 2;
            }
            (b'+', _) if in_query => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
