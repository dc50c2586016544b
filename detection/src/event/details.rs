//! What only a source that follows every thread and every descriptor of a machine can tell.

use std::sync::Arc;

use super::{Endpoint, FdKind, Process, Text};

/// Further facts about an event. Captures have them; the live sensor, which keeps no table of descriptors, has not.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// The event belongs to no thread that is known: nothing can be said of a process.
    pub without_process: bool,
    /// The source knew the call by its number only: the event says nothing but that it happened.
    pub generic: bool,
    /// The processes that lead the session, the group in its pid namespace and the group of the process, in this order.
    pub leaders: [Option<Arc<Process>>; 3],
    /// What is told by an event that is about the capture or the machine and not a call (`evt.asynctype`).
    pub notice: Option<Text>,
    /// Nanoseconds since the first event (`evt.reltime`).
    pub since_first_ns: u64,
    /// Nanoseconds since the event before (`evt.deltatime`).
    pub since_previous_ns: u64,
    /// Threads of the process that live (`proc.nthreads`).
    pub threads: u64,
    /// Limit of descriptors (`proc.fdlimit`).
    pub fd_limit: i64,
    /// Open descriptors (`proc.fdopencount`).
    pub fd_count: u64,
    /// Kinds of the open descriptors, each once (`fd.types`); `None` when there is no table.
    pub fd_kinds: Vec<FdKind>,
    /// Kind and name of descriptors 0, 1 and 2 (`proc.stdin.name` ...).
    pub standard: [Option<(FdKind, Text)>; 3],
    /// Memory of the process in KiB: size, resident, swapped (`proc.vmsize` ...).
    pub memory_kib: [u64; 3],
    /// Page faults of the thread: major, minor (`thread.pfmajor` ...).
    pub page_faults: [u64; 2],
    /// Descriptors that `poll` watches (`fdlist.*`).
    pub polled: Vec<Polled>,
}

/// A descriptor that `poll` watches.
#[derive(Debug, Clone, Default)]
pub struct Polled {
    /// Its number.
    pub number: i64,
    /// Its name, when it is known.
    pub name: Option<Text>,
    /// The ends of its connection, client first.
    pub ends: Option<(Endpoint, Endpoint)>,
}
