//! Where events come from.

use super::{EventKind, KindSet, kinds};

/// A source of events. A rule is about the events of one source and may ask only what these events have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventSource {
    /// Acts of processes, from the kernel.
    Syscall,
    /// Requests to the API server of Kubernetes, from its audit log.
    KubernetesAudit,
}

impl EventSource {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Syscall, Self::KubernetesAudit];

    /// The name that rules and alerts use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::KubernetesAudit => "k8s_audit",
        }
    }

    /// The source of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// The kinds of its events. No kind belongs to two sources, so that rules of one never see events of another.
    pub fn kinds(self) -> KindSet {
        let documents: KindSet = [Self::document_kind()].into_iter().collect();
        match self {
            Self::Syscall => documents.complement(),
            Self::KubernetesAudit => documents,
        }
    }

    /// The kind of events that are documents: to Falco they are events of a plugin.
    pub(crate) fn document_kind() -> EventKind {
        kinds::PLUGINEVENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_belongs_to_one_source() {
        let sizes = EventSource::ALL.map(|source| source.kinds().len());
        assert_eq!(sizes.iter().sum::<usize>(), EventKind::COUNT);
        let [first, second] = EventSource::ALL.map(EventSource::kinds);
        assert!(first.intersection(second).is_empty());
    }
}
