//! The configuration of a `webhook` receiver.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};
use serde::Deserialize;

use super::super::ReceiverError;
use super::message::Signer;
use super::send::WebhookNotifier;

/// How long one attempt may take when nothing else is written.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// The longest attempt that makes sense: a claim lasts as long, and nobody else may try meanwhile.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Headers that are ours to set.
const RESERVED_HEADERS: [&str; 8] = [
    "content-type",
    "content-length",
    "host",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-attempt",
    "x-possible-duplicate",
];

/// `webhook: {url: https://pager.example/hook, timeout: 5s}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Where to post, `http` or `https`.
    pub url: String,
    /// How long one attempt may take, `5s` by default, at most `60s`.
    pub timeout: Option<String>,
    /// A file with the signing secret, one a line; several while they are being rotated.
    pub secret_file: Option<PathBuf>,
    /// A PEM file with the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl WebhookNotifier {
    /// Builds the receiver; opens no connection.
    pub(in super::super) fn build(receiver: &str, config: &RawConfig) -> Result<Self, ReceiverError> {
        let at = At { receiver };
        let url = at.url(&config.url)?;
        let timeout = at.timeout(config.timeout.as_deref())?;
        let client = at.client(&url, timeout, config)?;
        let signer = config.secret_file.as_deref().map(|path| at.signer(path)).transpose()?;
        Ok(Self { client, url, timeout, signer })
    }
}

/// Where in the configuration we are, for errors.
struct At<'a> {
    receiver: &'a str,
}

impl At<'_> {
    fn value(&self, key: &'static str, reason: impl Into<String>) -> ReceiverError {
        ReceiverError::Value { receiver: self.receiver.to_owned(), key, reason: reason.into() }
    }

    fn read(&self, key: &'static str, path: &Path) -> Result<Vec<u8>, ReceiverError> {
        fs::read(path).map_err(|source| ReceiverError::File {
            receiver: self.receiver.to_owned(),
            key,
            path: path.to_owned(),
            source,
        })
    }

    fn url(&self, text: &str) -> Result<Url, ReceiverError> {
        let expected = "expected http://host[:port]/path or https://host[:port]/path";
        let url: Url =
            text.parse().map_err(|error| self.value("webhook.url", format!("`{text}`: {error}; {expected}")))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(self.value("webhook.url", format!("`{text}`: {expected}")));
        }
        Ok(url)
    }

    fn timeout(&self, text: Option<&str>) -> Result<Duration, ReceiverError> {
        let Some(text) = text else { return Ok(TIMEOUT_DEFAULT) };
        let timeout = humantime::parse_duration(text)
            .map_err(|error| self.value("webhook.timeout", format!("`{text}`: {error}; expected a time such as 5s")))?;
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            let most = humantime::format_duration(TIMEOUT_MAX);
            return Err(self.value("webhook.timeout", format!("`{text}`: expected more than 0 and at most {most}")));
        }
        Ok(timeout)
    }

    fn client(&self, url: &Url, timeout: Duration, config: &RawConfig) -> Result<Client, ReceiverError> {
        // The HTTP client takes the provider of the process; a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .timeout(timeout)
            .user_agent(concat!("tiercel/", env!("CARGO_PKG_VERSION")))
            // A redirected POST may arrive as a GET without its body: the address has to be corrected instead.
            .redirect(Policy::none())
            .default_headers(self.headers(&config.headers)?);
        if let Some(authorities) = self.authorities(url, config.ca.as_deref())? {
            builder = builder.tls_certs_only(authorities);
        }
        builder.build().map_err(|error| self.value("webhook.ca", format!("{:#}", anyhow::Error::new(error))))
    }

    /// `None` stands for the system's authorities. They are not even read for plain HTTP: a minimal image has none.
    fn authorities(&self, url: &Url, ca: Option<&Path>) -> Result<Option<Vec<Certificate>>, ReceiverError> {
        let Some(path) = ca else { return Ok((url.scheme() == "http").then(Vec::new)) };
        let authorities = Certificate::from_pem_bundle(&self.read("webhook.ca", path)?)
            .map_err(|error| self.value("webhook.ca", format!("{}: {error}", path.display())))?;
        if authorities.is_empty() {
            return Err(self.value("webhook.ca", format!("{} holds no certificate", path.display())));
        }
        Ok(Some(authorities))
    }

    fn headers(&self, headers: &BTreeMap<String, String>) -> Result<HeaderMap, ReceiverError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(self.value("webhook.headers", format!("`{name}` is set by tiercel itself")));
            }
            let parsed_name = HeaderName::try_from(name.as_str());
            let parsed_value = HeaderValue::try_from(value.as_str());
            let (Ok(parsed_name), Ok(mut parsed_value)) = (parsed_name, parsed_value) else {
                return Err(self.value("webhook.headers", format!("`{name}` or its value is not a valid header")));
            };
            // May well be a token; the client must not print it.
            parsed_value.set_sensitive(true);
            map.insert(parsed_name, parsed_value);
        }
        Ok(map)
    }

    fn signer(&self, path: &Path) -> Result<Signer, ReceiverError> {
        let text = String::from_utf8(self.read("webhook.secret_file", path)?)
            .map_err(|_| self.value("webhook.secret_file", format!("{} is not text", path.display())))?;
        Signer::parse(&text)
            .map_err(|reason| self.value("webhook.secret_file", format!("{}: {reason}", path.display())))
    }
}
