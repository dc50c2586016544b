//! From an observed act to the parameters and the descriptor of its event, one file for each variant of `Act`.

mod changed;
mod dup;
mod exec;
mod exit;
mod files;
mod fork;
mod network;
mod open;
mod path;
mod scalar;

use std::sync::{Arc, LazyLock};

use tiercel_detection::event::{
    EventKind, FdKind, FileDescriptor, FlagTable, L4Protocol, Parameter, ParameterValue, Parameters, Process, Text,
    Trust,
};

pub(super) use changed::changed;
pub(super) use dup::dup;
pub(super) use exec::exec;
pub(super) use exit::exit;
pub(in crate::enrich) use files::anonymous_kind;
pub(super) use fork::fork;
pub(super) use network::network;
pub(super) use open::open;
pub(super) use path::path_call;
pub(super) use scalar::scalar;

use super::accounts::{AccountScope, Accounts};
use super::identity::Identities;
use super::process::ProcessTable;
use super::sockets::SocketTable;
use super::world::World;

/// The directory descriptor that stands for the current directory.
const AT_FDCWD: i32 = -100;

/// Falco's word for a tuple, a path or a buffer that is not there.
static NULL: LazyLock<Text> = LazyLock::new(|| "NULL".into());

/// The text of nothing, shared.
static EMPTY: LazyLock<Text> = LazyLock::new(|| "".into());

/// What is known around an act when its event is made.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// The process that acted, as it was right after the act.
    pub(super) process: Arc<Process>,
    /// Thread id on the host.
    pub(super) thread_id: u32,
    /// All other processes.
    pub(super) processes: &'a ProcessTable,
    /// Names of users and groups.
    pub(super) accounts: &'a Accounts,
    /// Where the process looks names up.
    pub(super) scope: AccountScope,
    /// Other names of files.
    pub(super) identities: &'a mut Identities,
    /// What sockets did before.
    pub(super) sockets: &'a mut SocketTable,
    /// The machine.
    pub(super) world: &'a mut dyn World,
    /// Nanoseconds since boot.
    pub(super) now_ns: u64,
}

/// The part of an event that depends on the act.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) kind: EventKind,
    pub(super) result: Option<i64>,
    pub(super) parameters: Parameters,
    pub(super) fd: Option<FileDescriptor>,
    pub(super) trust: Trust,
}

impl Scene<'_> {
    fn user(&self, name: &'static str, id: u32) -> Parameter {
        let known = (id != u32::MAX).then(|| self.accounts.user(&self.scope, id).name.clone());
        parameter(name, ParameterValue::Uid { id, name: known })
    }

    fn group(&self, name: &'static str, id: u32) -> Parameter {
        let known = (id != u32::MAX).then(|| self.accounts.group(&self.scope, id).name.clone());
        parameter(name, ParameterValue::Gid { id, name: known })
    }

    /// A process id that the act names; 0 and negative ids name no single process.
    fn pid(&self, name: &'static str, id: i64) -> Parameter {
        let known = u32::try_from(id).ok().filter(|pid| *pid != 0).and_then(|pid| self.processes.name_of(pid).cloned());
        parameter(name, ParameterValue::Pid { id, name: known })
    }

    /// The process that acts, itself.
    fn own_pid(&self, name: &'static str, id: i64) -> Parameter {
        parameter(name, ParameterValue::Pid { id, name: Some(self.process.name.clone()) })
    }
}

fn parameter(name: &'static str, value: ParameterValue) -> Parameter {
    Parameter { name, value }
}

fn empty(name: &'static str) -> Parameter {
    parameter(name, ParameterValue::Empty)
}

fn errno(name: &'static str, value: i64) -> Parameter {
    parameter(name, ParameterValue::Errno(value))
}

fn signed(name: &'static str, value: i64) -> Parameter {
    parameter(name, ParameterValue::Signed(value))
}

fn unsigned(name: &'static str, value: u64) -> Parameter {
    parameter(name, ParameterValue::Unsigned(value))
}

fn hex(name: &'static str, value: u64) -> Parameter {
    parameter(name, ParameterValue::Hex(value))
}

fn text(name: &'static str, value: impl Into<Text>) -> Parameter {
    parameter(name, ParameterValue::Text(value.into()))
}

/// Text, or Falco's `NULL`.
fn text_or_null(name: &'static str, value: Option<String>) -> Parameter {
    parameter(name, ParameterValue::Text(value.map_or_else(|| NULL.clone(), Text::from)))
}

/// Bytes; none at all are Falco's `NULL`.
fn bytes(name: &'static str, value: &[u8]) -> Parameter {
    match value {
        [] => parameter(name, ParameterValue::Text(NULL.clone())),
        some => parameter(name, ParameterValue::Bytes(some.into())),
    }
}

fn flags(name: &'static str, value: u64, table: &'static FlagTable) -> Parameter {
    parameter(name, ParameterValue::Flags(value, table))
}

fn choice(name: &'static str, value: u64, table: &'static FlagTable) -> Parameter {
    parameter(name, ParameterValue::Enum(value, table))
}

/// A descriptor that the call made: the negative errno of one that failed.
fn new_fd(name: &'static str, result: i64, fd: &FileDescriptor) -> Parameter {
    if result < 0 { plain_fd(name, result) } else { used_fd(name, result, fd) }
}

/// A descriptor with what it refers to.
fn used_fd(name: &'static str, number: i64, fd: &FileDescriptor) -> Parameter {
    let protocol = fd.socket.as_ref().map_or(L4Protocol::Unknown, |socket| socket.protocol);
    parameter(name, ParameterValue::Fd { number, kind: fd.kind, protocol, name: fd.name.clone() })
}

/// A descriptor of which nothing but the number is known.
fn plain_fd(name: &'static str, number: i64) -> Parameter {
    parameter(name, ParameterValue::Fd { number, kind: None, protocol: L4Protocol::Unknown, name: EMPTY.clone() })
}

/// A path with its absolute form where that says more.
fn path(name: &'static str, given: &Text, absolute: impl FnOnce() -> Text) -> Parameter {
    let resolved = (!given.is_empty() && !given.starts_with('/')).then(absolute);
    parameter(name, ParameterValue::Path { given: given.clone(), resolved })
}

/// The `fd.*` fields of a call that names a descriptor of which nothing is known.
fn unknown_descriptor(number: i64) -> FileDescriptor {
    FileDescriptor { number, name: EMPTY.clone(), raw_name: EMPTY.clone(), ..FileDescriptor::default() }
}

/// The `fd.*` fields of a call that made no descriptor because it failed.
fn no_descriptor() -> FileDescriptor {
    unknown_descriptor(-1)
}

/// The `fd.*` fields of a new descriptor without a path.
fn typed_descriptor(result: i64, kind: FdKind, name: Text) -> FileDescriptor {
    if result < 0 {
        return no_descriptor();
    }
    FileDescriptor { number: result, kind: Some(kind), name, raw_name: EMPTY.clone(), ..FileDescriptor::default() }
}

/// A C `int` in a 64-bit argument register.
#[expect(clippy::cast_possible_truncation, reason = "the kernel reads the low 32 bits of the register too")]
fn int(argument: u64) -> i32 {
    argument as i32
}

/// A C `unsigned int` in a 64-bit argument register.
#[expect(clippy::cast_possible_truncation, reason = "the kernel reads the low 32 bits of the register too")]
fn word(argument: u64) -> u32 {
    argument as u32
}
