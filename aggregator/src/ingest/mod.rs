//! Alerts come in: certificate to node name, message to batch, many batches to one proposal, acknowledgement back.

mod actor;
mod batcher;
mod figures;
mod intake;
mod parse;
mod service;
mod session;

pub use figures::IngestFigures;
pub use intake::{Intake, start};
pub use parse::{Parser, UnfitAlert};
pub use service::serve;
