//! Users and their policies, which do not survive a round trip.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Document, Jellyfin};
use crate::fake::request::{Reply, Request};

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The name.
    pub name: String,
    /// The policy, as stored.
    pub policy: Document,
}

impl User {
    /// A user who may watch.
    pub fn new(name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0x1d_u128, |sum, it| sum * 257 + u128::from(it));
        Self {
            id: format!("{hash:032x}"),
            name: name.into(),
            policy: super::configuration::defaults("policy"),
        }
    }

    /// One who may do everything.
    pub fn administrator(name: &str) -> Self {
        let mut user = Self::new(name);
        user.policy.insert("IsAdministrator".into(), json!(true));
        user
    }

    /// With an own limit, bits per second.
    #[must_use]
    pub fn limited(mut self, limit: i64) -> Self {
        self.policy
            .insert("RemoteClientBitrateLimit".into(), json!(limit));
        self
    }

    /// The own limit, bits per second; 0 for none.
    pub fn limit(&self) -> i64 {
        let limit = self.policy.get("RemoteClientBitrateLimit");
        limit.and_then(Value::as_i64).unwrap_or(0)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.policy.get(name).and_then(Value::as_bool)
    }

    fn document(&self, server: &str) -> Value {
        let mut policy = self.policy.clone();
        // What GET never fills in.
        policy.insert("EnableLyricManagement".into(), json!(false));
        json!({
            "Name": self.name,
            "ServerId": server,
            "Id": self.id,
            "HasPassword": true,
            "HasConfiguredPassword": true,
            "HasConfiguredEasyPassword": false,
            "EnableAutoLogin": false,
            "Policy": policy,
        })
    }
}

impl Jellyfin {
    pub(super) fn user_documents(&self) -> Vec<Value> {
        self.users.iter().map(|it| it.document(&self.id)).collect()
    }

    pub(super) fn get_user(&self, id: &str) -> Reply {
        let user = self.users.iter().find(|it| it.id == undashed(id));
        user.map_or_else(
            || Reply::text(404, "User not found"),
            |user| Reply::json(200, &user.document(&self.id)),
        )
    }

    pub(super) fn set_policy(&mut self, id: &str, request: &Request) -> Reply {
        let posted = match request.json() {
            Ok(Value::Object(posted)) => posted,
            Ok(_) => return Reply::text(400, "A non-empty request body is required."),
            Err(reply) => return reply,
        };
        for name in ["AuthenticationProviderId", "PasswordResetProviderId"] {
            if posted
                .get(name)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Reply::text(400, &format!("The {name} field is required."));
            }
        }
        let Some(user) = self.users.iter_mut().find(|it| it.id == undashed(id)) else {
            return Reply::text(404, "User not found");
        };
        user.policy = posted;
        if user.policy.get("LoginAttemptsBeforeLockout") == Some(&json!(0)) {
            user.policy
                .insert("LoginAttemptsBeforeLockout".into(), json!(3));
        }
        Reply::empty(204)
    }
}

/// Ids are written without dashes and read with and without.
fn undashed(id: &str) -> String {
    id.replace('-', "").to_ascii_lowercase()
}
