//! The part of `runtime.v1`, the container runtime interface of Kubernetes, that tells what containers are. Field
//! numbers are those of the interface; fields that nobody reads are left out, and decoding skips them.

use std::collections::BTreeMap;

use prost::Message;

/// Asks for the program behind the interface.
#[derive(Clone, PartialEq, Message)]
pub struct VersionRequest {
    /// Version of the interface that the client speaks.
    #[prost(string, tag = "1")]
    pub version: String,
}

/// The program behind the interface.
#[derive(Clone, PartialEq, Message)]
pub struct VersionResponse {
    /// `containerd`, `cri-o` ...
    #[prost(string, tag = "2")]
    pub runtime_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub runtime_version: String,
}

/// Which containers to list.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerFilter {
    /// Whole id, or its beginning.
    #[prost(string, tag = "1")]
    pub id: String,
}

/// Asks for a list of containers.
#[derive(Clone, PartialEq, Message)]
pub struct ListContainersRequest {
    /// Which.
    #[prost(message, optional, tag = "1")]
    pub filter: Option<ContainerFilter>,
}

/// A container of a list.
#[derive(Clone, PartialEq, Message)]
pub struct ListedContainer {
    /// Whole id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The sandbox that it runs in.
    #[prost(string, tag = "2")]
    pub pod_sandbox_id: String,
}

/// A list of containers.
#[derive(Clone, PartialEq, Message)]
pub struct ListContainersResponse {
    /// Those that the filter let through.
    #[prost(message, repeated, tag = "1")]
    pub containers: Vec<ListedContainer>,
}

/// Asks for one container.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerStatusRequest {
    /// Whole id.
    #[prost(string, tag = "1")]
    pub container_id: String,
    /// With `info`.
    #[prost(bool, tag = "2")]
    pub verbose: bool,
}

/// One container.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerStatusResponse {
    /// What every runtime tells.
    #[prost(message, optional, tag = "1")]
    pub status: Option<ContainerStatus>,
    /// What this runtime tells besides, as JSON texts.
    #[prost(btree_map = "string, string", tag = "2")]
    pub info: BTreeMap<String, String>,
}

/// Name of a container in its pod.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerMetadata {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// An image as it was asked for.
#[derive(Clone, PartialEq, Message)]
pub struct ImageSpec {
    /// Reference or id.
    #[prost(string, tag = "1")]
    pub image: String,
    /// What the user wrote, if the runtime kept it.
    #[prost(string, tag = "18")]
    pub user_specified_image: String,
}

/// One mount.
#[derive(Clone, PartialEq, Message)]
pub struct CriMount {
    /// Path in the container.
    #[prost(string, tag = "1")]
    pub container_path: String,
    /// Path on the host.
    #[prost(string, tag = "2")]
    pub host_path: String,
    /// Read-only.
    #[prost(bool, tag = "3")]
    pub readonly: bool,
    /// 0 private, 1 from host to container, 2 both ways.
    #[prost(int32, tag = "5")]
    pub propagation: i32,
}

/// What every runtime tells of a container.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerStatus {
    /// Whole id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Name.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<ContainerMetadata>,
    /// Image as asked for.
    #[prost(message, optional, tag = "8")]
    pub image: Option<ImageSpec>,
    /// Image as found: with its digest, or an id.
    #[prost(string, tag = "9")]
    pub image_ref: String,
    /// Labels.
    #[prost(btree_map = "string, string", tag = "12")]
    pub labels: BTreeMap<String, String>,
    /// Mounts.
    #[prost(message, repeated, tag = "14")]
    pub mounts: Vec<CriMount>,
    /// Id of the image; older runtimes leave it out.
    #[prost(string, tag = "17")]
    pub image_id: String,
}

/// Asks for one sandbox.
#[derive(Clone, PartialEq, Message)]
pub struct PodSandboxStatusRequest {
    /// Whole id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// One sandbox.
#[derive(Clone, PartialEq, Message)]
pub struct PodSandboxStatusResponse {
    /// What every runtime tells.
    #[prost(message, optional, tag = "1")]
    pub status: Option<PodSandboxStatus>,
}

/// The pod of a sandbox.
#[derive(Clone, PartialEq, Message)]
pub struct PodSandboxMetadata {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Uid.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// Namespace.
    #[prost(string, tag = "3")]
    pub namespace: String,
}

/// Addresses of a pod.
#[derive(Clone, PartialEq, Message)]
pub struct PodSandboxNetworkStatus {
    /// The first one.
    #[prost(string, tag = "1")]
    pub ip: String,
}

/// Whose namespaces a pod uses: 2 are those of the node.
#[derive(Clone, PartialEq, Message)]
pub struct NamespaceOption {
    /// Network.
    #[prost(int32, tag = "1")]
    pub network: i32,
    /// Processes.
    #[prost(int32, tag = "2")]
    pub pid: i32,
    /// Shared memory and semaphores.
    #[prost(int32, tag = "3")]
    pub ipc: i32,
}

/// Namespaces of a sandbox.
#[derive(Clone, PartialEq, Message)]
pub struct SandboxNamespaces {
    /// Whose they are.
    #[prost(message, optional, tag = "2")]
    pub options: Option<NamespaceOption>,
}

/// What is particular to Linux.
#[derive(Clone, PartialEq, Message)]
pub struct LinuxPodSandboxStatus {
    /// Namespaces.
    #[prost(message, optional, tag = "1")]
    pub namespaces: Option<SandboxNamespaces>,
}

/// What every runtime tells of a sandbox.
#[derive(Clone, PartialEq, Message)]
pub struct PodSandboxStatus {
    /// Whole id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The pod.
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<PodSandboxMetadata>,
    /// Addresses.
    #[prost(message, optional, tag = "5")]
    pub network: Option<PodSandboxNetworkStatus>,
    /// Namespaces.
    #[prost(message, optional, tag = "6")]
    pub linux: Option<LinuxPodSandboxStatus>,
    /// Labels of the pod.
    #[prost(btree_map = "string, string", tag = "7")]
    pub labels: BTreeMap<String, String>,
}
