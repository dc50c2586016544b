//! Which container a process is in, and what the runtimes know of that container.

mod cgroup;
mod describe;
mod lookup;
mod sockets;
mod state_files;
mod table;

pub use cgroup::container_id_in_path;
pub(super) use cgroup::{Membership, membership};
pub(super) use describe::from_id;
pub use describe::{ContainerDetails, ContainerMount, ContainerNews};
pub use lookup::{LookupCounts, Lookups, Runtime, cri_messages, runtimes};
pub use sockets::{ContainerOptions, Engine, RuntimeSockets, Socket};
pub(super) use state_files::find;
pub(super) use table::Containers;
pub use table::TableCounts;
