//! Connections to the other members. Consensus, snapshots and hand-overs each have their own, so that bulk never makes
//! a heartbeat wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiercel_proto::mtls::{ClientTls, ConnectError};
use tiercel_proto::v1;
use tiercel_proto::v1::raft_client::RaftClient;
use tonic::transport::Channel;
use tracing::debug;

use super::proposal::{Admitted, ProposeError};
use super::types::{Member, NodeId};
use super::wire::{MESSAGE_BYTES_MAX, decode, encode_for};
use crate::triage::Batch;

/// Calls other members.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    tls: ClientTls,
    /// Connections for hand-overs, by address.
    handovers: Arc<Mutex<BTreeMap<String, RaftClient<Channel>>>>,
}

impl Peers {
    pub(super) fn new(tls: ClientTls) -> Self {
        Self { tls, handovers: Arc::default() }
    }

    /// Makes a connection of its own, which is opened when it is first used.
    pub(super) fn client(&self, member: &Member) -> Result<RaftClient<Channel>, ConnectError> {
        let channel = self.tls.connect_lazy(&member.raft, None)?;
        Ok(RaftClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// Hands batches to the leader. It answers after they are committed and applied.
    pub(super) async fn hand_over(
        &self,
        leader: (NodeId, Member),
        batches: &[Batch],
        deadline: Duration,
    ) -> Result<Admitted, ProposeError> {
        let (id, member) = leader;
        let Ok(body) = encode_for(id, &batches) else { return Err(ProposeError::Busy) };
        let Ok(mut client) = self.handover_client(&member) else {
            return Err(ProposeError::NotLeader { leader: None });
        };
        let mut request = tonic::Request::new(v1::RaftRequest { body });
        request.set_timeout(deadline);
        match tokio::time::timeout(deadline, client.propose(request)).await {
            Ok(Ok(response)) => decode(&response.into_inner().body).unwrap_or(Err(ProposeError::Unknown)),
            Ok(Err(status)) => {
                debug!(%status, leader = id, "failed to hand batches over");
                Err(ProposeError::Unknown)
            }
            Err(_) => Err(ProposeError::Unknown),
        }
    }

    fn handover_client(&self, member: &Member) -> Result<RaftClient<Channel>, ConnectError> {
        let mut clients = self.handovers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(client) = clients.get(&member.raft) {
            return Ok(client.clone());
        }
        let client = self.client(member)?;
        // There are as many as the cluster ever had members; that is a handful.
        clients.insert(member.raft.clone(), client.clone());
        Ok(client)
    }
}
