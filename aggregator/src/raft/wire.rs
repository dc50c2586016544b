//! How the consensus library's messages travel: in postcard, under the id of the node that they are for.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tiercel_proto::error::{ErrorCode, WireError};

use super::types::{NodeId, SnapshotMeta, Vote};

/// Largest message between peers. One log entry always goes in one piece; the largest carries one batch of an agent,
/// at most 4 MiB.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Size of the pieces of a snapshot.
pub(super) const SNAPSHOT_CHUNK_BYTES: usize = 1 << 20;

/// A message with its address: two nodes that swapped theirs must not take each other's votes.
#[derive(Debug, Serialize, Deserialize)]
struct Addressed<T> {
    to: NodeId,
    message: T,
}

/// What goes before the bytes of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SnapshotHeader {
    pub(super) vote: Vote,
    pub(super) meta: SnapshotMeta,
}

pub(super) fn encode_for(to: NodeId, message: &impl Serialize) -> Result<Bytes, WireError> {
    encode(&Addressed { to, message })
}

pub(super) fn decode_at<T: DeserializeOwned>(node: NodeId, bytes: &[u8]) -> Result<T, WireError> {
    let Addressed { to, message } = decode(bytes)?;
    if to != node {
        let text = format!("message is for node {to}, this is node {node}");
        return Err(WireError::new(ErrorCode::InvalidRequest, text));
    }
    Ok(message)
}

pub(super) fn encode(message: &impl Serialize) -> Result<Bytes, WireError> {
    postcard::to_stdvec(message)
        .map(Bytes::from)
        .map_err(|error| WireError::new(ErrorCode::Internal, format!("failed to encode message: {error}")))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    postcard::from_bytes(bytes)
        .map_err(|error| WireError::new(ErrorCode::InvalidRequest, format!("failed to decode message: {error}")))
}
