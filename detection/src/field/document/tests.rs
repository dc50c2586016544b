//! Boundary tests of documents: an audit event and a field in, its text out.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::engine::tests::context;

/// A request for a pod with two containers, as the API server logs it.
fn pod() -> Json {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": "6f1f3c0e-0f0c-4ac5-9f5c-3a2b6a1b7d11", "stage": "ResponseComplete", "verb": "create",
        "requestURI": "/api/v1/namespaces/shop/pods?fieldManager=kubectl+create&dryRun=%41ll",
        "user": {"username": "mallory", "groups": ["dev", "system:authenticated"]},
        "sourceIPs": ["192.0.2.7", "10.0.0.1"], "userAgent": "kubectl/v1.31.0",
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {"code": 201},
        "requestObject": {"kind": "Pod", "spec": {
            "hostNetwork": true,
            "securityContext": {"runAsUser": 1000, "supplementalGroups": [7, 8]},
            "containers": [
                {
                    "name": "web", "image": "registry.example:5000/shop/web:1.2@sha256:ab", "command": ["sh", "-c"],
                    "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN", "NET_RAW"]}},
                    "ports": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 443}],
                },
                {"name": "log", "image": "busybox", "securityContext": {"runAsUser": 5}},
            ],
            "volumes": [
                {"name": "root", "hostPath": {"path": "/etc/kubernetes"}},
                {"name": "data", "emptyDir": {}},
            ],
        }},
        "responseObject": {"metadata": {"name": "web-x7k2p"}},
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed"},
        "stageTimestamp": "2026-03-01T10:00:00.500000Z",
    })
}

/// What `fields` are of a document, one a line.
#[track_caller]
fn check(value: Json, fields: &str, expected: Expect) {
    let document = Document { number: 7, time: Timestamp(1_772_359_200_500_000_000), value };
    let context = context();
    let view = DocumentView::new(&document, &context);
    let lines = fields.split_whitespace().map(|name| {
        let value = view.value(&FieldRef::parse(name).unwrap());
        format!("{name} {}\n", value.map_or("<NA>".to_owned(), |value| value.to_field_value().to_string()))
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_request_is_described() {
    check(
        pod(),
        "ka.auditid ka.stage ka.verb ka.user.name ka.user.groups ka.impuser.name ka.uri.param[fieldManager]
         ka.uri.param[dryRun] ka.uri.param[none] ka.target.resource ka.target.namespace ka.target.name
         ka.target.subresource ka.target.pod.name ka.resp.name ka.response.code ka.response.reason ka.auth.decision
         ka.auth.reason ka.useragent ka.sourceips ka.sourceips[1] ka.sourceips[2] ka.cluster.name",
        expect![[r#"
            ka.auditid 6f1f3c0e-0f0c-4ac5-9f5c-3a2b6a1b7d11
            ka.stage ResponseComplete
            ka.verb create
            ka.user.name mallory
            ka.user.groups (dev,system:authenticated)
            ka.impuser.name <NA>
            ka.uri.param[fieldManager] kubectl create
            ka.uri.param[dryRun] All
            ka.uri.param[none] <NA>
            ka.target.resource pods
            ka.target.namespace shop
            ka.target.name <NA>
            ka.target.subresource <NA>
            ka.target.pod.name web-x7k2p
            ka.resp.name web-x7k2p
            ka.response.code 201
            ka.response.reason <NA>
            ka.auth.decision allow
            ka.auth.reason RBAC: allowed
            ka.useragent kubectl/v1.31.0
            ka.sourceips (192.0.2.7,10.0.0.1)
            ka.sourceips[1] (10.0.0.1)
            ka.sourceips[2] <NA>
            ka.cluster.name <NA>
        "#]],
    );
}

#[test]
fn a_pod_is_described() {
    check(
        pod(),
        "ka.req.pod.containers.name ka.req.pod.containers.image ka.req.pod.containers.image[1]
         ka.req.pod.containers.image.repository ka.req.container.image ka.req.container.image.repository
         ka.req.pod.containers.command ka.req.pod.containers.args ka.req.pod.containers.privileged
         ka.req.container.privileged ka.req.pod.containers.add_capabilities ka.req.pod.containers.host_port
         ka.req.pod.run_as_user ka.req.pod.containers.run_as_user ka.req.pod.containers.eff_run_as_user
         ka.req.pod.containers.eff_run_as_group[1] ka.req.pod.supplemental_groups ka.req.pod.host_network
         ka.req.container.host_network ka.req.pod.host_pid ka.req.pod.volumes.hostpath
         ka.req.pod.volumes.hostpath[1] ka.req.pod.volumes.volume_type ka.req.volume.hostpath[/etc*]
         ka.req.volume.hostpath[/etc]",
        expect![[r#"
            ka.req.pod.containers.name (web,log)
            ka.req.pod.containers.image (registry.example:5000/shop/web:1.2@sha256:ab,busybox)
            ka.req.pod.containers.image[1] (busybox)
            ka.req.pod.containers.image.repository (registry.example:5000/shop/web,busybox)
            ka.req.container.image registry.example:5000/shop/web:1.2@sha256:ab
            ka.req.container.image.repository registry.example:5000/shop/web
            ka.req.pod.containers.command (sh,-c)
            ka.req.pod.containers.args <NA>
            ka.req.pod.containers.privileged (true)
            ka.req.container.privileged true
            ka.req.pod.containers.add_capabilities (SYS_ADMIN,NET_RAW)
            ka.req.pod.containers.host_port (8080,443)
            ka.req.pod.run_as_user 1000
            ka.req.pod.containers.run_as_user (5)
            ka.req.pod.containers.eff_run_as_user (1000,5)
            ka.req.pod.containers.eff_run_as_group[1] (0)
            ka.req.pod.supplemental_groups (7,8)
            ka.req.pod.host_network true
            ka.req.container.host_network true
            ka.req.pod.host_pid <NA>
            ka.req.pod.volumes.hostpath (/etc/kubernetes)
            ka.req.pod.volumes.hostpath[1] <NA>
            ka.req.pod.volumes.volume_type (hostPath,emptyDir)
            ka.req.volume.hostpath[/etc*] true
            ka.req.volume.hostpath[/etc] false
        "#]],
    );
}

#[test]
fn roles_bindings_services_and_config_maps_are_described() {
    let event = |object: Json| json!({"auditID": "1", "objectRef": {"name": "it"}, "requestObject": object});
    check(
        event(json!({"roleRef": {"name": "cluster-admin"}, "subjects": [
            {"kind": "User", "name": "mallory"},
            {"kind": "Group", "name": "dev"},
            {"kind": "ServiceAccount", "name": "builder", "namespace": "ci"},
        ]})),
        "ka.req.binding.role ka.req.binding.subjects.user_names ka.req.binding.subjects.group_names
         ka.req.binding.subjects.serviceaccount_names ka.req.binding.subjects.serviceaccount_ns_names",
        expect![[r#"
            ka.req.binding.role cluster-admin
            ka.req.binding.subjects.user_names (mallory)
            ka.req.binding.subjects.group_names (dev)
            ka.req.binding.subjects.serviceaccount_names (builder)
            ka.req.binding.subjects.serviceaccount_ns_names (ci:builder)
        "#]],
    );
    check(
        event(json!({"rules": [
            {"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["*"]},
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        ]})),
        "ka.req.role.rules.resources ka.req.role.rules.verbs ka.req.role.rules.verbs[1]
         ka.req.role.rules.nonResourceURLs",
        expect![[r#"
            ka.req.role.rules.resources (pods,pods/exec)
            ka.req.role.rules.verbs (*,get)
            ka.req.role.rules.verbs[1] (get)
            ka.req.role.rules.nonResourceURLs (/metrics)
        "#]],
    );
    check(
        event(json!({"data": {"k": "password=1"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}})),
        "ka.req.configmap.name ka.req.configmap.obj ka.req.service.type ka.req.service.ports",
        expect![[r#"
            ka.req.configmap.name it
            ka.req.configmap.obj {"k":"password=1"}
            ka.req.service.type NodePort
            ka.req.service.ports ({"port":80})
        "#]],
    );
}

#[test]
fn any_part_is_found_by_its_pointer() {
    check(
        json!({"a": {"b/c": [1, "two", null]}}),
        "jevt.value[/a/b~1c/1] json.value[a/b~1c] jevt.value[/a/b~1c/2] jevt.value[/a/none] jevt.rawtime
         jevt.time.iso8601 ka.verb evt.num evt.source evt.pluginname evt.time evt.hostname evt.plugininfo",
        expect![[r#"
            jevt.value[/a/b~1c/1] two
            json.value[a/b~1c] [1,"two",null]
            jevt.value[/a/b~1c/2] null
            jevt.value[/a/none] <NA>
            jevt.rawtime 1772359200500000000
            jevt.time.iso8601 2026-03-01T10:00:00.500000000+0000
            ka.verb <NA>
            evt.num 7
            evt.source k8s_audit
            evt.pluginname k8saudit
            evt.time 10:00:00.500000000
            evt.hostname vm
            evt.plugininfo {"a":{"b/c":[1,"two",null]}}
        "#]],
    );
}
