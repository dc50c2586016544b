//! The system from outside, for tests: the real binaries in a scratch directory, a webhook receiver, a cgroup that the
//! sensor is told to watch, containers.
//!
//! Everything that a harness starts ends with it, and it ends nothing else: processes are known by the handle that
//! started them.

pub mod acts;
mod agent;
mod api;
mod binaries;
mod cluster;
mod container;
mod daemon;
mod gate;
mod http;
mod pki;
mod ports;
mod program;
mod records;
mod scope;
mod scratch;
mod wait;
mod webhook;

pub use agent::{Agent, AgentSetup};
pub use api::Api;
pub use binaries::binary;
pub use cluster::{Cluster, ClusterSetup, Node};
pub use container::{Container, Rootfs};
pub use daemon::Daemon;
pub use gate::{KernelLock, default_rules, kernel_refusal, official_rules, skip};
pub use http::{get, metric_sum};
pub use pki::Pki;
pub use ports::free_address;
pub use program::Program;
pub use records::Records;
pub use scope::Scope;
pub use scratch::Scratch;
pub use wait::{run_bounded, wait_for};
pub use webhook::{Delivery, WebhookSink};
