//! All threads of a capture.

use rustc_hash::{FxHashMap, FxHashSet};

use super::descriptor::{Descriptor, DescriptorTable};
use super::thread::{Thread, clone};
use crate::capture::scap::Metadata;

/// Threads that are followed at a time; Falco's bound.
const THREADS_MAX: usize = 262_144;

/// Ancestors that are followed at most, a guard against chains made to go round in circles.
const DEPTH_MAX: usize = 128;

/// By thread id.
#[derive(Debug, Default)]
pub(super) struct Threads(FxHashMap<i64, Thread>);

impl Threads {
    /// Those that were there when the capture began.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let mut threads: FxHashMap<i64, Thread> =
            metadata.processes.iter().map(|entry| (entry.tid, Thread::captured(entry))).collect();
        for (tid, entries) in &metadata.descriptors {
            if let Some(thread) = threads.get_mut(tid) {
                for entry in entries {
                    thread.descriptors.insert(entry.fd, Descriptor::captured(entry));
                }
            }
        }
        let mut threads = Self(threads);
        threads.assign_roles();
        threads
    }

    /// A connection on a port that somebody listens on is the server's; every other one is a client's.
    fn assign_roles(&mut self) {
        let tables = self.0.values().flat_map(|thread| thread.descriptors.iter());
        let listening: FxHashSet<u16> = tables.filter_map(Descriptor::listening_port).collect();
        for thread in self.0.values_mut() {
            thread.descriptors.each_mut(|descriptor| descriptor.assign_role(&listening));
        }
    }

    pub(super) fn get(&self, tid: i64) -> Option<&Thread> {
        self.0.get(&tid)
    }

    pub(super) fn get_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        self.0.get_mut(&tid)
    }

    /// Adds or replaces a thread; a new one that finds the table full is not followed.
    pub(super) fn insert(&mut self, thread: Thread) {
        if self.0.len() < THREADS_MAX || self.0.contains_key(&thread.tid) {
            self.0.insert(thread.tid, thread);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.0.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.0.values_mut()
    }

    pub(super) fn remove(&mut self, tid: i64) {
        self.0.remove(&tid);
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

    /// The thread whose directory a thread is in.
    pub(super) fn directory_owner(&self, tid: i64) -> Option<i64> {
        let thread = self.get(tid)?;
        match thread.flags & clone::FS {
            0 if thread.pid == -1 => None,
            0 => Some(tid),
            _ => self.main_of(thread).map(|main| main.tid),
        }
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
        if pid == -1 {
            return 0;
        }
        self.iter().filter(|thread| thread.pid == pid && !thread.dead).count() as u64
    }
}
