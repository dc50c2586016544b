//! The process table: what every process was the last time a record spoke of it, and who its ancestors are.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use tiercel_detection::event::{Container, Process, Text};

/// Most processes that are known at a time; Falco's default for its thread table.
pub const PROCESSES_MAX: usize = 262_144;

/// Exited processes that are remembered at a time, so that records which arrive late still find who acted.
const EXITED_MAX: usize = 16_384;

/// How long an exited process is remembered. Records of one CPU can trail those of another by one drain of the rings,
/// a few milliseconds; the rest is for machines that swap.
const EXITED_KEPT_NS: u64 = 5_000_000_000;

/// Ancestors that are followed at most, a guard against chains made to exhaust memory.
const LINEAGE_DEPTH_MAX: usize = 128;

/// How many old processes are looked at for one without children when the table is full.
const EVICTION_TRIES_MAX: usize = 64;

/// Kernel records give the start of a process in nanoseconds, /proc in ticks of 10 ms; keys use the coarser one.
const NANOSECONDS_PER_TICK: u64 = 10_000_000;

/// Which process: pids are reused, (pid, start) is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Incarnation {
    pub(super) pid: u32,
    /// Start in clock ticks since boot, 0 when unknown.
    pub(super) start_ticks: u64,
}

impl Incarnation {
    /// From a kernel record.
    pub(super) fn new(pid: u32, started_boot_ns: u64) -> Self {
        Self { pid, start_ticks: ticks_of(started_boot_ns) }
    }

    /// The same process, as far as the two say.
    fn agrees_with(self, other: Self) -> bool {
        self.pid == other.pid
            && (self.start_ticks == other.start_ticks || self.start_ticks == 0 || other.start_ticks == 0)
    }
}

/// The tick in which a moment since boot lies.
pub(super) fn ticks_of(boot_ns: u64) -> u64 {
    boot_ns / NANOSECONDS_PER_TICK
}

/// The start of a tick in nanoseconds since boot.
pub(super) fn ticks_to_boot_ns(ticks: u64) -> u64 {
    ticks.saturating_mul(NANOSECONDS_PER_TICK)
}

/// Ancestors, parent first.
pub(super) type Lineage = Arc<[Arc<Process>]>;

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    start_ticks: u64,
    parent: Incarnation,
    children: FxHashSet<u32>,
    in_scope: bool,
    lineage: Option<(u64, Lineage)>,
}

/// What the table has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TableCounters {
    /// Processes that were added.
    pub(super) added: u64,
    /// Processes that exited.
    pub(super) removed: u64,
    /// Processes that were forgotten because the table was full.
    pub(super) evicted: u64,
    /// Processes whose exit was missed: their pid came back with another start.
    pub(super) replaced: u64,
}

/// All processes that are known.
#[derive(Debug)]
pub(super) struct ProcessTable {
    live: FxHashMap<u32, Entry>,
    exited: FxHashMap<Incarnation, Entry>,
    exits: VecDeque<(u64, Incarnation)>,
    arrivals: VecDeque<Incarnation>,
    /// Moves when a process that has children changes; lineages of older generations are built anew.
    generation: u64,
    no_ancestors: Lineage,
    processes_max: usize,
    counters: TableCounters,
}

impl Default for ProcessTable {
    fn default() -> Self {
        Self::with_capacity(PROCESSES_MAX)
    }
}

impl ProcessTable {
    /// An empty table with room for that many processes.
    pub(super) fn with_capacity(processes_max: usize) -> Self {
        Self {
            live: FxHashMap::default(),
            exited: FxHashMap::default(),
            exits: VecDeque::new(),
            arrivals: VecDeque::new(),
            generation: 0,
            no_ancestors: Arc::from([]),
            processes_max,
            counters: TableCounters::default(),
        }
    }

    /// How many processes live.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// What was counted.
    pub(super) fn counters(&self) -> TableCounters {
        self.counters
    }

    /// The process, alive or gone a moment ago.
    pub(super) fn get(&self, id: Incarnation) -> Option<&Arc<Process>> {
        self.entry(id).map(|entry| &entry.process)
    }

    /// Whether the process is alive, as far as is known.
    pub(super) fn lives(&self, id: Incarnation) -> bool {
        self.live.get(&id.pid).is_some_and(|entry| entry.id().agrees_with(id))
    }

    /// Command name of the process that has this pid now.
    pub(super) fn name_of(&self, pid: u32) -> Option<&Text> {
        self.live.get(&pid).map(|entry| &entry.process.name)
    }

    /// Whether the process belongs to the scope that capture was limited to.
    pub(super) fn in_scope(&self, id: Incarnation) -> bool {
        self.entry(id).is_some_and(|entry| entry.in_scope)
    }

    /// Adds a process, in the place of another one with the same pid if there is one.
    pub(super) fn insert(
        &mut self,
        process: Process,
        id: Incarnation,
        parent: Incarnation,
        in_scope: bool,
        now_ns: u64,
    ) {
        self.make_room();
        let known = self.live.contains_key(&id.pid);
        if known {
            self.counters.replaced += 1;
            self.remove(id.pid, 0, now_ns);
        }
        self.counters.added += 1;
        if let Some(entry) = self.live.get_mut(&parent.pid) {
            entry.children.insert(id.pid);
        }
        let entry = Entry {
            process: Arc::new(process),
            start_ticks: id.start_ticks,
            parent,
            children: FxHashSet::default(),
            in_scope,
            lineage: None,
        };
        self.live.insert(id.pid, entry);
        self.arrivals.push_back(id);
    }

    /// Changes a process: whoever holds it keeps what it was.
    pub(super) fn update(&mut self, id: Incarnation, change: impl FnOnce(&mut Process)) {
        let Some(entry) = self.live.get_mut(&id.pid).filter(|entry| entry.id().agrees_with(id)) else { return };
        change(Arc::make_mut(&mut entry.process));
        if !entry.children.is_empty() {
            self.generation += 1;
        }
    }

    /// Gives what has become known of a container to all that are in it.
    pub(super) fn describe_container(&mut self, container: &Arc<Container>) {
        let is_in = |process: &Process| process.container.as_ref().is_some_and(|old| old.full_id == container.full_id);
        for entry in self.live.values_mut().chain(self.exited.values_mut()).filter(|entry| is_in(&entry.process)) {
            Arc::make_mut(&mut entry.process).container = Some(container.clone());
        }
        self.generation += 1;
    }

    /// Notes the parent of a process, when it is another one than was known.
    pub(super) fn adopt(&mut self, id: Incarnation, parent: Incarnation) {
        let Some(entry) = self.live.get_mut(&id.pid).filter(|entry| entry.id().agrees_with(id)) else { return };
        let before = std::mem::replace(&mut entry.parent, parent);
        if before == parent {
            return;
        }
        entry.lineage = None;
        let has_children = !entry.children.is_empty();
        if has_children {
            self.generation += 1;
        }
        if let Some(entry) = self.live.get_mut(&before.pid) {
            entry.children.remove(&id.pid);
        }
        if let Some(entry) = self.live.get_mut(&parent.pid) {
            entry.children.insert(id.pid);
        }
    }

    /// Links processes that were found together, in any order.
    pub(super) fn link_children(&mut self) {
        let links: Vec<_> = self.live.values().map(|entry| (entry.parent.pid, entry.id().pid)).collect();
        for (parent, child) in links {
            if let Some(entry) = self.live.get_mut(&parent) {
                entry.children.insert(child);
            }
        }
        self.generation += 1;
    }

    /// Marks a process and all its descendants as being in scope.
    pub(super) fn bring_into_scope(&mut self, root: u32) {
        let mut pending = vec![root];
        while let Some(pid) = pending.pop() {
            if let Some(entry) = self.live.get_mut(&pid).filter(|entry| !entry.in_scope) {
                entry.in_scope = true;
                pending.extend(&entry.children);
            }
        }
    }

    /// Ends a process. Its children go to `reaper`, as the kernel has decided.
    pub(super) fn exit(&mut self, id: Incarnation, reaper: u32, now_ns: u64) {
        if self.lives(id) {
            self.counters.removed += 1;
            self.remove(id.pid, reaper, now_ns);
        }
    }

    /// Forgets processes that exited long ago.
    pub(super) fn expire(&mut self, now_ns: u64) {
        while let Some((at_ns, id)) = self.exits.front().copied() {
            if now_ns.saturating_sub(at_ns) < EXITED_KEPT_NS && self.exits.len() <= EXITED_MAX {
                break;
            }
            self.exits.pop_front();
            self.exited.remove(&id);
        }
    }

    /// The ancestors of a process, parent first, up to the init of the host.
    pub(super) fn lineage(&mut self, id: Incarnation) -> Lineage {
        let Some(entry) = self.entry(id) else { return self.no_ancestors.clone() };
        if let Some((generation, lineage)) = &entry.lineage
            && *generation == self.generation
        {
            return lineage.clone();
        }
        let lineage = self.trace(id.pid, entry.parent);
        let generation = self.generation;
        if let Some(entry) = self.entry_mut(id) {
            entry.lineage = Some((generation, lineage.clone()));
        }
        lineage
    }

    fn trace(&self, child: u32, parent: Incarnation) -> Lineage {
        let mut ancestors: Vec<Arc<Process>> = Vec::new();
        let mut seen = child;
        let mut next = parent;
        while let Some(entry) = self.entry(next) {
            let looped = next.pid == seen || ancestors.iter().any(|ancestor| ancestor.key.pid == next.pid);
            if looped || ancestors.len() == LINEAGE_DEPTH_MAX {
                break;
            }
            ancestors.push(entry.process.clone());
            seen = next.pid;
            next = entry.parent;
        }
        if ancestors.is_empty() { self.no_ancestors.clone() } else { ancestors.into() }
    }

    fn entry(&self, id: Incarnation) -> Option<&Entry> {
        let live = self.live.get(&id.pid).filter(|entry| entry.id().agrees_with(id));
        live.or_else(|| self.exited.get(&id))
    }

    fn entry_mut(&mut self, id: Incarnation) -> Option<&mut Entry> {
        match self.live.get_mut(&id.pid) {
            Some(entry) if entry.id().agrees_with(id) => Some(entry),
            _ => self.exited.get_mut(&id),
        }
    }

    fn remove(&mut self, pid: u32, reaper: u32, now_ns: u64) {
        let Some(mut entry) = self.live.remove(&pid) else { return };
        if let Some(parent) = self.live.get_mut(&entry.parent.pid) {
            parent.children.remove(&pid);
        }
        let children = std::mem::take(&mut entry.children);
        if !children.is_empty() {
            self.reparent(children, reaper);
        }
        let id = entry.id();
        self.exits.push_back((now_ns, id));
        self.exited.insert(id, entry);
        self.expire(now_ns);
    }

    fn reparent(&mut self, children: FxHashSet<u32>, reaper: u32) {
        self.generation += 1;
        let heir = self.live.get(&reaper).map_or(Incarnation { pid: reaper, start_ticks: 0 }, Entry::id);
        for pid in &children {
            if let Some(child) = self.live.get_mut(pid) {
                child.parent = heir;
                Arc::make_mut(&mut child.process).parent_pid = i64::from(reaper);
            }
        }
        if let Some(entry) = self.live.get_mut(&reaper) {
            entry.children.extend(children);
        }
    }

    /// Forgets the oldest process without children when the table is full.
    fn make_room(&mut self) {
        if self.arrivals.len() > 2 * self.live.len() + EXITED_MAX {
            let live = &self.live;
            self.arrivals.retain(|id| live.get(&id.pid).is_some_and(|entry| entry.id() == *id));
        }
        let mut tries = 0;
        while self.live.len() >= self.processes_max {
            let Some(oldest) = self.arrivals.pop_front() else { return };
            let Some(entry) = self.live.get(&oldest.pid).filter(|entry| entry.id() == oldest) else { continue };
            tries += 1;
            if !entry.children.is_empty() && tries < EVICTION_TRIES_MAX {
                self.arrivals.push_back(oldest);
                continue;
            }
            self.counters.evicted += 1;
            self.forget(oldest.pid);
        }
    }

    fn forget(&mut self, pid: u32) {
        let Some(entry) = self.live.remove(&pid) else { return };
        if let Some(parent) = self.live.get_mut(&entry.parent.pid) {
            parent.children.remove(&pid);
        }
        self.generation += 1;
    }
}

impl Entry {
    fn id(&self) -> Incarnation {
        Incarnation { pid: self.process.key.pid, start_ticks: self.start_ticks }
    }
}
