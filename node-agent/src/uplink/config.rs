//! What the uplink needs to know.

use tiercel_proto::mtls::TlsFiles;

use super::spool::SpoolOptions;

/// Where alerts go, who we are, and where alerts wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkConfig {
    /// `host:port` of aggregators, tried in turn; any member of the cluster will do. Not empty.
    pub aggregators: Vec<String>,
    /// The name that the certificate of an aggregator must be for; `None` means the host part of its address.
    pub server_name: Option<String>,
    /// Our certificate and the authority; read again before each connection, so that a renewed one is picked up.
    pub tls: TlsFiles,
    /// Where alerts wait.
    pub spool: SpoolOptions,
    /// Our version, for the aggregator's list of agents.
    pub agent_version: String,
    /// The boot of the machine.
    pub boot_id: String,
}
