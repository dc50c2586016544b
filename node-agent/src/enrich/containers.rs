//! The containers that are known, by the cgroup paths of their processes.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use tiercel_detection::event::{Container, Text};

use super::accounts::AccountScope;
use super::container::{self, Membership};
use super::world::World;

/// Cgroup paths that are remembered; a node with more starts to remember anew.
const CGROUPS_MAX: usize = 16_384;

/// How long a runtime's word for a plain name holds: names are used again, unlike ids.
const CONFIRMED_NS: u64 = 10_000_000_000;

/// What was found for a cgroup path.
#[derive(Debug, Clone)]
struct Known {
    container: Option<Arc<Container>>,
    /// When the answer has to be asked for again; `None` when the path alone says it.
    valid_until_ns: Option<u64>,
}

/// Containers by cgroup path.
#[derive(Debug, Default)]
pub(super) struct Containers {
    host_namespaces: [u32; 4],
    known: FxHashMap<Text, Known>,
    ids: FxHashSet<Text>,
}

impl Containers {
    /// Starts with nothing but the namespaces that are the host's own.
    pub(super) fn new(host_namespaces: [u32; 4]) -> Self {
        Self { host_namespaces, ..Self::default() }
    }

    /// How many containers are remembered.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The container of a process with that cgroup and those namespaces. `ask_again` is for moments when a runtime's
    /// answer may have become another one, such as an exec.
    pub(super) fn of(
        &mut self,
        cgroup: &Text,
        namespaces: [u32; 4],
        now_ns: u64,
        ask_again: bool,
        world: &mut dyn World,
    ) -> Option<Arc<Container>> {
        if let Some(known) = self.known.get(cgroup)
            && (!ask_again || known.valid_until_ns.is_none_or(|until_ns| now_ns < until_ns))
        {
            return known.container.clone();
        }
        match container::membership(cgroup) {
            Membership::Host => self.remember(cgroup, None, None),
            Membership::Container { engine, id } => self.remember(cgroup, Some(container::from_id(engine, &id)), None),
            Membership::Candidate(candidate) => {
                if !self.is_apart(namespaces) {
                    return None;
                }
                let found = world.container(&candidate)?;
                let until_ns = now_ns.saturating_add(CONFIRMED_NS);
                self.remember(cgroup, Some(container::from_runtime(&found)), Some(until_ns))
            }
        }
    }

    /// Where a process looks up names of users. `through_pid` is a process that surely has the container's root.
    pub(super) fn account_scope(
        &self,
        container: Option<&Arc<Container>>,
        mount_namespace: u32,
        through_pid: Option<u32>,
    ) -> AccountScope {
        match container {
            Some(container) if mount_namespace != self.host_namespaces[1] => {
                AccountScope::Container { id: container.full_id.clone(), through_pid }
            }
            _ => AccountScope::Host,
        }
    }

    /// Whether a process has a pid or mount namespace of its own.
    fn is_apart(&self, namespaces: [u32; 4]) -> bool {
        let [pid, mount, ..] = namespaces;
        let [host_pid, host_mount, ..] = self.host_namespaces;
        pid != 0 && (pid != host_pid || mount != host_mount)
    }

    fn remember(
        &mut self,
        cgroup: &Text,
        container: Option<Arc<Container>>,
        valid_until_ns: Option<u64>,
    ) -> Option<Arc<Container>> {
        if self.known.len() >= CGROUPS_MAX {
            self.known.clear();
            self.ids.clear();
        }
        self.ids.extend(container.as_ref().map(|container| container.full_id.clone()));
        self.known.insert(cgroup.clone(), Known { container: container.clone(), valid_until_ns });
        container
    }
}
