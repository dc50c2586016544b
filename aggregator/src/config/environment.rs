//! Environment variables over the file: `TIERCEL_AGGREGATOR__LISTEN__API=0.0.0.0:2802`.

use serde_json::{Map, Value};

/// Every variable that starts so belongs to the aggregator.
const PREFIX: &str = "TIERCEL_AGGREGATOR__";

/// The text of the file with the variables laid over it, as JSON, which is YAML; `None` when there are no variables, so
/// that places in the file stay what they are.
pub(super) fn overlay(
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<String>, String> {
    let mut variables: Vec<(String, String)> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_ascii_lowercase(), value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if variables.is_empty() {
        return Ok(None);
    }
    variables.sort();
    let file: Option<Value> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut root = file.unwrap_or_else(|| Value::Object(Map::new()));
    for (path, text) in variables {
        let value = value(&text).map_err(|error| format!("{PREFIX}{}: {error}", path.to_ascii_uppercase()))?;
        put(&mut root, path.split("__"), value);
    }
    Ok(Some(root.to_string()))
}

/// Lists and mappings are written in flow style; everything else is one value, read as the key wants it.
fn value(text: &str) -> Result<Value, String> {
    if text.starts_with(['[', '{']) {
        return serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string());
    }
    Ok(match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text.parse::<u64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
    })
}

fn put<'a>(node: &mut Value, mut path: impl Iterator<Item = &'a str>, value: Value) {
    match path.next() {
        None => *node = value,
        Some(key) => {
            if !node.is_object() {
                *node = Value::Object(Map::new());
            }
            if let Value::Object(entries) = node {
                put(entries.entry(key).or_insert(Value::Null), path, value);
            }
        }
    }
}
