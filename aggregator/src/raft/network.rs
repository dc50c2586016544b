//! What this node sends to its peers for the consensus library.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{Fatal, NetworkError, RPCError, RemoteError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use openraft::{OptionalSend, StorageIOError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tiercel_proto::error::{ErrorCode, WireError};
use tiercel_proto::mtls::ConnectError;
use tiercel_proto::v1;
use tiercel_proto::v1::raft_client::RaftClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tracing::{debug, info, warn};

use super::SnapshotFile;
use super::peers::Peers;
use super::types::{Member, NodeId, RaftError, Snapshot, TypeConfig, Vote};
use super::wire::{SNAPSHOT_CHUNK_BYTES, SnapshotHeader, decode, encode_for};

/// How long to leave a dead peer alone. A peer that comes back waits this long for its first entry.
const DEAD_PEER_PAUSE: Duration = Duration::from_millis(500);

/// Pieces of a snapshot that are read ahead of the network.
const SNAPSHOT_CHUNKS_AHEAD: usize = 4;

type RpcError<E = openraft::error::Infallible> = RPCError<NodeId, Member, RaftError<E>>;

/// Makes connections to peers.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) node: NodeId,
    pub(super) peers: Peers,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: NodeId, member: &Member) -> Connection {
        Connection {
            node: self.node,
            target,
            member: member.clone(),
            peers: self.peers.clone(),
            client: self.peers.client(member),
            reachable: None,
        }
    }
}

/// The way to one peer.
#[derive(Debug)]
pub(super) struct Connection {
    node: NodeId,
    target: NodeId,
    member: Member,
    peers: Peers,
    /// An address that is no address is the peer's trouble, not ours: it is simply not reachable.
    client: Result<RaftClient<Channel>, ConnectError>,
    reachable: Option<bool>,
}

/// Which call; all have one shape.
#[derive(Debug, Clone, Copy)]
enum Call {
    AppendEntries,
    Vote,
}

impl Connection {
    async fn call<T: DeserializeOwned>(
        &mut self,
        call: Call,
        message: &impl Serialize,
        option: RPCOption,
    ) -> Result<T, RpcError> {
        let body = encode_for(self.target, message).map_err(|error| RPCError::Network(NetworkError::new(&error)))?;
        let answer = tokio::time::timeout(option.hard_ttl(), self.send(call, body)).await;
        match answer {
            Ok(Ok(body)) => {
                self.note(true, None);
                let result: Result<T, RaftError> =
                    decode(&body).map_err(|error| RPCError::Network(NetworkError::new(&error)))?;
                result.map_err(|error| RemoteError::new_with_node(self.target, self.member.clone(), error).into())
            }
            Ok(Err(error)) => Err(self.lost(error)),
            Err(_) => Err(RPCError::Timeout(openraft::error::Timeout {
                action: match call {
                    Call::AppendEntries => RPCTypes::AppendEntries,
                    Call::Vote => RPCTypes::Vote,
                },
                id: self.node,
                target: self.target,
                timeout: option.hard_ttl(),
            })),
        }
    }

    async fn send(&mut self, call: Call, body: Bytes) -> Result<Bytes, WireError> {
        let client = match &mut self.client {
            Ok(client) => client,
            Err(error) => return Err(WireError::new(ErrorCode::Unavailable, error.to_string())),
        };
        let request = v1::RaftRequest { body };
        let response = match call {
            Call::AppendEntries => client.append_entries(request).await,
            Call::Vote => client.vote(request).await,
        };
        response.map(|response| response.into_inner().body).map_err(|status| WireError::from(&status))
    }

    /// A peer that refused or cannot be reached is left alone for a while.
    fn lost(&mut self, error: WireError) -> RpcError {
        self.note(false, Some(&error));
        RPCError::Unreachable(Unreachable::new(&error))
    }

    /// Logs when a peer is lost and when it is back, not each attempt in between.
    fn note(&mut self, reachable: bool, error: Option<&WireError>) {
        let peer = self.target;
        let address = &self.member.raft;
        match (self.reachable.replace(reachable), error) {
            (Some(false), Some(error)) => debug!(%error, peer, address, "peer is still unreachable"),
            (Some(true) | None, Some(error)) => warn!(%error, peer, address, "lost peer"),
            (Some(false), None) => info!(peer, address, "peer is back"),
            (None, None) => info!(peer, address, "connected to peer"),
            (Some(true), None) => {}
        }
    }
}

impl RaftNetwork<TypeConfig> for Connection {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcError> {
        self.call(Call::AppendEntries, &request, option).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RpcError> {
        self.call(Call::Vote, &request, option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<TypeConfig, Fatal<NodeId>>> {
        let transfer = self.transfer(vote, snapshot);
        tokio::select! {
            closed = cancel => Err(closed.into()),
            result = tokio::time::timeout(option.hard_ttl(), transfer) => match result {
                Ok(result) => result,
                Err(_) => Err(unreachable(WireError::new(ErrorCode::Timeout, "snapshot took too long"))),
            },
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(DEAD_PEER_PAUSE))
    }
}

impl Connection {
    async fn transfer(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<TypeConfig, Fatal<NodeId>>> {
        let Snapshot { meta, snapshot: file } = snapshot;
        info!(peer = self.target, snapshot = %meta.snapshot_id, "sending snapshot");
        let header = encode_for(self.target, &SnapshotHeader { vote, meta: meta.clone() }).map_err(unreachable)?;
        // A connection of its own: a heartbeat must not wait behind a snapshot.
        let mut client = self
            .peers
            .client(&self.member)
            .map_err(|error| unreachable(WireError::new(ErrorCode::Unavailable, error.to_string())))?;
        let (sender, chunks) = mpsc::channel(SNAPSHOT_CHUNKS_AHEAD);
        let reading = tokio::task::spawn_blocking(move || read_chunks(&file, header, &sender));
        let response = client.install_snapshot(ReceiverStream::new(chunks)).await;
        if let Ok(Err(error)) = reading.await {
            return Err(StreamingError::StorageError(
                StorageIOError::read_snapshot(Some(meta.signature()), &error).into(),
            ));
        }
        let body = response.map_err(|status| unreachable(WireError::from(&status)))?.into_inner().body;
        let result: Result<SnapshotResponse<NodeId>, Fatal<NodeId>> = decode(&body).map_err(unreachable)?;
        result.map_err(|error| RemoteError::new_with_node(self.target, self.member.clone(), error).into())
    }
}

/// Reads a snapshot into the stream; stops without complaint when the stream is gone.
fn read_chunks(file: &SnapshotFile, header: Bytes, chunks: &mpsc::Sender<v1::SnapshotChunk>) -> std::io::Result<()> {
    let length = file.len()?;
    let (mut header, mut offset) = (header, 0);
    while offset < length {
        let data = Bytes::from(file.read_at(offset, SNAPSHOT_CHUNK_BYTES)?);
        if data.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        offset += data.len() as u64;
        let chunk = v1::SnapshotChunk { header: std::mem::take(&mut header), data };
        if chunks.blocking_send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}

fn unreachable(error: WireError) -> StreamingError<TypeConfig, Fatal<NodeId>> {
    StreamingError::Unreachable(Unreachable::new(&error))
}
