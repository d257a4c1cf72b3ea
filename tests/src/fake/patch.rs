//! Changing a part of a JSON document.

use serde_json::Value;

/// Lays `patch` over `target` as RFC 7396 says: objects are merged, `null` takes a member away,
/// everything else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, change) in patch {
        if change.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_merge_and_everything_else_replaces() {
        let mut document = json!({"a": {"b": 1, "c": 2}, "d": [1, 2]});
        merge(
            &mut document,
            &json!({"a": {"b": null, "e": 3}, "d": [9], "f": {"g": null}}),
        );
        assert_eq!(document, json!({"a": {"c": 2, "e": 3}, "d": [9], "f": {}}));
    }
}
