//! YAML and variables in, the configuration or all that is wrong with it out.

use expect_test::{Expect, expect};

use super::*;

const SMALLEST: &str = "
node: {id: 1}
tls: {ca: ca.pem, certificate: a.pem, key: a.key}
route: {receiver: default}
receivers: [{name: default, stdout: {}}]
";

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(Path::new("aggregator.yaml"), text, variables)
}

#[track_caller]
fn check_faults(text: &str, expected: Expect) {
    expected.assert_eq(&parse(text, &[]).unwrap_err().to_string());
}

#[test]
fn smallest_configuration_is_one_node_on_loopback() {
    let config = parse(SMALLEST, &[]).unwrap();
    assert_eq!(config.node_name, "aggregator-1");
    assert_eq!(config.listen.ingest, "127.0.0.1:5050");
    assert_eq!(config.listen.api, "127.0.0.1:2802");
    assert!(config.cluster.members.is_empty());
    assert_eq!(config.cluster.heartbeat, Duration::from_millis(250));
    assert_eq!((config.policy.dedup_window_ms, config.policy.storm_interval_ms), (300_000, 60_000));
    assert_eq!((config.policy.rule_rate_per_minute, config.policy.rule_burst), (60, 60));
    assert_eq!(config.retention, Retention::default());
}

#[test]
fn reference_configuration_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/aggregator.yaml");
    let config = Config::parse(&path, &std::fs::read_to_string(&path).unwrap(), []).unwrap();
    assert_eq!(config.cluster.members.len(), 3);
    assert_eq!(config.route.children.len(), 1);
}

#[test]
fn environment_is_laid_over_the_file() {
    let config = parse(
        SMALLEST,
        &[
            ("TIERCEL_AGGREGATOR__LISTEN__API", "0.0.0.0:9"),
            ("TIERCEL_AGGREGATOR__NODE__ID", "3"),
            ("TIERCEL_AGGREGATOR__LIMITS__PER_RULE", "{rate_per_minute: 7, burst: 9}"),
            ("TIERCEL_AGENT__NODE__ID", "4"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.api, "0.0.0.0:9");
    assert_eq!(config.node_id, 3);
    assert_eq!((config.policy.rule_rate_per_minute, config.policy.rule_burst), (7, 9));
    let faults = parse(SMALLEST, &[("TIERCEL_AGGREGATOR__LISTEN__APY", "0.0.0.0:9")]).unwrap_err();
    assert!(faults.to_string().contains("did you mean `api`?"), "{faults}");
}

#[test]
fn all_faults_are_reported_with_their_place() {
    check_faults(
        r#"
node: {id: 9}
listen: {ingest: here}
tls: {ca: ca.pem, certificate: a.pem, key: a.key}
cluster:
  members: [{id: 1, raft: "a:1", ingest: "a:2"}, {id: 1, raft: "b:1", ingest: "b"}]
  heartbeat: 1s
  election_timeout: {min: 2s, max: 1500ms}
dedup: {window: soon}
limits: {per_rule: {rate_per_minute: 0, burst: 1}}
route:
  receiver: defautl
  routes: [{match: ["priority <= bad", "rule"], receiver: default}]
receivers: [{name: default, stdout: {}}]
history: {bytes_max: 1GB}
"#,
        expect![[r#"
            aggregator.yaml:2:12: node.id: node 9 is not among cluster.members
            aggregator.yaml:3:18: listen.ingest: `here`: expected host:port
            aggregator.yaml:6:50: cluster.members.ingest: `b`: expected host:port
            aggregator.yaml:6:50: cluster.members: node 1 is listed twice
            aggregator.yaml:8:27: cluster.election_timeout: min must be below max, or all nodes stand at the same time
            aggregator.yaml:8:27: cluster.election_timeout: min must be at least 3 heartbeats
            aggregator.yaml:9:17: dedup.window: `soon`: expected number at 0; expected a time such as 250ms, 5m or 30d
            aggregator.yaml:10:38: limits.per_rule.rate_per_minute: expected at least 1: with 0 nothing would ever be told
            aggregator.yaml:12:13: route.receiver: there is no receiver `defautl`, did you mean `default`?
            aggregator.yaml:13:21: route.match: failed to parse matcher: unknown priority 'bad', expected one of emergency alert critical error warning notice informational debug
            aggregator.yaml:13:40: route.match: failed to parse matcher 'rule': expected a key, one of = != =~ !~ <= >= < > and a value
            aggregator.yaml:15:22: history.bytes_max: `1GB`: expected a size such as 512MiB, 1GiB or a number of bytes"#]],
    );
}

#[test]
fn unknown_key_is_an_error_with_a_suggestion() {
    check_faults(
        &SMALLEST.replace("route:", "dedupe: {window: 5m}\nroute:"),
        expect![
            "aggregator.yaml:4:1: unknown field `dedupe`, expected one of node, data, listen, tls, cluster, dedup, limits, route, receivers, history, api, did you mean `dedup`?"
        ],
    );
}

#[test]
fn missing_section_is_named() {
    check_faults("node: {id: 1}\n", expect!["aggregator.yaml:1:1: missing field `tls`"]);
}
