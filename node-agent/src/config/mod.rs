//! `agent.yaml` and the environment, read once and judged as a whole.

mod containers;
mod document;
mod environment;
mod fault;
mod kubernetes_audit;
mod losses;
mod outputs;
mod quantity;
mod raw;
mod reader;
mod validate;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use reqwest::Url;
pub use tiercel_detection::alert::JsonKeys;
use tiercel_detection::{Matching, Priority};

pub use tiercel_proto::mtls::TlsFiles;

pub use crate::capture::Scope;
use crate::detect::LossPolicy;
pub use crate::enrich::ContainerOptions;
pub use document::Place;
pub use fault::{Fault, Faults};

/// Where the configuration is looked for when nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/tiercel/agent.yaml";

/// The configuration as meant: every value in its range, every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What alerts carry as host name.
    pub node_name: String,
    /// What to detect.
    pub rules: RulesConfig,
    /// What to watch.
    pub capture: CaptureConfig,
    /// Requests to an API server, to judge as well.
    pub kubernetes_audit: KubernetesAuditConfig,
    /// How containers are described.
    pub containers: ContainerOptions,
    /// Where alerts go; `None` when no aggregator is named.
    pub uplink: Option<UplinkConfig>,
    /// Where alerts go besides.
    pub outputs: OutputsConfig,
    /// Address of the status server.
    pub status_listen: SocketAddr,
}

/// What to detect.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesConfig {
    /// Files and directories; empty means the built-in rules.
    pub files: Vec<PathBuf>,
    /// How many rules may fire for one event.
    pub matching: Matching,
    /// Rules less severe are not loaded.
    pub minimum_priority: Priority,
    /// Reload when a file changes.
    pub watch: bool,
    /// Whether the built-in rules about requests to an API server are among the built-in ones.
    pub with_audit: bool,
}

/// Where requests to an API server of Kubernetes come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KubernetesAuditConfig {
    /// Its webhook.
    pub webhook: Option<WebhookConfig>,
    /// Its log file, which is followed.
    pub file: Option<PathBuf>,
}

impl KubernetesAuditConfig {
    /// Whether there is any input.
    pub fn is_on(&self) -> bool {
        self.webhook.is_some() || self.file.is_some()
    }
}

/// A door for the audit webhook of an API server.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// At which path.
    pub path: String,
    /// Certificate and key; without them the door is plain HTTP.
    pub tls: Option<WebhookTls>,
}

/// The certificate of the door, and whom it opens for.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookTls {
    /// What is shown to the API server.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// With it, clients must show a certificate of this authority.
    pub client_ca: Option<PathBuf>,
}

/// What to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureConfig {
    /// Where records come from.
    pub source: CaptureSource,
    /// Bulk records a second of each cgroup while the bulk ring is nearly full; 0 for no limit.
    pub fair_limit: u32,
    /// What to do about lost records.
    pub losses: LossPolicy,
    /// Which part of the machine.
    pub scope: Scope,
}

/// Where records come from.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptureSource {
    /// The kernel programs.
    Kernel {
        /// Bytes of the ring buffer of each class.
        ring_bytes: u32,
    },
    /// A file that `tiercel-agent record` made.
    Recording(PathBuf),
}

/// The way to the aggregators.
#[derive(Debug, Clone, PartialEq)]
pub struct UplinkConfig {
    /// host:port, tried in turn; never empty.
    pub aggregators: Vec<String>,
    /// Name that the aggregator's certificate must carry; `None` means the host part of the address.
    pub server_name: Option<String>,
    /// Our certificate and whom to trust.
    pub tls: TlsFiles,
    /// Where alerts wait.
    pub spool: SpoolConfig,
}

/// Where alerts wait for their acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub struct SpoolConfig {
    /// Folder of the queue.
    pub directory: PathBuf,
    /// Beyond it the least important, oldest alerts give way.
    pub bytes_max: u64,
}

/// Local outputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutputsConfig {
    /// Print to stdout.
    pub stdout: Option<Format>,
    /// Append to a file.
    pub file: Option<FileOutput>,
    /// Send to the local system log.
    pub syslog: Option<SyslogOutput>,
    /// Write to a program.
    pub program: Option<ProgramOutput>,
    /// Post to a server.
    pub http: Option<HttpOutput>,
    /// Which of the optional keys JSON lines have.
    pub json_keys: JsonKeys,
}

/// A file that alerts are appended to.
#[derive(Debug, Clone, PartialEq)]
pub struct FileOutput {
    /// The file.
    pub path: PathBuf,
    /// How each line looks.
    pub format: Format,
}

/// The local system log.
#[derive(Debug, Clone, PartialEq)]
pub struct SyslogOutput {
    /// Its socket.
    pub socket: PathBuf,
    /// How each message looks.
    pub format: Format,
}

/// A program that reads alerts from its standard input.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramOutput {
    /// What the shell runs.
    pub command: String,
    /// One run for all alerts instead of one for each.
    pub keep_alive: bool,
    /// How long one run (or, with `keep_alive`, reading one line) may take before it is killed.
    pub timeout: Duration,
    /// How each line looks.
    pub format: Format,
}

/// A server that takes alerts by POST.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpOutput {
    /// Where to, `http` or `https`.
    pub url: Url,
    /// A PEM file with the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What the body is.
    pub format: Format,
}

/// How an alert is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Falco's text line.
    Text,
    /// Falco's JSON line.
    Json,
}

impl Config {
    /// Reads the file (or the one at the default place, if there is one) and the environment.
    pub fn load(path: Option<&Path>) -> Result<Self, Faults> {
        let host_name = nix::sys::utsname::uname()
            .map(|names| names.nodename().to_string_lossy().into_owned())
            .unwrap_or_else(|_| "localhost".to_owned());
        let shown = path.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(shown) {
            Ok(text) => Self::parse(&shown.display().to_string(), &text, std::env::vars(), &host_name),
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Self::parse(DEFAULT_PATH, "", std::env::vars(), &host_name)
            }
            Err(error) => Err(Faults {
                file: shown.display().to_string(),
                text: String::new(),
                faults: vec![whole_file(format!("failed to read configuration: {error}"))],
            }),
        }
    }

    /// Reads a text and a list of environment variables; reports every fault at once.
    pub fn parse(
        file: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        host_name: &str,
    ) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut root = document::Node::parse(text).unwrap_or_else(|error| {
            faults.push(syntax(&error));
            document::Node::empty()
        });
        environment::overlay(&mut root, environment, &mut faults);
        let raw = raw::RawConfig::read(root, &mut faults);
        let config = validate::validate(raw, host_name, &mut faults);
        if faults.is_empty() {
            return Ok(config);
        }
        faults.sort_by(|a, b| a.place.as_ref().map(Place::order).cmp(&b.place.as_ref().map(Place::order)));
        Err(Faults { file: file.to_owned(), text: text.to_owned(), faults })
    }
}

fn syntax(error: &serde_saphyr::Error) -> Fault {
    let place =
        error.location().map(|location| document::Place::File { line: location.line(), column: location.column() });
    let error = error.without_snippet();
    let message = if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error {
        format!("the key `{key}` is given twice")
    } else {
        let text = error.to_string();
        text.split_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
    };
    Fault { place, ..whole_file(message) }
}

fn whole_file(message: String) -> Fault {
    Fault { place: None, key: String::new(), message, hint: None }
}

#[cfg(test)]
mod tests;
