//! From what the kernel said to what happened: processes and their ancestors, users, containers, names of files, and
//! the parameters that rules ask for.

mod accounts;
mod confine;
mod container;
mod enricher;
mod identity;
mod journal;
mod kind;
mod live;
mod lookup;
mod machine;
mod mounts;
mod parameters;
mod path;
mod process;
mod profile;
mod scan;
pub mod scap;
mod sockets;
#[cfg(test)]
mod tests;
mod world;

pub use container::{
    ContainerDetails, ContainerMount, ContainerNews, ContainerOptions, Engine, LookupCounts, Lookups, Runtime,
    RuntimeSockets, Socket, TableCounts, container_id_in_path, cri_messages, runtimes,
};
pub use enricher::{Counters, Enricher, Options};
pub use journal::{Answer, Answers, Journal, Notes};
pub use live::LiveMachine;
pub use machine::Machine;
pub use process::PROCESSES_MAX;
pub use world::{
    Account, AccountTables, ContainerCandidate, HostChange, NamedFile, RuntimeContainer, ScannedProcess, Snapshot,
    World,
};
