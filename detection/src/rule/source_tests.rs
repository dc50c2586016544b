//! Boundary tests of sources: what rules of one may ask, and what is said when they ask for more.

use super::*;
use crate::event::EventSource;

fn load(condition: &str, source: &str, output: &str, options: &LoadOptions) -> (RuleSet, String) {
    let text = format!(
        "- {{rule: r, desc: d, condition: '{condition}', output: '{output}', priority: INFO, source: {source}}}\n"
    );
    let (rules, report) = RuleSet::load(&[RuleFile { name: "r.yaml".into(), text }], options);
    let found = report.errors().chain(report.warnings());
    let lines = found.map(|it| format!("{}: {}", it.code.name(), it.message)).collect::<Vec<_>>().join("\n");
    (rules, lines)
}

#[track_caller]
fn check(condition: &str, source: &str, output: &str, expected: &str) {
    let (_, found) = load(condition, source, output, &LoadOptions::default());
    match expected {
        "" => assert_eq!(found, "", "{condition}"),
        expected => assert!(found.contains(expected), "{condition}: {found}"),
    }
}

#[test]
fn rules_ask_only_what_events_of_their_source_have() {
    check("ka.verb = get and jevt.value[/stage] = x", "k8s_audit", "%ka.user.name %evt.time %evt.plugininfo", "");
    check("evt.type = open", "syscall", "%proc.name", "");
    check(
        "ka.verb = get",
        "syscall",
        "x",
        "LOAD_ERR_COMPILE_CONDITION: filter_check called with nonexistent field ka.verb",
    );
    check("proc.name = cat", "k8s_audit", "x", "nonexistent field proc.name");
    check("evt.type = open", "k8s_audit", "x", "nonexistent field evt.type");
    check("tolower(fd.name) = a", "k8s_audit", "x", "nonexistent field fd.name");
    check("ka.verb = val(proc.name)", "k8s_audit", "x", "nonexistent field proc.name");
    check(
        "ka.verb = get",
        "k8s_audit",
        "%container.id",
        "LOAD_ERR_COMPILE_OUTPUT: invalid formatting token container.id",
    );
    check("evt.type = open", "syscall", "%ka.verb", "invalid formatting token ka.verb");
}

#[test]
fn suggested_fields_go_to_rules_about_processes_only() {
    let output = |condition, source| {
        let (rules, found) = load(condition, source, "x", &LoadOptions::default());
        assert_eq!(found, "");
        rules.rules()[0].output.clone()
    };
    assert!(output("evt.type = open", "syscall").contains("%container.id"));
    assert_eq!(output("ka.verb = get", "k8s_audit"), "x");
}

#[test]
fn a_source_that_is_not_asked_for_is_unknown() {
    let options = LoadOptions { sources: vec![EventSource::Syscall], ..LoadOptions::default() };
    let (rules, found) = load("ka.verb = get", "k8s_audit", "x", &options);
    assert_eq!(found, "LOAD_UNKNOWN_SOURCE: Unknown source k8s_audit, skipping");
    assert!(rules.rules().is_empty());
}

#[test]
fn a_rule_of_one_source_needs_no_events_of_another() {
    let (rules, _) = load("ka.verb = get", "k8s_audit", "x", &LoadOptions::default());
    assert_eq!(rules.required_kinds(), EventSource::KubernetesAudit.kinds());
    assert!(rules.literal_paths().is_empty());
    let (rules, _) = load("evt.type != open", "syscall", "x", &LoadOptions::default());
    assert!(rules.required_kinds().intersection(EventSource::KubernetesAudit.kinds()).is_empty());
}

#[test]
fn a_comparison_of_documents_with_missing_is_unsafe() {
    for unsafe_one in [
        "ka.verb = <NA>",
        "ka.verb == <NA>",
        "ka.verb != <NA>",
        "ka.verb in (<NA>)",
        "ka.verb in (get, <NA>)",
        "ka.user.groups intersects (<NA>)",
        "ka.uri pmatch (<NA>)",
        "jevt.value[/a] = <NA>",
        "tolower(ka.verb) = <NA>",
        "concat(evt.source, ka.verb) = <NA>",
        "evt.num = 1 and not ka.verb = <NA>",
    ] {
        check(unsafe_one, "k8s_audit", "x", "LOAD_UNSAFE_NA_CHECK");
    }
    for safe in ["ka.verb exists", "evt.source = <NA>", "tolower(evt.source) = <NA>", "ka.verb = NA"] {
        check(safe, "k8s_audit", "x", "");
    }
    // A list may stand in a transformer.
    let (_, found) = load(r#"join(",", (ka.verb, evt.source)) = <NA>"#, "k8s_audit", "x", &LoadOptions::default());
    assert!(!found.contains("LOAD_ERR"), "{found}");
}

#[test]
fn rule_files_for_the_plugins_of_falco_load() {
    let text = "- required_plugin_versions:\n  - {name: k8saudit, version: 0.7.0, alternatives: [{name: k8saudit-eks, version: 0.4.0}]}\n  - {name: json, version: 0.7.0}\n";
    let (_, report) = RuleSet::load(&[RuleFile { name: "r.yaml".into(), text: text.into() }], &LoadOptions::default());
    assert!(report.is_ok(), "{report}");
}
