//! A budget's own filter, said as a cost query says it.

use serde_json::{Map, Value, json};

/// The filter of a cost query that counts what the budget's filter counts; nothing for one that leaves nothing out.
/// Budgets know `dimensions`, `tags` and `and`, older ones `not`, which queries do not; `and` of a query has at least two
/// parts.
///
/// # Errors
/// What in it a query cannot say, in words.
pub(super) fn translated(filter: Option<&Value>) -> Result<Option<Value>, String> {
    let Some(filter) = filter.filter(|it| !is_hollow(it)) else {
        return Ok(None);
    };
    let mut parts = Vec::new();
    for (name, value) in given(members(filter)?) {
        if name == "and" {
            for part in value.as_array().ok_or("its `and` is no list")? {
                for (name, value) in given(members(part)?) {
                    parts.push(condition(name, value)?);
                }
            }
        } else {
            parts.push(condition(name, value)?);
        }
    }
    Ok(match parts.len() {
        0 => return Err("it has no condition that can be understood".to_owned()),
        1 => parts.pop(),
        _ => Some(json!({ "and": parts })),
    })
}

/// Whether nothing at all is said: null, or lists and objects of nothing.
pub(super) fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().all(is_hollow),
        Value::Object(members) => members.values().all(is_hollow),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn members(value: &Value) -> Result<&Map<String, Value>, String> {
    let members = value.as_object();
    members.ok_or_else(|| "one of its parts is no object".to_owned())
}

/// Members that are there; null is as good as none.
fn given(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    members.iter().filter(|(_, it)| !it.is_null())
}

/// One condition; all of a filter must hold.
fn condition(name: &str, value: &Value) -> Result<Value, String> {
    match name {
        "dimensions" | "tags" => Ok(json!({ name: comparison(value)? })),
        "not" => Err("a cost query knows no `not`".to_owned()),
        other => {
            let other = super::said::said(other, None);
            Err(format!("a cost query cannot say its `{other}`"))
        }
    }
}

/// One comparison: a name, the operator `In`, at least one value.
fn comparison(value: &Value) -> Result<Value, String> {
    let members = members(value)?;
    let name = members.get("name").and_then(Value::as_str);
    let name = name
        .filter(|it| !it.is_empty())
        .ok_or("a condition has no name")?;
    let operator = members.get("operator").and_then(Value::as_str);
    if !operator.is_some_and(|it| it.eq_ignore_ascii_case("In")) {
        return Err("a condition has another operator than `In`".to_owned());
    }
    let values = members.get("values").and_then(Value::as_array);
    let values = values.filter(|it| !it.is_empty() && it.iter().all(Value::is_string));
    let values = values.ok_or("a condition has no list of values")?;
    if let Some(unknown) =
        given(members).find(|(it, _)| !matches!(it.as_str(), "name" | "operator" | "values"))
    {
        let unknown = super::said::said(unknown.0, None);
        return Err(format!("a condition has an unknown member `{unknown}`"));
    }
    Ok(json!({ "name": name, "operator": "In", "values": values }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn compared(name: &str) -> Value {
        json!({ "name": name, "operator": "In", "values": ["a", "b"] })
    }

    fn of(filter: &Value) -> Result<Option<Value>, String> {
        translated(Some(filter))
    }

    #[test]
    fn conditions_are_joined_as_a_query_joins_them() {
        let meter = json!({ "dimensions": compared("MeterCategory") });
        let tag = json!({ "tags": compared("stage") });
        let both = json!({ "and": [meter, tag] });
        for (filter, expected) in [
            (meter.clone(), meter.clone()),
            (json!({ "and": [meter] }), meter.clone()),
            (both.clone(), both.clone()),
            (
                json!({ "and": [meter], "tags": compared("stage"), "not": null }),
                both.clone(),
            ),
            (
                json!({ "and": [{ "dimensions": compared("MeterCategory"), "tags": compared("stage") }] }),
                both,
            ),
        ] {
            assert_eq!(of(&filter).unwrap(), Some(expected), "{filter}");
        }
    }

    #[test]
    fn nothing_said_leaves_nothing_out() {
        assert_eq!(translated(None).unwrap(), None);
        let empty = json!({ "resourceGroups": [], "meters": [], "tags": {}, "and": null });
        for filter in [json!(null), json!({}), empty] {
            assert_eq!(of(&filter).unwrap(), None, "{filter}");
        }
    }

    #[test]
    fn what_a_query_cannot_say_is_refused_and_never_left_out() {
        let meter = json!({ "dimensions": compared("MeterCategory") });
        for filter in [
            json!("all"),
            json!({ "not": meter }),
            json!({ "and": [meter, { "not": meter }] }),
            json!({ "and": [meter, { "and": [meter, meter] }] }),
            json!({ "and": [meter, "x"] }),
            json!({ "and": meter }),
            json!({ "or": [meter, meter] }),
            json!({ "meters": ["0001"] }),
            json!({ "dimensions": { "name": "A", "operator": "NotIn", "values": ["a"] } }),
            json!({ "dimensions": { "name": "A", "operator": "In", "values": [] } }),
            json!({ "dimensions": { "name": "A", "operator": "In", "values": [1] } }),
            json!({ "dimensions": { "name": "A", "operator": "In", "values": ["a"], "case": true } }),
            json!({ "dimensions": { "operator": "In", "values": ["a"] } }),
            json!({ "and": [{}, {}], "x": false }),
            json!({ "and": [{}], "tags": { "name": "" , "operator": "In", "values": ["a"] } }),
        ] {
            let refusal = of(&filter).unwrap_err();
            assert!(!refusal.is_empty(), "{filter}");
        }
    }
}
