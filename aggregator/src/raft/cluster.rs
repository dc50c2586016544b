//! The handle through which the other rooms propose, read and watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use openraft::error::{ClientWriteError, RaftError};
use tiercel_proto::mtls::{ClientTls, Credentials, Role as PeerRole, ServerTls};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::clock::Clock;
use super::config::{ClusterConfig, ClusterConfigError};
use super::log::{LogError, LogStore};
use super::machine::{Feed, SharedState, StateMachine};
use super::network::Network;
use super::peers::Peers;
use super::proposal::{Admitted, Handover, ProposeError};
use super::service::Service;
use super::snapshot::{SnapshotError, SnapshotFolder};
use super::status::{ClusterStatus, Leadership};
use super::types::{Member, NodeId, Raft};
use super::watcher::{self, Failure};
use super::wire::is_replicable;
use crate::triage::{Batch, Command, Counters, Reply, State, UnixMillis};

/// Longest wait for a proposal. After that its outcome is unknown: the entry may still be committed.
pub const PROPOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pings on connections of peers, to notice those that died without a word.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// This node's part of the cluster. Clones share it.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    node: NodeId,
    raft: Raft,
    log: LogStore,
    state: SharedState,
    clock: Mutex<Clock>,
    peers: Peers,
    leadership: watch::Receiver<Leadership>,
    failure: watch::Receiver<Option<Failure>>,
    /// A leader that has not heard from a quorum for this long takes nothing in.
    quorum_silence_max: Duration,
    stop: CancellationToken,
}

/// Why the node cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] ClusterConfigError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The snapshots.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The folder.
    #[error("failed to create {}", path.display())]
    Folder {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The consensus library refused to start.
    #[error("failed to start consensus: {0}")]
    Consensus(String),
}

impl Cluster {
    /// Opens what is on the disk, and joins or forms the cluster. Runs on the current tokio runtime, which must have
    /// more than one thread: heartbeats must not wait for anything else.
    pub async fn start(
        config: &ClusterConfig,
        credentials: &Credentials,
        feed: Arc<dyn Feed>,
    ) -> Result<Self, StartError> {
        let settings = Arc::new(config.build()?);
        std::fs::create_dir_all(&config.data)
            .map_err(|source| StartError::Folder { path: config.data.clone(), source })?;
        let log = LogStore::open(&config.data.join("log.redb"), config.node)?;
        let is_new = log.is_new();
        let machine = StateMachine::open(SnapshotFolder::open(&config.data.join("snapshots"))?, feed)?;
        let state = machine.shared();
        let peers = Peers::new(ClientTls::new(credentials));
        let network = Network { node: config.node, peers: peers.clone() };
        let raft = Raft::new(config.node, settings, network, log.clone(), machine).await.map_err(consensus)?;
        if is_new && config.bootstrap {
            bootstrap(&raft, config).await?;
        }
        complain_about_members(&raft, config);
        let stop = CancellationToken::new();
        let (leadership, failure) =
            watcher::start(raft.clone(), log.clone(), state.clone(), config.snapshot, stop.clone());
        let quorum_silence_max = config.lease();
        let node = config.node;
        let clock = Mutex::new(Clock::new(Instant::now()));
        let inner = Inner { node, raft, log, state, clock, peers, leadership, failure, quorum_silence_max, stop };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers peers on that listener until the node stops. Returns at once.
    pub fn serve_peers(&self, listener: TcpListener, credentials: &Credentials, handover: Arc<dyn Handover>) {
        let incoming = ServerTls::new(credentials, &[PeerRole::Aggregator]).incoming(listener);
        let service = Service::server(self.inner.node, self.inner.raft.clone(), handover);
        let stop = self.inner.stop.clone();
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = server.await {
                error!(error = %tiercel_proto::error::Chain(&error), "failed to serve peers");
            }
        });
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// The cluster as this node sees it now.
    pub fn status(&self) -> ClusterStatus {
        let metrics = self.inner.raft.metrics().borrow().clone();
        ClusterStatus::new(&metrics, self.read(State::cluster_id))
    }

    /// The replicated sums, as of what is applied here.
    pub fn counters(&self) -> Counters {
        self.read(|state| state.counters().clone())
    }

    /// Looks at the state. Nothing is applied meanwhile, so the look should be short.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.inner.state.read().state)
    }

    /// The time to stamp a command with and to compare times in the state with: the wall clock, unless the log is ahead
    /// of it. Takes a look at the state, so it must not be asked within another.
    pub fn now(&self) -> UnixMillis {
        let log = self.read(State::now);
        let wall = UnixMillis::default().plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let mut clock = self.inner.clock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        clock.now(wall, log, Instant::now())
    }

    /// Who leads, as far as this node knows, and every change of it.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Changes whenever a receiver is owed something new.
    pub fn owed(&self) -> watch::Receiver<u64> {
        self.inner.state.owed()
    }

    /// Says whether this node leads and a quorum is with it; returns its term.
    pub fn leads(&self) -> Result<u64, ProposeError> {
        let metrics = self.inner.raft.metrics().borrow().clone();
        if let Err(fatal) = &metrics.running_state {
            tracing::debug!(%fatal, "asked a node that has stopped");
            return Err(ProposeError::Stopping);
        }
        match Leadership::new(&metrics) {
            Leadership::Here { term } => match metrics.millis_since_quorum_ack {
                Some(silent_ms) if u128::from(silent_ms) <= self.inner.quorum_silence_max.as_millis() => Ok(term),
                silent => Err(ProposeError::NoQuorum { silent_ms: silent.unwrap_or_default() }),
            },
            Leadership::Elsewhere { node, member } => Err(ProposeError::NotLeader { leader: Some((node, member)) }),
            Leadership::Nowhere => Err(ProposeError::NotLeader { leader: None }),
        }
    }

    /// Proposes a command as the leader; returns its log index and reply once it is applied here.
    pub async fn propose(&self, command: Command) -> Result<(u64, Reply), ProposeError> {
        self.leads()?;
        if !is_replicable(&command) {
            error!(%command, "refused to propose a command that is too large for peers");
            return Err(ProposeError::Busy);
        }
        let write = self.inner.raft.client_write(command);
        match tokio::time::timeout(PROPOSE_TIMEOUT, write).await {
            Ok(Ok(response)) => Ok((response.log_id.index, response.data)),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward)))) => {
                Err(ProposeError::NotLeader { leader: forward.leader_id.zip(forward.leader_node) })
            }
            // Only a change of members can be refused for another reason, and this was none.
            Ok(Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(_)))) => Err(ProposeError::Unknown),
            Ok(Err(RaftError::Fatal(_))) | Err(_) => Err(ProposeError::Unknown),
        }
    }

    /// Hands batches to another node that leads.
    pub async fn hand_over(&self, leader: (NodeId, Member), batches: &[Batch]) -> Result<Admitted, ProposeError> {
        self.inner.peers.hand_over(leader, batches, PROPOSE_TIMEOUT).await
    }

    /// Returns when this node can no longer be trusted to take part; the process must end then.
    pub async fn failed(&self) -> Failure {
        let mut failure = self.inner.failure.clone();
        match failure.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or(Failure::stopped()),
            Err(_) => Failure::stopped(),
        }
    }

    /// Leaves the cluster in good order: what is under way is written, then everything stops.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        if let Err(error) = self.inner.raft.shutdown().await {
            error!(%error, "failed to stop consensus");
        }
        if let Err(error) = self.inner.log.close().await {
            error!(%error, "failed to close log");
        }
        info!(node = self.inner.node, "left the cluster");
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").field("node", &self.inner.node).finish_non_exhaustive()
    }
}

/// Forms the cluster. Every member may do this at the same time: with the same list they write the same first entry.
async fn bootstrap(raft: &Raft, config: &ClusterConfig) -> Result<(), StartError> {
    if raft.is_initialized().await.map_err(consensus)? {
        return Ok(());
    }
    raft.initialize(config.members.clone()).await.map_err(consensus)?;
    info!(node = config.node, members = config.members.len(), "formed the cluster");
    Ok(())
}

/// The members in the log are the ones that count; a configuration that says otherwise misleads whoever reads it.
fn complain_about_members(raft: &Raft, config: &ClusterConfig) {
    let membership = raft.metrics().borrow().membership_config.clone();
    let known: BTreeMap<_, _> = membership.nodes().map(|(id, member)| (*id, member.clone())).collect();
    if !known.is_empty() && known != config.members {
        warn!(configured = ?config.members, ?known, "members in the configuration differ from those in the log, which count");
    }
}

fn consensus(error: impl std::fmt::Display) -> StartError {
    StartError::Consensus(error.to_string())
}
