//! The moment of an event in its stream, and what can be asked of the machine while the event is judged.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Event, FdKind, Text, Timestamp};

/// Where an event stands among those of its source.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// When the first event of the stream happened (`evt.reltime`).
    pub first: Timestamp,
    /// When the event before happened (`evt.deltatime`); of the first event its own time.
    pub previous: Timestamp,
    /// Answers what the event itself does not say; `None` when no rule asks for it, or when the event is a record of a
    /// machine that is not this one or not at this time.
    pub machine: Option<Arc<dyn Surroundings>>,
}

/// Memory, threads and time of a process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Threads that live (`proc.nthreads`).
    pub threads: u64,
    /// Memory in KiB: size, resident, swapped (`proc.vmsize` ...); `None` when it has none any more.
    pub memory_kib: Option<[u64; 3]>,
    /// Page faults of the thread: major, minor (`thread.pfmajor` ...).
    pub page_faults: [u64; 2],
    /// Time on CPUs in user space and in the kernel, in percent of the life of the thread (`thread.cpu.user` ...).
    pub cpu_percent: [f64; 2],
    /// Limit of descriptors (`proc.fdlimit`).
    pub fd_limit: i64,
}

/// The machine around an event, asked while the event is judged: what it answers is a later truth than the event. It
/// answers `None` when the process is gone, or another one has its number by now.
pub trait Surroundings: std::fmt::Debug + Send + Sync {
    /// Threads, memory and time of the process.
    fn resources(&self, event: &Event) -> Option<Resources>;

    /// How many descriptors are open (`proc.fdopencount`).
    fn fd_count(&self, event: &Event) -> Option<u64>;

    /// The kinds of the open descriptors, each once (`fd.types`).
    fn fd_kinds(&self, event: &Event) -> Option<Vec<FdKind>>;

    /// Kind and name of one descriptor (`proc.stdin.name` ...).
    fn descriptor(&self, event: &Event, number: u32) -> Option<(FdKind, Text)>;

    /// The names that rules mention and that stand for the address (`fd.sip.name` ...). Never waits for an answer.
    fn names_of(&self, address: IpAddr) -> Option<Arc<[Text]>>;
}
