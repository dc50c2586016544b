//! The fields of an event, with one of the names of its file.

mod capability;
mod container;
mod descriptor;
mod errno;
mod generic;
mod live;
mod paths;
mod poll;
mod process;
mod render;

pub(crate) use generic::{CREATE, CREATED, MODE_EXECUTE, READ, TEMPORARY, WRITE, result_text};

use super::{Argument, Class, FieldId, FieldRef, Fields, Value};
use crate::event::{Details, Event, EventKind, Process, Schema, Text, Timestamp};
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

    /// Further facts, where the source knows them.
    fn details(self) -> Option<&'a Details> {
        self.event.details.as_deref()
    }

    /// What the schema says about the event.
    fn schema(self) -> &'static Schema {
        match self.details() {
            Some(details) if details.generic => Schema::generic(),
            _ => self.event.kind.schema(),
        }
    }

    /// The class asks for a process and the event has none.
    fn is_nobodys(self, class: Class) -> bool {
        let nobodys = match class {
            Class::Process | Class::User | Class::Group => true,
            Class::Container => self.event.process.container.is_none(),
            Class::Event | Class::Descriptor | Class::Path | Class::Poll | Class::Kubernetes | Class::Internal => false,
            Class::KubernetesAudit | Class::Json => false,
        };
        nobodys && self.details().is_some_and(|details| details.without_process)
    }

    /// The texts that conditions ask for most, without the way through the classes.
    #[inline]
    fn ready_text(&self, id: FieldId) -> Option<&str> {
        if self.event.details.is_some() {
            return None;
        }
        let process = &*self.event.process;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other fields go the long way")]
        match id {
            FieldId::ProcName => Some(&process.name),
            FieldId::ProcExe => Some(&process.exe),
            FieldId::ProcExepath => Some(&process.exe_path),
            FieldId::ProcCmdline => Some(&process.command_line),
            FieldId::ProcPname => self.event.lineage.first().map(|parent| &*parent.name),
            FieldId::FdName => descriptor::name(*self),
            _ => None,
        }
    }

    /// The acting process and its ancestors, nearest first.
    fn family(self) -> impl Iterator<Item = &'a Process> {
        std::iter::once(&*self.event.process).chain(self.event.lineage.iter().map(|process| &**process))
    }
}

impl Fields for EventView<'_> {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        if self.is_nobodys(field.field().class) {
            return process::of_nobody(*self, field.id);
        }
        match field.field().class {
            Class::Event => generic::value(*self, field),
            Class::Process => process::value(*self, field),
            Class::User | Class::Group => process::account(*self, field.id),
            Class::Descriptor => descriptor::value(*self, field),
            Class::Path => paths::value(*self, field.id),
            Class::Container => container::value(*self, field),
            Class::Poll => poll::value(*self, field.id),
            Class::Kubernetes | Class::KubernetesAudit | Class::Json | Class::Internal => None,
        }
    }

    fn any_value(&self, field: &FieldRef, mut test: impl FnMut(&Value<'_>) -> bool) -> bool {
        let ends = || {
            self.event.fd.as_ref().and_then(|fd| fd.socket.as_ref()).into_iter().flat_map(|it| [it.local, it.remote])
        };
        if let Some(text) = self.ready_text(field.id) {
            return test(&Value::text(text));
        }
        match (field.id, &field.argument) {
            // Outputs of captures are written when the event has become the previous one itself; conditions are not.
            (FieldId::EvtDeltatime | FieldId::EvtDeltatimeNs | FieldId::EvtDeltatimeS, _) => {
                test(&Value::Unsigned(generic::since_previous(*self, field.id)))
            }
            (FieldId::EvtAround, argument) => generic::distance_ms(*self, argument).is_some_and(|it| test(&it)),
            // Falco prints of a network only that it is one.
            (FieldId::FdCnet | FieldId::FdSnet | FieldId::FdLnet | FieldId::FdRnet, _) => {
                descriptor::network(*self, field.id).is_some_and(|value| test(&value))
            }
            // Prints in hexadecimal digits, compares as a number.
            (FieldId::FdDev, _) => {
                let known = self.event.fd.as_ref().filter(|fd| fd.kind.is_some());
                known.is_some_and(|fd| test(&Value::Signed(fd.device.cast_signed())))
            }
            (FieldId::FdCipName | FieldId::FdSipName | FieldId::FdLipName | FieldId::FdRipName, _) => {
                live::any_host_name(*self, field.id, test)
            }
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
            (FieldId::EvtArg, argument) => generic::test_argument(*self, argument, test),
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

#[cfg(test)]
mod tests;
