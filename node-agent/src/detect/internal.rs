//! Alerts about the sensor itself, in the shape of Falco's internal ones.

use std::fmt::Write as _;

use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority};

/// An alert with source `internal`; `fields` need not be sorted.
pub fn alert(
    context: &OutputContext,
    rule: &str,
    priority: Priority,
    message: &str,
    mut fields: Vec<(Text, FieldValue)>,
    time: Timestamp,
) -> Alert {
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut output = format!("{}: {} {message}", context.stamp(time), priority.name());
    for (index, (key, value)) in fields.iter().enumerate() {
        let opening = if index == 0 { " (" } else { " " };
        write!(output, "{opening}{key}={}", shown(value)).expect("writing to a string");
    }
    if !fields.is_empty() {
        output.push(')');
    }
    Alert {
        time,
        rule: rule.into(),
        priority,
        source: "internal".into(),
        hostname: context.hostname.clone(),
        output: output.into(),
        fields,
        tags: [].into(),
    }
}

/// Text keeps its quotes, as in Falco's internal alerts.
fn shown(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) => serde_json::Value::from(&**text).to_string(),
        FieldValue::Missing
        | FieldValue::Bool(_)
        | FieldValue::Signed(_)
        | FieldValue::Unsigned(_)
        | FieldValue::Float(_)
        | FieldValue::List(_) => value.to_string(),
    }
}
