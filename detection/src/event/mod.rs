//! What happened, as plain data: one act of one process, or one request to an API server, with everything a rule may
//! ask about it.
//!
//! Events are made by the agent's `enrich` room (live or from a recording) and read by the engine. All text is
//! UTF-8; bytes that are not are replaced by U+FFFD when the event is made, as Falco 0.44 does.

mod details;
mod document;
mod fd;
pub mod flags;
mod kind;
mod kind_set;
mod moment;
mod parameter;
mod process;
mod schema;
mod source;

use std::sync::Arc;

pub use details::{Details, Polled};
pub use document::Document;
pub use fd::{Endpoint, FdKind, FileDescriptor, L4Protocol, Role, Socket};
pub use kind::{EventKind, kinds};
pub use kind_set::KindSet;
pub use moment::{Moment, Resources, Surroundings};
pub use parameter::{FlagTable, Parameter, ParameterValue, Parameters};
pub use process::{Capabilities, Container, Mount, Process, ProcessKey, User};
pub use schema::{ParameterType, Schema};
pub use source::EventSource;

/// Text shared between the process table, events and alerts.
pub type Text = Arc<str>;

/// Nanoseconds since the Unix epoch (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// The door through which an act entered the kernel (`evt.via`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// The native system call table.
    #[default]
    Syscall,
    /// An io_uring submission, with or without a kernel polling thread.
    IoUring,
    /// The 32-bit system call table of a 64-bit kernel.
    Compat,
}

/// Whether user space could have changed what the event says while it was being recorded (`evt.trust`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Every path and address that decides a verdict was read from kernel objects.
    #[default]
    Kernel,
    /// At least one such value was read from user memory.
    User,
}

/// One act of one process.
#[derive(Debug, Clone)]
pub struct Event {
    /// Position in the stream of this agent, starting at 1 (`evt.num`).
    pub number: u64,
    /// When the kernel saw it (`evt.time`).
    pub time: Timestamp,
    /// The CPU that saw it (`evt.cpu`).
    pub cpu: u16,
    /// Which act (`evt.type`).
    pub kind: EventKind,
    /// How it entered the kernel.
    pub via: Via,
    /// Who vouches for its texts.
    pub trust: Trust,
    /// Host thread id (`thread.tid`).
    pub thread_id: i64,
    /// Thread id inside its pid namespace (`thread.vtid`).
    pub virtual_thread_id: i64,
    /// The process that acted, as it was right after the act.
    pub process: Arc<Process>,
    /// Its ancestors, parent first (`proc.aname[1]` is `lineage[0]`), up to the init of the host.
    pub lineage: Arc<[Arc<Process>]>,
    /// What the call returned (`evt.rawres`); absent for acts that return nothing.
    pub result: Option<i64>,
    /// The parameters in Falco's order and with Falco's names (`evt.arg.*`, `evt.args`).
    pub parameters: Parameters,
    /// The descriptor that the act made or used (`fd.*`); absent for acts without one.
    pub fd: Option<FileDescriptor>,
    /// Where it stands in its stream.
    pub moment: Moment,
    /// Further facts, where the source knows them.
    pub details: Option<Box<Details>>,
}
