//! `aggregator.yaml` and the environment, read once and judged as a whole.

mod environment;
mod faults;
mod quantity;
mod raw;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use faults::{Fault, Faults};

use crate::history::Retention;
use crate::notify::RawReceiver;
use crate::raft::{Member, NodeId};
use crate::triage::{Policy, Route};
use faults::Judge;
use raw::RawConfig;

/// Where the configuration is looked for when nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/tiercel/aggregator.yaml";

/// The configuration as meant: every value in its range, every default filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node's number.
    pub node_id: NodeId,
    /// This node's name, for people.
    pub node_name: String,
    /// Folder for everything that must survive.
    pub data: PathBuf,
    /// Addresses to listen on.
    pub listen: Listen,
    /// The certificates of this node.
    pub tls: TlsPaths,
    /// The nodes and how they watch each other.
    pub cluster: Cluster,
    /// When alerts are counted and not told.
    pub policy: Policy,
    /// Who hears of what.
    pub route: Route,
    /// The receivers, to be built.
    pub receivers: Vec<RawReceiver>,
    /// How much of the past is kept.
    pub retention: Retention,
    /// A file with a bearer token for the operators' door.
    pub api_token_file: Option<PathBuf>,
}

/// `host:port` of each door; port 0 lets the system choose, and the log says what it chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Agents.
    pub ingest: String,
    /// Peers.
    pub raft: String,
    /// Falco's HTTP output, and metrics.
    pub http_input: String,
    /// Operators.
    pub api: String,
}

/// PEM files of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPaths {
    /// The authority.
    pub ca: PathBuf,
    /// Our certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The nodes and how they watch each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Whether a new folder may form the cluster.
    pub bootstrap: bool,
    /// All nodes; empty means that this node is alone, at the addresses on which it listens.
    pub members: BTreeMap<NodeId, Member>,
    /// How often the leader shows itself.
    pub heartbeat: Duration,
    /// After which silence a node stands for election, at the earliest.
    pub election_timeout_min: Duration,
    /// At the latest.
    pub election_timeout_max: Duration,
}

impl Config {
    /// Reads the file and the environment.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| Faults {
            file: path.to_owned(),
            faults: vec![Fault { place: None, key: String::new(), message: format!("failed to read: {error}") }],
        })?;
        Self::parse(
            path,
            &text,
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Judges a text and variables; reports all that is wrong.
    pub fn parse(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let mut judge = Judge { has_places: true, ..Judge::default() };
        let config = read(text, variables, &mut judge).and_then(|raw| validate::config(raw, &mut judge));
        match config {
            Some(config) if judge.faults.is_empty() => Ok(config),
            Some(_) | None => {
                judge.faults.sort_by_key(|fault| fault.place);
                Err(Faults { file: path.to_owned(), faults: judge.faults })
            }
        }
    }
}

fn read(text: &str, variables: impl IntoIterator<Item = (String, String)>, judge: &mut Judge) -> Option<RawConfig> {
    let overlaid = match environment::overlay(text, variables) {
        Ok(overlaid) => overlaid,
        Err(message) => {
            judge.fault(None, "", message);
            return None;
        }
    };
    judge.has_places = overlaid.is_none();
    match serde_saphyr::from_str(overlaid.as_deref().unwrap_or(text)) {
        Ok(raw) => Some(raw),
        Err(error) => {
            let message = validate::complaint(&error.without_snippet().to_string());
            judge.fault(error.location().as_ref(), "", message);
            None
        }
    }
}
