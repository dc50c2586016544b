//! All threads of a capture.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::descriptor::{Descriptor, DescriptorTable};
use super::interfaces::Interfaces;
use super::thread::{Thread, clone};
use crate::capture::scap::Metadata;

/// Threads that are followed at a time; Falco's bound.
const THREADS_MAX: usize = 262_144;

/// Ancestors that are followed at most, a guard against chains made to go round in circles.
const DEPTH_MAX: usize = 128;

/// By thread id.
#[derive(Debug, Default)]
pub(super) struct Threads {
    threads: FxHashMap<i64, Thread>,
    /// The threads of each process.
    processes: FxHashMap<i64, BTreeSet<i64>>,
    /// The threads whose parent a thread is.
    children: FxHashMap<i64, BTreeSet<i64>>,
    /// Processes that take the orphans among their descendants.
    reapers: FxHashSet<i64>,
}

impl Threads {
    /// Those that were there when the capture began.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let interfaces = Interfaces::new(metadata);
        let mut known: FxHashMap<i64, Thread> =
            metadata.processes.iter().map(|entry| (entry.tid, Thread::captured(entry))).collect();
        for (tid, entries) in &metadata.descriptors {
            if let Some(thread) = known.get_mut(tid) {
                for entry in entries {
                    thread.descriptors.insert(entry.fd, Descriptor::captured(entry, &interfaces));
                }
            }
        }
        let ids: Vec<i64> = known.keys().copied().collect();
        let mut threads = Self { threads: known, ..Self::default() };
        threads.assign_roles();
        ids.into_iter().for_each(|tid| threads.place(tid));
        threads
    }

    /// Puts a thread among those of its process and below its parent; a parent that is not known counts as none.
    fn place(&mut self, tid: i64) {
        let Some(thread) = self.get(tid).filter(|thread| !thread.is_unplaced()) else { return };
        let (pid, ptid, first) = (thread.pid, thread.ptid, thread.pid == 1 || thread.process.virtual_pid == 1);
        if first && !self.processes.contains_key(&pid) {
            self.reapers.insert(pid);
        }
        self.processes.entry(pid).or_default().insert(tid);
        if pid == 1 {
            return;
        }
        if self.get(ptid).is_none_or(Thread::is_unplaced) {
            self.set_parent(tid, 0);
        } else {
            self.children.entry(ptid).or_default().insert(tid);
        }
    }

    fn set_parent(&mut self, tid: i64, parent: i64) {
        if let Some(thread) = self.get_mut(tid) {
            thread.ptid = parent;
        }
    }

    /// Takes a thread out of its process and from its parent, before it is replaced or moved.
    fn displace(&mut self, tid: i64) {
        let Some(thread) = self.get(tid) else { return };
        let (pid, ptid) = (thread.pid, thread.ptid);
        for (index, key) in [(&mut self.processes, pid), (&mut self.children, ptid)] {
            if let Some(members) = index.get_mut(&key) {
                members.remove(&tid);
                if members.is_empty() {
                    index.remove(&key);
                }
            }
        }
    }

    /// Says where a thread belongs.
    pub(super) fn relocate(&mut self, tid: i64, pid: i64, parent: i64) {
        self.displace(tid);
        if let Some(thread) = self.get_mut(tid) {
            thread.pid = pid;
            thread.ptid = parent;
        }
        self.place(tid);
    }

    /// The threads of a process.
    pub(super) fn of_process(&self, pid: i64) -> impl Iterator<Item = &Thread> {
        self.processes.get(&pid).into_iter().flatten().filter_map(|tid| self.get(*tid))
    }

    /// Says whether a process takes the orphans among its descendants.
    pub(super) fn set_reaper(&mut self, pid: i64, reaps: bool) {
        if reaps {
            self.reapers.insert(pid);
        } else {
            self.reapers.remove(&pid);
        }
    }

    /// A connection on a port that somebody listens on is the server's; every other one is a client's.
    fn assign_roles(&mut self) {
        let tables = self.threads.values().flat_map(|thread| thread.descriptors.iter());
        let listening: FxHashSet<u16> = tables.filter_map(Descriptor::listening_port).collect();
        for thread in self.threads.values_mut() {
            thread.descriptors.each_mut(|descriptor| descriptor.assign_role(&listening));
        }
    }

    pub(super) fn get(&self, tid: i64) -> Option<&Thread> {
        self.threads.get(&tid)
    }

    pub(super) fn get_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        self.threads.get_mut(&tid)
    }

    /// Adds or replaces a thread; a new one that finds the table full is not followed.
    pub(super) fn insert(&mut self, thread: Thread) {
        if self.threads.len() < THREADS_MAX || self.threads.contains_key(&thread.tid) {
            let tid = thread.tid;
            self.displace(tid);
            self.threads.insert(tid, thread);
            self.place(tid);
        }
    }

    /// Removes a thread: its children get another parent, and its process goes with its last thread. A main thread
    /// stays as long as there are others, which use its descriptors.
    pub(super) fn remove(&mut self, tid: i64) {
        let Some(thread) = self.get_mut(tid) else { return };
        if thread.is_unplaced() {
            self.threads.remove(&tid);
            return;
        }
        thread.dead = true;
        let (pid, main) = (thread.pid, thread.is_main());
        if let Some(children) = self.children.remove(&tid) {
            self.reparent(tid, children);
        }
        let last = self.living(pid) == 0;
        if last {
            self.displace(pid);
            self.threads.remove(&pid);
            self.reapers.remove(&pid);
        }
        if !main {
            self.displace(tid);
            self.threads.remove(&tid);
        }
    }

    /// Gives the children of a thread that ends to the one that the kernel named, or that it would have named.
    fn reparent(&mut self, tid: i64, children: BTreeSet<i64>) {
        let told = self.get(tid).and_then(|thread| thread.reaper);
        let told = told.filter(|reaper| self.get(*reaper).is_some_and(|it| !it.is_unplaced()));
        let reaper = told.or_else(|| self.new_reaper(tid)).unwrap_or(0);
        let other = self.get(reaper).map(|it| it.pid).filter(|pid| self.get(tid).is_none_or(|it| it.pid != *pid));
        self.reapers.extend(other);
        for child in children {
            self.set_parent(child, reaper);
            if reaper != 0 {
                self.children.entry(reaper).or_default().insert(child);
            }
        }
    }

    /// Another thread of the process, else one of the next ancestor that takes orphans, in the same pid namespace.
    fn new_reaper(&self, tid: i64) -> Option<i64> {
        let thread = self.get(tid)?;
        let living = |pid: i64| self.of_process(pid).find(|it| !it.dead).map(|it| it.tid);
        if let Some(sibling) = living(thread.pid) {
            return Some(sibling);
        }
        let mut next = self.get(thread.ptid);
        for _ in 0..DEPTH_MAX {
            let ancestor = next.filter(|it| it.is_in_pid_namespace() == thread.is_in_pid_namespace())?;
            if let Some(reaper) = living(ancestor.pid).filter(|_| self.reapers.contains(&ancestor.pid)) {
                return Some(reaper);
            }
            next = self.get(ancestor.ptid);
        }
        None
    }

    /// The main thread of the process of a thread.
    pub(super) fn main_of<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        if thread.is_main() { Some(thread) } else { self.get(thread.pid) }
    }

    /// The thread whose descriptors a thread uses.
    fn descriptor_owner(&self, tid: i64) -> Option<i64> {
        let thread = self.get(tid)?;
        match thread.flags & clone::FILES {
            0 => Some(tid),
            _ => self.main_of(thread).map(|main| main.tid),
        }
    }

    pub(super) fn descriptors(&self, tid: i64) -> Option<&DescriptorTable> {
        self.get(self.descriptor_owner(tid)?).map(|thread| &thread.descriptors)
    }

    pub(super) fn descriptors_mut(&mut self, tid: i64) -> Option<&mut DescriptorTable> {
        let owner = self.descriptor_owner(tid)?;
        self.get_mut(owner).map(|thread| &mut thread.descriptors)
    }

    /// The thread whose directory a thread is in: threads of a process share it.
    pub(super) fn directory_owner(&self, tid: i64) -> Option<i64> {
        self.main_of(self.get(tid)?).map(|main| main.tid)
    }

    pub(super) fn cwd(&self, tid: i64) -> &str {
        self.directory_owner(tid).and_then(|owner| self.get(owner)).map(|thread| thread.cwd.as_str()).unwrap_or("./")
    }

    /// The main threads of the ancestors of a thread, parent first.
    pub(super) fn ancestors(&self, tid: i64) -> Vec<&Thread> {
        let mut found: Vec<&Thread> = Vec::new();
        let mut next = self.get(tid).and_then(|thread| self.main_of(thread));
        while let Some(thread) = next {
            let parent = self.get(thread.ptid).and_then(|parent| self.main_of(parent));
            let Some(parent) = parent else { break };
            let looped = parent.tid == tid || found.iter().any(|ancestor| ancestor.tid == parent.tid);
            if looped || found.len() == DEPTH_MAX {
                break;
            }
            found.push(parent);
            next = Some(parent);
        }
        found
    }

    /// How many threads of a process live.
    pub(super) fn living(&self, pid: i64) -> u64 {
        self.of_process(pid).filter(|thread| !thread.dead).count() as u64
    }
}
