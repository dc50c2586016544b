//! The container runtime interface of Kubernetes: gRPC over a Unix socket.

use std::path::Path;

use anyhow::Context as _;
use prost::Message;
use serde_json::Value;
use tiercel_detection::event::Text;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::cri_messages::{
    ContainerFilter, ContainerStatus, ContainerStatusRequest, ContainerStatusResponse, CriMount, ListContainersRequest,
    ListContainersResponse, NamespaceOption, PodSandboxStatus, PodSandboxStatusRequest, PodSandboxStatusResponse,
    VersionRequest, VersionResponse,
};
use super::image::{self, bare_id};
use super::{Found, REQUEST_LIMIT, Runtime, sorted};
use crate::enrich::container::describe::{ContainerDetails, ContainerMount};

/// The namespace of a pod that is the node's own.
const NODE: i32 = 2;

/// What Kubernetes calls the process that holds the namespaces of a pod.
const SANDBOX_NAME: &str = "POD";

/// Asks one socket about one container.
pub(super) async fn inspect(socket: &Path, id: &str) -> anyhow::Result<Found> {
    let mut client = Client::connect(socket).await?;
    let request = ContainerStatusRequest { container_id: id.to_owned(), verbose: true };
    let Some(answer): Option<ContainerStatusResponse> = client.ask("ContainerStatus", request).await? else {
        return Ok(match client.sandbox(id).await? {
            Some(sandbox) => Found::Known(Box::new(of_sandbox(client.engine().await?, &sandbox))),
            None => Found::Unknown,
        });
    };
    let sandbox = match client.sandbox_of(id).await? {
        Some(sandbox_id) => client.sandbox(&sandbox_id).await?,
        None => None,
    };
    let status = answer.status.unwrap_or_default();
    let privileged = answer.info.get("info").is_some_and(|info| is_privileged(info));
    let details = of_container(client.engine().await?, status, privileged, sandbox.as_ref());
    Ok(Found::Known(Box::new(details)))
}

/// Which program speaks at a socket.
pub(super) async fn version(socket: &Path) -> anyhow::Result<Runtime> {
    let version = Client::connect(socket).await?.version().await?;
    Ok(Runtime { name: version.runtime_name, version: version.runtime_version })
}

struct Client(Grpc<Channel>);

impl Client {
    async fn connect(socket: &Path) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display()))
            .context("failed to make an address of the socket")?
            .connect_timeout(REQUEST_LIMIT)
            .timeout(REQUEST_LIMIT);
        Ok(Self(Grpc::new(endpoint.connect().await.context("failed to connect")?)))
    }

    /// `None` when the runtime says that there is no such thing.
    async fn ask<Q, A>(&mut self, method: &str, request: Q) -> anyhow::Result<Option<A>>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.0.ready().await.context("failed to connect")?;
        let path = PathAndQuery::try_from(format!("/runtime.v1.RuntimeService/{method}"))
            .context("failed to name the method")?;
        let answer: Result<_, Status> = self.0.unary(Request::new(request), path, ProstCodec::<Q, A>::default()).await;
        match answer {
            Ok(answer) => Ok(Some(answer.into_inner())),
            // containerd 1.x wraps what it does not find into an unknown error.
            Err(status) if status.code() == Code::NotFound || status.message().contains("not found") => Ok(None),
            Err(status) => Err(status).with_context(|| format!("failed to ask for {method}")),
        }
    }

    async fn version(&mut self) -> anyhow::Result<VersionResponse> {
        self.ask("Version", VersionRequest { version: "v1".to_owned() }).await?.context("the server has no version")
    }

    /// Falco's name of the engine.
    async fn engine(&mut self) -> anyhow::Result<Text> {
        Ok(self.version().await?.runtime_name.into())
    }

    async fn sandbox_of(&mut self, id: &str) -> anyhow::Result<Option<String>> {
        let filter = Some(ContainerFilter { id: id.to_owned() });
        let list: Option<ListContainersResponse> = self.ask("ListContainers", ListContainersRequest { filter }).await?;
        let listed = list.unwrap_or_default().containers.into_iter().find(|container| container.id == id);
        Ok(listed.map(|container| container.pod_sandbox_id))
    }

    async fn sandbox(&mut self, id: &str) -> anyhow::Result<Option<PodSandboxStatus>> {
        let request = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned() };
        let answer: Option<PodSandboxStatusResponse> = self.ask("PodSandboxStatus", request).await?;
        Ok(answer.and_then(|answer| answer.status))
    }
}

fn of_container(
    engine: Text,
    status: ContainerStatus,
    privileged: bool,
    sandbox: Option<&PodSandboxStatus>,
) -> ContainerDetails {
    let spec = status.image.unwrap_or_default();
    let asked = if spec.user_specified_image.is_empty() { spec.image } else { spec.user_specified_image };
    let mut reference = image::parse(&asked);
    let found = image::parse(&status.image_ref);
    if reference.repository.is_empty() {
        reference.repository = found.repository;
    }
    let digest = if found.digest.is_empty() { reference.digest } else { found.digest };
    let image_id = [&status.image_id, &status.image_ref, &asked].into_iter().find(|id| super::is_id(bare_id(id)));
    let details = ContainerDetails {
        engine,
        name: status.metadata.unwrap_or_default().name.into(),
        image_id: image_id.map_or("", |id| bare_id(id)).into(),
        image_repository: reference.repository,
        image_tag: reference.tag,
        image_digest: digest,
        privileged,
        mounts: status.mounts.into_iter().map(mount).collect(),
        labels: sorted(status.labels),
        image: asked.into(),
        ..ContainerDetails::default()
    };
    match sandbox {
        Some(sandbox) => in_pod(details, sandbox),
        None => details,
    }
}

/// The process that holds the namespaces of a pod.
fn of_sandbox(engine: Text, sandbox: &PodSandboxStatus) -> ContainerDetails {
    let labels = sorted(sandbox.labels.clone());
    in_pod(ContainerDetails { engine, name: SANDBOX_NAME.into(), labels, ..ContainerDetails::default() }, sandbox)
}

fn in_pod(mut details: ContainerDetails, sandbox: &PodSandboxStatus) -> ContainerDetails {
    let options = sandbox.linux.as_ref().and_then(|linux| linux.namespaces.as_ref()?.options.as_ref());
    let options = options.cloned().unwrap_or_else(NamespaceOption::default);
    let ip: Text = sandbox.network.as_ref().map_or("", |network| network.ip.as_str()).into();
    let pod = sandbox.metadata.clone().unwrap_or_default();
    // Kubernetes labels every container so; other clients of the interface need not.
    for (key, value) in [("name", pod.name), ("namespace", pod.namespace), ("uid", pod.uid)] {
        let key: Text = format!("io.kubernetes.pod.{key}").into();
        if !details.labels.iter().any(|(name, _)| *name == key) {
            details.labels.push((key, value.into()));
        }
    }
    details.labels.sort();
    ContainerDetails {
        host_network: options.network == NODE,
        host_pid: options.pid == NODE,
        host_ipc: options.ipc == NODE,
        ip: ip.clone(),
        pod_ip: ip,
        sandbox_id: sandbox.id.as_str().into(),
        pod_labels: Some(sorted(sandbox.labels.clone())),
        ..details
    }
}

/// containerd and CRI-O put it to different places of what they tell besides.
fn is_privileged(info: &str) -> bool {
    let Ok(info) = serde_json::from_str::<Value>(info) else { return false };
    ["/privileged", "/config/linux/security_context/privileged"]
        .iter()
        .any(|pointer| info.pointer(pointer).and_then(Value::as_bool).unwrap_or(false))
}

fn mount(mount: CriMount) -> ContainerMount {
    let propagation = match mount.propagation {
        1 => "rslave",
        2 => "rshared",
        _ => "rprivate",
    };
    ContainerMount {
        source: mount.host_path.into(),
        destination: mount.container_path.into(),
        mode: "".into(),
        writable: !mount.readonly,
        propagation: propagation.into(),
    }
}
