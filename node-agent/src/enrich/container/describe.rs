//! Containers as events carry them, from a cgroup's name, a runtime's state file or a runtime's answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::{Container, Mount, Text};

use super::cgroup::short_id;
use crate::enrich::world::RuntimeContainer;

/// Labels and annotations, sorted by key.
pub(super) type Labels = Vec<(Text, Text)>;

/// One mount, as a runtime tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerMount {
    /// Path on the host.
    pub source: Text,
    /// Path in the container.
    pub destination: Text,
    /// Mode text of the runtime.
    pub mode: Text,
    /// Mounted writable.
    pub writable: bool,
    /// Propagation text of the runtime.
    pub propagation: Text,
}

/// What a runtime's socket says of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerDetails {
    /// The engine that answered, by Falco's name.
    pub engine: Text,
    /// Name of the container.
    pub name: Text,
    /// Image reference as the runtime was given it.
    pub image: Text,
    /// Id of the image, 64 hexadecimal digits.
    pub image_id: Text,
    /// Image without tag and digest.
    pub image_repository: Text,
    /// Tag of the image.
    pub image_tag: Text,
    /// Digest of the image.
    pub image_digest: Text,
    /// Privileged.
    pub privileged: bool,
    /// Shares the network namespace of the host.
    pub host_network: bool,
    /// Shares the pid namespace of the host.
    pub host_pid: bool,
    /// Shares the ipc namespace of the host.
    pub host_ipc: bool,
    /// Mounts, in the order of the runtime.
    pub mounts: Vec<ContainerMount>,
    /// Labels of the container.
    pub labels: Vec<(Text, Text)>,
    /// First IPv4 address.
    pub ip: Text,
    /// Whole id of the pod's sandbox, empty outside pods.
    pub sandbox_id: Text,
    /// IPv4 address of the pod.
    pub pod_ip: Text,
    /// Labels of the pod; `None` outside pods.
    pub pod_labels: Option<Vec<(Text, Text)>>,
}

/// The answer to a question about a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerNews {
    /// Whole id.
    pub id: Text,
    /// `None` when no runtime knows it.
    pub details: Option<Box<ContainerDetails>>,
}

/// The container that a cgroup path names by its id.
pub(in crate::enrich) fn from_id(engine: &'static str, id: &str) -> Arc<Container> {
    Arc::new(Container { id: short_id(id).into(), full_id: id.into(), engine: engine.into(), ..Container::default() })
}

/// The container that a runtime's state files describe.
pub(super) fn from_state(runtime: &RuntimeContainer) -> Arc<Container> {
    let label = |key: &str| find(&runtime.labels, key);
    Arc::new(Container {
        id: short_id(&runtime.id).into(),
        full_id: runtime.id.clone(),
        engine: runtime.engine.clone(),
        name: Some(label("io.kubernetes.container.name").unwrap_or_else(|| runtime.id.clone())),
        privileged: runtime.privileged,
        labels: (!runtime.labels.is_empty()).then(|| Arc::from(runtime.labels.as_slice())),
        pod_name: label("io.kubernetes.pod.name"),
        pod_namespace: label("io.kubernetes.pod.namespace"),
        pod_uid: label("io.kubernetes.pod.uid"),
        ..Container::default()
    })
}

/// The container of that id with what a runtime said of it.
pub(super) fn from_details(id: &Text, details: &ContainerDetails) -> Arc<Container> {
    let label = |key: &str| find(&details.labels, key);
    let some = |text: &Text| Some(text.clone());
    Arc::new(Container {
        id: short_id(id).into(),
        full_id: id.clone(),
        engine: details.engine.clone(),
        name: some(&details.name),
        image: some(&details.image),
        image_id: some(&details.image_id),
        image_repository: some(&details.image_repository),
        image_tag: some(&details.image_tag),
        image_digest: some(&details.image_digest),
        privileged: Some(details.privileged),
        host_network: Some(details.host_network),
        host_pid: Some(details.host_pid),
        host_ipc: Some(details.host_ipc),
        mounts: Some(details.mounts.iter().map(mount).collect()),
        labels: Some(Arc::from(details.labels.as_slice())),
        ip: some(&details.ip),
        pod_name: label("io.kubernetes.pod.name"),
        pod_namespace: label("io.kubernetes.pod.namespace"),
        pod_uid: label("io.kubernetes.pod.uid"),
        sandbox_id: some(&details.sandbox_id),
        pod_ip: some(&details.pod_ip),
        pod_labels: details.pod_labels.as_deref().map(Arc::from),
    })
}

fn find(labels: &[(Text, Text)], key: &str) -> Option<Text> {
    labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| value.clone())
}

fn mount(mount: &ContainerMount) -> Mount {
    let ContainerMount { source, destination, mode, writable, propagation } = mount.clone();
    Mount { source, destination, mode, writable, propagation }
}
