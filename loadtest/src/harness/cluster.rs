//! Aggregators under test: one, or several that form a cluster on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tiercel_proto::mtls::Role;

use super::api::Api;
use super::binaries::binary;
use super::daemon::Daemon;
use super::pki::{Pki, tls_section};
use super::ports::free_address;
use super::wait::wait_for;

/// How long a cluster may take to elect its first leader.
const ELECTION_LIMIT: Duration = Duration::from_secs(30);

/// What a cluster is to be.
#[derive(Debug)]
pub struct ClusterSetup {
    /// How many members.
    pub members: u64,
    /// Where notifications go.
    pub webhook: String,
    /// Notifications a minute for each rule before they are folded into summaries.
    pub rate_per_minute: u32,
}

/// The addresses of one member.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    ingest: SocketAddr,
    raft: SocketAddr,
    http_input: SocketAddr,
    api: SocketAddr,
}

/// One aggregator.
#[derive(Debug)]
pub struct Node {
    id: u64,
    directory: PathBuf,
    addresses: Addresses,
    daemon: Daemon,
}

/// Aggregators that know each other.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    api: Api,
}

impl Cluster {
    /// Starts all members and waits until one leads.
    ///
    /// # Errors
    /// When no member leads in time; the text ends with the log of the first.
    pub fn start(directory: &Path, pki: &Pki, setup: &ClusterSetup) -> anyhow::Result<Self> {
        let addresses: Vec<Addresses> = (0..setup.members).map(|_| Addresses::free()).collect::<anyhow::Result<_>>()?;
        let nodes = (1..).zip(&addresses).map(|(id, own)| Node::start(directory, pki, setup, id, *own, &addresses));
        let nodes = nodes.collect::<anyhow::Result<Vec<_>>>()?;
        let api = Api::new(pki.issue(Role::Client, "operator")?)?;
        let cluster = Self { nodes, api };
        cluster.wait_for_leader(ELECTION_LIMIT).with_context(|| cluster.nodes[0].daemon.log_tail())?;
        Ok(cluster)
    }

    /// Waits until a running member says that it leads, and returns its position.
    ///
    /// # Errors
    /// When none does in time.
    pub fn wait_for_leader(&self, limit: Duration) -> anyhow::Result<usize> {
        wait_for("a leader", limit, || self.leader())
    }

    /// The member that leads, as it says itself.
    pub fn leader(&self) -> Option<usize> {
        self.nodes.iter().position(|node| {
            node.daemon.pid() != 0
                && self.api.get(node.addresses.api, "/api/v1/status").is_ok_and(|status| status["role"] == "leader")
        })
    }

    /// A member.
    pub fn node(&self, position: usize) -> &Node {
        &self.nodes[position]
    }

    /// A member, to kill it or to start it again.
    pub fn node_mut(&mut self, position: usize) -> &mut Node {
        &mut self.nodes[position]
    }

    /// How many members it has, dead ones included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A cluster has members.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where agents connect to.
    pub fn ingest_addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.addresses.ingest).collect()
    }

    /// A page of the interface of a member.
    ///
    /// # Errors
    /// When it does not answer with JSON.
    pub fn get(&self, position: usize, path: &str) -> anyhow::Result<Value> {
        self.api.get(self.nodes[position].addresses.api, path)
    }

    /// All alerts in the history of a member, newest first, page by page.
    ///
    /// # Errors
    /// When a page cannot be fetched.
    pub fn history(&self, position: usize) -> anyhow::Result<Vec<Value>> {
        self.api.history(self.nodes[position].addresses.api)
    }
}

impl Node {
    fn start(
        directory: &Path,
        pki: &Pki,
        setup: &ClusterSetup,
        id: u64,
        own: Addresses,
        all: &[Addresses],
    ) -> anyhow::Result<Self> {
        let name = format!("aggregator-{id}");
        let directory = directory.join(&name);
        std::fs::create_dir_all(&directory).context("failed to make the directory of an aggregator")?;
        let members =
            (1..).zip(all).map(|(id, it): (u64, _)| json!({ "id": id, "raft": it.raft, "ingest": it.ingest }));
        let config = json!({
            "node": { "id": id, "name": name },
            "data": directory.join("data"),
            "listen": { "ingest": own.ingest, "raft": own.raft, "http_input": own.http_input, "api": own.api },
            "tls": tls_section(&pki.issue(Role::Aggregator, &name)?),
            "cluster": { "bootstrap": true, "members": members.collect::<Vec<_>>() },
            "limits": { "per_rule": { "rate_per_minute": setup.rate_per_minute, "burst": setup.rate_per_minute } },
            "route": { "receiver": "hook" },
            "receivers": [{ "name": "hook", "webhook": { "url": setup.webhook } }],
        });
        let config = serde_json::to_string_pretty(&config).context("failed to write the configuration")?;
        std::fs::write(directory.join("aggregator.yaml"), config).context("failed to write aggregator.yaml")?;
        let daemon = launch(&directory)?;
        Ok(Self { id, directory, addresses: own, daemon })
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.daemon.kill()
    }

    /// Starts it again with its configuration and data.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.daemon = launch(&self.directory)?;
        Ok(())
    }

    /// Its number in the cluster.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The process itself, for its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }
}

impl Addresses {
    fn free() -> anyhow::Result<Self> {
        Ok(Self { ingest: free_address()?, raft: free_address()?, http_input: free_address()?, api: free_address()? })
    }
}

fn launch(directory: &Path) -> anyhow::Result<Daemon> {
    let config = directory.join("aggregator.yaml");
    let config = config.to_str().context("the scratch directory has no UTF-8 name")?;
    Daemon::start("aggregator", &binary("tiercel-aggregator")?, &["run", "--config", config], directory)
}
