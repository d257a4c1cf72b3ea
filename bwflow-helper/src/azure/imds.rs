//! The machine's own service for identity and metadata, which only machines of the cloud have.

use std::time::Duration;

use bwflow_proto::config::Identity;
use reqwest::header::HeaderValue;
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::endpoint::extended;
use super::page;
use super::retry::{self, Allowance};
use super::said::said;
use super::token::Token;
use super::trouble::{Trouble, TroubleKind};
use crate::http::{Answer, Http, NoAnswer, Patience};

/// Where it is on every machine of the cloud.
pub(super) const ADDRESS: &str = "http://169.254.169.254";

const TOKEN_VERSION: &str = "2018-02-01";
const COMPUTE_VERSION: &str = "2021-02-01";

/// It is on the same host: who does not answer soon, is not there.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(2),
    total: Duration::from_secs(10),
};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Imds {
    http: Http,
    base: Url,
    identity: Option<Identity>,
}

/// What the machine's metadata say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// Its subscription; may be empty.
    pub(super) subscription: String,
    /// Its cloud; may be empty.
    pub(super) environment: String,
}

impl Imds {
    /// The service at this address, asked for this identity's token.
    pub(super) fn new(base: Url, identity: Option<Identity>) -> Result<Self, String> {
        Ok(Self {
            http: Http::new(PATIENCE)?,
            base,
            identity,
        })
    }

    /// A token for a resource.
    pub(super) async fn token(
        &self,
        resource: &str,
        allowance: &mut Allowance,
    ) -> Result<Token, Trouble> {
        let mut url = self.at(&["metadata", "identity", "oauth2", "token"], TOKEN_VERSION)?;
        url.query_pairs_mut().append_pair("resource", resource);
        if let Some(identity) = &self.identity {
            let (name, value) = parameter(identity);
            url.query_pairs_mut().append_pair(name, value);
        }
        let answer = self.ask(&url, allowance).await?;
        let token = page::small(&answer);
        let token = token.and_then(|it| Token::read(&it, answer.date_usec()));
        token.map_err(|error| self.not_understood(&error))
    }

    /// The machine's metadata.
    pub(super) async fn machine(&self, allowance: &mut Allowance) -> Result<Machine, Trouble> {
        let url = self.at(&["metadata", "instance", "compute"], COMPUTE_VERSION)?;
        let answer = self.ask(&url, allowance).await?;
        let compute = page::small(&answer);
        let compute = compute.map_err(|error| self.not_understood(&error))?;
        let member = |name: &str| compute.get(name).and_then(Value::as_str).unwrap_or("");
        Ok(Machine {
            subscription: member("subscriptionId").to_owned(),
            environment: member("azEnvironment").to_owned(),
        })
    }

    fn at(&self, segments: &[&str], version: &str) -> Result<Url, Trouble> {
        let url = extended(&self.base, segments.iter().copied());
        let mut url = url.map_err(|error| Trouble::definite(TroubleKind::Refused, error))?;
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    /// Asks until there is a good answer, as long as the documentation says that it may come.
    async fn ask(&self, url: &Url, allowance: &mut Allowance) -> Result<Answer, Trouble> {
        let (mut steps, mut renewals) = (retry::steps(), retry::renewals());
        // A network may just be coming up; longer than that, nobody is there.
        let mut arrivals = retry::moments();
        loop {
            let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
            let metadata = HeaderValue::from_static("true");
            request.headers_mut().insert("metadata", metadata);
            let result = self.http.send(request).await;
            let wait = match &result {
                Ok(answer) => match answer.status {
                    StatusCode::OK => return result.map_err(|error| self.unanswered(&error)),
                    StatusCode::GONE => renewals.next(),
                    StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS => steps.next(),
                    status if status.is_server_error() => steps.next(),
                    _ => None,
                },
                Err(NoAnswer::TimedOut) => renewals.next(),
                Err(NoAnswer::Unreachable(_)) => arrivals.next(),
                Err(NoAnswer::Broken(_)) => steps.next(),
                Err(NoAnswer::TooLong) => None,
            };
            let is_over = match wait {
                Some(wait) => !allowance.wait(wait).await,
                None => true,
            };
            if is_over {
                return Err(match result {
                    Ok(answer) => self.refused(&answer),
                    Err(error) => self.unanswered(&error),
                });
            }
        }
    }

    fn unanswered(&self, error: &NoAnswer) -> Trouble {
        let place = self.place();
        if matches!(error, NoAnswer::Unreachable(_)) {
            return Trouble::passing(
                TroubleKind::Identity,
                format!(
                    "Azure's identity service at {place} {error}; this is not a machine in Azure, \
                     or a firewall on it stands between"
                ),
            );
        }
        let text = format!("Azure's identity service at {place} {error}");
        Trouble::passing(TroubleKind::Unreachable, text)
    }

    /// An answer that is no success. What it says is shown, but nothing is concluded from it: the words change.
    fn refused(&self, answer: &Answer) -> Trouble {
        let (place, status) = (self.place(), answer.status.as_u16());
        let says = page::small(answer).map_or_else(
            |error| error,
            |body| {
                let member = |name: &str| body.get(name).and_then(Value::as_str);
                let words = [member("error"), member("error_description")];
                let words: Vec<_> = words.into_iter().flatten().collect();
                said(&words.join(": "), None)
            },
        );
        match answer.status {
            StatusCode::GONE | StatusCode::TOO_MANY_REQUESTS => Trouble::passing(
                TroubleKind::Unreachable,
                format!("Azure's identity service at {place} is busy ({status}: {says})"),
            ),
            StatusCode::NOT_FOUND => Trouble::passing(
                TroubleKind::Identity,
                format!(
                    "what answers at {place} is not Azure's identity service, or not yet (404: {says}); \
                     is this a machine of Azure?"
                ),
            ),
            it if it.is_server_error() => Trouble::passing(
                TroubleKind::Unreachable,
                format!("Azure's identity service at {place} fails ({status}: {says})"),
            ),
            _ => {
                let cure = self.identity.as_ref().map_or_else(
                    || {
                        "the machine needs a managed identity, and where it has several, `client_id` \
                         in [spend.azure] says which"
                            .to_owned()
                    },
                    |identity| {
                        let (key, _) = parameter(identity);
                        format!(
                            "is `{key}` in [spend.azure] that of an identity of this machine? (az vm \
                             identity show)"
                        )
                    },
                );
                Trouble::definite(
                    TroubleKind::Identity,
                    format!("Azure's identity service gives no token ({status}: {says}); {cure}"),
                )
            }
        }
    }

    fn not_understood(&self, error: &str) -> Trouble {
        let text = format!("Azure's identity service at {} gave {error}", self.place());
        Trouble::passing(TroubleKind::Invalid, text)
    }

    fn place(&self) -> String {
        self.base.origin().ascii_serialization()
    }
}

/// How an identity is asked for; the configuration's keys have the same names.
fn parameter(identity: &Identity) -> (&'static str, &str) {
    match identity {
        Identity::Client(id) => ("client_id", id),
        Identity::Object(id) => ("object_id", id),
        Identity::Resource(id) => ("msi_res_id", id),
    }
}
