//! What operators and the other rooms see of the cluster.

use openraft::ServerState;
use uuid::Uuid;

use super::types::{Member, NodeId, RaftMetrics};

/// What a node is in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Decides the order of the log.
    Leader,
    /// Follows a leader.
    Follower,
    /// Stands for election.
    Candidate,
    /// Follows without a vote.
    Learner,
    /// Stops.
    Stopping,
}

impl Role {
    /// The name for the API, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopping => "stopping",
        }
    }
}

impl From<ServerState> for Role {
    fn from(state: ServerState) -> Self {
        match state {
            ServerState::Leader => Self::Leader,
            ServerState::Follower => Self::Follower,
            ServerState::Candidate => Self::Candidate,
            ServerState::Learner => Self::Learner,
            ServerState::Shutdown => Self::Stopping,
        }
    }
}

/// Who leads, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// This node.
    Here {
        /// In which term.
        term: u64,
    },
    /// Another node.
    Elsewhere {
        /// Which.
        node: NodeId,
        /// Where it is.
        member: Member,
    },
    /// Nobody, or nobody knows.
    Nowhere,
}

/// The cluster as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterStatus {
    /// This node.
    pub node: NodeId,
    /// The cluster's own id, once it has one.
    pub cluster_id: Option<Uuid>,
    /// What this node is.
    pub role: Role,
    /// The current term.
    pub term: u64,
    /// The leader, when known.
    pub leader: Option<NodeId>,
    /// Last entry in the log of this node.
    pub last_log_index: Option<u64>,
    /// Last entry applied on this node.
    pub applied_index: Option<u64>,
    /// Last entry in the newest snapshot.
    pub snapshot_index: Option<u64>,
    /// Last entry removed from the log.
    pub purged_index: Option<u64>,
    /// Milliseconds since a quorum last answered; only the leader knows.
    pub quorum_silent_ms: Option<u64>,
    /// All members.
    pub members: Vec<MemberStatus>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its id.
    pub node: NodeId,
    /// Where it is.
    pub member: Member,
    /// Whether it has a vote.
    pub votes: bool,
    /// Last entry that it is known to have; only the leader knows.
    pub matched_index: Option<u64>,
}

impl ClusterStatus {
    pub(super) fn new(metrics: &RaftMetrics, cluster_id: Option<Uuid>) -> Self {
        let membership = metrics.membership_config.membership();
        let voters: Vec<_> = membership.voter_ids().collect();
        let matched = |node: &NodeId| {
            metrics.replication.as_ref().and_then(|peers| peers.get(node)).and_then(|id| id.map(|id| id.index))
        };
        let members = membership.nodes().map(|(node, member)| MemberStatus {
            node: *node,
            member: member.clone(),
            votes: voters.contains(node),
            matched_index: matched(node),
        });
        Self {
            node: metrics.id,
            cluster_id,
            role: metrics.state.into(),
            term: metrics.current_term,
            leader: metrics.current_leader,
            last_log_index: metrics.last_log_index,
            applied_index: metrics.last_applied.map(|id| id.index),
            snapshot_index: metrics.snapshot.map(|id| id.index),
            purged_index: metrics.purged.map(|id| id.index),
            quorum_silent_ms: metrics.millis_since_quorum_ack,
            members: members.collect(),
        }
    }
}

impl Leadership {
    /// A node that restarts goes on as the leader of its old term until it hears better; it counts as one only when a
    /// quorum has answered it.
    pub(super) fn new(metrics: &RaftMetrics) -> Self {
        let is_confirmed = metrics.state == ServerState::Leader && metrics.millis_since_quorum_ack.is_some();
        match metrics.current_leader {
            Some(leader) if leader == metrics.id && is_confirmed => Self::Here { term: metrics.current_term },
            Some(leader) if leader != metrics.id => metrics
                .membership_config
                .membership()
                .get_node(&leader)
                .map_or(Self::Nowhere, |member| Self::Elsewhere { node: leader, member: member.clone() }),
            Some(_) | None => Self::Nowhere,
        }
    }
}
