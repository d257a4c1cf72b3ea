//! The published API documents that requests are held against; they are not part of this tree.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::process::source;

/// Where they are: `$BWFLOW_API_DOCUMENTS`, else `../shared/api` beside the repository. Says so if
/// they are not there.
pub fn directory() -> Option<PathBuf> {
    let beside = || source().join("../shared/api");
    let directory = std::env::var_os("BWFLOW_API_DOCUMENTS").map_or_else(beside, PathBuf::from);
    if directory.is_dir() {
        return Some(directory);
    }
    println!(
        "API documents absent: {} is no directory; set BWFLOW_API_DOCUMENTS",
        directory.display()
    );
    None
}

/// One of them.
///
/// # Panics
/// When it is not there or no JSON.
pub fn read(directory: &Path, name: &str) -> Value {
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Two Swagger documents of one host as one. Of the second, definitions and parameters get a prefix,
/// because both have some of the same name.
///
/// # Panics
/// When one is no Swagger document.
pub fn merged(one: &Value, two: &Value) -> Value {
    let mut text = two.to_string();
    for member in ["definitions", "parameters"] {
        text = text.replace(&format!("#/{member}/"), &format!("#/{member}/Second"));
    }
    let two: Value = serde_json::from_str(&text).unwrap();
    let mut merged = one.clone();
    let members = |name: &str| two[name].as_object().cloned().unwrap_or_default();
    let paths = merged["paths"].as_object_mut().unwrap();
    paths.extend(members("paths"));
    for member in ["definitions", "parameters"] {
        let renamed = members(member).into_iter();
        let renamed: Map<_, _> = renamed
            .map(|(name, it)| (format!("Second{name}"), it))
            .collect();
        let own = merged.as_object_mut().unwrap().entry(member);
        own.or_insert_with(|| json!({}))
            .as_object_mut()
            .unwrap()
            .extend(renamed);
    }
    merged
}

/// The identity service's document with its base path in each path (Prism takes no notice of it),
/// and with the part of `/instance` that its text, but not its list of paths, offers.
///
/// # Panics
/// When it is not that document.
pub fn identity_service(document: &Value) -> Value {
    let mut changed = document.clone();
    let paths = changed["paths"].as_object_mut().unwrap();
    let mut whole: Map<_, _> = std::mem::take(paths)
        .into_iter()
        .map(|(path, item)| (format!("/metadata{path}"), item))
        .collect();
    let mut part = whole["/metadata/instance"].clone();
    part["get"]["operationId"] = json!("Instances_GetCompute");
    part["get"]["responses"]["200"]["schema"] = json!({"$ref": "#/definitions/Compute"});
    whole.insert("/metadata/instance/compute".into(), part);
    *paths = whole;
    changed.as_object_mut().unwrap().remove("basePath");
    changed
}
