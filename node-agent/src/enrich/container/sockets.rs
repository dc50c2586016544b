//! Where runtimes listen, and how long events may wait for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where each user's podman listens: `/run/user/UID/podman/podman.sock`.
const USER_DIRECTORIES: &str = "/run/user";

/// Users whose sockets are looked at.
const USERS_MAX: usize = 64;

/// What the operator decides about containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOptions {
    /// How long the events of a new container may wait for its runtime's answer; zero for not at all.
    pub wait: Duration,
    /// Longer labels are left out.
    pub label_bytes_max: usize,
    /// Where runtimes listen.
    pub sockets: RuntimeSockets,
}

impl Default for ContainerOptions {
    fn default() -> Self {
        // A runtime on a busy node answers within tens of milliseconds; 100 bytes a label is Falco's default.
        Self { wait: Duration::from_millis(500), label_bytes_max: 100, sockets: RuntimeSockets::default() }
    }
}

/// Sockets by the interface that they speak. One that does not exist is not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSockets {
    /// The Docker Engine API.
    pub docker: Vec<PathBuf>,
    /// The Docker API as podman speaks it.
    pub podman: Vec<PathBuf>,
    /// Ask the podman of each user as well.
    pub podman_users: bool,
    /// The container runtime interface of Kubernetes.
    pub cri: Vec<PathBuf>,
}

impl Default for RuntimeSockets {
    fn default() -> Self {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        Self {
            docker: paths(&["/var/run/docker.sock"]),
            podman: paths(&["/run/podman/podman.sock"]),
            podman_users: true,
            cri: paths(&[
                "/run/containerd/containerd.sock",
                "/run/crio/crio.sock",
                "/run/k3s/containerd/containerd.sock",
                "/run/host-containerd/containerd.sock",
            ]),
        }
    }
}

/// What speaks at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// A runtime of Kubernetes.
    Cri,
}

impl Engine {
    /// Its key in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Cri => "cri",
        }
    }

    /// Whether the containers of that engine, as their cgroups name it, can be this one's. Docker and containerd
    /// name cgroups alike.
    fn may_have(self, engine: &str) -> bool {
        match self {
            Self::Podman => engine == "podman",
            Self::Docker => engine == "docker",
            Self::Cri => matches!(engine, "docker" | "containerd" | "cri-o"),
        }
    }
}

/// A socket with what speaks there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What speaks.
    pub engine: Engine,
    /// Where.
    pub path: PathBuf,
}

impl RuntimeSockets {
    /// The sockets that exist now, those of the system before those of users: a user can only speak for containers that
    /// nobody else knows.
    pub fn existing(&self) -> Vec<Socket> {
        let of = |engine: Engine, paths: &[PathBuf]| -> Vec<Socket> {
            paths.iter().map(|path| Socket { engine, path: path.clone() }).collect()
        };
        let mut sockets = of(Engine::Docker, &self.docker);
        sockets.extend(of(Engine::Podman, &self.podman));
        sockets.extend(of(Engine::Cri, &self.cri));
        if self.podman_users {
            sockets.extend(of(Engine::Podman, &of_users(Path::new(USER_DIRECTORIES))));
        }
        sockets.retain(|socket| socket.path.exists());
        sockets
    }

    /// Those that may know a container of that engine.
    pub(super) fn for_engine(&self, engine: &str) -> Vec<Socket> {
        let mut sockets = self.existing();
        sockets.retain(|socket| socket.engine.may_have(engine));
        sockets
    }
}

fn of_users(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().take(USERS_MAX).filter_map(Result::ok);
    let mut paths: Vec<_> = entries.map(|entry| entry.path().join("podman/podman.sock")).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_exist_and_can_know_are_asked() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            vec![path, directory.path().join("absent")]
        };
        let sockets =
            RuntimeSockets { docker: make("docker"), podman: make("podman"), podman_users: false, cri: make("cri") };
        let asked =
            |engine: &str| -> Vec<_> { sockets.for_engine(engine).iter().map(|socket| socket.engine.word()).collect() };
        assert_eq!(asked("docker"), ["docker", "cri"]);
        assert_eq!(asked("containerd"), ["cri"]);
        assert_eq!(asked("podman"), ["podman"]);
        assert_eq!(asked("lxc"), [""; 0]);
    }
}
