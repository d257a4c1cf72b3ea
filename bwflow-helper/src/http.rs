//! Requests over HTTP: bounded in time and size, never through a proxy, never redirected.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Request, StatusCode, redirect};

/// The longest answer that is read, bytes. A whole configuration of a media server has 100 KB.
const LONGEST: usize = 4 << 20;

/// A client for one service.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
}

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer's last byte.
    pub total: Duration,
}

/// An answer, whatever its status. It may hold secrets, so that it cannot be printed.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer. Displays without the address, which may hold what is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody there, or no way there.
    Unreachable(String),
    /// It took too long.
    TimedOut,
    /// The answer is longer than anybody needs.
    TooLong,
    /// Something else went wrong on the way.
    Broken(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "cannot be reached: {why}"),
            Self::TimedOut => f.write_str("does not answer in time"),
            Self::TooLong => write!(f, "answers with more than {} MiB", LONGEST >> 20),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
        }
    }
}

impl Http {
    /// A client with these time limits.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(patience: Patience) -> Result<Self, String> {
        // The first one stays; who comes later finds the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .connect_timeout(patience.connect)
                .timeout(patience.total)
                // One request an hour needs no open connection.
                .pool_max_idle_per_host(0)
                .user_agent(concat!("bwflow/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder().build().or_else(|error| {
            // What is asked without TLS needs nobody's certificates.
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                let why = causes(&error);
                tracing::warn!("no server can be trusted over https: {why}; install the package ca-certificates");
            });
            builder().tls_certs_only([]).build()
        });
        let client = client.map_err(|error| causes(&error))?;
        Ok(Self { client })
    }

    /// The builder of requests.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When there is no answer; a status that means failure is one.
    pub async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let mut response = self.client.execute(request).await.map_err(no_answer)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(NoAnswer::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

impl Answer {
    /// The body as JSON, if it says that it is JSON and is; a text for people otherwise.
    ///
    /// # Errors
    /// What is there instead, without quoting it: it may hold secrets.
    pub fn json(&self) -> Result<serde_json::Value, String> {
        self.read()
    }

    /// The same, of only what is needed of it.
    ///
    /// # Errors
    /// As those of [`Self::json`].
    pub fn read<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, String> {
        let media = self.headers.get(CONTENT_TYPE);
        let media = media.and_then(|it| it.to_str().ok()).unwrap_or("");
        let media = media.split(';').next().unwrap_or("").trim();
        let is_json = media.eq_ignore_ascii_case("application/json")
            || media.to_ascii_lowercase().ends_with("+json")
            || media.eq_ignore_ascii_case("text/json");
        if self.body.is_empty() {
            return Err("an empty answer".to_owned());
        }
        if !is_json {
            let media: String = media
                .chars()
                .filter(|it| it.is_ascii_graphic())
                .take(40)
                .collect();
            return Err(format!("an answer of type `{media}` instead of JSON"));
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("broken JSON ({error})"))
    }

    /// When the server answered, by its own clock, microseconds since the Unix epoch, UTC.
    pub fn date_usec(&self) -> Option<i64> {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(self.header("date")?);
        Some(date.ok()?.as_microsecond())
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    let error = error.without_url();
    // Without a connection there is nobody to be slow.
    if error.is_connect() && error.is_timeout() {
        NoAnswer::Unreachable("no connection in time, or its name is not known in time".to_owned())
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else if error.is_connect() {
        let distrust = distrust(&error);
        NoAnswer::Unreachable(distrust.map_or_else(|| causes(&error), str::to_owned))
    } else {
        NoAnswer::Broken(causes(&error))
    }
}

/// Why there is no trust: what is wrong with the certificate, or that there is none, with its cure.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use rustls::CertificateError as Bad;
    let mut cause = Some(error);
    let bad = loop {
        let this = cause?;
        if let Some(error) = this.downcast_ref::<rustls::Error>() {
            match error {
                rustls::Error::InvalidCertificate(bad) => break bad,
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
                    return Some("the address says https, but this port speaks plain http");
                }
                _ => return None,
            }
        }
        let wrapped = this.downcast_ref::<std::io::Error>();
        // An I/O error does not name what it wraps among its sources.
        cause = match wrapped.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => this.source(),
        };
    };
    Some(match bad {
        Bad::UnknownIssuer => {
            "its certificate is of an authority that this machine does not trust: put that \
             authority's certificate into /usr/local/share/ca-certificates (as .crt), run \
             update-ca-certificates and restart bwflow-helper"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name: use a name that is in the certificate"
        }
        Bad::Expired | Bad::ExpiredContext { .. } => {
            "its certificate has expired: renew it, or set this machine's clock right"
        }
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "its certificate is not valid yet: set this machine's clock right"
        }
        _ => return None,
    })
}

/// What went wrong, as the innermost cause says it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use reqwest::Method;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_plain_port_behind_an_https_address_is_called_that() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", server.local_addr().unwrap());
        let second = Duration::from_secs(5);
        let http = Http::new(Patience {
            connect: second,
            total: second,
        });
        let request = Request::new(Method::GET, url.parse().unwrap());
        let http = http.unwrap();
        let answer = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let heard = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(heard > 0);
            let refusal = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
            stream
        };
        let (error, _stream) = tokio::join!(http.send(request), answer);
        let text = error.err().unwrap().to_string();
        assert!(text.contains("this port speaks plain http"), "{text}");
    }
}
