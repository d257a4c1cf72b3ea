//! Questions to the management API, with the machine's identity.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde_json::Value;

use super::endpoint::Scope;
use super::imds::Imds;
use super::page;
use super::retry::{self, Allowance};
use super::said::said;
use super::token::Token;
use super::trouble::{Trouble, TroubleKind};
use crate::http::{Answer, Http, Patience};

/// Cost queries over many resources take their time.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(10),
    total: Duration::from_secs(60),
};

/// The management API.
#[derive(Debug)]
pub(super) struct Arm {
    http: Http,
    pub(super) imds: Imds,
    token: Option<Token>,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// Where to.
    pub(super) url: &'a Url,
    /// The resource of the token.
    pub(super) resource: &'a str,
    /// What to post; nothing to get.
    pub(super) body: Option<&'a Value>,
    /// What it is about, for people: `the budget`.
    pub(super) subject: &'a str,
    /// Whose.
    pub(super) scope: &'a Scope,
}

impl Arm {
    /// The API, with tokens from there.
    pub(super) fn new(imds: Imds) -> Result<Self, String> {
        Ok(Self {
            http: Http::new(PATIENCE)?,
            imds,
            token: None,
        })
    }

    /// Asks until there is a good answer, but not more often than is decent: 200, 204, or 404, from which the caller has
    /// to conclude something.
    pub(super) async fn ask(
        &mut self,
        question: Question<'_>,
        allowance: &mut Allowance,
    ) -> Result<Answer, Trouble> {
        let (mut floors, mut moments) = (retry::floors(), retry::moments());
        let (mut tries, mut is_renewed) = (0, false);
        loop {
            let token = self.token(question.resource, allowance).await?;
            let result = self.http.send(request(&question, &token)).await;
            tries += 1;
            let (trouble, wait) = match &result {
                Ok(answer) => match answer.status {
                    StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => {
                        return Ok(answer.clone());
                    }
                    StatusCode::UNAUTHORIZED if code(answer) != "RBACAccessDenied" => {
                        self.token = None;
                        // Once, a token may have been withdrawn before its time.
                        if !std::mem::replace(&mut is_renewed, true) {
                            continue;
                        }
                        (trouble(&question, answer, Some(&token)), None)
                    }
                    status if retry::is_throttling(status) => {
                        let mut trouble = trouble(&question, answer, Some(&token));
                        let hint = retry::hint(status, &answer.headers);
                        let wait = floors.next().map(|floor| floor.max(hint.unwrap_or(floor)));
                        trouble.retry_after = Some(hint.unwrap_or_default().max(FLOOR));
                        (trouble, wait)
                    }
                    status if retry::is_passing(status) => {
                        (trouble(&question, answer, Some(&token)), moments.next())
                    }
                    _ => (trouble(&question, answer, Some(&token)), None),
                },
                Err(error) => {
                    let host = question.url.origin().ascii_serialization();
                    let text = format!("Azure at {host} {error}");
                    let trouble = Trouble::passing(TroubleKind::Unreachable, text);
                    (trouble, moments.next())
                }
            };
            let wait = wait.filter(|_| tries < retry::TRIES);
            let is_over = match wait {
                Some(wait) => !allowance.wait(wait).await,
                None => true,
            };
            if is_over {
                return Err(trouble);
            }
        }
    }

    /// What a 404 means where it does not mean that something is just not there.
    pub(super) fn refused(&self, question: &Question<'_>, answer: &Answer) -> Trouble {
        trouble(question, answer, self.token.as_ref())
    }

    /// The token that is in use, to take it out of texts.
    pub(super) fn secret(&self) -> Option<&str> {
        self.token.as_ref().map(Token::secret)
    }

    async fn token(&mut self, resource: &str, allowance: &mut Allowance) -> Result<Token, Trouble> {
        if let Some(token) = self.token.as_ref().filter(|it| it.is_good()) {
            return Ok(token.clone());
        }
        let token = self.imds.token(resource, allowance).await?;
        self.token = Some(token.clone());
        Ok(token)
    }
}

/// Least time to stay away after having been throttled to the end.
const FLOOR: Duration = Duration::from_secs(60);

fn request(question: &Question<'_>, token: &Token) -> Request {
    let method = if question.body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let mut request = Request::new(method, question.url.clone());
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, token.header().clone());
    // Clients without a name share one quota, which others use up.
    headers.insert("clienttype", HeaderValue::from_static("bwflow"));
    if let Some(body) = question.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
    }
    request
}

/// The code of an error's body; empty where there is none.
fn code(answer: &Answer) -> String {
    let body = page::small(answer).unwrap_or_default();
    let code = body.pointer("/error/code").and_then(Value::as_str);
    code.unwrap_or("").to_owned()
}

/// What an answer that is no success means, and what mends it.
fn trouble(question: &Question<'_>, answer: &Answer, token: Option<&Token>) -> Trouble {
    let (subject, scope) = (question.subject, question.scope);
    let (status, code) = (answer.status, code(answer));
    let says = says(answer, token);
    match status {
        _ if code == "RBACAccessDenied" || status == StatusCode::FORBIDDEN => Trouble::definite(
            TroubleKind::Denied,
            format!(
                "the machine's identity may not read {subject} of {scope}: it needs the role \"Cost Management \
                 Reader\" there (az role assignment create --role \"Cost Management Reader\" --scope /{scope} \
                 --assignee-object-id ID, with the identity's principal id; it takes some minutes). Azure \
                 says: {says}"
            ),
        ),
        StatusCode::UNAUTHORIZED => Trouble::definite(
            TroubleKind::Denied,
            format!(
                "Azure does not accept the machine's token for {subject}, not even a new one; is it the right \
                 cloud? Azure says: {says}"
            ),
        ),
        StatusCode::TOO_MANY_REQUESTS => Trouble::passing(
            TroubleKind::Throttled,
            format!("Azure was asked too often for {subject}: {says}"),
        ),
        _ if status.is_server_error() || retry::is_passing(status) => Trouble::passing(
            TroubleKind::Unreachable,
            format!(
                "Azure cannot tell {subject} at present ({}): {says}",
                status.as_u16()
            ),
        ),
        _ => Trouble::definite(
            TroubleKind::Refused,
            format!(
                "Azure does not tell {subject} of {scope} ({}): {says}{}",
                status.as_u16(),
                cure(&code)
            ),
        ),
    }
}

/// What mends an error that comes from the configuration; else nothing.
fn cure(code: &str) -> &'static str {
    match code {
        "SubscriptionNotFound" | "InvalidSubscriptionId" => {
            " - `subscription_id` in [spend.azure] must be a subscription of the tenant of the \
             machine's identity"
        }
        "ResourceGroupNotFound" => {
            " - `resource_group` in [spend.azure] must be one of this subscription"
        }
        _ => "",
    }
}

/// What an answer that is no success says itself.
fn says(answer: &Answer, token: Option<&Token>) -> String {
    let secret = token.map(Token::secret);
    match page::small(answer) {
        Ok(body) => told(&body, answer.status.as_str(), secret),
        Err(instead) => said(&instead, secret),
    }
}

/// What an error's body says; `status` is what its code only repeats at times.
pub(super) fn told(body: &Value, status: &str, secret: Option<&str>) -> String {
    let member = |name: &str| body.pointer(name).and_then(Value::as_str).unwrap_or("");
    let (code, message) = (member("/error/code"), member("/error/message"));
    match (code, message) {
        ("", "") => "nothing".to_owned(),
        (code, "") => said(code, secret),
        // Some codes only repeat the status.
        (code, message) if code.is_empty() || code == status => said(message, secret),
        (code, message) => said(&format!("{code}: {message}"), secret),
    }
}
