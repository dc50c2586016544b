//! The fields of an event that is a JSON document.

mod audit;
mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{Class, FieldId, FieldRef, Fields, Value};
use crate::event::{Document, EventKind, EventSource, Timestamp};
use crate::output::{OutputContext, time};

/// Falco's name of the plugin that gives it such events.
const PLUGIN: &str = "k8saudit";

/// A document as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct DocumentView<'a> {
    document: &'a Document,
    context: &'a OutputContext,
}

impl<'a> DocumentView<'a> {
    /// The fields of a document.
    pub fn new(document: &'a Document, context: &'a OutputContext) -> Self {
        Self { document, context }
    }

    /// `evt.*`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are about system calls")]
    fn generic(self, id: FieldId) -> Option<Value<'a>> {
        let Self { document, context } = self;
        let moment = document.time;
        Some(match id {
            FieldId::EvtNum => Value::Unsigned(document.number),
            FieldId::EvtTime => Value::owned(time::of_day(moment, context)),
            FieldId::EvtTimeS => Value::owned(time::of_day_seconds(moment, context)),
            FieldId::EvtTimeIso8601 => Value::owned(time::iso8601(moment)),
            FieldId::EvtDatetime => Value::owned(time::date(moment, context)),
            FieldId::EvtDatetimeS => Value::owned(time::date_seconds(moment, context)),
            FieldId::EvtRawtime => Value::Unsigned(moment.0),
            FieldId::EvtRawtimeS => Value::Unsigned(moment.0 / time::NANOSECONDS),
            FieldId::EvtRawtimeNs => Value::Unsigned(moment.0 % time::NANOSECONDS),
            FieldId::EvtSource => Value::text(EventSource::KubernetesAudit.name()),
            FieldId::EvtHostname => Value::text(&context.hostname),
            FieldId::EvtPluginname => Value::text(PLUGIN),
            FieldId::EvtPlugininfo => Value::owned(document.value.to_string()),
            FieldId::EvtIsAsync => Value::Bool(false),
            _ => return None,
        })
    }
}

impl Fields for DocumentView<'_> {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        match field.field().class {
            Class::Event => self.generic(field.id),
            Class::KubernetesAudit => audit::value(&self.document.value, field),
            Class::Json => json::value(self.document, self.context, field),
            Class::Process
            | Class::User
            | Class::Group
            | Class::Descriptor
            | Class::Path
            | Class::Poll
            | Class::Container
            | Class::Kubernetes
            | Class::Internal => None,
        }
    }

    fn any_value(&self, field: &FieldRef, mut test: impl FnMut(&Value<'_>) -> bool) -> bool {
        self.value(field).is_some_and(|value| test(&value))
    }

    fn kind(&self) -> Option<EventKind> {
        Some(EventSource::document_kind())
    }

    fn time(&self) -> Timestamp {
        self.document.time
    }
}

/// A text as it is, everything else as JSON.
fn text(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Cow::Owned(value.to_string())
        }
    }
}
