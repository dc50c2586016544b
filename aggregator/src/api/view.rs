//! What the faces of a node ask of its cluster.

use crate::raft::{Cluster, ClusterStatus, Role};
use crate::triage::{Backlog, Counters, State, UnixMillis};

/// The cluster as one node sees it; reads are local and do not wait for anybody.
pub trait ClusterView: Send + Sync + 'static {
    /// The node and its place in the cluster.
    fn status(&self) -> ClusterStatus;

    /// The replicated sums as of the last applied entry.
    fn sums(&self) -> Sums;
}

/// The replicated sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Time of the last applied command.
    pub as_of: UnixMillis,
    /// The counters.
    pub counters: Counters,
    /// How far sums that must be equal are apart; always 0.
    pub imbalance: u64,
    /// What each receiver is owed.
    pub backlogs: Vec<Backlog>,
}

impl From<&State> for Sums {
    fn from(state: &State) -> Self {
        Self {
            as_of: state.now(),
            counters: state.counters().clone(),
            imbalance: state.imbalance(),
            backlogs: state.backlogs(),
        }
    }
}

impl ClusterView for Cluster {
    fn status(&self) -> ClusterStatus {
        self.status()
    }

    fn sums(&self) -> Sums {
        self.read(|state| Sums::from(state))
    }
}

/// Why the node cannot serve now, if it cannot: what load balancers and people want to know.
pub(crate) fn not_ready(status: &ClusterStatus) -> Option<&'static str> {
    match (status.role, status.leader) {
        (Role::Stopping, _) => Some("the node is stopping"),
        (Role::Leader | Role::Follower | Role::Candidate | Role::Learner, None) => {
            Some("the cluster has no leader that this node knows of")
        }
        (Role::Leader | Role::Follower | Role::Candidate | Role::Learner, Some(_)) => None,
    }
}
