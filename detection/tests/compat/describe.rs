//! What is told of loaded rules, as Falco tells it.

use serde_json::{Value as Json, json};
use tiercel_detection::{LoadOptions, RuleFile, RuleSet};

fn described(yaml: &str) -> Json {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions { append_output: false, ..LoadOptions::default() });
    assert!(report.is_ok(), "{report}");
    rules.describe(None)
}

const RULES: &str = "
- required_engine_version: 0.26.0
- required_plugin_versions:
    - {name: container, version: 0.4.0}
- list: known_procs
  items: [nginx, \"escaped val\"]
- list: more
  items: [known_procs, ssh]
- macro: spawned_process
  condition: (evt.type in (execve, execveat))
- rule: Parts
  desc: a test
  condition: (spawned_process or evt.type = open) and (proc.name icontains cat or proc.name in (known_procs, ps))
  output: user=%user.name id=%container.id
  priority: WARNING
  tags: [host]
  capture: true
  capture_duration: 10000
  exceptions:
    - {name: e, fields: [proc.name, fd.name], comps: [=, startswith oneof], values: [[a, [/b, /c]]]}
- rule: Functions
  desc: a test
  condition: evt.type = open and toupper(tolower(proc.exe)) = val(proc.pname) and proc.aname[2] exists
  output: none
  priority: DEBUG
  enabled: false
";

#[test]
fn compat_rules_are_described_by_their_parts() {
    let all = described(RULES);
    assert_eq!(all["required_engine_version"], "0.26.0");
    assert_eq!(all["required_plugin_versions"], json!([{"name": "container", "version": "0.4.0"}]));
    let rule = &all["rules"][0];
    assert_eq!(
        rule["info"],
        json!({
            "name": "Parts", "description": "a test", "priority": "Warning", "enabled": true, "source": "syscall",
            "tags": ["host"], "capture": true, "capture_duration": 10000,
            "output": "user=%user.name id=%container.id",
            "condition": "(spawned_process or evt.type = open) and (proc.name icontains cat or proc.name in (known_procs, ps))",
        })
    );
    assert_eq!(
        rule["details"],
        json!({
            "macros": ["spawned_process"],
            "lists": ["known_procs"],
            "condition_operators": ["=", "icontains", "in"],
            "condition_fields": ["evt.type", "proc.name"],
            "output_fields": ["container.id", "user.name"],
            "exceptions": [{"name": "e", "fields": ["proc.name", "fd.name"], "comps": ["=", "startswith oneof"]}],
            "exception_names": ["e"],
            "exception_fields": ["fd.name", "proc.name"],
            "exception_operators": ["=", "startswith oneof"],
            "events": ["execve", "execveat", "open"],
            "condition_compiled": "(((evt.type in (execve, execveat) or evt.type = open) and (proc.name icontains cat or proc.name in (nginx, \"escaped val\", ps))) and not (proc.name = a and fd.name startswith oneof (/b, /c)))",
            "output_compiled": "user=%user.name id=%container.id",
            "plugins": ["container"],
        })
    );
    let details = &all["rules"][1]["details"];
    assert_eq!(details["condition_fields"], json!(["evt.type", "proc.aname[2]", "proc.exe", "proc.pname"]));
    assert_eq!(details["condition_operators"], json!(["=", "exists"]));
}

#[test]
fn compat_macros_and_lists_are_described_by_their_parts() {
    let all = described(RULES);
    assert_eq!(
        all["macros"],
        json!([{
            "info": {"name": "spawned_process", "condition": "(evt.type in (execve, execveat))"},
            "details": {
                "macros": [], "lists": [], "condition_operators": ["in"], "condition_fields": ["evt.type"],
                "events": ["execve", "execveat"], "condition_compiled": "evt.type in (execve, execveat)", "plugins": [],
            },
        }])
    );
    assert_eq!(
        all["lists"],
        json!([
            {
                "info": {"name": "known_procs", "items": ["nginx", "escaped val"]},
                "details": {"lists": [], "items_compiled": ["nginx", "escaped val"], "plugins": []},
            },
            {
                "info": {"name": "more", "items": ["known_procs", "ssh"]},
                "details": {"lists": ["known_procs"], "items_compiled": ["nginx", "escaped val", "ssh"], "plugins": []},
            },
        ])
    );
}
