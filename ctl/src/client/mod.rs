//! Asking a node, and saying what is wrong when it cannot be asked.

#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use tiercel_proto::mtls::{ClientTls, Credentials, Refusal, Role, TlsFiles};

use crate::cli::Connection;

/// How long one question may take; a search is bounded to less than a second on the node.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One node, asked over TLS.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
}

/// Why an answer is not there; who polls goes on after those that may pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The node was not reached or did not answer; it may later.
    #[error("{0:#}")]
    Unreachable(anyhow::Error),
    /// The node answered and refused.
    #[error("{0:#}")]
    Refused(anyhow::Error),
}

impl Client {
    /// Reads the certificates; connects to nobody yet.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let server: Url = connection
            .server
            .parse()
            .with_context(|| format!("failed to read server `{}`: expected https://host:port", connection.server))?;
        if server.scheme() != "https" || server.host_str().is_none() {
            bail!(
                "failed to read server `{}`: expected https://host:port; there is no plaintext interface",
                connection.server
            );
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(connection)?.web_config())
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tiercelctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("failed to make an HTTPS client")?;
        let token = connection.token_file.as_deref().map(read_token).transpose()?;
        Ok(Self { http, server, token })
    }

    /// Gets a JSON document.
    pub(crate) async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value, AskError> {
        let mut url = self.server.join(path).map_err(|error| AskError::Refused(error.into()))?;
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let mut request = self.http.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| AskError::Unreachable(self.explain(&error)))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let read = response.json().await.with_context(|| format!("failed to read the answer of {}", self.server));
        read.map_err(AskError::Unreachable)
    }

    /// Names what failed and what to do about it.
    fn explain(&self, error: &reqwest::Error) -> anyhow::Error {
        let server = &self.server;
        if error.is_timeout() {
            return anyhow!("failed to ask {server}: no answer in time");
        }
        let Some(cause) = io_cause(error) else { return anyhow!("failed to ask {server}: {}", last_cause(error)) };
        if cause.kind() == io::ErrorKind::ConnectionRefused {
            return anyhow!(
                "failed to connect to {server}: connection refused; is the aggregator running there, with this as listen.api?"
            );
        }
        let refusal = Refusal::of(cause);
        if refusal == Refusal::UnknownAuthority {
            anyhow!("failed to trust {server}: {refusal}; give the ca.pem of this cluster with --ca")
        } else if matches!(refusal, Refusal::WrongName(_)) {
            anyhow!("failed to trust {server}: {refusal}; use a name for which its certificate was issued")
        } else if matches!(refusal, Refusal::ByPeer(_)) {
            anyhow!(
                "{server} did not accept the certificate in --cert: {refusal}; it must be of role client, in its time, and from the authority of this cluster"
            )
        } else {
            anyhow!("failed to connect to {server}: {refusal}")
        }
    }
}

fn tls(connection: &Connection) -> anyhow::Result<ClientTls> {
    let ca =
        connection.ca.clone().context("no authority given: set --ca or TIERCEL_CA to the ca.pem of the cluster")?;
    match (&connection.cert, &connection.key) {
        (Some(certificate), Some(key)) => {
            let files = TlsFiles { ca, certificate: certificate.clone(), key: key.clone() };
            Ok(ClientTls::new(&Credentials::load(files, Role::Client)?))
        }
        (None, None) if connection.token_file.is_some() => Ok(ClientTls::anonymous(&ca)?),
        (None, None) => bail!("nobody to ask as: set --cert and --key (TIERCEL_CERT, TIERCEL_KEY), or --token-file"),
        (Some(_), None) => bail!("--cert is set and --key is not: a certificate needs its key"),
        (None, Some(_)) => bail!("--key is set and --cert is not: a key needs its certificate"),
    }
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read token file {}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("failed to read token file {}: expected one token and nothing else", path.display());
    }
    Ok(token.to_owned())
}

/// Reads the error document of the API.
async fn refusal(response: Response) -> AskError {
    let status = response.status();
    let document: Value = response.json().await.unwrap_or_default();
    let error = match (document["error"]["message"].as_str(), document["error"]["hint"].as_str()) {
        (Some(message), Some(hint)) => anyhow!("{message}\nhint: {hint}"),
        (Some(message), None) => anyhow!("{message}"),
        (None, _) => anyhow!("the node answered {status}"),
    };
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        AskError::Unreachable(error)
    } else {
        AskError::Refused(error)
    }
}

/// The error of the socket or of TLS below the layers of the HTTP client.
fn io_cause(error: &reqwest::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(innermost(found));
        }
        cause = error.source();
    }
    None
}

/// Layers wrap the error of the layer below as their own, which `source` passes over.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        error = inner;
    }
    error
}

fn last_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
