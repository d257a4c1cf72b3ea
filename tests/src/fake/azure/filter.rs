//! Filters of the cost query.

use std::collections::BTreeMap;

use serde_json::Value;

/// Whether a charge passes. What is no filter lets nothing through.
pub(super) fn fits(filter: &Option<Value>, dimensions: &BTreeMap<String, String>) -> bool {
    filter.as_ref().is_none_or(|it| passes(it, dimensions))
}

fn passes(filter: &Value, dimensions: &BTreeMap<String, String>) -> bool {
    let all = |name: &str| filter.get(name).and_then(Value::as_array);
    if let Some(parts) = all("and") {
        return parts.iter().all(|it| passes(it, dimensions));
    }
    if let Some(parts) = all("or") {
        return parts.iter().any(|it| passes(it, dimensions));
    }
    if let Some(part) = filter.get("not") {
        return !passes(part, dimensions);
    }
    // Tags are told apart by a prefix here.
    for (member, prefix) in [("dimensions", ""), ("tags", "tag:")] {
        let Some(part) = filter.get(member) else {
            continue;
        };
        let name = part.get("name").and_then(Value::as_str).unwrap_or("");
        let values = part.get("values").and_then(Value::as_array);
        let own = dimensions.get(&format!("{prefix}{name}"));
        return values.into_iter().flatten().any(|value| {
            let value = value.as_str();
            value
                .zip(own)
                .is_some_and(|(one, own)| one.eq_ignore_ascii_case(own))
        });
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_takes_what_it_names() {
        let charge = |category: &str| {
            let pairs = [("MeterCategory", category), ("tag:team", "home")];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            BTreeMap::from(pairs)
        };
        let bandwidth = json!({"dimensions": {"name": "MeterCategory", "operator": "In", "values": ["bandwidth"]}});
        let team = json!({"tags": {"name": "team", "operator": "In", "values": ["home"]}});
        let both = json!({"and": [bandwidth, team]});
        for (filter, category, passes) in [
            (&bandwidth, "Bandwidth", true),
            (&bandwidth, "Storage", false),
            (&both, "Bandwidth", true),
            (&both, "Storage", false),
            (&json!({"or": [bandwidth, team]}), "Storage", true),
            (&json!({"not": bandwidth}), "Storage", true),
            (&json!({}), "Bandwidth", false),
        ] {
            assert_eq!(
                fits(&Some(filter.clone()), &charge(category)),
                passes,
                "{filter}"
            );
        }
        assert!(fits(&None, &charge("Storage")));
    }
}
