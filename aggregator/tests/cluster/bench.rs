//! Nodes in one process, as real as they get: their own threads, folders, certificates and sockets.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use tiercel_aggregator::dispatch::{self, Dispatch};
use tiercel_aggregator::ingest::{self, Intake, Parser};
use tiercel_aggregator::notify::Receivers;
use tiercel_aggregator::raft::{Cluster, ClusterConfig, Feed, Leadership, Member, NodeId, SnapshotTriggers};
use tiercel_aggregator::triage::{Policy, Record, Route, State};
use tiercel_certs::{Authority, DEFAULT_TRUST_DOMAIN, PairFiles, Request, Validity};
use tiercel_proto::mtls::{Credentials, Role, TlsFiles};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How long anything may take. The machine that runs this may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(40);

/// Limits that fold nothing.
pub(crate) const NO_LIMITS: Policy = Policy {
    dedup_window_ms: 300_000,
    rule_rate_per_minute: 1_000_000,
    rule_burst: 1_000_000,
    storm_interval_ms: 60_000,
};

/// Certificates, addresses and folders of a cluster, and the nodes that run.
pub(crate) struct Bench {
    folder: TempDir,
    members: BTreeMap<NodeId, Member>,
    triggers: SnapshotTriggers,
    nodes: BTreeMap<NodeId, Node>,
}

/// One running node.
pub(crate) struct Node {
    pub(crate) cluster: Cluster,
    pub(crate) dispatch: Dispatch,
    intake: Intake,
    stop: CancellationToken,
    /// There until the node ends.
    runtime: Option<Runtime>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Takes records and forgets them.
struct NoFeed;

impl Feed for NoFeed {
    fn record(&self, _: u64, _: Vec<Record>) {}
    fn flush(&self) {}
}

impl Bench {
    /// Prepares a cluster of that many nodes; none runs yet.
    pub(crate) fn new(nodes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(DEFAULT_TRUST_DOMAIN, Validity::days(SystemTime::now(), 2)).unwrap();
        authority.save(folder.path()).unwrap();
        let members = (1..=nodes).map(|id| (id, Member { raft: free_address(), ingest: free_address() })).collect();
        let triggers = SnapshotTriggers::default();
        Self { folder, members, triggers, nodes: BTreeMap::new() }
    }

    /// Makes snapshots frequent and the log short.
    pub(crate) fn with_triggers(mut self, triggers: SnapshotTriggers) -> Self {
        self.triggers = triggers;
        self
    }

    /// Starts all nodes and waits until everybody knows the leader.
    pub(crate) async fn start_all(&mut self) {
        for id in self.ids() {
            self.start(id).await;
        }
        self.leader().await;
        let knows = |node: &Node| node.leadership() != Leadership::Nowhere;
        wait_until("all to know the leader", || self.nodes.values().all(knows).then_some(())).await;
    }

    /// Starts a node with its folder.
    pub(crate) async fn start(&mut self, id: NodeId) {
        self.start_with(id, Receivers::default()).await;
    }

    /// Starts a node that dispatches to those receivers.
    pub(crate) async fn start_with(&mut self, id: NodeId, receivers: Receivers) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let credentials = self.credentials(Role::Aggregator, &format!("aggregator-{id}"));
        let config = self.config(id);
        let cluster = {
            let credentials = credentials.clone();
            // The folder of a node that was stopped is free again when its last actor has noticed.
            runtime.spawn(async move {
                let since = Instant::now();
                loop {
                    match Cluster::start(&config, &credentials, Arc::new(NoFeed)).await {
                        Ok(cluster) => return cluster,
                        Err(error) => assert!(since.elapsed() < PATIENCE, "{error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        };
        let cluster = cluster.await.unwrap();
        let intake = ingest::start(cluster.clone(), Parser::new(Route::root("hook".into(), Vec::new())), NO_LIMITS);
        let stop = CancellationToken::new();
        {
            let _entered = runtime.enter();
            let member = &self.members[&id];
            cluster.serve_peers(listener(&member.raft), &credentials, Arc::new(intake.clone()));
            drop(ingest::serve(intake.clone(), listener(&member.ingest), &credentials, stop.clone()));
        }
        let dispatch = dispatch::start(cluster.clone(), Arc::new(receivers));
        self.nodes.insert(id, Node { cluster, dispatch, intake, stop, runtime: Some(runtime) });
    }

    /// Ends a node without any order: its tasks stop where they are. It cannot be started again in this process.
    pub(crate) fn kill(&mut self, id: NodeId) {
        drop(self.nodes.remove(&id).unwrap());
    }

    /// Ends a node in good order.
    pub(crate) async fn stop(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).unwrap();
        node.stop.cancel();
        node.intake.drain().await;
        node.dispatch.finish().await;
        let cluster = node.cluster.clone();
        node.runtime.as_ref().unwrap().spawn(async move { cluster.stop().await }).await.unwrap();
    }

    /// Takes the disk of a node that was stopped.
    pub(crate) async fn wipe(&self, id: NodeId) {
        let data = self.data(id);
        wait_until("the folder to be free", || std::fs::remove_dir_all(&data).ok()).await;
    }

    /// A running node.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[&id]
    }

    /// All nodes, running or not.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.members.keys().copied().collect()
    }

    /// Where agents reach a node.
    pub(crate) fn ingest_address(&self, id: NodeId) -> &str {
        &self.members[&id].ingest
    }

    /// Where peers reach a node.
    pub(crate) fn raft_address(&self, id: NodeId) -> &str {
        &self.members[&id].raft
    }

    /// Waits until a running node leads with a quorum.
    pub(crate) async fn leader(&self) -> NodeId {
        wait_until("a leader", || self.nodes.iter().find(|(_, node)| node.cluster.leads().is_ok()).map(|(id, _)| *id))
            .await
    }

    /// Waits until all running nodes have applied the same, and returns it as text.
    pub(crate) async fn agreed_state(&self) -> String {
        wait_until("all nodes to agree", || {
            let mut states = self.nodes.values().map(|node| node.cluster.read(State::render));
            let first = states.next()?;
            states.all(|state| state == first).then_some(first)
        })
        .await
    }

    /// Certificates of that name; issued when they are first asked for.
    pub(crate) fn credentials(&self, role: Role, name: &str) -> Credentials {
        Credentials::load(self.tls_files(role, name), role).unwrap()
    }

    fn tls_files(&self, role: Role, name: &str) -> TlsFiles {
        let folder = self.folder.path();
        let pair = PairFiles::of(folder, role, name);
        if !pair.certificate.exists() {
            let request = Request {
                role,
                name: name.to_owned(),
                dns_names: Vec::new(),
                addresses: Vec::new(),
                validity: Validity::days(SystemTime::now(), 2),
            };
            Authority::load(folder).unwrap().issue(&request).unwrap().save(folder, role, name).unwrap();
        }
        TlsFiles { ca: folder.join("ca.pem"), certificate: pair.certificate, key: pair.key }
    }

    fn config(&self, id: NodeId) -> ClusterConfig {
        ClusterConfig {
            node: id,
            data: self.data(id),
            members: self.members.clone(),
            bootstrap: true,
            heartbeat: Duration::from_millis(150),
            election_timeout_min: Duration::from_millis(900),
            election_timeout_max: Duration::from_millis(1500),
            snapshot: self.triggers,
        }
    }

    fn data(&self, id: NodeId) -> PathBuf {
        self.folder.path().join(format!("node-{id}"))
    }

    /// The folder of a node's snapshots.
    pub(crate) fn snapshots(&self, id: NodeId) -> PathBuf {
        self.data(id).join("snapshots")
    }
}

impl Node {
    /// Who leads, as this node sees it.
    pub(crate) fn leadership(&self) -> Leadership {
        self.cluster.leadership().borrow().clone()
    }
}

/// Runs a test where actors can live.
pub(crate) fn run(test: impl Future<Output = ()>) {
    drop(tracing_subscriber::fmt().with_env_filter("warn,openraft=off").with_test_writer().try_init());
    actix::System::new().block_on(test);
}

/// Waits for something, not for a time.
pub(crate) async fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Files in a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn free_address() -> String {
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    address.to_string()
}

fn listener(address: &str) -> tokio::net::TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    tokio::net::TcpListener::from_std(listener).unwrap()
}
