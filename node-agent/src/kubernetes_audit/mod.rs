//! Requests to the API server of Kubernetes: its audit events, from its webhook or from its log file.

mod file;
mod follow;
mod input;
mod parse;
mod split;
#[cfg(test)]
mod tests;
mod webhook;

pub use file::{AuditFile, is_audit_log};
pub use follow::follow;
pub use input::{AuditBatch, start};
pub use parse::{BODY_BYTES_MAX, NotAudit, Parsed, parse};
pub use webhook::{Intake, Overloaded, TakeFuture, Webhook, serve};
