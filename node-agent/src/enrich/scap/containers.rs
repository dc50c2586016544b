//! Containers of a capture: which one a thread is in, and what the capture says of it.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;
use tiercel_detection::event::{Container, Mount, Text};

use crate::enrich::container::{Membership, from_id, membership};

/// Containers by their short id.
#[derive(Debug, Default)]
pub(super) struct Containers {
    known: FxHashMap<Text, Arc<Container>>,
    by_cgroup: FxHashMap<String, Option<Arc<Container>>>,
}

impl Containers {
    /// The container that the cgroups of a thread (`subsystem=path`) belong to.
    pub(super) fn of(&mut self, cgroups: &[String]) -> Option<Arc<Container>> {
        let found = cgroups.iter().find_map(|line| self.of_cgroup(line.split_once('=').map_or("", |it| it.1)))?;
        Some(self.known.get(&found.id).cloned().unwrap_or(found))
    }

    /// The same, without remembering what a cgroup said.
    pub(super) fn known(&self, cgroups: &[String]) -> Option<Container> {
        let of_path = |path: &str| match self.by_cgroup.get(path) {
            Some(known) => known.clone(),
            None => by_cgroup(path),
        };
        let found = cgroups.iter().find_map(|line| of_path(line.split_once('=').map_or("", |it| it.1)))?;
        let found = self.known.get(&found.id).unwrap_or(&found);
        Some((**found).clone())
    }

    /// The container that a JSON document describes, if it was learnt.
    pub(super) fn told(&self, document: &[u8]) -> Option<Arc<Container>> {
        let document = serde_json::from_slice::<Value>(trimmed(document)).ok()?;
        self.known.get(document.get("container")?.get("id")?.as_str()?).cloned()
    }

    fn of_cgroup(&mut self, path: &str) -> Option<Arc<Container>> {
        if let Some(known) = self.by_cgroup.get(path) {
            return known.clone();
        }
        let found = by_cgroup(path);
        self.by_cgroup.insert(path.to_owned(), found.clone());
        found
    }

    /// Learns from the JSON document that describes a container.
    pub(super) fn learn(&mut self, document: &[u8]) {
        let Ok(document) = serde_json::from_slice::<Value>(trimmed(document)) else { return };
        let Some(container) = document.get("container").and_then(described) else { return };
        self.known.insert(container.id.clone(), Arc::new(container));
    }
}

/// Documents end with NUL.
fn trimmed(document: &[u8]) -> &[u8] {
    document.strip_suffix(b"\0").unwrap_or(document)
}

fn by_cgroup(path: &str) -> Option<Arc<Container>> {
    // Only the id is known until the capture tells of the container.
    let known_by = |id: Text| Some(Arc::new(Container { id, ..Container::default() }));
    match membership(path) {
        Membership::Container { engine, id } => known_by(from_id(engine, &id).id.clone()),
        Membership::Host | Membership::Candidate(_) => known_by(named(path)?),
    }
}

/// The short id of a container of containerd as Falco tells it: whatever follows the first directory that has
/// characters of a namespace only. Units of systemd are none, unless a line feed follows their name, which the writers
/// of some captures left there.
fn named(path: &str) -> Option<Text> {
    const SHORT_ID_BYTES: usize = 12;
    if [".service", ".slice", ".scope"].iter().any(|unit| path.ends_with(unit)) {
        return None;
    }
    let mut rest = path.strip_prefix('/').or_else(|| path.split_once('/').map(|(_, rest)| rest))?;
    loop {
        let (directory, below) = rest.split_once('/')?;
        if is_namespace(directory) {
            let end = below.floor_char_boundary(SHORT_ID_BYTES);
            return (end > 0).then(|| below[..end].into());
        }
        rest = below;
    }
}

/// Letters and digits, with single dots, dashes and underscores between them.
fn is_namespace(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split(['.', '_', '-']).all(plain)
}

/// What the document says; what it does not say is empty, because its writer had asked the runtime.
fn described(value: &Value) -> Option<Container> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(Text::from).unwrap_or_else(|| "".into());
    let id = Some(text("id")).filter(|id| !id.is_empty())?;
    let labels = value.get("labels").and_then(Value::as_object).into_iter().flatten();
    let label = |(key, value): (&String, &Value)| (Text::from(key.as_str()), value.as_str().unwrap_or_default().into());
    let mounts = value.get("Mounts").and_then(Value::as_array).into_iter().flatten();
    Some(Container {
        id,
        full_id: text("full_id"),
        engine: engine(value.get("type").and_then(Value::as_u64).unwrap_or(u64::MAX)).into(),
        name: Some(text("name")),
        image: Some(text("image")),
        image_id: Some(text("imageid")),
        image_repository: Some(text("imagerepo")),
        image_tag: Some(text("imagetag")),
        image_digest: Some(text("imagedigest")),
        privileged: Some(value.get("privileged").and_then(Value::as_bool).unwrap_or_default()),
        mounts: Some(mounts.map(mount).collect()),
        labels: Some(labels.map(label).collect()),
        ip: Some(text("ip")),
        ..Container::default()
    })
}

fn mount(value: &Value) -> Mount {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().into();
    Mount {
        source: text("Source"),
        destination: text("Destination"),
        mode: text("Mode"),
        writable: value.get("RW").and_then(Value::as_bool).unwrap_or_default(),
        propagation: text("Propagation"),
    }
}

/// Falco's name of an engine by the number that captures give it.
fn engine(number: u64) -> &'static str {
    match number {
        0 => "docker",
        1 => "lxc",
        2 => "libvirt-lxc",
        6 => "cri",
        7 => "containerd",
        8 => "cri-o",
        9 => "bpm",
        10 => "static",
        11 => "podman",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_names_its_container_as_falco_reads_it() {
        for (path, expected) in [
            ("/", None),
            ("/init.scope", None),
            ("/system.slice/ssh.service", None),
            ("/system.slice/ssh.service\n", Some("ssh.service\n")),
            ("/system.slice/dev-hugepages.mount", Some("dev-hugepage")),
            ("/docker/cdde3b8b16ab96f1228c45ce23e9229ee50118a16d1cf2154562c5959680c012", Some("cdde3b8b16ab")),
            ("/default/web", Some("web")),
            ("/--/k8s.io/web", Some("web")),
            ("/default/", None),
        ] {
            assert_eq!(by_cgroup(path).map(|it| it.id.to_string()).as_deref(), expected, "{path:?}");
        }
    }
}
