//! A Jellyfin server, 10.8 to 12.0, as far as limits, remote access and sessions go.

mod auth;
mod caller;
mod configuration;
mod sessions;
mod users;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::sessions::{Item, Session};
pub use self::users::User;

use self::auth::Who;
use super::request::{Reply, Request};
use super::state::State;

/// A JSON object.
pub type Document = Map<String, Value>;

/// The server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jellyfin {
    /// Its version.
    pub version: String,
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// API keys.
    pub keys: Vec<String>,
    /// Users' tokens, with their ids.
    pub tokens: BTreeMap<String, String>,
    /// `/System/Configuration`.
    pub configuration: Document,
    /// `/System/Configuration/network` in force.
    pub network: Document,
    /// What lies on the disk of that, where a request under an inexact name has put it.
    pub network_on_disk: Option<Document>,
    /// The network document as it was when the server started: base path and proxies are of it.
    pub network_at_start: Document,
    /// How many requests find the server starting.
    pub starting: u32,
    /// How many will after the next restart.
    pub slow_start: u32,
    /// The hosts that the proxy before it knows; none: it takes all.
    pub hosts: Vec<String>,
    /// What the proxy answers for others.
    pub wrong_host_status: u16,
    /// Who is calling, instead of the other end of the connection.
    pub caller: Option<IpAddr>,
    /// The proxies that a request comes through, the last one next to the server.
    pub via: Vec<IpAddr>,
    /// Whether the first proxy believes what the caller says of forwarded addresses.
    pub via_believes: bool,
    /// The server's own address, instead of the listening one.
    pub own_address: Option<IpAddr>,
    /// Members that a posted document may name as it likes: they keep their values, and the answer is 204.
    pub ignores: Vec<String>,
    /// Users.
    pub users: Vec<User>,
    /// Who watches.
    pub sessions: Vec<Session>,
    /// Messages that were shown: session id and text.
    pub messages: Vec<(String, String)>,
}

impl Default for Jellyfin {
    fn default() -> Self {
        let version = "10.11.11";
        let network = configuration::network();
        Self {
            version: version.into(),
            id: "0123456789abcdef0123456789abcdef".into(),
            keys: vec!["f00dfeedf00dfeedf00dfeedf00dfeed".into()],
            tokens: BTreeMap::new(),
            configuration: configuration::in_use(version),
            network: network.clone(),
            network_on_disk: None,
            network_at_start: network,
            starting: 0,
            slow_start: 0,
            hosts: Vec::new(),
            wrong_host_status: 404,
            caller: None,
            via: Vec::new(),
            via_believes: false,
            own_address: None,
            ignores: Vec::new(),
            users: vec![User::administrator("admin"), User::new("viewer")],
            sessions: Vec::new(),
            messages: Vec::new(),
        }
    }
}

impl Jellyfin {
    /// Another version, with the documents that it is born with.
    pub fn set_version(&mut self, version: &str) {
        version.clone_into(&mut self.version);
        self.configuration = configuration::in_use(version);
    }

    /// The version's numbers.
    pub(super) fn numbers(&self) -> (u32, u32, u32) {
        numbers(&self.version)
    }

    /// Starts it anew: reads what it reads at start only, and forgets who watched.
    pub fn restart(&mut self) {
        if let Some(network) = self.network_on_disk.take() {
            self.network = network;
        }
        self.network_at_start = self.network.clone();
        self.starting = self.slow_start;
        for session in &mut self.sessions {
            session.end();
        }
    }

    /// What comes before every path: nothing, or `/` and a name.
    pub fn base_path(&self) -> String {
        let base = self.network_at_start.get("BaseUrl").and_then(Value::as_str);
        let base = base.unwrap_or("").trim_matches('/');
        if base.is_empty() {
            String::new()
        } else {
            format!("/{base}")
        }
    }

    /// Sets the base path, as if it had been there from the start.
    pub fn set_base_path(&mut self, base: &str) {
        self.set_network("BaseUrl", json!(base));
        self.network_at_start = self.network.clone();
    }

    /// The proxies that it was started with.
    pub fn set_known_proxies(&mut self, proxies: &[&str]) {
        self.set_network("KnownProxies", json!(proxies));
        self.network_at_start = self.network.clone();
    }

    /// An administrator changes a member of the network document.
    pub fn set_network(&mut self, name: &str, value: Value) {
        self.network.insert(name.into(), value);
    }

    /// An administrator changes the limit for remote streams, bits per second.
    pub fn set_limit(&mut self, limit: i64) {
        self.configuration
            .insert("RemoteClientBitrateLimit".into(), json!(limit));
    }

    /// The limit for remote streams, bits per second.
    pub fn limit(&self) -> i64 {
        let limit = self.configuration.get("RemoteClientBitrateLimit");
        limit.and_then(Value::as_i64).unwrap_or(0)
    }

    /// Whether remote addresses are answered.
    pub fn remote_access(&self) -> bool {
        self.network.get("EnableRemoteAccess") != Some(&Value::Bool(false))
    }

    /// What nobody may see.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets = self.keys.clone();
        secrets.extend(self.tokens.keys().cloned());
        let password = self.network.get("CertificatePassword");
        secrets.extend(password.and_then(Value::as_str).map(str::to_owned));
        secrets.retain(|it| !it.is_empty());
        secrets
    }
}

/// A version's numbers.
fn numbers(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|it| it.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let server = &mut state.jellyfin;
    let host = request.header("host").unwrap_or("");
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !server.hosts.is_empty() && !server.hosts.iter().any(|it| it.eq_ignore_ascii_case(host)) {
        return Reply::empty(server.wrong_host_status);
    }
    if server.starting > 0 {
        server.starting -= 1;
        return if server.numbers() >= (10, 11, 0) {
            let page = "<!DOCTYPE html><html><body>The server is still starting</body></html>";
            Reply::html(503, page).with("retry-after", "005")
        } else {
            // What stands before it finds nobody there.
            Reply::empty(502)
        };
    }
    let caller = server.caller(request);
    let base = server.base_path();
    let Some(path) = inside(&request.path, &base) else {
        return Reply::empty(302).with("location", &format!("{base}/web/"));
    };
    if path.starts_with("/web/") {
        return Reply::html(200, "<!DOCTYPE html><title>Jellyfin</title>");
    }
    if !server.is_admitted(caller) {
        let status = if server.numbers() < (10, 9, 0) {
            200
        } else {
            503
        };
        return Reply::empty(status);
    }
    let who = server.who(request);
    route(state, request, path, caller, &who)
}

/// The rest of a path behind the base path.
fn inside<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base)?;
    (base.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn route(state: &mut State, request: &Request, path: &str, caller: IpAddr, who: &Who) -> Reply {
    let server = &mut state.jellyfin;
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let lower: Vec<_> = segments.iter().map(|it| it.to_ascii_lowercase()).collect();
    let lower: Vec<_> = lower.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    // Without a key.
    match (method, lower.as_slice()) {
        ("GET", ["health"]) => return Reply::text(200, "Healthy"),
        ("GET" | "POST", ["system", "ping"]) => {
            return Reply::json(200, &json!("Jellyfin Server"));
        }
        ("GET", ["system", "info", "public"]) => return Reply::json(200, &server.public_info()),
        _ => {}
    }
    if *who == Who::Nobody {
        return Reply::empty(401);
    }
    if server.keeps_out(who, caller) {
        return Reply::empty(403);
    }
    match (method, lower.as_slice()) {
        ("GET", ["system", "info"]) => Reply::json(200, &server.public_info()),
        ("GET", ["system", "endpoint"]) => Reply::json(
            200,
            &json!({
                "IsLocal": caller.is_loopback() || server.own_address == Some(caller),
                "IsInNetwork": server.is_in_network(caller),
            }),
        ),
        ("GET", ["system", "configuration"]) => {
            Reply::json(200, &Value::Object(server.configuration.clone()))
        }
        ("GET", ["system", "configuration", key]) => server.get_named(key, segments[2]),
        ("GET", ["sessions"]) => server.list_sessions(request, state.now),
        ("POST", ["sessions", id, "playing", "stop"]) => server.stop(id),
        ("POST", ["sessions", _, "playing", _]) => Reply::text(400, "The command is not valid."),
        ("POST", ["sessions", id, "message"]) => server.message(id, request),
        _ if !server.is_administrator(who) => Reply::empty(403),
        ("POST", ["system", "configuration"]) => configuration::post(state, request),
        ("POST", ["system", "configuration", _]) => {
            configuration::post_named(state, request, segments[2])
        }
        ("POST", ["system", "restart"]) => {
            server.restart();
            Reply::empty(204)
        }
        ("GET", ["users"]) => Reply::json(200, &json!(server.user_documents())),
        ("GET", ["users", id]) => server.get_user(id),
        ("POST", ["users", id, "policy"]) => server.set_policy(id, request),
        (_, ["system" | "sessions" | "users", ..]) if method != "GET" && method != "POST" => {
            Reply::empty(405)
        }
        _ => Reply::empty(404),
    }
}

impl Jellyfin {
    fn public_info(&self) -> Value {
        let name = self.configuration.get("ServerName");
        json!({
            "LocalAddress": "http://172.18.0.3:8096",
            "ServerName": name.cloned().unwrap_or(Value::Null),
            "Version": self.version,
            "ProductName": "Jellyfin Server",
            "OperatingSystem": "",
            "Id": self.id,
            "StartupWizardCompleted": self.configuration.get("IsStartupWizardCompleted"),
        })
    }
}
