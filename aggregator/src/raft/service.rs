//! What peers ask of this node.

use std::sync::Arc;

use serde::Serialize;
use tiercel_proto::error::{ErrorCode, WireError};
use tiercel_proto::v1;
use tiercel_proto::v1::raft_server::RaftServer;
use tonic::{Request, Response, Status, Streaming};
use tracing::info;

use super::proposal::Handover;
use super::types::{NodeId, Raft, Snapshot};
use super::wire::{MESSAGE_BYTES_MAX, SnapshotHeader, decode_at, encode};

/// Answers peers. The door in front of it lets only certificates of role aggregator in.
pub(super) struct Service {
    node: NodeId,
    raft: Raft,
    handover: Arc<dyn Handover>,
}

impl Service {
    pub(super) fn server(node: NodeId, raft: Raft, handover: Arc<dyn Handover>) -> RaftServer<Self> {
        RaftServer::new(Self { node, raft, handover })
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl v1::raft_server::Raft for Service {
    async fn append_entries(&self, request: Request<v1::RaftRequest>) -> Result<Response<v1::RaftResponse>, Status> {
        let message = decode_at(self.node, &request.into_inner().body)?;
        answer(&self.raft.append_entries(message).await)
    }

    async fn vote(&self, request: Request<v1::RaftRequest>) -> Result<Response<v1::RaftResponse>, Status> {
        let message = decode_at(self.node, &request.into_inner().body)?;
        answer(&self.raft.vote(message).await)
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<v1::SnapshotChunk>>,
    ) -> Result<Response<v1::RaftResponse>, Status> {
        let mut chunks = request.into_inner();
        let first = chunks.message().await?.ok_or_else(|| Status::invalid_argument("snapshot is empty"))?;
        let SnapshotHeader { vote, meta } = decode_at(self.node, &first.header)?;
        info!(snapshot = %meta.snapshot_id, "receiving snapshot");
        let receiving = self.raft.begin_receiving_snapshot().await;
        let file = receiving.map_err(|error| WireError::new(ErrorCode::Unavailable, error.to_string()))?;
        let mut next = Some(first.data);
        while let Some(data) = next {
            let file = (*file).clone();
            let written = tokio::task::spawn_blocking(move || file.append(&data)).await;
            written.map_err(std::io::Error::other).and_then(std::convert::identity).map_err(|error| {
                WireError::new(ErrorCode::Unavailable, format!("failed to write snapshot: {error}"))
            })?;
            next = chunks.message().await?.map(|chunk| chunk.data);
        }
        answer(&self.raft.install_full_snapshot(vote, Snapshot { meta, snapshot: file }).await)
    }

    async fn propose(&self, request: Request<v1::RaftRequest>) -> Result<Response<v1::RaftResponse>, Status> {
        let batches = decode_at(self.node, &request.into_inner().body)?;
        answer(&self.handover.admit(batches).await)
    }
}

fn answer(message: &impl Serialize) -> Result<Response<v1::RaftResponse>, Status> {
    Ok(Response::new(v1::RaftResponse { body: encode(message)? }))
}
