//! An HTTP server that takes alerts: one POST for each.

use std::fs;

use anyhow::{Context as _, anyhow};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, StatusCode, Url};

use super::worker::{Courier, Failure};
use crate::config::{Format, HttpOutput};

/// Posts to one URL.
pub(super) struct Http {
    client: Client,
    url: Url,
    content_type: &'static str,
}

impl Http {
    pub(super) fn new(output: &HttpOutput) -> anyhow::Result<Self> {
        // The HTTP client takes the provider of the process; a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .timeout(output.timeout)
            .user_agent(concat!("tiercel/", env!("CARGO_PKG_VERSION")))
            // A redirected POST may arrive as a GET without its body: the address has to be corrected instead.
            .redirect(Policy::none());
        if let Some(path) = &output.ca {
            let pem = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
            let authorities = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("failed to read certificates from {}", path.display()))?;
            builder = builder.tls_certs_only(authorities);
        } else if output.url.scheme() == "http" {
            // The system's authorities are not even read for plain HTTP: a minimal image has none.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().context("failed to set up the HTTP client")?;
        let content_type = match output.format {
            Format::Text => "text/plain",
            Format::Json => "application/json",
        };
        Ok(Self { client, url: output.url.clone(), content_type })
    }

    /// Without user, password, path and query: many services put the token there.
    pub(super) fn target(url: &Url) -> String {
        url.origin().ascii_serialization()
    }
}

impl Courier for Http {
    async fn deliver(&mut self, line: &str) -> Result<(), Failure> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, self.content_type);
        let response = request
            .body(line.to_owned())
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("failed to post to {}", Self::target(&self.url)))
            .map_err(Failure::Passing)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let error = anyhow!("{} answered {status}", Self::target(&self.url));
        Err(if is_passing(status) { Failure::Passing(error) } else { Failure::Final(error) })
    }
}

/// Whether a server that answers so may take the same alert later.
fn is_passing(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || passing.contains(&status)
}
