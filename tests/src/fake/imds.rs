//! The identity and metadata service of a virtual machine.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::{Reply, Request};
use super::state::State;

/// What it knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Imds {
    /// The machine's identities.
    pub identities: Vec<Identity>,
    /// How long a token is good, seconds.
    pub token_life: i64,
    /// Until when the service is being renewed and answers 410, seconds since the Unix epoch.
    pub updating_until: i64,
    /// `azEnvironment`.
    pub environment: String,
    /// `subscriptionId`.
    pub subscription: String,
    /// `resourceGroupName`.
    pub resource_group: String,
    /// `location`.
    pub location: String,
    /// Tokens given out.
    pub tokens: Vec<Token>,
}

/// An identity of the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its client id.
    pub client: String,
    /// Its object id.
    pub object: String,
    /// Its resource id; empty for the machine's own (system-assigned).
    pub resource: String,
}

/// A token that was given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The token.
    pub text: String,
    /// Client id of whose it is.
    pub client: String,
    /// What it is for.
    pub resource: String,
    /// When it ends, seconds since the Unix epoch.
    pub expires: i64,
}

impl Default for Imds {
    fn default() -> Self {
        Self {
            identities: vec![Identity {
                client: "b9a1d0c2-0000-4000-8000-00000000c11e".into(),
                object: "b9a1d0c2-0000-4000-8000-000000000b1e".into(),
                resource: String::new(),
            }],
            token_life: 86_399,
            updating_until: 0,
            environment: "AzurePublicCloud".into(),
            subscription: super::azure::SUBSCRIPTION.into(),
            resource_group: "rg-tunnel".into(),
            location: "westeurope".into(),
            tokens: Vec::new(),
        }
    }
}

pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    if request.method != "GET" {
        return Reply::empty(405);
    }
    if request.header("metadata") != Some("true") {
        let text = "Required metadata header not specified";
        return Reply::json(
            400,
            &json!({"error": "bad_request_102", "error_description": text}),
        );
    }
    if request.header("x-forwarded-for").is_some() {
        return Reply::json(
            400,
            &json!({"error": "Bad request. Proxied requests are refused."}),
        );
    }
    if request
        .parameter("api-version")
        .is_none_or(|it| it.is_empty())
    {
        let text = "Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds";
        let newest = ["2021-02-01", "2020-10-01", "2020-09-01"];
        return Reply::json(400, &json!({"error": text, "newest-versions": newest}));
    }
    let now = state.clock();
    if now < state.imds.updating_until {
        return Reply::empty(410);
    }
    let segments = request.segments();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    match *segments.as_slice() {
        ["metadata", "identity", "oauth2", "token"] => state.imds.token(request, now),
        ["metadata", "instance", ref leaf @ ..] => state.imds.metadata(request, leaf),
        _ => Reply::json(404, &json!({"error": "Not found"})),
    }
}

impl Imds {
    fn token(&mut self, request: &Request, now: i64) -> Reply {
        let refused = |text: &str| {
            let body = json!({"error": "invalid_request", "error_description": text});
            Reply::json(400, &body).with("server", "IMDS/150.870.65.512")
        };
        let Some(resource) = request.parameter("resource").filter(|it| !it.is_empty()) else {
            let text = "The application named in the request was not found";
            return Reply::json(
                400,
                &json!({"error": "invalid_resource", "error_description": text}),
            );
        };
        let named = ["client_id", "object_id", "msi_res_id"]
            .map(|name| request.parameter(name).filter(|it| !it.is_empty()));
        if named.iter().flatten().count() > 1 {
            return refused("client_id, object_id and msi_res_id exclude each other");
        }
        let same = |given: &Option<String>, own: &str| {
            given
                .as_ref()
                .is_some_and(|it| it.eq_ignore_ascii_case(own))
        };
        let identity = if named.iter().any(Option::is_some) {
            self.identities.iter().find(|it| {
                same(&named[0], &it.client)
                    || same(&named[1], &it.object)
                    || same(&named[2], &it.resource)
            })
        } else {
            let own = self.identities.iter().find(|it| it.resource.is_empty());
            if own.is_none() && self.identities.len() > 1 {
                return refused(
                    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
                );
            }
            own.or_else(|| self.identities.first())
        };
        let Some(identity) = identity else {
            return refused("Identity not found");
        };
        let client = identity.client.clone();
        // The platform keeps a token until it is about to end.
        let kept =
            self.tokens.iter().rev().find(|it| {
                it.client == client && it.resource == resource && it.expires > now + 300
            });
        let token = kept.cloned().unwrap_or_else(|| Token {
            text: format!("eyJ0eXAiOiJKV1QifQ.e30.fake-token-{}", self.tokens.len()),
            client: client.clone(),
            resource,
            expires: now + self.token_life,
        });
        if !self.tokens.iter().any(|it| it.text == token.text) {
            self.tokens.push(token.clone());
        }
        // Numbers are texts here.
        let body = json!({
            "access_token": token.text,
            "client_id": client,
            "expires_in": (token.expires - now).to_string(),
            "expires_on": token.expires.to_string(),
            "ext_expires_in": (token.expires - now).to_string(),
            "not_before": (now - 300).to_string(),
            "resource": token.resource,
            "token_type": "Bearer",
        });
        Reply::json(200, &body)
    }

    fn metadata(&self, request: &Request, leaf: &[&str]) -> Reply {
        let document = json!({"compute": {
            "azEnvironment": self.environment,
            "location": self.location,
            "name": "tunnel",
            "osType": "Linux",
            "resourceGroupName": self.resource_group,
            "resourceId": format!(
                "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/tunnel",
                self.subscription, self.resource_group
            ),
            "subscriptionId": self.subscription,
            "vmSize": "Standard_B1s",
            "zone": "",
        }, "network": {"interface": []}});
        let mut found = &document;
        for name in leaf {
            match found.get(name) {
                Some(inner) => found = inner,
                None => return Reply::json(404, &json!({"error": "Not found"})),
            }
        }
        let is_text = request.parameter("format").is_some_and(|it| it == "text");
        match found {
            Value::String(text) if is_text => Reply::text(200, text),
            // A leaf is no document.
            Value::String(_) => Reply::json(
                400,
                &json!({"error": "Bad request. A leaf is to be asked for with format=text"}),
            ),
            document => Reply::json(200, document),
        }
    }
}
