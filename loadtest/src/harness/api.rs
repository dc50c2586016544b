//! The operator's view: the REST interface over mutual TLS.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tiercel_proto::mtls::{Role, TlsFiles};
use tokio::runtime::Runtime;

use super::pki::client_tls;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Alerts asked for with one request.
const PAGE_ALERTS: usize = 1_000;

/// More pages than any test can fill: a cursor that does not advance ends here.
const PAGES_MAX: usize = 100;

/// A client with an operator's certificate.
#[derive(Debug)]
pub struct Api {
    runtime: Runtime,
    client: reqwest::Client,
}

impl Api {
    /// Makes a client that shows that certificate.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn new(files: TlsFiles) -> anyhow::Result<Self> {
        let tls = client_tls(files, Role::Client)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.web_config())
            .timeout(ANSWER_LIMIT)
            // A connection kept from before a kill would fail the first request after the restart.
            .pool_max_idle_per_host(0)
            .build()
            .context("failed to make an HTTPS client")?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to make a runtime")?;
        Ok(Self { runtime, client })
    }

    /// Fetches a page as JSON.
    ///
    /// # Errors
    /// When the server does not answer, refuses, or sends no JSON.
    pub fn get(&self, address: SocketAddr, path: &str) -> anyhow::Result<Value> {
        let url = format!("https://{address}{path}");
        self.runtime.block_on(async {
            let answer = self.client.get(&url).send().await.with_context(|| format!("failed to fetch {url}"))?;
            let answer = answer.error_for_status().context("the server refused")?;
            answer.json().await.with_context(|| format!("failed to read {url}"))
        })
    }

    /// Fetches the whole history, newest first.
    ///
    /// # Errors
    /// When a page cannot be fetched, or there is no end to them.
    pub fn history(&self, address: SocketAddr) -> anyhow::Result<Vec<Value>> {
        let mut alerts = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let mut page = self.get(address, &format!("/api/v1/alerts?limit={PAGE_ALERTS}{cursor}"))?;
            let part = page["alerts"].as_array_mut().context("the page has no alerts")?;
            alerts.append(part);
            let Some(next) = page["next_cursor"].as_str().filter(|next| !next.is_empty()) else { return Ok(alerts) };
            cursor = format!("&cursor={next}");
        }
        anyhow::bail!("the history did not end after {PAGES_MAX} pages")
    }
}
