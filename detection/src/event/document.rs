//! An event that is a JSON document.

use serde_json::Value as Json;

use super::Timestamp;

/// One stage of one request to the API server of Kubernetes, as its audit log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Position in the stream of this agent, starting at 1 (`evt.num`).
    pub number: u64,
    /// When the request reached the stage (`evt.time`).
    pub time: Timestamp,
    /// What the API server says of it.
    pub value: Json,
}
