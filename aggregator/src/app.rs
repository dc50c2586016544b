//! The node, put together: what is started in which order, and how it ends.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context as _;
use tiercel_proto::mtls::{Credentials, Role, ServerTls, TlsFiles};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::api::{self, Api, Token};
use crate::config::{Config, TlsPaths};
use crate::dispatch::{self, Dispatch};
use crate::doors::{Door, Doors};
use crate::history::History;
use crate::http_input::{self, HttpInput};
use crate::ingest::{self, Intake, Parser};
use crate::metrics::{InputCounters, Metrics};
use crate::notify::{self, Receivers};
use crate::raft::{Cluster, ClusterConfig, Member, SnapshotTriggers};

/// Threads for consensus. They are its own: a storm of alerts must not make a heartbeat late.
const CONSENSUS_THREADS: usize = 2;
/// Threads for TLS and parsing of what agents send.
const INGEST_THREADS: usize = 2;

/// How long each step of the end may take. What is cut off is safe: agents keep what was not acknowledged, and the next
/// leader finds what was claimed.
const STEP_PATIENCE: Duration = Duration::from_secs(8);

/// Runs the node until it is told to end (`Ok`) or can no longer be trusted (`Err`).
pub fn run(config: Config) -> anyhow::Result<()> {
    let consensus = runtime("consensus", CONSENSUS_THREADS)?;
    let ingest = runtime("ingest", INGEST_THREADS)?;
    let ended = actix::System::new().block_on(serve(config, consensus.handle(), ingest.handle()));
    ingest.shutdown_timeout(STEP_PATIENCE);
    consensus.shutdown_timeout(STEP_PATIENCE);
    ended
}

/// Checks all that can be checked without starting: certificates, receivers, the token.
pub fn check(config: &Config) -> anyhow::Result<()> {
    let credentials = load_credentials(&config.tls)?;
    info!(identity = %credentials.identity(), "certificates are in order");
    build_receivers(config)?;
    load_token(config)?;
    Ok(())
}

async fn serve(config: Config, consensus: &Handle, ingest: &Handle) -> anyhow::Result<()> {
    let credentials = load_credentials(&config.tls)?;
    let receivers = Arc::new(build_receivers(&config)?);
    let token = load_token(&config)?;
    let doors = Doors::bind(&config.listen)?;
    let history = Arc::new(open_history(&config)?);
    let cluster = join_cluster(&config, &doors, &credentials, &history, consensus).await?;
    let parser = Parser::new(config.route.clone());
    let intake = ingest::start(cluster.clone(), parser, config.policy);
    serve_peers(&cluster, doors.raft, &credentials, &intake, consensus)?;
    let agents = serve_agents(&intake, doors.ingest, &credentials, ingest)?;
    let dispatch = dispatch::start(cluster.clone(), receivers.clone());
    let faces = Faces { config: &config, cluster: &cluster, history: &history, receivers: &receivers };
    let web = faces.serve(doors.http_input, doors.api, &credentials, &intake, token)?;
    info!(node = config.node_id, name = config.node_name, "aggregator started");

    // A node that can no longer be trusted ends at once: what it would tidy up now is what it cannot vouch for.
    wait_for_end(&cluster, &credentials).await?;
    Node { cluster, intake, agents, dispatch, web, history }.stop(consensus).await;
    Ok(())
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
        .with_context(|| format!("failed to start threads for {name}"))
}

fn load_credentials(tls: &TlsPaths) -> anyhow::Result<Credentials> {
    let TlsPaths { ca, certificate, key } = tls.clone();
    Credentials::load(TlsFiles { ca, certificate, key }, Role::Aggregator).context("failed to load certificates")
}

fn build_receivers(config: &Config) -> anyhow::Result<Receivers> {
    notify::build(&config.receivers).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("failed to build receivers: {}", texts.join("; "))
    })
}

fn load_token(config: &Config) -> anyhow::Result<Option<Token>> {
    config.api_token_file.as_deref().map(Token::read).transpose().context("failed to load the token of the API")
}

fn open_history(config: &Config) -> anyhow::Result<History> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("failed to create {}", config.data.display()))?;
    History::open(&config.data, config.retention).context("failed to open history")
}

/// A configuration without members is a cluster of one, at the addresses on which it really listens.
fn cluster_config(config: &Config, doors: &Doors) -> ClusterConfig {
    let cluster = &config.cluster;
    let alone = cluster.members.is_empty();
    let here = || Member { raft: doors.raft.address.to_string(), ingest: doors.ingest.address.to_string() };
    ClusterConfig {
        node: config.node_id,
        data: config.data.clone(),
        members: if alone { BTreeMap::from([(config.node_id, here())]) } else { cluster.members.clone() },
        bootstrap: alone || cluster.bootstrap,
        heartbeat: cluster.heartbeat,
        election_timeout_min: cluster.election_timeout_min,
        election_timeout_max: cluster.election_timeout_max,
        snapshot: SnapshotTriggers::default(),
    }
}

async fn join_cluster(
    config: &Config,
    doors: &Doors,
    credentials: &Credentials,
    history: &Arc<History>,
    consensus: &Handle,
) -> anyhow::Result<Cluster> {
    let settings = cluster_config(config, doors);
    let (credentials, feed) = (credentials.clone(), history.clone());
    let starting = consensus.spawn(async move { Cluster::start(&settings, &credentials, feed).await });
    starting.await.context("failed to start consensus")?.context("failed to join the cluster")
}

fn serve_peers(
    cluster: &Cluster,
    door: Door,
    credentials: &Credentials,
    intake: &Intake,
    consensus: &Handle,
) -> anyhow::Result<()> {
    let _entered = consensus.enter();
    cluster.serve_peers(door.into_tokio()?, credentials, Arc::new(intake.clone()));
    Ok(())
}

/// The service for agents, and how to end it.
struct Agents {
    stop: CancellationToken,
    service: JoinHandle<()>,
}

fn serve_agents(intake: &Intake, door: Door, credentials: &Credentials, ingest: &Handle) -> anyhow::Result<Agents> {
    let stop = CancellationToken::new();
    let _entered = ingest.enter();
    let service = ingest::serve(intake.clone(), door.into_tokio()?, credentials, stop.clone());
    Ok(Agents { stop, service })
}

/// What people and other programs see of the node.
struct Faces<'a> {
    config: &'a Config,
    cluster: &'a Cluster,
    history: &'a Arc<History>,
    receivers: &'a Arc<Receivers>,
}

/// The two web servers.
struct Web {
    http_input: ServerHandle,
    api: ServerHandle,
}

impl Faces<'_> {
    fn serve(
        &self,
        http_input: Door,
        api: Door,
        credentials: &Credentials,
        intake: &Intake,
        token: Option<Token>,
    ) -> anyhow::Result<Web> {
        let metrics = Metrics {
            view: Arc::new(self.cluster.clone()),
            history: self.history.clone(),
            receivers: self.receivers.clone(),
            inputs: Arc::new(InputCounters::default()),
            intake: Some(intake.clone()),
            credentials: Some(credentials.clone()),
        };
        let input = HttpInput { intake: Arc::new(intake.clone()), metrics };
        let input = http_input::serve(http_input.listener, input).context("failed to serve HTTP input")?;
        let operators = ServerTls::new(credentials, &[Role::Client]);
        let api = api::serve(
            api.listener,
            &operators,
            Api {
                node_name: self.config.node_name.as_str().into(),
                view: Arc::new(self.cluster.clone()),
                history: self.history.clone(),
                receivers: self.receivers.clone(),
                token,
            },
        )
        .context("failed to serve the API")?;
        let web = Web { http_input: input.handle(), api: api.handle() };
        actix_rt::spawn(input);
        actix_rt::spawn(api);
        Ok(web)
    }
}

/// Returns when the node must end. SIGHUP reads the certificates again.
async fn wait_for_end(cluster: &Cluster, credentials: &Credentials) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                info!("stopping on SIGTERM");
                return Ok(());
            }
            _ = interrupt.recv() => {
                info!("stopping on SIGINT");
                return Ok(());
            }
            _ = hangup.recv() => match credentials.reload() {
                Ok(()) => info!(identity = %credentials.identity(), "certificates reloaded"),
                Err(error) => warn!(%error, "failed to reload certificates, the old ones stay"),
            },
            failure = cluster.failed() => {
                error!(%failure, "this node can no longer take part in the cluster");
                return Err(failure).context("this node can no longer take part in the cluster");
            }
        }
    }
}

/// Everything that has to end in order.
struct Node {
    cluster: Cluster,
    intake: Intake,
    agents: Agents,
    dispatch: Dispatch,
    web: Web,
    history: Arc<History>,
}

impl Node {
    /// Front to back: nothing new comes in, what came in is answered, what was begun is recorded, then the log closes.
    async fn stop(self, consensus: &Handle) {
        self.agents.stop.cancel();
        step("answer agents", async { drop(self.agents.service.await) }).await;
        step("stop HTTP input", self.web.http_input.stop(true)).await;
        step("commit what was taken in", self.intake.drain()).await;
        step("record deliveries", self.dispatch.finish()).await;
        step("stop API", self.web.api.stop(true)).await;
        let cluster = self.cluster;
        step("leave the cluster", async { drop(consensus.spawn(async move { cluster.stop().await }).await) }).await;
        let history = self.history;
        step("write history", async { drop(tokio::task::spawn_blocking(move || history.close()).await) }).await;
        info!("aggregator stopped");
    }
}

async fn step(what: &str, work: impl Future<Output = ()>) {
    if tokio::time::timeout(STEP_PATIENCE, work).await.is_err() {
        warn!(step = what, patience = ?STEP_PATIENCE, "gave up a step of the end");
    }
}
