//! `container.*` and `k8s.*`.

use super::super::{Argument, FieldId, FieldRef, Value};
use super::EventView;
use crate::event::{Container, Mount, Text};

pub(super) fn value<'a>(view: EventView<'a>, field: &FieldRef) -> Option<Value<'a>> {
    let started = view.event.process.pid_namespace_started_at.0;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other fields need to know whether there is a container")]
    match field.id {
        FieldId::ContainerStartTs if started != 0 => return Some(Value::Unsigned(started)),
        FieldId::ContainerDuration if started != 0 => {
            return Some(Value::Unsigned(view.event.time.0.saturating_sub(started)));
        }
        _ => {}
    }
    match &view.event.process.container {
        Some(container) => inside(container, field),
        None => host(field.id),
    }
}

/// What Falco says of processes outside containers.
#[expect(clippy::wildcard_enum_match_arm, reason = "the host has no other properties of a container")]
fn host<'a>(id: FieldId) -> Option<Value<'a>> {
    match id {
        FieldId::ContainerId | FieldId::ContainerFullId | FieldId::ContainerName | FieldId::ContainerType => {
            Some(Value::text("host"))
        }
        FieldId::ContainerImage
        | FieldId::ContainerImageRepository
        | FieldId::ContainerImageTag
        | FieldId::ContainerImageDigest
        | FieldId::ContainerImageId
        | FieldId::ContainerIp
        | FieldId::ContainerLabels
        | FieldId::ContainerCniJson
        | FieldId::ContainerMounts
        | FieldId::K8sPodCniJson
        | FieldId::K8sPodIp
        | FieldId::K8sPodLabels
        | FieldId::K8sPodSandboxId
        | FieldId::K8sPodFullSandboxId => Some(Value::text("")),
        FieldId::ContainerPrivileged
        | FieldId::ContainerHostPid
        | FieldId::ContainerHostNetwork
        | FieldId::ContainerHostIpc => Some(Value::Bool(false)),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are never set")]
fn inside<'a>(container: &'a Container, field: &FieldRef) -> Option<Value<'a>> {
    let text = |text: &'a Option<Text>| text.as_deref().map(Value::text);
    match field.id {
        FieldId::ContainerId => Some(Value::text(&container.id)),
        FieldId::ContainerFullId => told(container, &container.full_id),
        FieldId::ContainerType => told(container, &container.engine),
        FieldId::ContainerName => text(&container.name),
        FieldId::ContainerImage => text(&container.image).or_else(|| image(container)),
        FieldId::ContainerImageId => text(&container.image_id),
        FieldId::ContainerImageRepository => text(&container.image_repository),
        FieldId::ContainerImageTag => text(&container.image_tag),
        FieldId::ContainerImageDigest => text(&container.image_digest),
        FieldId::ContainerPrivileged => container.privileged.map(Value::Bool),
        FieldId::ContainerIp => text(&container.ip),
        // What the runtime says nothing of, once it has answered.
        FieldId::ContainerCniJson | FieldId::K8sPodCniJson => answered(container).map(|()| Value::text("")),
        FieldId::K8sPodIp => text(&container.pod_ip).or_else(|| answered(container).map(|()| Value::text(""))),
        FieldId::K8sPodFullSandboxId => {
            text(&container.sandbox_id).or_else(|| answered(container).map(|()| Value::text("")))
        }
        FieldId::K8sPodSandboxId => {
            let short = container.sandbox_id.as_deref().map(|id| Value::text(short_id(id)));
            short.or_else(|| answered(container).map(|()| Value::text("")))
        }
        FieldId::ContainerHostPid => flag(container, container.host_pid),
        FieldId::ContainerHostNetwork => flag(container, container.host_network),
        FieldId::ContainerHostIpc => flag(container, container.host_ipc),
        FieldId::ContainerMounts => {
            let mounts: Vec<String> = container.mounts.as_deref()?.iter().map(mount_text).collect();
            Some(Value::owned(mounts.join(",")))
        }
        FieldId::ContainerMount
        | FieldId::ContainerMountSource
        | FieldId::ContainerMountDest
        | FieldId::ContainerMountMode
        | FieldId::ContainerMountRdwr
        | FieldId::ContainerMountPropagation => mount(container, field),
        FieldId::ContainerLabel => label(container.labels.as_deref()?, &field.argument),
        FieldId::ContainerLabels => labels(container.labels.as_deref()?),
        FieldId::K8sPodName => text(&container.pod_name),
        FieldId::K8sNsName => text(&container.pod_namespace),
        FieldId::K8sPodUid | FieldId::K8sPodId => text(&container.pod_uid),
        FieldId::K8sPodLabel => label(pod_labels(container)?, &field.argument),
        FieldId::K8sPodLabels => match pod_labels(container) {
            Some(pod_labels) => labels(pod_labels),
            None => answered(container).map(|()| Value::text("")),
        },
        _ => None,
    }
}

/// A text that is empty only if the runtime says so.
fn told<'a>(container: &Container, text: &'a Text) -> Option<Value<'a>> {
    (!text.is_empty() || container.image_repository.is_some()).then(|| Value::text(text))
}

fn image(container: &Container) -> Option<Value<'_>> {
    let repository = container.image_repository.as_deref()?;
    Some(match container.image_tag.as_deref().filter(|tag| !tag.is_empty()) {
        Some(tag) => Value::owned(format!("{repository}:{tag}")),
        None => Value::text(repository),
    })
}

/// Picks one mount: by position, else by a pattern for its source (for `.source` itself: for its destination).
#[expect(clippy::wildcard_enum_match_arm, reason = "only fields of mounts arrive here")]
fn mount<'a>(container: &'a Container, field: &FieldRef) -> Option<Value<'a>> {
    let mounts = container.mounts.as_deref()?;
    let key =
        |mount: &'a Mount| if field.id == FieldId::ContainerMountSource { &mount.destination } else { &mount.source };
    let mount = match &field.argument {
        Argument::Index(index) => mounts.get(usize::try_from(*index).ok()?)?,
        Argument::Pattern(pattern) => mounts.iter().find(|mount| pattern.is_match(key(mount)))?,
        Argument::None | Argument::Key(_) => return None,
    };
    Some(match field.id {
        FieldId::ContainerMount => Value::owned(mount_text(mount)),
        FieldId::ContainerMountSource => Value::text(&mount.source),
        FieldId::ContainerMountDest => Value::text(&mount.destination),
        FieldId::ContainerMountMode => Value::text(&mount.mode),
        FieldId::ContainerMountRdwr => Value::text(if mount.writable { "true" } else { "false" }),
        _ => Value::text(&mount.propagation),
    })
}

fn mount_text(mount: &Mount) -> String {
    let Mount { source, destination, mode, writable, propagation } = mount;
    format!("{source}:{destination}:{mode}:{writable}:{propagation}")
}

fn label<'a>(labels: &'a [(Text, Text)], argument: &Argument) -> Option<Value<'a>> {
    let Argument::Key(key) = argument else { return None };
    labels.iter().find(|(name, _)| name == key).map(|(_, value)| Value::text(value))
}

fn labels<'a>(labels: &[(Text, Text)]) -> Option<Value<'a>> {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    Some(Value::owned(labels.join(",")))
}

/// The labels of the pod; those of the container where nobody tells the pod's.
fn pod_labels(container: &Container) -> Option<&[(Text, Text)]> {
    container.pod_name.as_ref()?;
    container.pod_labels.as_deref().or(container.labels.as_deref())
}

/// Whether a runtime has described the container.
fn answered(container: &Container) -> Option<()> {
    container.image_repository.as_ref().map(|_| ())
}

fn flag<'a>(container: &Container, told: Option<bool>) -> Option<Value<'a>> {
    told.or_else(|| answered(container).map(|()| false)).map(Value::Bool)
}

/// Falco cuts ids of sandboxes as it cuts those of containers.
fn short_id(id: &str) -> &str {
    const SHORT_ID_BYTES: usize = 12;
    &id[..id.floor_char_boundary(SHORT_ID_BYTES)]
}
