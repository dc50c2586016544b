//! `ka.*`: what an event of `audit.k8s.io/v1` says of a request to the API server.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::super::{Argument, FieldId, FieldRef, Value};
use super::text;

/// How the value of a field is found.
enum Way {
    /// The value at that path.
    One(&'static [&'static str]),
    /// The items of the list at that path.
    Items(&'static [&'static str]),
    /// For each item of the list at the first path, or for the one that the argument counts to, what is at the second;
    /// of lists there all items.
    Each(&'static [&'static str], &'static [&'static str]),
    /// Something that must be worked out.
    Computed,
}

use Way::{Computed, Each, Items, One};

const SPEC: &[&str] = &["requestObject", "spec"];
const CONTAINERS: &[&str] = &["requestObject", "spec", "containers"];
const VOLUMES: &[&str] = &["requestObject", "spec", "volumes"];
const RULES: &[&str] = &["requestObject", "rules"];
const SUBJECTS: &[&str] = &["requestObject", "subjects"];
const HOST_NETWORK: &[&str] = &["requestObject", "spec", "hostNetwork"];
const TARGET_NAME: &[&str] = &["objectRef", "name"];
const RESPONSE_NAME: &[&str] = &["responseObject", "metadata", "name"];

/// The value of a field; documents that are no audit events have none.
pub(super) fn value<'a>(event: &'a Json, field: &FieldRef) -> Option<Value<'a>> {
    event.get("auditID")?;
    match way(field.id) {
        One(path) => at(event, path).map(|found| Value::Text(text(found))),
        Items(path) => list(at(event, path)?.as_array()?.iter().map(text)),
        Each(path, inner) => {
            let found = items(event, path, &field.argument)?.filter_map(|item| at(item, inner));
            list(found.flat_map(flat).map(text))
        }
        Computed => computed(event, field),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are worked out")]
fn way(id: FieldId) -> Way {
    match id {
        FieldId::KaAuditid => One(&["auditID"]),
        FieldId::KaStage => One(&["stage"]),
        FieldId::KaVerb => One(&["verb"]),
        FieldId::KaUri => One(&["requestURI"]),
        FieldId::KaUseragent => One(&["userAgent"]),
        FieldId::KaSourceips => Each(&["sourceIPs"], &[]),
        FieldId::KaAuthDecision => One(&["annotations", "authorization.k8s.io/decision"]),
        FieldId::KaAuthReason => One(&["annotations", "authorization.k8s.io/reason"]),
        FieldId::KaAuthOpenshiftDecision => One(&["annotations", "authentication.openshift.io/decision"]),
        FieldId::KaAuthOpenshiftUsername => One(&["annotations", "authentication.openshift.io/username"]),
        FieldId::KaValidationsAdmissionPolicyFailure => {
            One(&["annotations", "validation.policy.admission.k8s.io/validation_failure"])
        }
        FieldId::KaSecurityPodViolations => One(&["annotations", "pod-security.kubernetes.io/audit-violations"]),
        FieldId::KaUserName => One(&["user", "username"]),
        FieldId::KaUserGroups => Items(&["user", "groups"]),
        FieldId::KaImpuserName => One(&["impersonatedUser", "username"]),
        FieldId::KaTargetName | FieldId::KaReqConfigmapName => One(TARGET_NAME),
        FieldId::KaTargetNamespace => One(&["objectRef", "namespace"]),
        FieldId::KaTargetResource => One(&["objectRef", "resource"]),
        FieldId::KaTargetSubresource => One(&["objectRef", "subresource"]),
        FieldId::KaReqBindingSubjects => Items(SUBJECTS),
        FieldId::KaReqBindingRole => One(&["requestObject", "roleRef", "name"]),
        FieldId::KaReqConfigmapObj => One(&["requestObject", "data"]),
        FieldId::KaReqPodHostIpc => One(&["requestObject", "spec", "hostIPC"]),
        FieldId::KaReqPodHostNetwork | FieldId::KaReqContainerHostNetwork => One(HOST_NETWORK),
        FieldId::KaReqPodHostPid => One(&["requestObject", "spec", "hostPID"]),
        FieldId::KaReqPodRunAsUser => One(&["requestObject", "spec", "securityContext", "runAsUser"]),
        FieldId::KaReqPodRunAsGroup => One(&["requestObject", "spec", "securityContext", "runAsGroup"]),
        FieldId::KaReqPodFsGroup => One(&["requestObject", "spec", "securityContext", "fsGroup"]),
        FieldId::KaReqPodSupplementalGroups => {
            Items(&["requestObject", "spec", "securityContext", "supplementalGroups"])
        }
        FieldId::KaReqPodContainersName => Each(CONTAINERS, &["name"]),
        FieldId::KaReqPodContainersCommand => Each(CONTAINERS, &["command"]),
        FieldId::KaReqPodContainersArgs => Each(CONTAINERS, &["args"]),
        FieldId::KaReqPodContainersPrivileged => Each(CONTAINERS, &["securityContext", "privileged"]),
        FieldId::KaReqPodContainersAllowPrivilegeEscalation => {
            Each(CONTAINERS, &["securityContext", "allowPrivilegeEscalation"])
        }
        FieldId::KaReqPodContainersReadOnlyFs => Each(CONTAINERS, &["securityContext", "readOnlyRootFilesystem"]),
        FieldId::KaReqPodContainersRunAsUser => Each(CONTAINERS, &["securityContext", "runAsUser"]),
        FieldId::KaReqPodContainersRunAsGroup => Each(CONTAINERS, &["securityContext", "runAsGroup"]),
        FieldId::KaReqPodContainersProcMount => Each(CONTAINERS, &["securityContext", "procMount"]),
        FieldId::KaReqPodContainersAddCapabilities => Each(CONTAINERS, &["securityContext", "capabilities", "add"]),
        FieldId::KaReqPodVolumesHostpath => Each(VOLUMES, &["hostPath", "path"]),
        FieldId::KaReqPodVolumesFlexvolumeDriver => Each(VOLUMES, &["flexVolume", "driver"]),
        FieldId::KaReqRoleRules => Items(RULES),
        FieldId::KaReqRoleRulesApiGroups => Each(RULES, &["apiGroups"]),
        FieldId::KaReqRoleRulesNonResourceURLs => Each(RULES, &["nonResourceURLs"]),
        FieldId::KaReqRoleRulesVerbs => Each(RULES, &["verbs"]),
        FieldId::KaReqRoleRulesResources => Each(RULES, &["resources"]),
        FieldId::KaReqServiceType => One(&["requestObject", "spec", "type"]),
        FieldId::KaReqServicePorts => Each(&["requestObject", "spec", "ports"], &[]),
        FieldId::KaRespName => One(RESPONSE_NAME),
        FieldId::KaResponseCode => One(&["responseStatus", "code"]),
        FieldId::KaResponseReason => One(&["responseStatus", "reason"]),
        _ => Computed,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields are found at a path, or are never set")]
fn computed<'a>(event: &'a Json, field: &FieldRef) -> Option<Value<'a>> {
    let argument = &field.argument;
    match field.id {
        FieldId::KaUriParam => query_parameter(event.get("requestURI")?.as_str()?, key(argument)?).map(Value::owned),
        FieldId::KaTargetPodName => pod_name(event).map(|name| Value::Text(text(name))),
        FieldId::KaReqBindingSubjectHasName => Some(Value::text("true")),
        FieldId::KaReqBindingSubjectsUserNames => list(subjects(event, "User")?.filter_map(name)),
        FieldId::KaReqBindingSubjectsGroupNames => list(subjects(event, "Group")?.filter_map(name)),
        FieldId::KaReqBindingSubjectsServiceaccountNames => list(subjects(event, "ServiceAccount")?.filter_map(name)),
        FieldId::KaReqBindingSubjectsServiceaccountNsNames => {
            list(subjects(event, "ServiceAccount")?.filter_map(name_in_namespace))
        }
        FieldId::KaReqPodContainersImage => list(images(event, argument)?.into_iter()),
        FieldId::KaReqPodContainersImageRepository => list(images(event, argument)?.into_iter().map(repository)),
        FieldId::KaReqContainerImage => images(event, &Argument::Index(0))?.pop().map(Value::Text),
        FieldId::KaReqContainerImageRepository => {
            images(event, &Argument::Index(0))?.pop().map(|image| Value::Text(repository(image)))
        }
        FieldId::KaReqContainerPrivileged => any_privileged(event).map(truth),
        FieldId::KaReqPodContainersHostPort => list(host_ports(event, argument)?),
        FieldId::KaReqPodContainersEffRunAsUser => effective(event, argument, "runAsUser"),
        FieldId::KaReqPodContainersEffRunAsGroup => effective(event, argument, "runAsGroup"),
        FieldId::KaReqPodVolumesVolumeType => {
            let keys = items(event, VOLUMES, argument)?.filter_map(Json::as_object).flat_map(|volume| volume.keys());
            list(keys.filter(|key| *key != "name").map(|key| Cow::Borrowed(key.as_str())))
        }
        FieldId::KaReqVolumeHostpath => has_host_path(event, key(argument)?).map(truth),
        _ => None,
    }
}

/// What is at the path.
fn at<'a>(value: &'a Json, path: &[&str]) -> Option<&'a Json> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The items of the list at the path, or the one that the argument counts to.
fn items<'a>(event: &'a Json, path: &[&str], argument: &Argument) -> Option<std::slice::Iter<'a, Json>> {
    let all = at(event, path)?.as_array()?;
    match argument {
        Argument::Index(index) => {
            let index = usize::try_from(*index).ok()?;
            Some(all.get(index..=index)?.iter())
        }
        Argument::None | Argument::Key(_) | Argument::Pattern(_) => Some(all.iter()),
    }
}

/// The items of a list, or the value itself.
fn flat(value: &Json) -> std::slice::Iter<'_, Json> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// To Falco a list without items is a field without value.
fn list<'a>(texts: impl Iterator<Item = Cow<'a, str>>) -> Option<Value<'a>> {
    let items: Vec<Value<'a>> = texts.map(Value::Text).collect();
    Some(Value::List(items)).filter(|list| *list != Value::List(Vec::new()))
}

fn truth<'a>(value: bool) -> Value<'a> {
    Value::text(if value { "true" } else { "false" })
}

fn key(argument: &Argument) -> Option<&str> {
    match argument {
        Argument::Key(key) => Some(key),
        Argument::None | Argument::Index(_) | Argument::Pattern(_) => None,
    }
}

/// The first value of a parameter of the query. A `+` stands for a blank there.
fn query_parameter(uri: &str, wanted: &str) -> Option<String> {
    let query = uri.split_once('?')?.1;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let parameters = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    parameters.into_iter().find(|(name, _)| unescaped(name) == wanted).map(|(_, value)| unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The request names the pod, unless the server made up its name.
fn pod_name(event: &Json) -> Option<&Json> {
    let is_pod = at(event, &["objectRef", "resource"])? == "pods";
    let name = || at(event, TARGET_NAME).or_else(|| at(event, RESPONSE_NAME));
    is_pod.then(name).flatten()
}

fn subjects<'a>(event: &'a Json, kind: &'static str) -> Option<impl Iterator<Item = &'a Json>> {
    let all = at(event, SUBJECTS)?.as_array()?;
    Some(all.iter().filter(move |subject| subject.get("kind").is_some_and(|it| it == kind)))
}

fn name(object: &Json) -> Option<Cow<'_, str>> {
    object.get("name").map(text)
}

fn name_in_namespace(object: &Json) -> Option<Cow<'_, str>> {
    Some(format!("{}:{}", object.get("namespace").map(text)?, name(object)?).into())
}

/// The images of the containers; a container without one hides those of the others, as it does in Falco.
fn images<'a>(event: &'a Json, argument: &Argument) -> Option<Vec<Cow<'a, str>>> {
    items(event, CONTAINERS, argument)?.map(|container| container.get("image").map(text)).collect()
}

/// The image without tag and digest. A colon before a slash belongs to the port of the registry.
fn repository(image: Cow<'_, str>) -> Cow<'_, str> {
    let end = image.find('@').unwrap_or(image.len());
    let name = image[..end].rfind('/').map_or(0, |slash| slash + 1);
    let end = image[name..end].find(':').map_or(end, |colon| name + colon);
    match image {
        Cow::Borrowed(image) => Cow::Borrowed(&image[..end]),
        Cow::Owned(image) => Cow::Owned(image[..end].to_owned()),
    }
}

fn any_privileged(event: &Json) -> Option<bool> {
    let mut containers = items(event, CONTAINERS, &Argument::None)?;
    Some(containers.any(|container| at(container, &["securityContext", "privileged"]) == Some(&Json::Bool(true))))
}

/// In the network of its node a container has the port that it listens on there too.
fn host_ports<'a>(event: &'a Json, argument: &Argument) -> Option<impl Iterator<Item = Cow<'a, str>>> {
    let ports = items(event, CONTAINERS, argument)?.filter_map(|container| container.get("ports")).flat_map(flat);
    Some(ports.filter_map(|port| port.get("hostPort").or_else(|| port.get("containerPort")).map(text)))
}

/// What each container runs as: what it says itself, else what its pod says, else 0.
fn effective<'a>(event: &'a Json, argument: &Argument, id: &str) -> Option<Value<'a>> {
    let of = |object: &'a Json| at(object, &["securityContext", id]).map(text);
    let of_pod = at(event, SPEC).and_then(of).unwrap_or(Cow::Borrowed("0"));
    list(items(event, CONTAINERS, argument)?.map(|container| of(container).unwrap_or_else(|| of_pod.clone())))
}

fn has_host_path(event: &Json, wanted: &str) -> Option<bool> {
    let mut paths = items(event, VOLUMES, &Argument::None)?
        .filter_map(|volume| at(volume, &["hostPath", "path"]))
        .filter_map(Json::as_str);
    Some(match wanted.strip_suffix('*') {
        Some(prefix) => paths.any(|path| path.starts_with(prefix)),
        None => paths.any(|path| path == wanted),
    })
}
