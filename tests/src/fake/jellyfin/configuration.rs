//! The two documents of settings, which a POST replaces as a whole.

use serde_json::{Value, json};

use super::{Document, Jellyfin, numbers};
use crate::fake::request::{Reply, Request};
use crate::fake::state::State;

/// A document of settings with its default values.
pub(super) fn defaults(name: &str) -> Document {
    let all: Value = serde_json::from_str(include_str!("defaults.json")).unwrap();
    all[name].as_object().unwrap().clone()
}

/// The default configuration of a version; it has the setup wizard open.
fn default_configuration(numbers: (u32, u32, u32)) -> Document {
    let mut document = defaults("configuration");
    if numbers < (10, 11, 0) {
        for newer in [
            "CacheSize",
            "EnableGroupingMoviesIntoCollections",
            "EnableGroupingShowsIntoCollections",
            "EnableLegacyAuthorization",
        ] {
            document.remove(newer);
        }
        document.insert("EnableGroupingIntoCollections".into(), json!(false));
        document.insert("RemoveOldPlugins".into(), json!(true));
    } else if numbers >= (12, 0, 0) {
        document.insert("EnableLegacyAuthorization".into(), json!(false));
    }
    document
}

/// The configuration of a server that is in use.
pub(super) fn in_use(version: &str) -> Document {
    let mut document = default_configuration(numbers(version));
    let changed = [
        ("IsStartupWizardCompleted", json!(true)),
        ("ServerName", json!("home")),
        ("CachePath", json!("/var/cache/jellyfin")),
        ("PreviousVersionStr", json!(version)),
        ("UICulture", json!("de")),
        ("ActivityLogRetentionDays", json!(90)),
        ("SortRemoveWords", json!(["der", "die", "das"])),
    ];
    for (name, value) in changed {
        document.insert(name.into(), value);
    }
    document
}

/// The network document of a server that is in use.
pub(super) fn network() -> Document {
    let mut document = defaults("network");
    document.insert("PublicHttpPort".into(), json!(18_096));
    document.insert(
        "CertificatePassword".into(),
        json!("s3cret-of-the-certificate"),
    );
    document
}

/// `POST /System/Configuration`: names are read without regard to case, what is missing becomes the
/// default.
pub(super) fn post(state: &mut State, request: &Request) -> Reply {
    let posted = match object(request) {
        Ok(posted) => posted,
        Err(reply) => return reply,
    };
    let server = &mut state.jellyfin;
    let start = default_configuration(server.numbers());
    let mut changed = match replaced(&start, &posted, str::eq_ignore_ascii_case) {
        Ok(changed) => changed,
        Err(why) => return Reply::text(400, &why),
    };
    let limit = &changed["RemoteClientBitrateLimit"];
    let Some(limit) = limit.as_i64().filter(|it| i32::try_from(*it).is_ok()) else {
        return Reply::text(
            400,
            "The JSON value could not be converted to System.Int32.",
        );
    };
    state.log.bitrates.push(limit);
    note_missing(
        &server.configuration,
        &posted,
        str::eq_ignore_ascii_case,
        |missing| {
            state.log.misdeeds.push(format!(
                "partial document posted to {}: without {missing}",
                request.path
            ));
        },
    );
    keep(&server.configuration, &mut changed, &server.ignores);
    server.configuration = changed;
    Reply::empty(204)
}

/// `POST /System/Configuration/{key}`: names are read exactly.
pub(super) fn post_named(state: &mut State, request: &Request, key: &str) -> Reply {
    if !key.eq_ignore_ascii_case("network") {
        return Reply::text(404, "Configuration with that key not found.");
    }
    let posted = match object(request) {
        Ok(posted) => posted,
        Err(reply) => return reply,
    };
    let server = &mut state.jellyfin;
    let mut changed = match replaced(&defaults("network"), &posted, |one, two| one == two) {
        Ok(changed) => changed,
        Err(why) => return Reply::text(400, &why),
    };
    let misdeeds = &mut state.log.misdeeds;
    note_missing(
        &server.network,
        &posted,
        |one, two| one == two,
        |missing| {
            misdeeds.push(format!(
                "partial document posted to {}: without {missing}",
                request.path
            ));
        },
    );
    keep(&server.network, &mut changed, &server.ignores);
    if key == "network" {
        server.network = changed;
        server.network_on_disk = None;
    } else {
        // Stored, but neither in force nor announced.
        misdeeds.push(format!(
            "{} posted: only `network` takes effect",
            request.path
        ));
        server.network_on_disk = Some(changed);
    }
    Reply::empty(204)
}

impl Jellyfin {
    pub(super) fn get_named(&self, lower: &str, exact: &str) -> Reply {
        if lower != "network" {
            return Reply::text(404, "Configuration with that key not found.");
        }
        let stored = self.network_on_disk.as_ref().filter(|_| exact != "network");
        Reply::json(200, &Value::Object(stored.unwrap_or(&self.network).clone()))
    }
}

fn object(request: &Request) -> Result<Document, Reply> {
    match request.json()? {
        Value::Object(posted) => Ok(posted),
        _ => Err(Reply::text(400, "A non-empty request body is required.")),
    }
}

/// The defaults with what was posted; unknown members are dropped.
fn replaced(
    defaults: &Document,
    posted: &Document,
    same: impl Fn(&str, &str) -> bool,
) -> Result<Document, String> {
    let mut document = defaults.clone();
    for (name, value) in &mut document {
        let Some((_, given)) = posted.iter().find(|(it, _)| same(it, name)) else {
            continue;
        };
        if std::mem::discriminant(value) != std::mem::discriminant(given) {
            return Err(format!(
                "The JSON value could not be converted. Path: $.{name}"
            ));
        }
        *value = given.clone();
    }
    Ok(document)
}

fn note_missing(
    present: &Document,
    posted: &Document,
    same: impl Fn(&str, &str) -> bool,
    mut note: impl FnMut(&str),
) {
    let missing = present
        .keys()
        .find(|name| !posted.keys().any(|it| same(it, name)));
    if let Some(missing) = missing {
        note(missing);
    }
}

/// Puts back what the server ignores.
fn keep(present: &Document, changed: &mut Document, ignores: &[String]) {
    for name in ignores {
        if let Some(value) = present.get(name) {
            changed.insert(name.clone(), value.clone());
        }
    }
}
