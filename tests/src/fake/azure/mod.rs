//! Azure's management API: who may ask, and where what is asked for is.

mod budgets;
mod costs;
mod filter;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::budgets::Budget;
pub use self::costs::{Charge, Costs, Empty};

use super::request::{Reply, Request};
use super::state::State;

/// The subscription that everything is in, unless set otherwise.
pub const SUBSCRIPTION: &str = "5ca1ab1e-0000-4000-8000-000000000000";

/// The cloud's bookkeeping.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Azure {
    /// The subscription.
    pub subscription: String,
    /// Client ids of the identities with the role *Cost Management Reader*; nothing for all.
    pub readers: Option<Vec<String>>,
    /// Whether a missing role is answered as the cost query does (401) also for budgets.
    pub is_denial_401: bool,
    /// Budgets, of the subscription and of its resource groups.
    pub budgets: Vec<Budget>,
    /// How many budgets a page of the list holds; nothing for all.
    pub budgets_per_page: Option<usize>,
    /// What addresses of next pages begin with, instead of the address that was asked.
    pub next_page_at: Option<String>,
    /// Costs.
    pub costs: Costs,
}

impl Default for Azure {
    fn default() -> Self {
        Self {
            subscription: SUBSCRIPTION.into(),
            readers: None,
            is_denial_401: false,
            budgets: vec![Budget::monthly("Monthly-Bandwidth-Limit", 150.0)],
            budgets_per_page: None,
            next_page_at: None,
            costs: Costs::default(),
        }
    }
}

impl Azure {
    /// A page's address, as the service would write it.
    fn next_link(&self, request: &Request, token: usize) -> String {
        let host = request.header("host").unwrap_or("management.azure.com");
        let base = self.next_page_at.clone();
        let base = base.unwrap_or_else(|| format!("http://{host}"));
        let version = request.parameter("api-version").unwrap_or_default();
        format!(
            "{base}{}?api-version={version}&%24skiptoken={token}",
            request.path
        )
    }
}

pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let segments = request.segments();
    let lower: Vec<_> = segments.iter().map(|it| it.to_ascii_lowercase()).collect();
    let Some(provider) = lower.iter().position(|it| it == "providers") else {
        return error(
            404,
            "InvalidResourceType",
            "The resource type could not be found.",
        );
    };
    let (scope, rest) = (&segments[..provider], &lower[provider + 1..]);
    let rest: Vec<_> = rest.iter().map(String::as_str).collect();
    let is_query = matches!(*rest.as_slice(), ["microsoft.costmanagement", "query"]);
    if let Err(reply) = admitted(state, request, is_query) {
        return reply;
    }
    match request.parameter("api-version") {
        None => {
            return error(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            );
        }
        Some(version) if !is_version(&version) => {
            let text = format!("The api-version '{version}' is invalid.");
            return error(400, "InvalidApiVersionParameter", &text);
        }
        Some(_) => {}
    }
    let Some(scope) = known_scope(&state.azure.subscription, scope) else {
        let text = "The subscription could not be found, or the scope is not supported.";
        return error(404, "SubscriptionNotFound", text);
    };
    let method = request.method.as_str();
    match (method, rest.as_slice()) {
        ("GET", ["microsoft.consumption", "budgets"]) => {
            budgets::list(&state.azure, request, &scope)
        }
        ("GET", ["microsoft.consumption", "budgets", _]) => {
            budgets::get(&state.azure, &scope, &segments[provider + 3])
        }
        ("POST", ["microsoft.costmanagement", "query"]) => {
            let now = state.clock();
            costs::query(&mut state.azure, request, &scope, now)
        }
        (_, ["microsoft.consumption", "budgets", ..] | ["microsoft.costmanagement", "query"]) => {
            error(405, "MethodNotAllowed", "The method is not allowed here.")
        }
        _ => error(
            404,
            "InvalidResourceType",
            "The resource type could not be found.",
        ),
    }
}

/// Whether the request carries a token that is good for this.
fn admitted(state: &State, request: &Request, is_query: bool) -> Result<(), Reply> {
    let refused = |code: &str, text: &str| {
        let realm = "Bearer authorization_uri=\"https://login.windows.net/common\"";
        Err(error(401, code, text).with("www-authenticate", realm))
    };
    let given = request.header("authorization").unwrap_or("");
    let Some(given) = given.strip_prefix("Bearer ") else {
        let text = "Authentication failed. The 'Authorization' header is missing.";
        return refused("AuthenticationFailed", text);
    };
    let Some(token) = state.imds.tokens.iter().find(|it| it.text == given) else {
        return refused("InvalidAuthenticationToken", "The access token is invalid.");
    };
    if token.expires <= state.clock() {
        return refused(
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.",
        );
    }
    let audience = token.resource.trim_end_matches('/');
    let audiences = [
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
    ];
    if !audiences.contains(&audience) {
        let text = "The access token has been obtained for wrong audience or resource.";
        return refused("InvalidAuthenticationTokenAudience", text);
    }
    let readers = state.azure.readers.as_ref();
    if readers.is_none_or(|readers| readers.contains(&token.client)) {
        return Ok(());
    }
    if is_query || state.azure.is_denial_401 {
        let text = "The client does not have authorization to perform action. Request ID: aefe2d4c-0000-4000-8000-d6a1b5c96cb2";
        return Err(error(401, "RBACAccessDenied", text));
    }
    let text = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action 'Microsoft.Consumption/budgets/read' over scope '{}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
        token.client, token.client, request.path
    );
    Err(error(403, "AuthorizationFailed", &text))
}

/// `subscriptions/{id}` or that with `/resourceGroups/{name}`, as the service writes it.
fn known_scope(subscription: &str, segments: &[String]) -> Option<String> {
    let lower: Vec<_> = segments.iter().map(|it| it.to_ascii_lowercase()).collect();
    let lower: Vec<_> = lower.iter().map(String::as_str).collect();
    match *lower.as_slice() {
        ["subscriptions", id] if id == subscription => Some(format!("subscriptions/{id}")),
        ["subscriptions", id, "resourcegroups", _] if id == subscription => {
            Some(format!("subscriptions/{id}/resourceGroups/{}", segments[3]))
        }
        _ => None,
    }
}

/// A date, perhaps with `-preview`.
fn is_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    date.parse::<jiff::civil::Date>()
        .is_ok_and(|it| it.year() >= 2018)
}

/// An error as the management API writes it.
fn error(status: u16, code: &str, text: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": text}}))
}
