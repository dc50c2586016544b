//! Boundary tests of the engine with documents: rules and requests to an API server in, alerts out.

use serde_json::json;

use super::tests::context;
use super::*;
use crate::event::Timestamp;
use crate::rule::{LoadOptions, RuleFile};

const RULES: &str = "
- rule: Everything of processes
  desc: d
  condition: evt.num > 0
  output: never about documents
  priority: INFO
- rule: Privileged pod
  desc: d
  condition: ka.verb = create and ka.req.pod.containers.privileged intersects (true)
  output: pod=%ka.resp.name images=%ka.req.pod.containers.image missing=%ka.target.subresource
  priority: WARNING
  source: k8s_audit
  tags: [k8s]
- rule: Any request
  desc: d
  condition: jevt.rawtime exists
  output: verb=%jevt.value[/verb]
  priority: INFO
  source: k8s_audit
";

fn engine(matching: Matching) -> Engine {
    let files = [RuleFile { name: "rules.yaml".into(), text: RULES.into() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions { matching, ..LoadOptions::default() });
    assert!(report.is_ok(), "{report}");
    Engine::new(rules, context())
}

fn pod() -> Document {
    let value = json!({
        "auditID": "1", "verb": "create", "responseObject": {"metadata": {"name": "web"}},
        "requestObject": {"spec": {"containers": [{"image": "nginx", "securityContext": {"privileged": true}}]}},
    });
    Document { number: 1, time: Timestamp(1_000_000_000), value }
}

#[test]
fn documents_are_judged_by_the_rules_of_their_source() {
    let mut alerts = Vec::new();
    engine(Matching::First).evaluate_document(&pod(), &mut alerts);
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!(&*alert.output, "00:00:01.000000000: Warning pod=web images=(nginx) missing=<NA>");
    assert_eq!((&*alert.source, &*alert.hostname), ("k8s_audit", "vm"));
    assert_eq!(alert.field("evt.time"), Some(&FieldValue::Unsigned(1_000_000_000)));
    assert_eq!(alert.field("ka.target.subresource"), Some(&FieldValue::Missing));
}

#[test]
fn every_rule_of_the_source_may_fire() {
    let mut alerts = Vec::new();
    engine(Matching::All).evaluate_document(&pod(), &mut alerts);
    let rules: Vec<_> = alerts.iter().map(|alert| &*alert.rule).collect();
    assert_eq!(rules, ["Privileged pod", "Any request"]);
}

#[test]
fn fields_of_documents_make_a_document_of_an_event_written_by_hand() {
    let mut alerts = Vec::new();
    let fields = FieldMap::parse(r#"{"jevt.rawtime": "5", "jevt.value[/verb]": "get"}"#).unwrap();
    engine(Matching::All).evaluate_fields(&fields, &mut alerts);
    let outputs: Vec<_> = alerts.iter().map(|alert| &*alert.output).collect();
    assert_eq!(outputs, ["00:00:00.000000000: Informational verb=get"]);
}
