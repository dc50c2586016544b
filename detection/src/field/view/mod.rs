//! The fields of an event, with one of the names of its file.

mod capability;
mod container;
mod descriptor;
mod errno;
mod generic;
mod paths;
mod process;
mod render;

use super::{Argument, Class, FieldId, FieldRef, Fields, Value};
use crate::event::{Event, EventKind, Process, Text, Timestamp};
use crate::output::OutputContext;

/// An event under one of the names of its file.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    event: &'a Event,
    context: &'a OutputContext,
    alias: Option<&'a Text>,
}

impl<'a> EventView<'a> {
    /// The event under the name that the program gave.
    pub fn new(event: &'a Event, context: &'a OutputContext) -> Self {
        Self { event, context, alias: None }
    }

    /// The event under each other name of its file.
    pub fn aliases(self) -> impl Iterator<Item = Self> {
        let aliases = self.event.fd.as_ref().map(|fd| fd.aliases.as_slice()).unwrap_or_default();
        aliases.iter().map(move |alias| Self { alias: Some(alias), ..self })
    }

    /// The acting process (0) or one of its ancestors (1 is the parent).
    fn ancestor(self, distance: usize) -> Option<&'a Process> {
        match distance.checked_sub(1) {
            None => Some(&self.event.process),
            Some(index) => self.event.lineage.get(index).map(|process| &**process),
        }
    }

    /// The acting process and its ancestors, nearest first.
    fn family(self) -> impl Iterator<Item = &'a Process> {
        std::iter::once(&*self.event.process).chain(self.event.lineage.iter().map(|process| &**process))
    }
}

impl Fields for EventView<'_> {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        match field.field().class {
            Class::Event => generic::value(*self, field),
            Class::Process => process::value(*self, field),
            Class::User | Class::Group => process::account(*self, field.id),
            Class::Descriptor => descriptor::value(*self, field.id),
            Class::Path => paths::value(*self, field.id),
            Class::Container => container::value(*self, field),
            Class::Poll | Class::Kubernetes | Class::Internal => None,
        }
    }

    fn any_value(&self, field: &FieldRef, mut test: impl FnMut(&Value<'_>) -> bool) -> bool {
        let ends = || {
            self.event.fd.as_ref().and_then(|fd| fd.socket.as_ref()).into_iter().flat_map(|it| [it.local, it.remote])
        };
        match (field.id, &field.argument) {
            (FieldId::FdIp | FieldId::FdNet, _) => ends().flatten().any(|end| test(&Value::Address(end.address))),
            (FieldId::FdPort | FieldId::FdProto, _) => {
                ends().flatten().any(|end| test(&Value::Unsigned(end.port.into())))
            }
            (
                FieldId::ProcAname
                | FieldId::ProcAexe
                | FieldId::ProcAexepath
                | FieldId::ProcAcmdline
                | FieldId::ProcApid,
                Argument::None,
            ) => self
                .family()
                .skip(1)
                .any(|ancestor| process::of_ancestor(ancestor, field.id).is_some_and(|it| test(&it))),
            _ => self.value(field).is_some_and(|value| test(&value)),
        }
    }

    fn kind(&self) -> Option<EventKind> {
        Some(self.event.kind)
    }

    fn time(&self) -> Timestamp {
        self.event.time
    }
}
