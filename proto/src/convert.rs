//! Alerts between the domain and the wire: parsed once at the edge, trusted afterwards.

use tiercel_detection::alert::{Alert, FieldValue, Priority};
use tiercel_detection::event::{Text, Timestamp};

use crate::v1;
use crate::v1::field_value::Kind;

/// How deep lists may lie in lists. The deepest field of the catalogue is a list of texts; the bound keeps a
/// hostile message from exhausting the stack.
const LIST_DEPTH_MAX: usize = 8;

/// Why a message is not an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The priority is not a syslog severity.
    #[error("alert has priority {number}, expected 0 (emergency) to 7 (debug)")]
    BadPriority {
        /// The number in the message.
        number: u32,
    },
    /// The alert does not say which rule.
    #[error("alert names no rule")]
    EmptyRule,
    /// A field has no name.
    #[error("alert of rule `{rule}` has a field without a name")]
    UnnamedField {
        /// The rule.
        rule: String,
    },
    /// A field has no value, not even the one that says it is missing.
    #[error("field `{field}` of rule `{rule}` has no value")]
    EmptyField {
        /// The rule.
        rule: String,
        /// The field.
        field: String,
    },
    /// Lists in lists beyond what any field needs.
    #[error("field `{field}` of rule `{rule}` has lists nested more than {LIST_DEPTH_MAX} deep")]
    TooDeep {
        /// The rule.
        rule: String,
        /// The field.
        field: String,
    },
}

impl From<&Alert> for v1::Alert {
    fn from(alert: &Alert) -> Self {
        Self {
            time_unix_nanos: alert.time.0,
            rule: alert.rule.to_string(),
            priority: u32::from(alert.priority.number()),
            source: alert.source.to_string(),
            hostname: alert.hostname.to_string(),
            output: alert.output.to_string(),
            fields: alert
                .fields
                .iter()
                .map(|(name, value)| v1::Field { name: name.to_string(), value: Some(value.into()) })
                .collect(),
            tags: alert.tags.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Alert> for v1::Alert {
    fn from(alert: Alert) -> Self {
        Self::from(&alert)
    }
}

impl From<&FieldValue> for v1::FieldValue {
    fn from(value: &FieldValue) -> Self {
        let kind = match value {
            FieldValue::Missing => Kind::Missing(true),
            FieldValue::Bool(value) => Kind::Boolean(*value),
            FieldValue::Signed(value) => Kind::Signed(*value),
            FieldValue::Unsigned(value) => Kind::Unsigned(*value),
            FieldValue::Float(value) => Kind::Float(*value),
            FieldValue::Text(value) => Kind::Text(value.to_string()),
            FieldValue::List(values) => Kind::List(v1::FieldList { values: values.iter().map(Into::into).collect() }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Alert> for Alert {
    type Error = ConvertError;

    /// Fields and tags come out sorted and without repeats, whatever the sender did: the first of two equal
    /// field names wins.
    fn try_from(message: v1::Alert) -> Result<Self, ConvertError> {
        if message.rule.is_empty() {
            return Err(ConvertError::EmptyRule);
        }
        let priority = u8::try_from(message.priority)
            .ok()
            .and_then(Priority::from_number)
            .ok_or(ConvertError::BadPriority { number: message.priority })?;
        let mut fields: Vec<(Text, FieldValue)> = Vec::with_capacity(message.fields.len());
        for field in message.fields {
            if field.name.is_empty() {
                return Err(ConvertError::UnnamedField { rule: message.rule });
            }
            let value = field.value.and_then(|value| value.kind);
            match domain_value(value, LIST_DEPTH_MAX) {
                Ok(value) => fields.push((field.name.into(), value)),
                Err(fault) => return Err(fault.of(message.rule, field.name)),
            }
        }
        fields.sort_by(|(left, _), (right, _)| left.cmp(right));
        fields.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let mut tags = message.tags;
        tags.sort_unstable();
        tags.dedup();
        Ok(Self {
            time: Timestamp(message.time_unix_nanos),
            rule: message.rule.into(),
            priority,
            source: message.source.into(),
            hostname: message.hostname.into(),
            output: message.output.into(),
            fields,
            tags: tags.into_iter().map(Into::into).collect(),
        })
    }
}

/// What is wrong with a value, before the names of its field and rule are known.
enum ValueFault {
    Empty,
    TooDeep,
}

impl ValueFault {
    fn of(self, rule: String, field: String) -> ConvertError {
        match self {
            Self::Empty => ConvertError::EmptyField { rule, field },
            Self::TooDeep => ConvertError::TooDeep { rule, field },
        }
    }
}

fn domain_value(kind: Option<Kind>, depth_left: usize) -> Result<FieldValue, ValueFault> {
    Ok(match kind.ok_or(ValueFault::Empty)? {
        Kind::Missing(_) => FieldValue::Missing,
        Kind::Boolean(value) => FieldValue::Bool(value),
        Kind::Signed(value) => FieldValue::Signed(value),
        Kind::Unsigned(value) => FieldValue::Unsigned(value),
        Kind::Float(value) => FieldValue::Float(value),
        Kind::Text(value) => FieldValue::Text(value.into()),
        Kind::List(list) => {
            let depth_left = depth_left.checked_sub(1).ok_or(ValueFault::TooDeep)?;
            let values = list.values.into_iter().map(|value| domain_value(value.kind, depth_left));
            FieldValue::List(values.collect::<Result<_, _>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert {
            time: Timestamp(1_700_000_000_000_000_000),
            rule: "Read sensitive file untrusted".into(),
            priority: Priority::Warning,
            source: "syscall".into(),
            hostname: "web-1".into(),
            output: "22:13:20.000000000: Warning a file".into(),
            fields: vec![
                ("fd.name".into(), FieldValue::Text("/etc/shadow".into())),
                ("proc.aname[2]".into(), FieldValue::Missing),
                ("proc.args".into(), FieldValue::List(vec![FieldValue::Text("-l".into()), FieldValue::Signed(-3)])),
                ("proc.is_exe_writable".into(), FieldValue::Bool(false)),
                ("proc.pid".into(), FieldValue::Unsigned(42)),
                ("proc.ratio".into(), FieldValue::Float(0.5)),
            ],
            tags: ["T1555".into(), "filesystem".into()].into_iter().collect(),
        }
    }

    #[test]
    fn alert_survives_the_wire() {
        assert_eq!(Alert::try_from(v1::Alert::from(&alert())), Ok(alert()));
    }

    #[test]
    fn fields_and_tags_are_put_in_order() {
        let mut message = v1::Alert::from(&alert());
        message.fields.reverse();
        message.fields.push(message.fields[0].clone());
        message.tags = vec!["filesystem".into(), "T1555".into(), "filesystem".into()];
        assert_eq!(Alert::try_from(message), Ok(alert()));
    }

    #[track_caller]
    fn check_refused(spoil: impl FnOnce(&mut v1::Alert), expected: &str) {
        let mut message = v1::Alert::from(&alert());
        spoil(&mut message);
        assert_eq!(Alert::try_from(message).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_not_an_alert_is_refused_with_the_reason() {
        check_refused(|message| message.rule.clear(), "alert names no rule");
        check_refused(|message| message.priority = 8, "alert has priority 8, expected 0 (emergency) to 7 (debug)");
        check_refused(
            |message| message.fields[0].name.clear(),
            "alert of rule `Read sensitive file untrusted` has a field without a name",
        );
        check_refused(
            |message| message.fields[0].value = None,
            "field `fd.name` of rule `Read sensitive file untrusted` has no value",
        );
        check_refused(
            |message| {
                let mut value = FieldValue::Missing;
                for _ in 0..=LIST_DEPTH_MAX {
                    value = FieldValue::List(vec![value]);
                }
                message.fields[0].value = Some((&value).into());
            },
            "field `fd.name` of rule `Read sensitive file untrusted` has lists nested more than 8 deep",
        );
    }
}
