//! Runtimes made for the test, at real sockets: the Docker API as its documents have it, and the container runtime
//! interface behind tonic's own server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Response, transport};

use super::cri_messages::{
    ContainerMetadata, ImageSpec, LinuxPodSandboxStatus, ListedContainer, PodSandboxMetadata, PodSandboxNetworkStatus,
    SandboxNamespaces,
};
use super::*;
use crate::enrich::RuntimeSockets;
use crate::enrich::container::describe;
use cri_messages as cri_api;

const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
const SANDBOX: &str = "0f6ab1a6f4a2a3cb42ff7a0c4d52c8dcdd90eba9a1b4f34e2bd19e0f4ad3a0c5";

/// How long a test waits for an answer: all retries but the last two.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Asks about [`ID`] and renders the container that comes of the answer.
fn check(engine: &str, sockets: RuntimeSockets, expected: Expect) -> LookupCounts {
    let options = ContainerOptions { sockets, label_bytes_max: 20, ..ContainerOptions::default() };
    let mut lookups = Lookups::start(options).unwrap();
    assert!(lookups.ask(&ID.into(), &engine.into()));
    let started = Instant::now();
    let news = loop {
        if let Some(news) = lookups.news().pop() {
            break news;
        }
        assert!(started.elapsed() < ANSWER_LIMIT, "no answer: {:?}", lookups.counts());
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(&*news.id, ID);
    let container = news.details.map(|details| describe::from_details(&news.id, &details));
    expected.assert_debug_eq(&container);
    lookups.counts()
}

fn only(engine: Engine, path: &Path) -> RuntimeSockets {
    let mut sockets = RuntimeSockets { docker: Vec::new(), podman: Vec::new(), podman_users: false, cri: Vec::new() };
    match engine {
        Engine::Docker => &mut sockets.docker,
        Engine::Podman => &mut sockets.podman,
        Engine::Cri => &mut sockets.cri,
    }
    .push(path.to_owned());
    sockets
}

/// Serves until the test's process ends.
fn serve<F: Future<Output = ()> + Send + 'static>(server: impl FnOnce() -> F + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    thread::spawn(move || runtime.block_on(async move { server().await }));
}

/// The Docker API: what it says of each path, and how often it refuses before.
fn docker(path: PathBuf, refusals: usize) {
    let container = format!(
        r#"{{"Id": "{ID}", "Name": "/web", "Image": "sha256:{SANDBOX}", "Created": "2026-01-01T00:00:00Z",
        "Config": {{"Image": "registry:5000/shop/web:v2", "Labels": {{"tier": "front", "long": "{SANDBOX}"}}}},
        "HostConfig": {{"Privileged": true, "NetworkMode": "host", "PidMode": "", "IpcMode": "private"}},
        "Mounts": [{{"Type": "bind", "Source": "/srv", "Destination": "/data", "Mode": "ro", "RW": false,
                     "Propagation": "rprivate"}}],
        "NetworkSettings": {{"IPAddress": "", "Networks": {{"bridge": {{"IPAddress": "172.17.0.2"}}}}}}}}"#
    );
    let image = r#"{"RepoTags": ["registry:5000/shop/web:v2"], "RepoDigests": ["registry:5000/shop/web@sha256:77"]}"#;
    let answers: BTreeMap<String, String> = BTreeMap::from([
        (format!("GET /containers/{ID}/json HTTP/1.1"), container),
        (format!("GET /images/{SANDBOX}/json HTTP/1.1"), image.to_owned()),
    ]);
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    serve(move || async move {
        let listener = UnixListener::from_std(listener).unwrap();
        let mut refusals = refusals;
        while let Ok((mut stream, _)) = listener.accept().await {
            loop {
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                if length == 0 {
                    break;
                }
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let answer = answers.get(text.lines().next().unwrap_or_default()).filter(|_| refusals == 0);
                refusals = refusals.saturating_sub(1);
                let (status, body) =
                    answer.map_or(("404 Not Found", "{\"message\": \"no such thing\"}"), |body| ("200 OK", body));
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        }
    });
}

#[test]
fn docker_describes_a_container() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    docker(path.clone(), 0);
    let counts = check(
        "docker",
        only(Engine::Docker, &path),
        expect![[r#"
        Some(
            Container {
                id: "3ad7b26ded6d",
                full_id: "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e",
                engine: "docker",
                name: Some(
                    "web",
                ),
                image: Some(
                    "registry:5000/shop/web:v2",
                ),
                image_id: Some(
                    "0f6ab1a6f4a2a3cb42ff7a0c4d52c8dcdd90eba9a1b4f34e2bd19e0f4ad3a0c5",
                ),
                image_repository: Some(
                    "registry:5000/shop/web",
                ),
                image_tag: Some(
                    "v2",
                ),
                image_digest: Some(
                    "sha256:77",
                ),
                privileged: Some(
                    true,
                ),
                host_network: Some(
                    true,
                ),
                host_pid: Some(
                    false,
                ),
                host_ipc: Some(
                    false,
                ),
                mounts: Some(
                    [
                        Mount {
                            source: "/srv",
                            destination: "/data",
                            mode: "ro",
                            writable: false,
                            propagation: "rprivate",
                        },
                    ],
                ),
                labels: Some(
                    [
                        (
                            "tier",
                            "front",
                        ),
                    ],
                ),
                ip: Some(
                    "172.17.0.2",
                ),
                pod_name: None,
                pod_namespace: None,
                pod_uid: None,
                pod_labels: None,
                pod_ip: Some(
                    "",
                ),
                sandbox_id: Some(
                    "",
                ),
            },
        )
    "#]],
    );
    assert_eq!(counts, LookupCounts { asked: 1, found: 1, ..LookupCounts::default() });
}

#[test]
fn a_container_that_is_not_known_yet_is_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    docker(path.clone(), 2);
    let mut lookups =
        Lookups::start(ContainerOptions { sockets: only(Engine::Docker, &path), ..ContainerOptions::default() })
            .unwrap();
    lookups.ask(&ID.into(), &"docker".into());
    let started = Instant::now();
    let news = loop {
        if let Some(news) = lookups.news().pop() {
            break news;
        }
        assert!(started.elapsed() < ANSWER_LIMIT);
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(&*news.details.unwrap().name, "web");
    assert_eq!(lookups.counts(), LookupCounts { asked: 1, found: 1, retries: 2, ..LookupCounts::default() });
}

#[test]
fn without_a_socket_the_answer_is_there_at_once() {
    let sockets = only(Engine::Docker, Path::new("/nonexistent/docker.sock"));
    let counts = check(
        "docker",
        sockets,
        expect![[r#"
        None
    "#]],
    );
    assert_eq!(counts, LookupCounts { asked: 1, unknown: 1, ..LookupCounts::default() });
}

/// A runtime with one container in one sandbox; it notes what it was asked.
#[derive(Clone, Default)]
struct FakeRuntime(Arc<Mutex<Vec<String>>>);

impl NamedService for FakeRuntime {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

/// A method that answers by a function.
struct Method<Q, A>(fn(Q) -> Result<A, tonic::Status>);

impl<Q, A> UnaryService<Q> for Method<Q, A>
where
    Q: prost::Message + Send + 'static,
    A: prost::Message + Send + 'static,
{
    type Response = A;
    type Future = BoxFuture<Response<A>, tonic::Status>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = (self.0)(request.into_inner()).map(Response::new);
        Box::pin(async move { answer })
    }
}

async fn respond<Q, A>(
    answer: fn(Q) -> Result<A, tonic::Status>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, Infallible>
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    let mut server = Grpc::new(tonic_prost::ProstCodec::<A, Q>::default());
    Ok(server.unary(Method(answer), request).await)
}

impl Service<http::Request<Body>> for FakeRuntime {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(method.clone());
        match method.as_str() {
            "Version" => Box::pin(respond(version, request)),
            "ContainerStatus" => Box::pin(respond(container, request)),
            "ListContainers" => Box::pin(respond(list, request)),
            "PodSandboxStatus" => Box::pin(respond(sandbox, request)),
            other => panic!("{other} was asked for"),
        }
    }
}

fn version(_: cri_api::VersionRequest) -> Result<cri_api::VersionResponse, tonic::Status> {
    Ok(cri_api::VersionResponse { runtime_name: "containerd".into(), runtime_version: "v2.0.0".into() })
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn container(request: cri_api::ContainerStatusRequest) -> Result<cri_api::ContainerStatusResponse, tonic::Status> {
    if request.container_id != ID || !request.verbose {
        return Err(tonic::Status::not_found("no such container"));
    }
    let status = cri_api::ContainerStatus {
        id: ID.into(),
        metadata: Some(ContainerMetadata { name: "web".into() }),
        image: Some(ImageSpec { image: "docker.io/library/nginx:1.27".into(), ..ImageSpec::default() }),
        image_ref: "docker.io/library/nginx@sha256:99".into(),
        image_id: format!("sha256:{SANDBOX}"),
        labels: texts(&[("io.kubernetes.pod.name", "web-0"), ("io.kubernetes.pod.namespace", "shop")]),
        mounts: vec![cri_api::CriMount {
            container_path: "/data".into(),
            host_path: "/srv".into(),
            readonly: false,
            propagation: 2,
        }],
    };
    let info = texts(&[("info", r#"{"config": {"linux": {"security_context": {"privileged": true}}}}"#)]);
    Ok(cri_api::ContainerStatusResponse { status: Some(status), info })
}

fn list(request: cri_api::ListContainersRequest) -> Result<cri_api::ListContainersResponse, tonic::Status> {
    let id = request.filter.unwrap_or_default().id;
    Ok(cri_api::ListContainersResponse { containers: vec![ListedContainer { id, pod_sandbox_id: SANDBOX.into() }] })
}

fn sandbox(request: cri_api::PodSandboxStatusRequest) -> Result<cri_api::PodSandboxStatusResponse, tonic::Status> {
    if request.pod_sandbox_id != SANDBOX {
        return Err(tonic::Status::unknown("an error occurred: not found"));
    }
    let options = cri_api::NamespaceOption { network: 0, pid: 1, ipc: 2 };
    let status = cri_api::PodSandboxStatus {
        id: SANDBOX.into(),
        metadata: Some(PodSandboxMetadata { name: "web-0".into(), uid: "u-1".into(), namespace: "shop".into() }),
        network: Some(PodSandboxNetworkStatus { ip: "10.1.2.3".into() }),
        linux: Some(LinuxPodSandboxStatus { namespaces: Some(SandboxNamespaces { options: Some(options) }) }),
        labels: texts(&[("app", "shop")]),
    };
    Ok(cri_api::PodSandboxStatusResponse { status: Some(status) })
}

fn cri(path: &Path) -> FakeRuntime {
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let fake = FakeRuntime::default();
    let service = fake.clone();
    serve(move || async move {
        let incoming = UnixListenerStream::new(UnixListener::from_std(listener).unwrap());
        transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    fake
}

#[test]
fn a_runtime_of_kubernetes_describes_a_container_and_its_pod() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cri.sock");
    let fake = cri(&path);
    let counts = check(
        "containerd",
        only(Engine::Cri, &path),
        expect![[r#"
        Some(
            Container {
                id: "3ad7b26ded6d",
                full_id: "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e",
                engine: "containerd",
                name: Some(
                    "web",
                ),
                image: Some(
                    "docker.io/library/nginx:1.27",
                ),
                image_id: Some(
                    "0f6ab1a6f4a2a3cb42ff7a0c4d52c8dcdd90eba9a1b4f34e2bd19e0f4ad3a0c5",
                ),
                image_repository: Some(
                    "docker.io/library/nginx",
                ),
                image_tag: Some(
                    "1.27",
                ),
                image_digest: Some(
                    "sha256:99",
                ),
                privileged: Some(
                    true,
                ),
                host_network: Some(
                    false,
                ),
                host_pid: Some(
                    false,
                ),
                host_ipc: Some(
                    true,
                ),
                mounts: Some(
                    [
                        Mount {
                            source: "/srv",
                            destination: "/data",
                            mode: "",
                            writable: true,
                            propagation: "rshared",
                        },
                    ],
                ),
                labels: Some(
                    [
                        (
                            "io.kubernetes.pod.name",
                            "web-0",
                        ),
                        (
                            "io.kubernetes.pod.namespace",
                            "shop",
                        ),
                        (
                            "io.kubernetes.pod.uid",
                            "u-1",
                        ),
                    ],
                ),
                ip: Some(
                    "10.1.2.3",
                ),
                pod_name: Some(
                    "web-0",
                ),
                pod_namespace: Some(
                    "shop",
                ),
                pod_uid: Some(
                    "u-1",
                ),
                pod_labels: Some(
                    [
                        (
                            "app",
                            "shop",
                        ),
                    ],
                ),
                pod_ip: Some(
                    "10.1.2.3",
                ),
                sandbox_id: Some(
                    "0f6ab1a6f4a2a3cb42ff7a0c4d52c8dcdd90eba9a1b4f34e2bd19e0f4ad3a0c5",
                ),
            },
        )
    "#]],
    );
    assert_eq!(counts, LookupCounts { asked: 1, found: 1, ..LookupCounts::default() });
    let asked = fake.0.lock().unwrap().clone();
    assert_eq!(asked, ["ContainerStatus", "ListContainers", "PodSandboxStatus", "Version"]);
}

#[test]
fn a_socket_that_does_not_answer_is_a_failure_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = probe(&Socket { engine: Engine::Docker, path }).unwrap_err();
    assert!(format!("{error:#}").contains("onnection refused"), "{error:#}");
}

/// A containerd of this machine, on a socket of its own; its shims end with their containers, and it gets none.
struct Containerd(std::process::Child);

impl Containerd {
    fn start(directory: &Path, socket: &Path) -> Self {
        let config = directory.join("config.toml");
        let text = format!(
            "version = 2\nroot = {root:?}\nstate = {state:?}\n[grpc]\naddress = {socket:?}\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd]\nsnapshotter = \"native\"\n",
            root = directory.join("root"),
            state = directory.join("state"),
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut command = std::process::Command::new("/usr/bin/containerd");
        Self(command.arg("--config").arg(config).stderr(log).spawn().unwrap())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn containerd_says_what_it_is_and_what_it_does_not_know() {
    if !Path::new("/usr/bin/containerd").exists() || !nix::unistd::geteuid().is_root() {
        println!("SKIPPED containerd_says_what_it_is_and_what_it_does_not_know: needs containerd and root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("containerd.sock");
    let _containerd = Containerd::start(directory.path(), &path);
    let socket = Socket { engine: Engine::Cri, path: path.clone() };
    let started = Instant::now();
    // It listens before the part of it that Kubernetes speaks to is ready.
    let runtime = loop {
        match probe(&socket) {
            Ok(runtime) => break runtime,
            Err(error) if started.elapsed() > ANSWER_LIMIT => panic!("containerd does not answer: {error:#}"),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    };
    assert_eq!(runtime.name, "containerd");
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = own.block_on(cri::inspect(&path, ID)).unwrap();
    assert!(matches!(found, Found::Unknown));
}
