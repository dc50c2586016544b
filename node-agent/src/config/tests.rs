use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(text: &str, environment: &[(&str, &str)], expected: Expect) {
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Config::parse("agent.yaml", text, variables, "web-1") {
        Ok(config) => expected.assert_eq(&format!("{config:#?}\n")),
        Err(faults) => expected.assert_eq(&format!("{faults}\n")),
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    check(
        "",
        &[],
        expect![[r#"
            Config {
                node_name: "web-1",
                rules: RulesConfig {
                    files: [],
                    matching: First,
                    minimum_priority: Debug,
                    watch: true,
                    with_audit: false,
                },
                capture: CaptureConfig {
                    source: Kernel {
                        ring_bytes: 8388608,
                    },
                    fair_limit: 10000,
                    losses: LossPolicy {
                        threshold: 0.0,
                        actions: [
                            Log,
                            Alert,
                        ],
                        rate: 0.1,
                        max_burst: 1.0,
                    },
                    scope: Machine,
                },
                kubernetes_audit: KubernetesAuditConfig {
                    webhook: None,
                    file: None,
                },
                containers: ContainerOptions {
                    wait: 500ms,
                    label_bytes_max: 100,
                    sockets: RuntimeSockets {
                        docker: [
                            "/var/run/docker.sock",
                        ],
                        podman: [
                            "/run/podman/podman.sock",
                        ],
                        podman_users: true,
                        cri: [
                            "/run/containerd/containerd.sock",
                            "/run/crio/crio.sock",
                            "/run/k3s/containerd/containerd.sock",
                            "/run/host-containerd/containerd.sock",
                        ],
                    },
                },
                uplink: None,
                outputs: OutputsConfig {
                    stdout: None,
                    file: None,
                    syslog: None,
                    program: None,
                    http: None,
                    json_keys: JsonKeys {
                        output: true,
                        message: false,
                        output_fields: true,
                        tags: true,
                    },
                },
                status_listen: 127.0.0.1:8765,
            }
        "#]],
    );
}

#[test]
fn all_faults_are_reported_at_once_with_their_places() {
    check(
        "\
node: {name: a b}
rules:
  matching: frist
  minimum_priorty: debug
capture:
  ring_bytes: 9MiB
  ring_size: 3
  scope: {process_tree: 0}
uplink:
  aggregators: [\"one:5050\", two]
outputs:
  file: {enabled: maybe}
  stdout: {enabled: true, path: /tmp/x}
statsu: {listen: x}
",
        &[],
        expect![[r#"
            agent.yaml:1:14: node.name: expected a name without blanks
                1 | node: {name: a b}
                  |              ^
            agent.yaml:3:13: rules.matching: expected first or all, found `frist`
                3 |   matching: frist
                  |             ^
            agent.yaml:4:3: rules.minimum_priorty: unknown key (did you mean `minimum_priority`?)
                4 |   minimum_priorty: debug
                  |   ^
            agent.yaml:6:15: capture.ring_bytes: expected a power of two from 4KiB to 1GiB
                6 |   ring_bytes: 9MiB
                  |               ^
            agent.yaml:7:3: capture.ring_size: unknown key (did you mean `ring_bytes`?)
                7 |   ring_size: 3
                  |   ^
            agent.yaml:8:25: capture.scope.process_tree: expected a process id above 0
                8 |   scope: {process_tree: 0}
                  |                         ^
            agent.yaml:10:17: uplink.tls.ca: needed when `uplink.aggregators` is not empty (there is no mode without TLS; `tiercel-certs issue agent NAME` makes the files)
               10 |   aggregators: ["one:5050", two]
                  |                 ^
            agent.yaml:10:17: uplink.tls.certificate: needed when `uplink.aggregators` is not empty (there is no mode without TLS; `tiercel-certs issue agent NAME` makes the files)
               10 |   aggregators: ["one:5050", two]
                  |                 ^
            agent.yaml:10:17: uplink.tls.key: needed when `uplink.aggregators` is not empty (there is no mode without TLS; `tiercel-certs issue agent NAME` makes the files)
               10 |   aggregators: ["one:5050", two]
                  |                 ^
            agent.yaml:10:29: uplink.aggregators: expected host:port, found `two`
               10 |   aggregators: ["one:5050", two]
                  |                             ^
            agent.yaml:12:19: outputs.file.enabled: expected true or false, found `maybe`
               12 |   file: {enabled: maybe}
                  |                   ^
            agent.yaml:13:27: outputs.stdout.path: unknown key (known keys: enabled, format)
               13 |   stdout: {enabled: true, path: /tmp/x}
                  |                           ^
            agent.yaml:14:1: statsu: unknown key (did you mean `status`?)
               14 | statsu: {listen: x}
                  | ^
            agent.yaml: 13 faults
        "#]],
    );
}

#[test]
fn the_environment_wins_over_the_file() {
    check(
        "status: {listen: 127.0.0.1:1}\nrules: {files: [/etc/a]}\n",
        &[
            ("TIERCEL_AGENT__STATUS__LISTEN", "127.0.0.1:9"),
            ("TIERCEL_AGENT__RULES__FILES", "[/etc/b, /etc/c]"),
            ("TIERCEL_AGENT__CAPTURE__SCOPE__PROCESS_TREE", "12"),
            ("TIERCEL_AGENT__OUTPUTS__STDOUT", "{enabled: true, format: json}"),
            ("TIERCEL_OTHER", "ignored"),
        ],
        expect![[r#"
            Config {
                node_name: "web-1",
                rules: RulesConfig {
                    files: [
                        "/etc/b",
                        "/etc/c",
                    ],
                    matching: First,
                    minimum_priority: Debug,
                    watch: true,
                    with_audit: false,
                },
                capture: CaptureConfig {
                    source: Kernel {
                        ring_bytes: 8388608,
                    },
                    fair_limit: 10000,
                    losses: LossPolicy {
                        threshold: 0.0,
                        actions: [
                            Log,
                            Alert,
                        ],
                        rate: 0.1,
                        max_burst: 1.0,
                    },
                    scope: ProcessTree(
                        12,
                    ),
                },
                kubernetes_audit: KubernetesAuditConfig {
                    webhook: None,
                    file: None,
                },
                containers: ContainerOptions {
                    wait: 500ms,
                    label_bytes_max: 100,
                    sockets: RuntimeSockets {
                        docker: [
                            "/var/run/docker.sock",
                        ],
                        podman: [
                            "/run/podman/podman.sock",
                        ],
                        podman_users: true,
                        cri: [
                            "/run/containerd/containerd.sock",
                            "/run/crio/crio.sock",
                            "/run/k3s/containerd/containerd.sock",
                            "/run/host-containerd/containerd.sock",
                        ],
                    },
                },
                uplink: None,
                outputs: OutputsConfig {
                    stdout: Some(
                        Json,
                    ),
                    file: None,
                    syslog: None,
                    program: None,
                    http: None,
                    json_keys: JsonKeys {
                        output: true,
                        message: false,
                        output_fields: true,
                        tags: true,
                    },
                },
                status_listen: 127.0.0.1:9,
            }
        "#]],
    );
}

#[test]
fn a_fault_in_the_environment_names_the_variable() {
    check(
        "",
        &[("TIERCEL_AGENT__CAPTURE__RING_BITES", "8MiB"), ("TIERCEL_AGENT__RULES__WATCH", "perhaps")],
        expect![[r#"
            environment variable TIERCEL_AGENT__CAPTURE__RING_BITES: capture.ring_bites: unknown key (did you mean `ring_bytes`?)
            environment variable TIERCEL_AGENT__RULES__WATCH: rules.watch: expected true or false, found `perhaps`
            agent.yaml: 2 faults
        "#]],
    );
}

#[test]
fn broken_yaml_is_one_fault_with_its_place() {
    check(
        "node: {name: x\nrules: [\n",
        &[],
        expect![[r#"
            agent.yaml:2:6: while parsing a flow mapping, did not find expected ',' or '}'
                2 | rules: [
                  |      ^
            agent.yaml: 1 fault
        "#]],
    );
}

#[test]
fn a_key_written_twice_is_a_fault() {
    check(
        "rules: {watch: true}\nrules: {watch: false}\n",
        &[],
        expect![[r#"
            agent.yaml:2:1: the key `rules` is given twice
                2 | rules: {watch: false}
                  | ^
            agent.yaml: 1 fault
        "#]],
    );
}

#[test]
fn each_output_has_its_defaults() {
    let text = "\
outputs:
  syslog: {enabled: true}
  program: {enabled: true, command: 'logger -t alerts'}
  http: {enabled: true, url: 'http://127.0.0.1:2801/', timeout: 2s, format: text}
";
    let outputs = Config::parse("agent.yaml", text, [], "web-1").unwrap().outputs;
    let timeout = Duration::from_secs(5);
    let command = "logger -t alerts".to_owned();
    assert_eq!(outputs.syslog, Some(SyslogOutput { socket: "/dev/log".into(), format: Format::Text }));
    assert_eq!(outputs.program, Some(ProgramOutput { command, keep_alive: false, timeout, format: Format::Json }));
    let (url, timeout) = ("http://127.0.0.1:2801/".parse().unwrap(), Duration::from_secs(2));
    assert_eq!(outputs.http, Some(HttpOutput { url, ca: None, timeout, format: Format::Text }));
}

#[test]
fn outputs_that_cannot_work_are_refused() {
    check(
        "\
outputs:
  program: {enabled: true, timeout: 2h}
  http: {enabled: true, url: 'ftp://x/', ca: /nowhere/ca.pem}
  syslog: {path: /dev/log}
",
        &[],
        expect![[r#"
            agent.yaml:2:22: outputs.program.enabled: `outputs.program.command` is needed when the output is enabled
                2 |   program: {enabled: true, timeout: 2h}
                  |                      ^
            agent.yaml:2:37: outputs.program.timeout: expected a time such as 5s, at most 1m, found `2h`
                2 |   program: {enabled: true, timeout: 2h}
                  |                                     ^
            agent.yaml:3:30: outputs.http.url: expected http://host[:port]/path or https://host[:port]/path
                3 |   http: {enabled: true, url: 'ftp://x/', ca: /nowhere/ca.pem}
                  |                              ^
            agent.yaml:3:46: outputs.http.ca: failed to open `/nowhere/ca.pem`: No such file or directory (os error 2)
                3 |   http: {enabled: true, url: 'ftp://x/', ca: /nowhere/ca.pem}
                  |                                              ^
            agent.yaml:4:12: outputs.syslog.path: unknown key (known keys: enabled, format, socket)
                4 |   syslog: {path: /dev/log}
                  |            ^
            agent.yaml: 5 faults
        "#]],
    );
}

#[test]
fn an_audit_webhook_has_falcos_path_and_no_stray_keys() {
    let parse = |text: &str| Config::parse("agent.yaml", text, [], "web-1");
    let config = parse("kubernetes_audit: {file: /var/log/audit.log, webhook: {listen: \"127.0.0.1:9765\"}}").unwrap();
    let webhook = WebhookConfig { listen: "127.0.0.1:9765".parse().unwrap(), path: "/k8s-audit".to_owned(), tls: None };
    let file = Some("/var/log/audit.log".into());
    assert_eq!(config.kubernetes_audit, KubernetesAuditConfig { webhook: Some(webhook), file });
    assert!(config.rules.with_audit);
    for (text, expected) in [
        ("webhook: {path: /x}", "has no meaning without `kubernetes_audit.webhook.listen`"),
        ("webhook: {listen: here}", "expected address:port, found `here`"),
        ("webhook: {listen: \"127.0.0.1:1\", path: x}", "expected a path such as /k8s-audit, found `x`"),
        ("webhook: {listen: \"127.0.0.1:1\", tls: {key: /dev/null}}", "`certificate` and `key` are needed both"),
    ] {
        let faults = parse(&format!("kubernetes_audit: {{{text}}}")).unwrap_err().to_string();
        assert!(faults.contains(expected), "{text}: {faults}");
    }
}
