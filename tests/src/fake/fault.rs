//! What can go wrong with an answer, whatever the service.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{Request, Service};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub service: Service,
    /// For requests of this method only.
    #[serde(default)]
    pub method: Option<String>,
    /// For requests whose path contains this, ignoring case.
    #[serde(default)]
    pub path: String,
    /// How many of them are spared first.
    #[serde(default)]
    pub spared: u32,
    /// How many it then strikes; nothing for all.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub does: Does,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Does {
    /// It is not carried out but answered with this.
    Answer {
        /// The status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body, as it goes out.
        #[serde(default)]
        body: String,
    },
    /// It is not carried out, and never answered.
    Hang,
    /// It is not carried out; the connection ends.
    Close,
    /// It is carried out after so many milliseconds.
    Slow(u64),
    /// It is not carried out but answered 200 with a body without an end.
    Endless,
    /// It is carried out; the connection ends without an answer.
    Lose,
    /// It is carried out; the answer ends in the middle.
    Truncate,
    /// It is carried out; the answer has these headers, too.
    Headers(Vec<(String, String)>),
    /// It is carried out and answered; then the state is changed so (RFC 7396).
    Then(Value),
}

impl Fault {
    /// Whatever is asked of a service, for ever.
    pub fn of(service: Service, does: Does) -> Self {
        Self {
            service,
            method: None,
            path: String::new(),
            spared: 0,
            times: None,
            does,
        }
    }

    /// Only where the path contains this.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Only requests of this method.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only after so many that are spared.
    #[must_use]
    pub fn after(mut self, spared: u32) -> Self {
        self.spared = spared;
        self
    }

    /// What happens to this request; counts.
    pub(super) fn strikes(&mut self, request: &Request) -> Option<Does> {
        let path = request.path.to_ascii_lowercase();
        let fits = self.service == request.service
            && path.contains(&self.path.to_ascii_lowercase())
            && self.method.as_ref().is_none_or(|it| *it == request.method);
        if !fits || self.times == Some(0) {
            return None;
        }
        if self.spared > 0 {
            self.spared -= 1;
            return None;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        Some(self.does.clone())
    }
}

impl Does {
    /// A status with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::typed(status, "application/json; charset=utf-8", &body.to_string())
    }

    /// A status with a body of some type.
    pub fn typed(status: u16, media: &str, body: &str) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type".into(), media.into())],
            body: body.into(),
        }
    }

    /// A status with headers.
    pub fn status(status: u16, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::Answer {
            status,
            headers: headers.collect(),
            body: String::new(),
        }
    }

    /// Azure's answer to too many requests, with one of the headers that say for how long.
    pub fn throttled(header: &str, seconds: u32) -> Self {
        let body = serde_json::json!({"error": {"code": "429", "message": "Too many requests. Please retry."}});
        Self::Answer {
            status: 429,
            headers: vec![
                (
                    "content-type".into(),
                    "application/json; charset=utf-8".into(),
                ),
                (header.into(), seconds.to_string()),
            ],
            body: body.to_string(),
        }
    }

    /// The way to somewhere else.
    pub fn redirect(to: &str) -> Self {
        Self::status(302, &[("location", to)])
    }
}
