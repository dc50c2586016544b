//! Falco's JSON form of an alert, written and read.

use serde::Deserialize;
use serde_json::Value;

use super::{Alert, FieldValue, Priority};
use crate::event::{Text, Timestamp};
use crate::output::time;

/// Why a JSON document is not an alert.
#[derive(Debug, thiserror::Error)]
pub enum AlertParseError {
    /// Not JSON, or a key has the wrong type.
    #[error("failed to parse alert: {0}")]
    Json(#[from] serde_json::Error),
    /// There was nothing to parse.
    #[error("failed to parse alert: the body is empty")]
    Empty,
    /// `priority` is missing or none of Falco's.
    #[error("failed to parse alert: unknown priority '{0}'")]
    Priority(String),
    /// `rule` is missing or empty.
    #[error("failed to parse alert: 'rule' is missing or empty")]
    Rule,
    /// `time` is missing, zero or not RFC 3339.
    #[error("failed to parse alert: 'time' is not an RFC 3339 time after 1970: '{0}'")]
    Time(String),
    /// `output_fields` is missing or empty.
    #[error("failed to parse alert: 'output_fields' is missing or empty")]
    Fields,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    output: Option<String>,
    #[serde(default)]
    output_fields: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    priority: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    time: Option<String>,
}

/// Which of the optional keys a JSON line has (Falco's `json_include_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonKeys {
    /// `output`: the whole text line.
    pub output: bool,
    /// `message`: the text line without time and priority.
    pub message: bool,
    /// `output_fields`.
    pub output_fields: bool,
    /// `tags`.
    pub tags: bool,
}

impl Default for JsonKeys {
    fn default() -> Self {
        Self { output: true, message: false, output_fields: true, tags: true }
    }
}

impl Alert {
    /// Writes it as Falco's `json_output` does: one line, keys sorted, no blanks.
    pub fn to_falco_json(&self) -> String {
        self.to_json(JsonKeys::default())
    }

    /// As [`Alert::to_falco_json`], with the optional keys that are asked for.
    pub fn to_json(&self, keys: JsonKeys) -> String {
        let mut line = String::with_capacity(512 + self.output.len());
        line.push_str("{\"hostname\":");
        push_text(&mut line, &self.hostname);
        if keys.message {
            line.push_str(",\"message\":");
            push_text(&mut line, self.message());
        }
        if keys.output {
            line.push_str(",\"output\":");
            push_text(&mut line, &self.output);
        }
        if keys.output_fields {
            push_fields(&mut line, &self.fields);
        }
        line.push_str(",\"priority\":");
        push_text(&mut line, self.priority.name());
        line.push_str(",\"rule\":");
        push_text(&mut line, &self.rule);
        line.push_str(",\"source\":");
        push_text(&mut line, &self.source);
        if keys.tags {
            push_tags(&mut line, &self.tags);
        }
        line.push_str(",\"time\":");
        push_text(&mut line, &time::rfc3339(self.time));
        line.push('}');
        line
    }

    /// The text line without time and priority.
    pub fn message(&self) -> &str {
        let start = format!(": {} ", self.priority.name());
        self.output.split_once(&start).map_or(&*self.output, |(_, message)| message)
    }

    /// Reads what Falco's `http_output` sends. As falcosidekick does, it reads the first JSON value of the text and
    /// ignores what follows; unknown keys are dropped; `output`, `hostname`, `tags` and `source` may be missing.
    pub fn from_falco_json(text: &str) -> Result<Self, AlertParseError> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Document>();
        let document = values.next().ok_or(AlertParseError::Empty)??;
        let priority = document.priority.unwrap_or_default();
        let priority = Priority::from_name(&priority).ok_or(AlertParseError::Priority(priority))?;
        let rule = document.rule.filter(|rule| !rule.is_empty()).ok_or(AlertParseError::Rule)?;
        let moment = parse_time(document.time.unwrap_or_default())?;
        let fields = document.output_fields.filter(|fields| !fields.is_empty()).ok_or(AlertParseError::Fields)?;
        let mut fields: Vec<(Text, FieldValue)> =
            fields.into_iter().map(|(name, value)| (Text::from(name), FieldValue::from_json(value))).collect();
        fields.sort_by(|left, right| left.0.cmp(&right.0));
        let mut tags: Vec<Text> = document.tags.unwrap_or_default().into_iter().map(Text::from).collect();
        tags.sort();
        tags.dedup();
        Ok(Self {
            time: moment,
            rule: rule.into(),
            priority,
            source: document.source.unwrap_or_default().into(),
            hostname: document.hostname.unwrap_or_default().into(),
            output: document.output.unwrap_or_default().into(),
            fields,
            tags: tags.into(),
        })
    }
}

impl FieldValue {
    /// The value of a JSON value; an object, which Falco never writes, becomes its text.
    pub fn from_json(value: Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => Self::Unsigned(value),
                (None, Some(value)) => Self::Signed(value),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Text(text.into()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            object @ Value::Object(_) => Self::Text(object.to_string().into()),
        }
    }
}

fn parse_time(text: String) -> Result<Timestamp, AlertParseError> {
    let nanoseconds =
        text.parse::<jiff::Timestamp>().ok().and_then(|moment| u64::try_from(moment.as_nanosecond()).ok());
    nanoseconds.filter(|ns| *ns > 0).map(Timestamp).ok_or(AlertParseError::Time(text))
}

fn separate(line: &mut String, index: usize) {
    if index > 0 {
        line.push(',');
    }
}

fn push_fields(line: &mut String, fields: &[(Text, FieldValue)]) {
    line.push_str(",\"output_fields\":{");
    for (index, (name, value)) in fields.iter().enumerate() {
        separate(line, index);
        push_text(line, name);
        line.push(':');
        push_value(line, value);
    }
    line.push('}');
}

fn push_tags(line: &mut String, tags: &[Text]) {
    line.push_str(",\"tags\":[");
    for (index, tag) in tags.iter().enumerate() {
        separate(line, index);
        push_text(line, tag);
    }
    line.push(']');
}

fn push_value(line: &mut String, value: &FieldValue) {
    match value {
        FieldValue::Missing => line.push_str("null"),
        FieldValue::Bool(value) => line.push_str(if *value { "true" } else { "false" }),
        FieldValue::Signed(value) => line.push_str(&value.to_string()),
        FieldValue::Unsigned(value) => line.push_str(&value.to_string()),
        FieldValue::Float(value) => {
            line.push_str(&serde_json::Number::from_f64(*value).map_or("null".into(), |n| n.to_string()))
        }
        FieldValue::Text(text) => push_text(line, text),
        FieldValue::List(items) => {
            line.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(line, index);
                push_value(line, item);
            }
            line.push(']');
        }
    }
}

fn push_text(line: &mut String, text: &str) {
    line.push_str(&serde_json::to_string(text).expect("a string always has a JSON form"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADOW: &str = r#"{"hostname":"vm","output":"10:33:53.419063181: Warning read","output_fields":{"container.id":"host","evt.time":1795430033419063181,"fd.name":"/etc/\"shadow\"","k8s.ns.name":null,"proc.tty":0,"user.loginuid":-1},"priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","tags":["T1555","host"],"time":"2026-11-23T10:33:53.419063181Z"}"#;

    #[test]
    fn what_is_read_is_written_back_byte_for_byte() {
        assert_eq!(Alert::from_falco_json(SHADOW).unwrap().to_falco_json(), SHADOW);
    }

    #[test]
    fn optional_keys_are_written_on_demand() {
        let alert = Alert::from_falco_json(SHADOW).unwrap();
        let keys = JsonKeys { output: false, message: true, output_fields: false, tags: false };
        let expected = r#"{"hostname":"vm","message":"read","priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","time":"2026-11-23T10:33:53.419063181Z"}"#;
        assert_eq!(alert.to_json(keys), expected);
    }

    #[test]
    fn only_the_first_value_counts_and_unknown_keys_are_dropped() {
        let text = r#"{"priority":"INFO","rule":"r","time":"2026-01-02T03:04:05Z","output_fields":{"a":1.5},"message":"x"} trailing"#;
        let alert = Alert::from_falco_json(text).unwrap();
        assert_eq!((alert.priority, alert.fields[0].1.clone()), (Priority::Informational, FieldValue::Float(1.5)));
        assert_eq!(&*alert.source, "");
    }

    #[test]
    fn what_falcosidekick_refuses_is_refused_with_its_reason() {
        let cases = [
            ("", "the body is empty"),
            ("[1]", "invalid type"),
            (r#"{"rule":"r"}"#, "unknown priority ''"),
            (r#"{"priority":"loud","rule":"r"}"#, "unknown priority 'loud'"),
            (r#"{"priority":"debug","rule":""}"#, "'rule' is missing"),
            (r#"{"priority":"debug","rule":"r","time":"0001-01-01T00:00:00Z"}"#, "'time' is not"),
            (r#"{"priority":"debug","rule":"r","time":"yesterday"}"#, "'time' is not"),
            (r#"{"priority":"debug","rule":"r","time":"2026-01-01T00:00:00Z","output_fields":{}}"#, "'output_fields'"),
        ];
        for (text, reason) in cases {
            let error = Alert::from_falco_json(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
