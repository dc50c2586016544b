//! The containers that are known, by the cgroup paths of their processes.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tiercel_detection::event::{Container, Text};

use super::cgroup::{self, Membership};
use super::describe::{self, ContainerNews};
use crate::enrich::accounts::AccountScope;
use crate::enrich::world::World;

/// Cgroup paths that are remembered; beyond it the half that was not used for longest is forgotten.
const CGROUPS_MAX: usize = 16_384;

/// How long a runtime's word for a plain name holds: names are used again, unlike ids.
const CONFIRMED_NS: u64 = 10_000_000_000;

/// How often answers of runtimes are looked for while some are due.
const NEWS_NS: u64 = 2_000_000;

/// What was found for a cgroup path.
#[derive(Debug, Clone)]
struct Known {
    container: Option<Arc<Container>>,
    /// When the answer has to be asked for again; `None` when the path alone says it.
    valid_until_ns: Option<u64>,
    used_ns: u64,
}

/// What the table has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableCounts {
    /// Processes in the cgroup of a container that are none of its own: they have all namespaces of the host.
    pub pretenders: u64,
    /// Processes that left the cgroup of their container, or went too deep below it, and are still taken for its own.
    pub kept: u64,
    /// Cgroup paths that were forgotten for others.
    pub forgotten: u64,
}

/// Containers by cgroup path.
#[derive(Debug, Default)]
pub(in crate::enrich) struct Containers {
    host_namespaces: [u32; 4],
    known: FxHashMap<Text, Known>,
    /// By whole id, whether an answer of a runtime is due.
    due: FxHashMap<Text, bool>,
    due_count: usize,
    news_ns: u64,
    counts: TableCounts,
}

impl Containers {
    /// Starts with nothing but the namespaces that are the host's own.
    pub(in crate::enrich) fn new(host_namespaces: [u32; 4]) -> Self {
        Self { host_namespaces, ..Self::default() }
    }

    /// How many containers are remembered.
    pub(in crate::enrich) fn len(&self) -> usize {
        self.due.len()
    }

    /// What was counted.
    pub(in crate::enrich) fn counts(&self) -> TableCounts {
        self.counts
    }

    /// The container of a process with that cgroup and those namespaces, whose maker or former self was in `before`.
    /// `ask_again` is for moments when a runtime's answer may have become another one, such as an exec.
    ///
    /// A cgroup is only a name that root may give itself: a process that shares pid and mount namespace with the host is
    /// in no container unless it comes from one. And who comes from one and is apart from the host stays in it,
    /// wherever its cgroup is.
    pub(in crate::enrich) fn of(
        &mut self,
        cgroup: &Text,
        namespaces: [u32; 4],
        now_ns: u64,
        (ask_again, before): (bool, Option<&Arc<Container>>),
        world: &mut dyn World,
    ) -> Option<Arc<Container>> {
        let named = self.named(cgroup, namespaces, now_ns, ask_again, world);
        match named {
            Some(named) if !self.is_of_host(namespaces) => Some(named),
            Some(named) if before.is_some_and(|before| before.full_id == named.full_id) => Some(named),
            Some(_) => {
                self.counts.pretenders += 1;
                before.cloned()
            }
            None if self.is_apart(namespaces) && before.is_some() => {
                self.counts.kept += 1;
                before.cloned()
            }
            None => None,
        }
    }

    /// The container that the cgroup path names.
    fn named(
        &mut self,
        cgroup: &Text,
        namespaces: [u32; 4],
        now_ns: u64,
        ask_again: bool,
        world: &mut dyn World,
    ) -> Option<Arc<Container>> {
        if let Some(known) = self.known.get_mut(cgroup)
            && (!ask_again || known.valid_until_ns.is_none_or(|until_ns| now_ns < until_ns))
        {
            known.used_ns = now_ns;
            return known.container.clone();
        }
        match cgroup::membership(cgroup) {
            Membership::Host => self.remember(cgroup, None, None, now_ns),
            Membership::Container { engine, id } => {
                let container = self.same_as(&id).unwrap_or_else(|| describe::from_id(engine, &id));
                self.expect_news(&container, world);
                self.remember(cgroup, Some(container), None, now_ns)
            }
            Membership::Candidate(candidate) => {
                if !self.is_apart(namespaces) {
                    return None;
                }
                let found = world.container(&candidate)?;
                let until_ns = now_ns.saturating_add(CONFIRMED_NS);
                self.remember(cgroup, Some(describe::from_state(&found)), Some(until_ns), now_ns)
            }
        }
    }

    /// Takes the answers of runtimes that have come; the containers as they are known now. Asks the world for answers
    /// only while some are due, and not all the time.
    pub(in crate::enrich) fn news(&mut self, now_ns: u64, world: &mut dyn World) -> Vec<Arc<Container>> {
        if self.due_count == 0 || now_ns.saturating_sub(self.news_ns) < NEWS_NS {
            return Vec::new();
        }
        self.news_ns = now_ns;
        self.take_news(world)
    }

    /// Takes the answers that have come, whatever the time.
    pub(in crate::enrich) fn take_news(&mut self, world: &mut dyn World) -> Vec<Arc<Container>> {
        if self.due_count == 0 {
            return Vec::new();
        }
        world.container_news().into_iter().filter_map(|news| self.learn(&news)).collect()
    }

    fn learn(&mut self, news: &ContainerNews) -> Option<Arc<Container>> {
        if let Some(due) = self.due.get_mut(&news.id) {
            self.due_count -= usize::from(std::mem::take(due));
        }
        let described = describe::from_details(&news.id, news.details.as_deref()?);
        for known in self.known.values_mut() {
            if known.container.as_ref().is_some_and(|container| container.full_id == news.id) {
                known.container = Some(described.clone());
            }
        }
        Some(described)
    }

    /// Whether a runtime has still to say something of the container with that whole id.
    pub(in crate::enrich) fn is_due(&self, id: &str) -> bool {
        self.due_count > 0 && self.due.get(id).copied().unwrap_or(false)
    }

    /// The container with that id as it is known now.
    pub(in crate::enrich) fn current(&self, container: &Container) -> Option<Arc<Container>> {
        self.same_as(&container.full_id)
    }

    fn same_as(&self, id: &str) -> Option<Arc<Container>> {
        let mut containers = self.known.values().filter_map(|known| known.container.as_ref());
        self.due.contains_key(id).then(|| containers.find(|container| *container.full_id == *id).cloned()).flatten()
    }

    fn expect_news(&mut self, container: &Container, world: &mut dyn World) {
        if self.due.contains_key(&container.full_id) {
            return;
        }
        let due = world.ask_container(&container.full_id, &container.engine);
        self.due_count += usize::from(due);
        self.due.insert(container.full_id.clone(), due);
    }

    /// Where a process looks up names of users. `through_pid` is a process that surely has the container's root.
    pub(in crate::enrich) fn account_scope(
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
        namespaces[0] != 0 && namespaces[..2] != self.host_namespaces[..2]
    }

    /// Whether a process surely has the pid and the mount namespace of the host.
    fn is_of_host(&self, namespaces: [u32; 4]) -> bool {
        namespaces[0] != 0 && namespaces[..2] == self.host_namespaces[..2]
    }

    fn remember(
        &mut self,
        cgroup: &Text,
        container: Option<Arc<Container>>,
        valid_until_ns: Option<u64>,
        now_ns: u64,
    ) -> Option<Arc<Container>> {
        if self.known.len() >= CGROUPS_MAX {
            self.forget_half();
        }
        if let Some(container) = &container {
            self.due.entry(container.full_id.clone()).or_insert(false);
        }
        let known = Known { container: container.clone(), valid_until_ns, used_ns: now_ns };
        self.known.insert(cgroup.clone(), known);
        container
    }

    /// Forgets the paths that were not used for longest, and the containers that no other path names.
    fn forget_half(&mut self) {
        let mut used: Vec<u64> = self.known.values().map(|known| known.used_ns).collect();
        let middle = used.len() / 2;
        let (_, limit_ns, _) = used.select_nth_unstable(middle);
        let (limit_ns, before) = (*limit_ns, self.known.len());
        self.known.retain(|_, known| known.used_ns > limit_ns);
        self.counts.forgotten += (before - self.known.len()) as u64;
        let left: rustc_hash::FxHashSet<Text> =
            self.known.values().filter_map(|known| Some(known.container.as_ref()?.full_id.clone())).collect();
        self.due.retain(|id, _| left.contains(id));
        self.due_count = self.due.values().filter(|due| **due).count();
    }
}
