//! How the consensus library's messages travel: in postcard, under the id of the node that they are for.

use bytes::Bytes;
use postcard::ser_flavors::Size;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tiercel_proto::error::{ErrorCode, WireError};

use super::types::{NodeId, SnapshotMeta, Vote};
use crate::triage::Command;

/// Largest message between peers. One log entry always goes in one piece.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Largest command. One that no peer could receive would stop replication for ever, so it must not get into the log;
/// half of a message leaves room for what goes around it.
const COMMAND_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

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

/// Whether an entry with that command can travel to peers.
pub(super) fn is_replicable(command: &Command) -> bool {
    postcard::serialize_with_flavor::<_, Size, usize>(command, Size::default())
        .is_ok_and(|bytes| bytes <= COMMAND_BYTES_MAX)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::{Completion, NotificationId, Outcome, Owner, UnixMillis};

    #[test]
    fn command_that_no_peer_could_receive_is_not_replicable() {
        let command = |error_bytes: usize| {
            let error = "x".repeat(error_bytes).into();
            let outcome = Outcome::Retry { due: UnixMillis(1), may_have_arrived: false, error };
            let completions = vec![Completion { id: NotificationId(1), attempt: 1, outcome }];
            Command::Complete { at: UnixMillis(1), owner: Owner { term: 1, node: 1, run: 1 }, completions }
        };
        assert!(is_replicable(&command(COMMAND_BYTES_MAX - 64)));
        assert!(!is_replicable(&command(COMMAND_BYTES_MAX)));
    }
}
