//! Which container a cgroup path belongs to.
//!
//! The paths are those that runtimes are known to make. A path whose last element is a plain name proves nothing by
//! itself (any service manager makes such paths), so it is only a candidate that a runtime has to confirm.

use crate::enrich::world::ContainerCandidate;

/// Length of the ids that OCI engines give out.
const ID_LENGTH: usize = 64;

/// Length of the short form of an id, the one that operators type.
const SHORT_ID_LENGTH: usize = 12;

/// What a cgroup path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::enrich) enum Membership {
    /// No container.
    Host,
    /// A container, its engine and whole id.
    Container {
        /// Falco's name of the engine.
        engine: &'static str,
        /// Whole id.
        id: String,
    },
    /// A container if a runtime knows it.
    Candidate(ContainerCandidate),
}

/// Reads a cgroup path.
pub(in crate::enrich) fn membership(cgroup: &str) -> Membership {
    let elements: Vec<&str> = cgroup.split('/').filter(|element| !element.is_empty()).collect();
    if let Some((engine, id)) = by_id(cgroup, &elements).or_else(|| by_name(&elements)) {
        return Membership::Container { engine, id: id.to_owned() };
    }
    match elements.last().and_then(|element| candidate_name(element)) {
        Some(name) => Membership::Candidate(ContainerCandidate {
            cgroup: cgroup.into(),
            name: name.into(),
            namespace: elements.iter().rev().nth(1).map(|namespace| (*namespace).into()),
        }),
        None => Membership::Host,
    }
}

/// The short id of the container that a cgroup path names, when the path alone proves it.
pub fn container_id_in_path(cgroup: &str) -> Option<String> {
    match membership(cgroup) {
        Membership::Container { id, .. } => Some(short_id(&id).to_owned()),
        Membership::Host | Membership::Candidate(_) => None,
    }
}

/// Engines whose containers have 64 hexadecimal digits for a name. The innermost element wins: containers nest.
fn by_id<'a>(cgroup: &'a str, elements: &[&'a str]) -> Option<(&'static str, &'a str)> {
    elements.iter().rev().find_map(|element| {
        let bare = element.strip_suffix(".scope").unwrap_or(element);
        let prefixed = ID_PREFIXES.iter().find_map(|(prefix, engine)| {
            let id = bare.strip_prefix(prefix)?;
            is_id(id).then_some((*engine, id))
        });
        let in_slice = || {
            let (_, id) = bare.split_once(":cri-containerd:")?;
            is_id(id).then_some(("containerd", id))
        };
        let plain = || is_id(element).then(|| (if in_pod(cgroup) { "containerd" } else { "docker" }, *element));
        prefixed.or_else(in_slice).or_else(plain)
    })
}

/// What stands before the id, and whose habit it is.
const ID_PREFIXES: [(&str, &str); 7] = [
    ("libpod-payload-", "podman"),
    ("libpod-", "podman"),
    ("docker-", "docker"),
    ("crio-", "cri-o"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("cri-dockerd-", "docker"),
];

/// Engines that name containers freely.
fn by_name<'a>(elements: &[&'a str]) -> Option<(&'static str, &'a str)> {
    let lxc = elements.windows(2).find_map(|pair| match pair {
        ["lxc" | "lxc.payload", name] => Some(("lxc", *name)),
        _ => None,
    });
    let payload = || elements.iter().find_map(|element| Some(("lxc", element.strip_prefix("lxc.payload.")?)));
    let nspawn = || elements.iter().find_map(|element| Some(("systemd-nspawn", nspawn_name(element)?)));
    let libvirt = || elements.iter().find_map(|element| Some(("libvirt_lxc", libvirt_name(element)?)));
    let bpm = || {
        let name = elements.last()?.strip_prefix("bpm-")?;
        Some(("bpm", name.strip_suffix(".scope").unwrap_or(name)))
    };
    let found = match elements {
        [.., "libvirt", "lxc", name] => Some(("libvirt_lxc", *name)),
        _ => lxc.or_else(payload).or_else(libvirt).or_else(nspawn).or_else(bpm),
    };
    found.filter(|(_, name)| !name.is_empty())
}

fn libvirt_name(element: &str) -> Option<&str> {
    let systemd = || {
        let (_, name) = element.strip_suffix(".scope")?.split_once("-lxc\\x2d")?;
        Some(name)
    };
    element.strip_suffix(".libvirt-lxc").or_else(systemd)
}

/// systemd registers containers and virtual machines alike; the latter have the name of their hypervisor in front.
fn nspawn_name(element: &str) -> Option<&str> {
    let service = || element.strip_prefix("systemd-nspawn@")?.strip_suffix(".service");
    let scope = || element.strip_prefix("machine-")?.strip_suffix(".scope");
    service().or_else(scope).filter(|name| !name.starts_with("qemu\\x2d"))
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn in_pod(cgroup: &str) -> bool {
    cgroup.contains("kubepods")
}

/// The name that runc and containerd may know a cgroup by: `NAME`, or `runc-NAME.scope` under systemd.
fn candidate_name(element: &str) -> Option<&str> {
    let name = match element.strip_suffix(".scope") {
        Some(unit) => unit.strip_prefix("runc-")?,
        None => element,
    };
    let is_unit = [".service", ".slice", ".mount", ".socket"].iter().any(|suffix| name.ends_with(suffix));
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte));
    (!is_unit && is_name && !name.is_empty()).then_some(name)
}

/// The first 12 digits of a long id; names are kept whole.
pub(super) fn short_id(id: &str) -> &str {
    if is_id(id) { &id[..SHORT_ID_LENGTH] } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    const OTHER: &str = "0f6ab1a6f4a2a3cb42ff7a0c4d52c8dcdd90eba9a1b4f34e2bd19e0f4ad3a0c5";

    /// `%` stands for an id, `&` for another one.
    #[track_caller]
    fn check(cgroup: &str, expected: &str) {
        let cgroup = cgroup.replace('%', ID).replace('&', OTHER);
        let found = match membership(&cgroup) {
            Membership::Host => "host".to_owned(),
            Membership::Container { engine, id } => format!("{engine} {id}"),
            Membership::Candidate(candidate) => {
                format!("perhaps {} in {}", candidate.name, candidate.namespace.as_deref().unwrap_or("-"))
            }
        };
        assert_eq!(found.replace(ID, "%").replace(OTHER, "&"), expected, "{cgroup}");
    }

    #[test]
    fn engines_are_recognised_by_their_paths() {
        check("/docker/%", "docker %");
        check("/system.slice/docker-%.scope", "docker %");
        check("/system.slice/docker-%.scope/init.scope", "docker %");
        check("/docker/%/system.slice/cron.service", "docker %");
        check("/kubepods/besteffort/podbc9c5c4a-b0ab-4b3e-8a28-9c2f9fb9e8c1/%", "containerd %");
        check(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod63b3ebfc_2890_11e9_8154_16bf8ef8d9dc.slice/cri-containerd-%.scope",
            "containerd %",
        );
        check(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podb97d.slice:cri-containerd:%",
            "containerd %",
        );
        check("/kubepods.slice/kubepods-pod97d0.slice/crio-%.scope", "cri-o %");
        check("/kubepods.slice/kubepods-pod97d0.slice/crio-%", "cri-o %");
        check("/kubepods.slice/kubepods-pod97d0.slice/crio-%.scope/container", "cri-o %");
        check("/system.slice/nerdctl-%.scope", "containerd %");
        check("/machine.slice/libpod-%.scope", "podman %");
        check("/machine.slice/libpod-%.scope/container", "podman %");
        check("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-%.scope/container", "podman %");
        check("/libpod_parent/libpod-%", "podman %");
        check("/system.slice/podman.service/libpod-payload-%", "podman %");
        check("/docker/%/kubelet/kubepods/pod1/&", "containerd &");
    }

    #[test]
    fn engines_with_free_names_are_recognised() {
        check("/lxc/debian13", "lxc debian13");
        check("/lxc.payload/debian13/system.slice/ssh.service", "lxc debian13");
        check("/lxc.payload.web-1/init.scope", "lxc web-1");
        check("/machine/qemu.libvirt-lxc", "libvirt_lxc qemu");
        check("/machine.slice/machine-lxc\\x2d4242\\x2dweb.scope", "libvirt_lxc 4242\\x2dweb");
        check("/libvirt/lxc/web", "libvirt_lxc web");
        check("/system.slice/bpm-nats.scope", "bpm nats");
        check("/bpm-nats", "bpm nats");
        check("/machine.slice/systemd-nspawn@build.service/payload", "systemd-nspawn build");
        check("/machine.slice/machine-build.scope/system.slice/ssh.service", "systemd-nspawn build");
    }

    #[test]
    fn the_host_stays_the_host() {
        check("/", "host");
        check("", "host");
        check("/init.scope", "host");
        check("/system.slice/ssh.service", "host");
        check("/user.slice/user-0.slice/session-4.scope", "host");
        check("/machine.slice/libpod-conmon-%.scope", "host");
        check("/kubepods.slice/kubepods-pod97d0.slice/crio-conmon-%.scope", "host");
        check("/system.slice/containerd.service", "host");
        check("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "host");
    }

    #[test]
    fn plain_names_need_a_runtime_to_confirm_them() {
        check(
            "/process_api/ca261fa696b9c31c62de3d22ed1e400d",
            "perhaps ca261fa696b9c31c62de3d22ed1e400d in process_api",
        );
        check("/default/redis-1", "perhaps redis-1 in default");
        check("/web", "perhaps web in -");
        check("/system.slice/runc-web.scope", "perhaps web in system.slice");
    }

    #[test]
    fn long_ids_are_cut_and_names_are_not() {
        assert_eq!(short_id(ID), "3ad7b26ded6d");
        assert_eq!(short_id("a-rather-long-name"), "a-rather-long-name");
    }
}
