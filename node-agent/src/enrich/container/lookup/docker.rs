//! The Docker Engine API, as Docker and podman speak it: HTTP and JSON over a Unix socket.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tiercel_detection::event::Text;

use super::image::{self, bare_id};
use super::{Found, REQUEST_LIMIT, Runtime, sorted};
use crate::enrich::container::describe::{ContainerDetails, ContainerMount};
use crate::enrich::container::sockets::Engine;

/// A longer answer is refused. An inspection of a container with hundreds of mounts has some 100 KiB.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Asks one socket about one container.
pub(super) async fn inspect(engine: Engine, socket: &Path, id: &str) -> anyhow::Result<Found> {
    let client = client(socket)?;
    let Some(container): Option<Inspection> = get(&client, &format!("/containers/{id}/json")).await? else {
        return Ok(Found::Unknown);
    };
    // The image may have been removed under the container; the rest is told all the same.
    let image: Option<Image> =
        get(&client, &format!("/images/{}/json", bare_id(&container.image))).await.unwrap_or(None);
    Ok(Found::Known(Box::new(container.into_details(engine, image.unwrap_or_default()))))
}

/// Which program speaks at a socket.
pub(super) async fn version(socket: &Path) -> anyhow::Result<Runtime> {
    let version: Option<Version> = get(&client(socket)?, "/version").await?;
    let version = version.context("the server has no /version")?;
    let name = version.components.into_iter().flatten().map(|component| component.name).next();
    Ok(Runtime { name: name.unwrap_or_default(), version: version.version })
}

fn client(socket: &Path) -> anyhow::Result<Client> {
    // The HTTP client takes the provider of the process; a second call changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .unix_socket(socket)
        .timeout(REQUEST_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .context("failed to set up the HTTP client")
}

/// `None` when the server says that there is no such thing.
async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<Option<T>> {
    let mut response = client.get(format!("http://localhost{path}")).send().await.context("failed to ask")?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        status => bail!("the server answered {status}"),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.context("failed to read the answer")? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            bail!("the answer has more than {ANSWER_BYTES_MAX} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map(Some).context("failed to understand the answer")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspection {
    #[serde(default)]
    name: String,
    /// Id of the image.
    #[serde(default)]
    image: String,
    #[serde(default)]
    config: Settings,
    #[serde(default)]
    host_config: HostSettings,
    mounts: Option<Vec<MountPoint>>,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    /// The image as it was asked for.
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostSettings {
    privileged: bool,
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct MountPoint {
    source: Text,
    destination: Text,
    mode: Text,
    #[serde(rename = "RW")]
    writable: bool,
    propagation: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NetworkSettings {
    #[serde(rename = "IPAddress")]
    address: String,
    #[serde(rename = "Networks")]
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

impl Inspection {
    fn into_details(self, engine: Engine, image: Image) -> ContainerDetails {
        let mut reference = image::parse(&self.config.image);
        let tags = image.repo_tags.unwrap_or_default();
        if reference.repository.is_empty() {
            // Started by its id: the image has a name perhaps.
            reference = tags.first().map(|tag| image::parse(tag)).unwrap_or_default();
        }
        let digests = image.repo_digests.unwrap_or_default();
        let digest = digests.iter().find(|digest| digest.starts_with(&*reference.repository)).or(digests.first());
        if let Some((_, digest)) = digest.and_then(|digest| digest.split_once('@')) {
            reference.digest = digest.into();
        }
        let labels = sorted(self.config.labels.unwrap_or_default());
        let name = kubernetes_name(&labels).unwrap_or_else(|| self.name.trim_start_matches('/').into());
        let label = |key: &str| labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| value.clone());
        let networks = self.network_settings.networks.unwrap_or_default();
        let addresses = networks.into_values().map(|network| network.address);
        let mut addresses = std::iter::once(self.network_settings.address).chain(addresses);
        let ip: Text = addresses.find(|address| !address.is_empty()).unwrap_or_default().into();
        ContainerDetails {
            engine: engine.word().into(),
            name,
            image: self.config.image.into(),
            image_id: bare_id(&self.image).into(),
            image_repository: reference.repository,
            image_tag: reference.tag,
            image_digest: reference.digest,
            privileged: self.host_config.privileged,
            host_network: self.host_config.network_mode == "host",
            host_pid: self.host_config.pid_mode == "host",
            host_ipc: self.host_config.ipc_mode == "host",
            mounts: self.mounts.unwrap_or_default().into_iter().map(MountPoint::into_mount).collect(),
            sandbox_id: label("io.kubernetes.sandbox.id").unwrap_or_else(|| "".into()),
            pod_ip: "".into(),
            pod_labels: None,
            ip,
            labels,
        }
    }
}

/// Kubernetes gives containers of Docker names of its own making and puts the right one into a label.
fn kubernetes_name(labels: &[(Text, Text)]) -> Option<Text> {
    labels.iter().find(|(name, _)| &**name == "io.kubernetes.container.name").map(|(_, value)| value.clone())
}

impl MountPoint {
    fn into_mount(self) -> ContainerMount {
        let Self { source, destination, mode, writable, propagation } = self;
        ContainerMount { source, destination, mode, writable, propagation }
    }
}
