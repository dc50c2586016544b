//! What runc and containerd wrote down about containers with plain names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tiercel_detection::event::Text;

use crate::enrich::world::{ContainerCandidate, RuntimeContainer};

/// Where runc keeps the state of its containers.
const RUNC_STATES: &str = "/run/runc";

/// Where containerd keeps the bundles of its containers, by namespace.
const CONTAINERD_BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task";

/// A state file that is larger is not read. Real ones have some 20 KiB.
const STATE_BYTES_MAX: u64 = 4 << 20;

/// A container has all capabilities if it has at least those that Linux 4.19 knew.
const ALL_CAPABILITIES_MIN: usize = 38;

/// Asks containerd's and runc's files about a candidate.
pub(in crate::enrich) fn find(candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
    containerd(Path::new(CONTAINERD_BUNDLES), candidate).or_else(|| runc(Path::new(RUNC_STATES), candidate))
}

/// runc's state says which cgroups it made; that one of them is the candidate's is the proof.
fn runc(states: &Path, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
    let state: RuncState = read(&states.join(&*candidate.name).join("state.json"))?;
    let made = state.cgroup_paths.values().any(|path| path.ends_with(&*candidate.cgroup));
    if !made {
        return None;
    }
    let privileged = is_privileged(
        &state.config.capabilities.unwrap_or_default().bounding,
        &state.config.mask_paths,
        &state.config.readonly_paths,
    );
    let labels = state.config.labels.iter().flatten().filter_map(|label| label.split_once('='));
    Some(RuntimeContainer {
        id: state.id.into(),
        engine: "runc".into(),
        privileged: Some(privileged),
        labels: sorted(labels),
    })
}

fn containerd(bundles: &Path, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
    let namespace = candidate.namespace.as_ref()?;
    let bundle: Bundle = read(&bundles.join(&**namespace).join(&*candidate.name).join("config.json"))?;
    let process = bundle.process.unwrap_or_default();
    let linux = bundle.linux.unwrap_or_default();
    Some(RuntimeContainer {
        id: candidate.name.clone(),
        engine: "containerd".into(),
        privileged: Some(is_privileged(
            &process.capabilities.unwrap_or_default().bounding,
            &linux.masked_paths,
            &linux.readonly_paths,
        )),
        labels: sorted(bundle.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
    })
}

fn is_privileged(
    bounding: &Option<Vec<String>>,
    masked: &Option<Vec<String>>,
    read_only: &Option<Vec<String>>,
) -> bool {
    let count = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
    count(bounding) >= ALL_CAPABILITIES_MIN && count(masked) == 0 && count(read_only) == 0
}

fn sorted<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(Text, Text)> {
    let mut labels: Vec<_> = labels.map(|(key, value)| (Text::from(key), Text::from(value))).collect();
    labels.sort();
    labels
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = String::new();
    File::open(path).ok()?.take(STATE_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text)
        .inspect_err(|error| tracing::debug!(%error, ?path, "failed to read container state"))
        .ok()
}

type StringMap = std::collections::BTreeMap<String, String>;

#[derive(Deserialize)]
struct RuncState {
    id: String,
    config: RuncConfig,
    #[serde(default)]
    cgroup_paths: StringMap,
}

#[derive(Deserialize)]
struct RuncConfig {
    capabilities: Option<RuncCapabilities>,
    mask_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    labels: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RuncCapabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Bundle {
    process: Option<BundleProcess>,
    linux: Option<BundleLinux>,
    #[serde(default)]
    annotations: StringMap,
}

#[derive(Deserialize, Default)]
struct BundleProcess {
    capabilities: Option<BundleCapabilities>,
}

#[derive(Deserialize, Default)]
struct BundleCapabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BundleLinux {
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(cgroup: &str) -> ContainerCandidate {
        ContainerCandidate { cgroup: cgroup.into(), name: "web".into(), namespace: Some("default".into()) }
    }

    fn write(directory: &Path, file: &str, text: &str) {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join(file), text).unwrap();
    }

    #[test]
    fn runc_confirms_only_cgroups_that_it_made() {
        let states = tempfile::tempdir().unwrap();
        let text = r#"{"id": "web", "init_process_pid": 7,
            "cgroup_paths": {"": "/sys/fs/cgroup/unified/web", "memory": "/sys/fs/cgroup/memory/process_api/web"},
            "config": {"capabilities": {"Bounding": ["CAP_KILL"], "Ambient": null},
                       "mask_paths": ["/proc/kcore"], "readonly_paths": null,
                       "labels": ["bundle=/b", "a.b=c=d"]}}"#;
        write(&states.path().join("web"), "state.json", text);
        let found = runc(states.path(), &candidate("/web")).unwrap();
        assert_eq!(&*found.id, "web");
        assert_eq!(found.privileged, Some(false));
        assert_eq!(found.labels, [("a.b".into(), "c=d".into()), ("bundle".into(), "/b".into())]);
        assert!(runc(states.path(), &candidate("/process_api/web")).is_some());
        assert_eq!(runc(states.path(), &candidate("/system/web")), None);
    }

    #[test]
    fn containerd_confirms_containers_that_have_a_bundle() {
        let bundles = tempfile::tempdir().unwrap();
        let all: Vec<_> = (0..41).map(|n| format!("\"CAP_{n}\"")).collect();
        let text = format!(
            r#"{{"ociVersion": "1.0", "process": {{"capabilities": {{"bounding": [{}]}}}},
                 "linux": {{"maskedPaths": []}}, "annotations": {{"io.kubernetes.pod.name": "web-0"}}}}"#,
            all.join(",")
        );
        write(&bundles.path().join("default/web"), "config.json", &text);
        let found = containerd(bundles.path(), &candidate("/default/web")).unwrap();
        assert_eq!((&*found.engine, found.privileged), ("containerd", Some(true)));
        assert_eq!(found.labels, [("io.kubernetes.pod.name".into(), "web-0".into())]);
    }

    #[test]
    fn states_that_are_missing_or_damaged_confirm_nothing() {
        let states = tempfile::tempdir().unwrap();
        assert_eq!(runc(states.path(), &candidate("/web")), None);
        write(&states.path().join("web"), "state.json", "{\"id\": ");
        assert_eq!(runc(states.path(), &candidate("/web")), None);
    }
}
