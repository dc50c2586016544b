//! An event written by hand as a map of fields: `{"evt.type": "openat", "proc.name": "cat"}`.
//!
//! The examples of rules, `rules eval` and the engine's own tests use it. A key that is absent is a field that cannot
//! be extracted; nothing is derived from other keys.

use std::collections::HashMap;
use std::net::IpAddr;

use rustc_hash::FxBuildHasher;
use serde_json::Value as Json;

use crate::event::{EventKind, EventSource, Timestamp};
use crate::field::{FieldError, FieldId, FieldRef, FieldType, Fields, Value};

/// Why a map does not describe an event.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// Not JSON.
    #[error("failed to parse fields: {0}")]
    Json(#[from] serde_json::Error),
    /// Not an object.
    #[error("failed to parse fields: expected an object of field names and values")]
    NotAnObject,
    /// A key names no field.
    #[error("failed to parse fields: {0}{hint}", hint = hint(.0))]
    Field(#[from] FieldError),
    /// `evt.type` names no event.
    #[error("failed to parse fields: unknown event type {0}")]
    Event(String),
    /// The value does not fit the type of the field.
    #[error("failed to parse fields: {field} is {expected}, but {value} was given")]
    Value {
        /// The field.
        field: String,
        /// What it holds.
        expected: &'static str,
        /// What was written.
        value: String,
    },
}

fn hint(error: &FieldError) -> String {
    let FieldError::Unknown(name) = error else { return String::new() };
    crate::field::closest(name).map(|name| format!(", did you mean {name}?")).unwrap_or_default()
}

/// An event written by hand.
#[derive(Debug, Clone, Default)]
pub struct FieldMap {
    values: HashMap<FieldRef, Vec<Value<'static>>, FxBuildHasher>,
    kind: Option<EventKind>,
    time: Timestamp,
}

impl FieldMap {
    /// Parses one JSON object.
    pub fn parse(text: &str) -> Result<Self, ExampleError> {
        match serde_json::from_str(text)? {
            Json::Object(fields) => Self::from_json(&fields),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Err(ExampleError::NotAnObject)
            }
        }
    }

    /// Takes the fields of a JSON object. A list gives several values to fields that conditions look at one by one
    /// (`fd.ip`, bare `proc.aname`); `null` is the same as no key. Fields of
    /// documents make it a document. `evt.time` and `evt.rawtime` are nanoseconds.
    /// `{"hex": "2f70ff"}` stands for bytes that no text of JSON can hold.
    pub fn from_json(fields: &serde_json::Map<String, Json>) -> Result<Self, ExampleError> {
        let mut map = Self::default();
        for (name, value) in fields {
            if !value.is_null() {
                let field = FieldRef::parse(name)?;
                if !field.id.is_of(EventSource::Syscall) {
                    map.kind = Some(EventSource::document_kind());
                }
                map.set(field, value)?;
            }
        }
        Ok(map)
    }

    fn set(&mut self, field: FieldRef, value: &Json) -> Result<(), ExampleError> {
        if field.id == FieldId::EvtType {
            let name = value.as_str().unwrap_or_default();
            self.kind = Some(EventKind::from_name(name).ok_or_else(|| ExampleError::Event(value.to_string()))?);
        }
        if matches!(field.id, FieldId::EvtTime | FieldId::EvtRawtime) {
            self.time = Timestamp(value.as_u64().unwrap_or_default());
        }
        let items = value.as_array().map(Vec::as_slice);
        let list = |items: &[Json]| items.iter().map(|item| typed(&field, item)).collect::<Result<Vec<_>, _>>();
        let values = match items {
            Some(items) if field.is_list() => vec![Value::List(list(items)?)],
            Some(items) => list(items)?,
            None => vec![typed(&field, value)?],
        };
        self.values.insert(field, values);
        Ok(())
    }
}

impl Fields for FieldMap {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        self.values.get(field)?.first().cloned()
    }

    fn any_value(&self, field: &FieldRef, test: impl FnMut(&Value<'_>) -> bool) -> bool {
        self.values.get(field).is_some_and(|values| values.iter().any(test))
    }

    fn kind(&self) -> Option<EventKind> {
        self.kind
    }

    fn time(&self) -> Timestamp {
        self.time
    }
}

fn typed(field: &FieldRef, value: &Json) -> Result<Value<'static>, ExampleError> {
    let (typed, expected) = match field.value_type().unwrap_or(FieldType::Text) {
        FieldType::Text | FieldType::Dynamic => (text(value).map(Value::owned).or_else(|| bytes(value)), "text"),
        FieldType::Signed => (number(value).map(Value::Signed), "a number"),
        FieldType::Unsigned | FieldType::AbsoluteTime | FieldType::RelativeTime | FieldType::Port => {
            (number(value).map(Value::Unsigned), "a number that is not negative")
        }
        FieldType::Double => (number(value).map(Value::Float), "a number"),
        FieldType::Bool => (number::<bool>(value).map(Value::Bool), "true or false"),
        FieldType::Address | FieldType::Network => {
            (number::<IpAddr>(value).map(|it| Value::Address(it.to_canonical())), "an IP address")
        }
        FieldType::Bytes => {
            (text(value).map(|text| Value::Bytes(text.into_bytes().into())).or_else(|| bytes(value)), "text")
        }
    };
    typed.ok_or_else(|| ExampleError::Value { field: field.to_string(), expected, value: value.to_string() })
}

/// Bytes that are written as `{"hex": "2f70ff"}`, for fields that hold text or bytes.
fn bytes(value: &Json) -> Option<Value<'static>> {
    let digits = value.as_object().filter(|object| object.len() == 1)?.get("hex")?.as_str()?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        if pair.len() == 2 { u8::from_str_radix(pair, 16).ok() } else { None }
    });
    pairs.collect::<Option<Vec<u8>>>().map(|bytes| Value::Bytes(bytes.into()))
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn number<T: std::str::FromStr>(value: &Json) -> Option<T> {
    text(value)?.parse().ok()
}
