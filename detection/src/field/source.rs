//! Which fields the events of a source have.

use super::{Class, FieldId};
use crate::event::EventSource;

impl FieldId {
    /// Whether rules of that source may use the field.
    pub fn is_of(self, source: EventSource) -> bool {
        match (self.field().class, source) {
            (Class::KubernetesAudit | Class::Json, EventSource::KubernetesAudit) => true,
            (Class::KubernetesAudit | Class::Json, EventSource::Syscall) => false,
            (Class::Event, EventSource::KubernetesAudit) => is_of_any_event(self),
            (
                Class::Event
                | Class::Process
                | Class::User
                | Class::Group
                | Class::Descriptor
                | Class::Path
                | Class::Poll
                | Class::Container
                | Class::Kubernetes
                | Class::Internal,
                source,
            ) => source == EventSource::Syscall,
        }
    }
}

/// What can be said of an event whatever it is about.
fn is_of_any_event(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::EvtNum
            | FieldId::EvtTime
            | FieldId::EvtTimeS
            | FieldId::EvtTimeIso8601
            | FieldId::EvtDatetime
            | FieldId::EvtDatetimeS
            | FieldId::EvtRawtime
            | FieldId::EvtRawtimeS
            | FieldId::EvtRawtimeNs
            | FieldId::EvtReltime
            | FieldId::EvtReltimeS
            | FieldId::EvtReltimeNs
            | FieldId::EvtSource
            | FieldId::EvtHostname
            | FieldId::EvtPluginname
            | FieldId::EvtPlugininfo
            | FieldId::EvtIsAsync
            | FieldId::EvtAsynctype
    )
}
