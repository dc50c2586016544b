//! The agent under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tiercel_proto::mtls::TlsFiles;

use super::binaries::binary;
use super::daemon::Daemon;
use super::http;
use super::pki::tls_section;
use super::ports::free_address;
use super::wait::wait_for;

/// How long an agent may take until its kernel programs are attached.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What an agent is to do.
#[derive(Debug)]
pub struct AgentSetup {
    /// Rule files in the order in which they are loaded.
    pub rules: Vec<PathBuf>,
    /// The `capture.scope` section.
    pub scope: Value,
    /// The cluster to send to and the certificate to show it; `None` keeps alerts local.
    pub uplink: Option<(Vec<SocketAddr>, TlsFiles)>,
}

/// An agent on the kernel of this machine. Its alerts are in `alerts.jsonl`, and as text on its standard output.
#[derive(Debug)]
pub struct Agent {
    daemon: Daemon,
    directory: PathBuf,
    status: SocketAddr,
}

impl Agent {
    /// Writes the configuration, starts the agent and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the text ends with its log.
    pub fn start(directory: &Path, setup: &AgentSetup) -> anyhow::Result<Self> {
        Self::start_with(directory, setup, |_| ())
    }

    /// As [`Self::start`], with a configuration that was changed before it is written.
    ///
    /// # Errors
    /// When it does not become ready; the text ends with its log.
    pub fn start_with(directory: &Path, setup: &AgentSetup, change: impl FnOnce(&mut Value)) -> anyhow::Result<Self> {
        let status = free_address()?;
        std::fs::create_dir_all(directory).context("failed to make the directory of the agent")?;
        let mut config = config(directory, status, setup);
        change(&mut config);
        let config = serde_json::to_string_pretty(&config).context("failed to write the configuration")?;
        std::fs::write(directory.join("agent.yaml"), config).context("failed to write agent.yaml")?;
        let mut agent = Self { daemon: launch(directory)?, directory: directory.to_path_buf(), status };
        agent.wait_ready()?;
        Ok(agent)
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.daemon.kill()
    }

    /// Asks it to drain and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self) -> anyhow::Result<()> {
        let status = self.daemon.terminate()?;
        anyhow::ensure!(status.success(), "the agent ended with {status}{}", self.daemon.log_tail());
        Ok(())
    }

    /// Starts it again with the same configuration and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.daemon = launch(&self.directory)?;
        self.wait_ready()
    }

    /// The alerts that it has written so far, as JSON, oldest first. A line that is still being written is left out.
    pub fn alerts(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.directory.join("alerts.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The alerts as text lines.
    pub fn text_lines(&self) -> Vec<String> {
        self.daemon.output().lines().map(str::to_owned).collect()
    }

    /// Its metrics page.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> anyhow::Result<String> {
        Ok(http::get(self.status, "/metrics")?.1)
    }

    /// The process itself, for its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    fn wait_ready(&mut self) -> anyhow::Result<()> {
        let status = self.status;
        let daemon = &mut self.daemon;
        let mut ended = false;
        let ready = wait_for("the agent to be ready", READY_LIMIT, || {
            ended = !daemon.is_running();
            let is_ready = http::get(status, "/readyz").is_ok_and(|(code, _)| code == 200);
            (is_ready || ended).then_some(())
        });
        let log_tail = || self.daemon.log_tail();
        ready.with_context(log_tail)?;
        anyhow::ensure!(!ended, "the agent ended at start{}", log_tail());
        Ok(())
    }
}

fn launch(directory: &Path) -> anyhow::Result<Daemon> {
    let config = directory.join("agent.yaml");
    let config = config.to_str().context("the scratch directory has no UTF-8 name")?;
    Daemon::start("agent", &binary("tiercel-agent")?, &["run", "--config", config], directory)
}

fn config(directory: &Path, status: SocketAddr, setup: &AgentSetup) -> Value {
    let mut config = json!({
        "node": { "name": "web-1" },
        "rules": { "files": setup.rules, "watch": false },
        "capture": { "source": "kernel", "scope": setup.scope },
        "outputs": {
            "stdout": { "enabled": true, "format": "text" },
            "file": { "enabled": true, "path": directory.join("alerts.jsonl"), "format": "json" },
        },
        "status": { "listen": status },
    });
    if let Some((aggregators, tls)) = &setup.uplink {
        config["uplink"] = json!({
            "aggregators": aggregators,
            "server_name": "localhost",
            "tls": tls_section(tls),
            "spool": { "directory": directory.join("spool") },
        });
    }
    config
}
