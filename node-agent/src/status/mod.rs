//! What the agent says about itself over HTTP: `/healthz`, `/readyz`, `/versions` and `/metrics`.

mod check;
mod process;
mod progress;
mod server;
mod versions;

pub use check::{Check, Probe, Readiness};
pub use progress::{HEARTBEAT, Progress, SILENCE_MAX};
pub use server::{Server, Status, serve};
