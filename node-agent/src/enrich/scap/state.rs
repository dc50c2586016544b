//! The state of the machine that was captured, kept current by the events of the capture.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tiercel_detection::event::{Endpoint, Event, EventKind, KindSet, Process, Text, kinds};

use super::accounts::Accounts;
use super::call::Call;
use super::containers::Containers;
use super::interfaces::Interfaces;
use super::learn;
use super::thread::Thread;
use super::threads::Threads;
use crate::capture::scap::tables;
use crate::capture::scap::{CapturedEvent, Metadata};
use crate::enrich::kind::kind_of;

/// A time stamp that was never set.
const TIME_UNSET: u64 = u64::MAX;

/// Threads, descriptors, accounts and containers of a capture.
#[derive(Debug)]
pub struct CaptureState {
    pub(super) threads: Threads,
    pub(super) accounts: Accounts,
    pub(super) containers: Containers,
    pub(super) interfaces: Interfaces,
    /// When the machine was started, nanoseconds since the epoch.
    pub(super) booted_at_ns: u64,
    wanted: KindSet,
    /// An event has come that is not part of the inventory with which a capture begins.
    begun: bool,
    /// Events given out so far, those that no rule sees included.
    pub(super) number: u64,
    /// Time of the first event that has one.
    pub(super) first_ns: Option<u64>,
    /// Time of the event before, 0 at the beginning.
    pub(super) previous_ns: u64,
    /// Processes as they were described since an event has last changed any.
    pub(super) described: FxHashMap<i64, Arc<Process>>,
    /// What ends with the event at hand but is seen by its rules.
    pub(super) leaving: Leaving,
}

/// What is removed before the next event.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) threads: Vec<i64>,
    /// Thread and descriptor.
    pub(super) descriptors: Vec<(i64, i64)>,
}

impl CaptureState {
    /// The machine as it was when the capture began.
    pub fn new(metadata: &Metadata) -> Self {
        Self {
            threads: Threads::new(metadata),
            accounts: Accounts::new(metadata),
            containers: Containers::default(),
            interfaces: Interfaces::new(metadata),
            booted_at_ns: metadata.machine.booted_at_ns,
            wanted: KindSet::all(),
            begun: false,
            number: 0,
            first_ns: None,
            previous_ns: 0,
            described: FxHashMap::default(),
            leaving: Leaving::default(),
        }
    }

    /// Takes the kinds of events that the rules read; others change the state all the same.
    pub fn want(&mut self, kinds: KindSet) {
        self.wanted = kinds;
    }

    /// Learns from one event and describes it, unless rules do not see events of its kind.
    pub fn handle(&mut self, event: &CapturedEvent) -> Option<Event> {
        self.remove_what_left();
        if let Some(metadata) = &event.begins {
            let begun = std::mem::replace(self, Self::new(metadata));
            (self.wanted, self.number) = (begun.wanted, begun.number);
        }
        self.number += 1;
        let call = Call { event, row: tables::event(event.code)? };
        if !call.is_notice() && !matches!(event.time_ns, 0 | TIME_UNSET) {
            self.first_ns.get_or_insert(event.time_ns);
        }
        // Entries of calls serve the state of programs that watch live; their exits say the same.
        if call.row.syscall && event.code.is_multiple_of(2) {
            self.remember_entry(call);
            return None;
        }
        let entry = self.entry(call);
        if !learn::keeps_processes(call) {
            self.described.clear();
        }
        let old_name = self.prepare(call);
        learn::learn(self, call, entry.as_ref());
        self.begun |= !call.is_inventory();
        let wanted = kind(call).filter(|kind| self.begun && !event.state_only && self.wanted.contains(*kind));
        let described = wanted.map(|kind| super::describe::describe(self, call, kind, old_name));
        if self.begun && event.time_ns != TIME_UNSET {
            self.previous_ns = event.time_ns;
        }
        described
    }

    /// Keeps the entry of a call whose exit may lack what the entry says.
    fn remember_entry(&mut self, call: Call<'_>) {
        let kept = matches!(call.row.name, "open" | "openat" | "openat2" | "creat" | "execve" | "execveat" | "connect");
        if !kept {
            return;
        }
        let tid = call.event.tid;
        if self.threads.get(tid).is_none() {
            self.threads.insert(Thread::unknown(tid));
            self.described.clear();
        }
        if let Some(thread) = self.threads.get_mut(tid) {
            let says_something =
                call.row.name == "execveat" || call.event.values.first().is_some_and(|it| !it.is_empty());
            thread.entry = says_something.then(|| call.event.clone());
        }
    }

    /// The entry that belongs to an exit. A successful execveat ends as execve.
    fn entry(&mut self, call: Call<'_>) -> Option<CapturedEvent> {
        // Notices that come in between have even codes too.
        let exit = !call.event.code.is_multiple_of(2);
        let entry = self.threads.get_mut(call.event.tid).filter(|_| exit)?.entry.take()?;
        let entered = tables::event(entry.code)?.name;
        let same = entry.code + 1 == call.event.code;
        (same || (call.row.name, entered) == ("execve", "execveat")).then_some(entry)
    }

    /// Finds the acting thread and the descriptor that it uses; returns the name that the descriptor has before the
    /// event.
    fn prepare(&mut self, call: Call<'_>) -> Text {
        let tid = call.event.tid;
        // A thread that was just made tells of itself, and one that gives up its CPU is of no interest.
        let tells_of_itself = matches!(call.row.name, "clone" | "clone3" | "fork" | "vfork" | "switch");
        let about_a_thread = !call.row.is_stateless() && tid >= 0;
        if about_a_thread && !tells_of_itself && self.threads.get(tid).is_none() {
            self.threads.insert(Thread::unknown(tid));
            self.described.clear();
        }
        if !call.row.has_fd() {
            return "".into();
        }
        let fd = used_fd(call);
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.last_fd = fd;
        }
        // What is opened anew has had no name, even if its number had one.
        let table = self.threads.descriptors(tid).filter(|_| !names_anew(call));
        let named = call.number("oldfd").unwrap_or(fd);
        table.and_then(|table| table.get(named)).map_or_else(|| "".into(), |descriptor| descriptor.name.clone())
    }

    fn remove_what_left(&mut self) {
        for (tid, fd) in std::mem::take(&mut self.leaving.descriptors) {
            if let Some(table) = self.threads.descriptors_mut(tid) {
                table.remove(fd);
            }
        }
        for tid in std::mem::take(&mut self.leaving.threads) {
            self.described.clear();
            learn::forget(self, tid);
        }
    }

    /// Whether an address is one of the machine, seen by a thread: of its container, if that has one of its own.
    pub(super) fn is_local(&self, tid: i64, end: Endpoint) -> bool {
        let container = self.threads.get(tid).and_then(|thread| self.containers.known(&thread.cgroups));
        if let Some(own) = container.and_then(|container| container.ip) {
            return own.parse() == Ok(end.address);
        }
        self.interfaces.has(end.address)
    }
}

/// The event makes a descriptor that has nothing to do with another one of that number.
fn names_anew(call: Call<'_>) -> bool {
    call.row.creates_fd() && !matches!(call.row.name, "dup" | "dup2" | "dup3")
}

/// The descriptor that an event is about; -1 when it does not say.
fn used_fd(call: Call<'_>) -> i64 {
    let named = ["fd", "out_fd", "fd_in", "fdout", "fd1"].iter().find_map(|name| call.number(name));
    match call.row.name {
        "dup" | "dup2" | "dup3" => call.result(),
        _ if named.is_some() => named,
        _ if call.row.creates_fd() => call.result(),
        _ => None,
    }
    .unwrap_or(-1)
}

/// What happened, under the name that rules know.
fn kind(call: Call<'_>) -> Option<EventKind> {
    match call.row.name {
        "execveat" if call.result() == Some(0) => Some(kinds::EXECVE),
        "syscall" => {
            let named = call.word("ID").and_then(|code| tables::call(u16::try_from(code).ok()?));
            let native = || call.word("nativeID").and_then(|number| kind_of(u16::try_from(number).ok()?.into()));
            match named {
                Some("unknown") | None => native(),
                Some(name) => EventKind::from_name(name).or_else(native),
            }
        }
        name => EventKind::from_name(name),
    }
}
