//! `jevt.*` and `json.*`: any part of the document.

use serde_json::Value as Json;

use super::super::{Argument, FieldId, FieldRef, Value};
use crate::event::Document;
use crate::output::{OutputContext, time};

pub(super) fn value<'a>(document: &'a Document, context: &OutputContext, field: &FieldRef) -> Option<Value<'a>> {
    Some(match (field.id, &field.argument) {
        (FieldId::JevtValue | FieldId::JsonValue, Argument::Key(pointer)) => {
            Value::Text(super::text(find(&document.value, pointer)?))
        }
        (FieldId::JevtObj | FieldId::JsonObj, _) => {
            Value::owned(serde_json::to_string_pretty(&document.value).expect("a JSON value has a text"))
        }
        (FieldId::JevtRawtime | FieldId::JsonRawtime, _) => Value::owned(document.time.0.to_string()),
        (FieldId::JevtTime, _) => Value::owned(time::of_day(document.time, context)),
        (FieldId::JevtTimeIso8601, _) => Value::owned(time::iso8601(document.time)),
        _ => return None,
    })
}

/// What the pointer finds; the slash at its beginning may be missing.
fn find<'a>(document: &'a Json, pointer: &str) -> Option<&'a Json> {
    match pointer.starts_with('/') {
        true => document.pointer(pointer),
        false => document.pointer(&format!("/{pointer}")),
    }
}
