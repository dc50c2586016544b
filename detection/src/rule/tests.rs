//! Boundary tests of rule files: YAML in, report out.

use super::*;
use crate::Engine;
use crate::compatibility::directory;
use crate::engine::tests::context;

fn official(name: &str) -> Option<RuleFile> {
    let path = directory()?.join("rules").join(name);
    Some(RuleFile { name: name.to_owned(), text: std::fs::read_to_string(path).unwrap() })
}

#[test]
fn the_official_rules_load_without_an_error() {
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let Some(files) = names.into_iter().map(official).collect::<Option<Vec<_>>>() else { return };
    let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
    println!(
        "{} rules, {} errors, {} warnings",
        rules.rules().len(),
        report.errors().count(),
        report.warnings().count()
    );
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    assert_eq!((report.rules_loaded, report.rules_enabled), (93, 81));
    assert!(rules.literal_paths().contains("/etc/shadow"));
    println!("{} kinds of events", rules.required_kinds().len());
}

/// A rule with everything that must be there.
fn rule(condition: &str) -> String {
    format!("- rule: test_rule\n  desc: test\n  condition: {condition}\n  output: user=%user.name\n  priority: INFO\n")
}

/// Loads a file and shows the rules and what was found, one a line.
fn load(yaml: &str) -> String {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let mut lines: Vec<String> = Vec::new();
    for rule in rules.rules() {
        let state = if rule.enabled { "" } else { " (disabled)" };
        lines.push(format!("{}{state} [{:?}]: {}", rule.name, rule.priority, rule.condition));
    }
    lines.extend(report.errors().chain(report.warnings()).map(|it| format!("{}: {}", it.code.name(), it.message)));
    lines.join("\n")
}

#[track_caller]
fn check_load(yaml: &str, expected: &str) {
    assert_eq!(load(yaml), expected.trim_end());
}

/// The canonical condition of `test_rule` with an exception.
#[track_caller]
fn check_exception(condition: &str, exception: &str, expected: &str) {
    let yaml = format!("{}  exceptions:\n    - name: ex\n{exception}", rule(condition));
    check_load(&yaml, &format!("test_rule [Informational]: {expected}"));
}

#[test]
fn lists_and_macros_can_be_appended_to_after_they_were_used() {
    let lists = "- list: shells\n  items: [ash, bash]\n";
    let append = "- list: shells\n  items: [pwsh]\n  override: {items: append}\n";
    check_load(
        &format!("{lists}{}{append}", rule("evt.type=open and proc.name in (shells)")),
        "test_rule [Informational]: (evt.type = open and proc.name in (ash, bash, pwsh))",
    );
    let interactive =
        "- macro: interactive\n  condition: ((proc.aname=sshd and proc.name != sshd) or proc.name=login)\n";
    let more = "- macro: interactive\n  condition: or proc.name = ssh\n  override: {condition: append}\n";
    check_load(
        &format!("{interactive}{}{more}", rule("evt.type=open and interactive")),
        "test_rule [Informational]: (evt.type = open and (((proc.aname = sshd and proc.name != sshd) or proc.name = login) or proc.name = ssh))",
    );
}

#[test]
fn rules_can_be_overridden_key_by_key() {
    let close = rule("evt.type = close");
    check_load(
        &format!(
            "{close}- rule: test_rule\n  condition: and proc.name = cat\n  priority: WARNING\n  override: {{condition: append, priority: replace}}\n"
        ),
        "test_rule [Warning]: (evt.type = close and proc.name = cat)",
    );
    check_load(
        &format!("{close}- rule: test_rule\n  condition: evt.type = open\n  override: {{condition: replace}}\n"),
        "test_rule [Informational]: evt.type = open",
    );
    check_load(
        &format!("{close}- rule: test_rule\n  condition: and proc.name = cat\n  append: true\n"),
        "test_rule [Informational]: (evt.type = close and proc.name = cat)\nLOAD_DEPRECATED_ITEM: 'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.",
    );
    check_load(&format!("{close}  enabled: false\n"), "test_rule (disabled) [Informational]: evt.type = close");
    check_load(
        &format!("{close}  enabled: false\n- rule: test_rule\n  enabled: true\n  override: {{enabled: replace}}\n"),
        "test_rule [Informational]: evt.type = close",
    );
    let toggled = load(&format!("{close}  enabled: false\n- rule: test_rule\n  enabled: true\n"));
    assert!(toggled.starts_with("test_rule [Informational]"), "{toggled}");
    assert!(toggled.contains("standalone 'enabled' key usage is deprecated"), "{toggled}");
}

#[test]
fn a_full_redefinition_keeps_the_place_of_the_first() {
    let second = rule("evt.type = open").replace("test_rule", "second");
    check_load(
        &format!("{}{second}{}", rule("evt.type = close"), rule("evt.type = mkdir")),
        "test_rule [Informational]: evt.type = mkdir\nsecond [Informational]: evt.type = open",
    );
}

#[test]
fn mistakes_in_overrides_are_named_as_falco_names_them() {
    let close = rule("evt.type = close");
    let item = |keys: &str| format!("{close}- rule: test_rule\n{keys}");
    for (yaml, message) in [
        (item("  priority: DEBUG\n  override: {priority: append}\n"), "Key 'priority' cannot be appended to, use 'replace' instead"),
        (item("  condition: x\n  append: true\n  override: {condition: append}\n"), "Keys 'override' and 'append: true' cannot be used together."),
        (item("  desc: d\n  override: {desc: replace, condition: append}\n"), "An append override for 'condition' was specified but 'condition' is not defined"),
        (item("  desc: d\n  priority: DEBUG\n  override: {desc: replace}\n"), "Unexpected key 'priority': no corresponding entry under 'override' is defined."),
        (item("  desc: d\n  override: {desc: extend}\n"), "Invalid override operation for key 'desc': 'extend'. Allowed values are: append replace"),
        (item("  desc: d\n  override: {enabled: replace, desc: replace}\n"), "A replace override for 'enabled' was specified but 'enabled' is not defined"),
        (item("  condition: x\n  source: k8s_audit\n  override: {condition: replace}\n"), "Rule has been re-defined with a different source"),
        ("- rule: x\n  condition: y\n  append: true\n".into(), "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"),
        ("- rule: x\n  condition: y\n  override: {condition: replace}\n".into(), "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"),
        ("- rule: x\n  enabled: true\n".into(), "Rule has 'enabled' key but no rule by that name already exists"),
        ("- macro: m\n  condition: x\n  append: true\n".into(), "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists"),
        ("- list: l\n  items: [x]\n  override: {items: append}\n".into(), "List uses 'append' or 'override.items: append' but no list by that name already exists"),
        ("- required_engine_version: seven\n".into(), "Unable to parse engine version 'seven' as a semver string. Expected \"x.y.z\" semver format."),
        ("- required_engine_version: 0.99.0\n".into(), "Rules require engine version 0.99.0, but engine version is 0.62.0"),
        ("- required_plugin_versions:\n    - {name: okta, version: 0.3.0, alternatives: [{name: json, version: 1.0.0}]}\n".into(), "Plugin requirement not satisfied, must load one of: okta (>= 0.3.0), json (>= 1.0.0)"),
        (rule("evt.type = close").replace("  desc: test\n", ""), "Item has no mapping for key 'desc'"),
        (rule("not_a_macro and evt.type = close"), "Undefined macro 'not_a_macro' used in filter."),
        (rule("evt.type = close").replace("priority: INFO", "priority: LOUD"), "Invalid priority 'LOUD'"),
        (format!("{close}  capture_duration: abc\n"), "Can't decode YAML scalar value"),
        ("text".into(), "Rules content is not yaml array of objects"),
    ] {
        let found = load(&yaml);
        assert!(found.contains(&format!(": {message}")), "{yaml}\n{found}");
    }
}

#[test]
fn a_version_that_we_satisfy_is_silent() {
    check_load("- required_engine_version: 26\n- required_engine_version: 0.57.0\n", "");
    check_load("- required_plugin_versions:\n    - {name: container, version: 0.4.0}\n", "");
}

#[test]
fn exceptions_fold_into_the_condition() {
    check_exception(
        "proc.cmdline contains curl or proc.cmdline contains wget",
        "      fields: [proc.cmdline]\n      comps: [contains]\n      values: [[curl 127.0.0.1]]\n",
        "((proc.cmdline contains curl or proc.cmdline contains wget) and not proc.cmdline contains \"curl 127.0.0.1\")\nLOAD_NO_EVTTYPE: Rule matches too many evt.type values. This has a significant performance penalty.",
    );
    check_exception(
        "evt.type = open",
        "      fields: [proc.name, fd.name]\n      comps: [startswith oneof, startswith]\n      values: [[[sshd, sudo], /etc/]]\n",
        "(evt.type = open and not (proc.name startswith oneof (sshd, sudo) and fd.name startswith /etc/))",
    );
    check_exception(
        "evt.type = open",
        "      fields: proc.name\n      values: [cat, \"a b\"]\n",
        "(evt.type = open and not proc.name in (cat, \"a b\"))",
    );
    check_exception(
        "evt.type = open",
        "      fields: [tolower(proc.name)]\n      values: [[test]]\n",
        "(evt.type = open and not tolower(proc.name) = test)",
    );
    check_exception(
        "evt.type = open",
        "      fields: [proc.name]\n      comps: [startswith oneof]\n      values: [[sshd]]\n",
        "(evt.type = open and not proc.name startswith oneof (sshd))",
    );
    check_exception(
        "evt.type = open",
        "      fields: [proc.name]\n      values: [[proc.pname]]\n",
        "(evt.type = open and not proc.name = proc.pname)\nLOAD_COMPILE_CONDITION: 'proc.pname' may be a valid field misused as a const string value; a field on the right side is written val(proc.pname)",
    );
    check_exception(
        "evt.type = open",
        "      fields: [proc.name]\n      values: [[toupper(proc.pname)]]\n",
        "(evt.type = open and not proc.name = toupper(proc.pname))",
    );
}

#[test]
fn exceptions_can_be_appended_to() {
    let base =
        format!("{}  exceptions:\n    - {{name: ex, fields: [proc.name], values: [[a]]}}\n", rule("evt.type = open"));
    check_load(
        &format!(
            "{base}- rule: test_rule\n  exceptions:\n    - {{name: ex, values: [[b]]}}\n    - {{name: new, fields: fd.name, values: [c]}}\n  override: {{exceptions: append}}\n"
        ),
        "test_rule [Informational]: (evt.type = open and not (proc.name = a or proc.name = b) and not fd.name in (c))",
    );
    for (exception, message) in [
        (
            "{name: ex, fields: [proc.name], values: [[b]]}",
            "Can not append exception fields/comps to existing exception, only values",
        ),
        ("{name: ex, value: [[b]]}", "Overriding/appending exception with no values"),
        ("{name: new, values: [[b]]}", "Rule exception must have fields property with a list of fields"),
    ] {
        let found = load(&format!(
            "{base}- rule: test_rule\n  exceptions:\n    - {exception}\n  override: {{exceptions: append}}\n"
        ));
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn an_append_must_add_something() {
    let found = load(&format!("{}- rule: test_rule\n  append: true\n", rule("evt.type = open")));
    assert!(found.contains("LOAD_ERR_VALIDATE: Appended rule must have exceptions or condition property"), "{found}");
}

#[test]
fn a_macro_is_checked_though_nobody_uses_it() {
    let found = load("- macro: unused\n  condition: nowhere\n");
    assert!(found.contains("LOAD_ERR_VALIDATE: Undefined macro 'nowhere' used in filter."), "{found}");
    assert!(found.contains("LOAD_UNUSED_MACRO"), "{found}");
}

#[test]
fn exceptions_of_an_unknown_source_are_not_judged() {
    let yaml =
        rule("ct.name = x") + "  source: elsewhere\n  exceptions:\n    - {name: ex, fields: [ct.id], values: [[a]]}\n";
    let found = load(&yaml);
    assert!(found.contains("LOAD_UNKNOWN_SOURCE: Unknown source elsewhere, skipping"), "{found}");
    assert!(!found.contains("LOAD_ERR"), "{found}");
}

#[test]
fn mistakes_in_exceptions_are_named_as_falco_names_them() {
    for (exception, message) in [
        (
            "fields: [proc.name], comps: [frobulate oneof], values: [[a]]",
            "'frobulate oneof' is not a supported comparison operator",
        ),
        ("fields: proc.name, comps: frobulate oneof, values: [a]", "comps must be one of"),
        ("fields: [proc.name], comps: [in oneof], values: [[a]]", "'in oneof' is not a supported comparison operator"),
        (
            "fields: [proc.name], comps: ['>= oneof'], values: [[a]]",
            "'>= oneof' is not a supported comparison operator",
        ),
        ("fields: [proc.name], comps: [oneof], values: [[a]]", "'oneof' is not a supported comparison operator"),
        ("fields: [proc.nmae], values: [[a]]", "'proc.nmae' is not a supported filter field"),
        ("fields: [proc.name, fd.name], comps: [=], values: []", "Fields and comps lists must have equal length"),
        ("fields: [proc.name, fd.name], values: [[a]]", "Fields and values lists must have equal length"),
    ] {
        let found = load(&format!("{}  exceptions:\n    - {{name: ex, {exception}}}\n", rule("evt.type = open")));
        assert!(found.contains(message), "{exception}: {found}");
    }
}

#[test]
fn lists_expand_one_level_and_keep_their_quotes() {
    let yaml = "- list: inner\n  items: [a]\n- list: middle\n  items: [inner, b]\n- list: outer\n  items: [middle, '\"c d\"', e f]\n- list: none\n  items: []\n";
    let found =
        load(&format!("{yaml}{}", rule("evt.type = open and proc.name in (outer) and not fd.name in (x, none)")));
    let expected = "test_rule [Informational]: (evt.type = open and proc.name in (inner, b, \"c d\", \"e f\") and not fd.name in (x))";
    assert_eq!(found, expected);
}

#[test]
fn suspicious_items_are_warned_of_and_used() {
    for (yaml, warning) in [
        (format!("{}  typo_field: x\n", rule("evt.type = close")), "LOAD_UNKNOWN_KEY: Unknown key 'typo_field'"),
        (rule("proc.name = cat"), "LOAD_NO_EVTTYPE"),
        (
            rule("evt.type = close and evt.dir = <"),
            "LOAD_DEPRECATED_ITEM: usage of deprecated field 'evt.dir' has been detected in the rule condition",
        ),
        (
            rule("evt.type = close").replace("%user.name", "%evt.dir"),
            "LOAD_DEPRECATED_ITEM: usage of deprecated field 'evt.dir' has been detected in the rule output",
        ),
        (
            rule("evt.type = close").replace("%user.name", "%container.info"),
            "LOAD_DEPRECATED_ITEM: %container.info is deprecated",
        ),
        ("- macro: test-macro\n  condition: evt.type = open\n".into(), "LOAD_INVALID_MACRO_NAME"),
        ("- list: test list\n  items: [a]\n".into(), "LOAD_INVALID_LIST_NAME"),
        ("- list: l\n  items: [a]\n".into(), "LOAD_UNUSED_LIST: List not referred to by any other rule/macro/list"),
        (
            "- macro: m\n  condition: evt.type = open\n".into(),
            "LOAD_UNUSED_MACRO: Macro not referred to by any other rule/macro/list",
        ),
        ("- thing: x\n".into(), "LOAD_UNKNOWN_ITEM"),
        (
            format!("{}  source: aws_cloudtrail\n", rule("ct.name = GetObject")),
            "LOAD_UNKNOWN_SOURCE: Unknown source aws_cloudtrail, skipping",
        ),
        (
            format!("{}  skip-if-unknown-filter: true\n", rule("evt.type = open and new.field = 1")),
            "LOAD_UNKNOWN_FILTER",
        ),
    ] {
        let found = load(&yaml);
        assert!(found.contains(warning), "{yaml}\n{found}");
        assert!(!found.contains("LOAD_ERR"), "{found}");
    }
    for silent in ["evt.num = 0", "evt.type = open and evt.type = close"] {
        assert!(!load(&rule(silent)).contains("LOAD_NO_EVTTYPE"));
    }
    assert!(!load(&format!("{}  warn_evttypes: false\n", rule("proc.name = cat"))).contains("LOAD_NO_EVTTYPE"));
}

#[test]
fn macros_that_double_each_other_are_refused_before_they_are_put_in() {
    let doubled = |level: usize| format!("- {{macro: m{level}, condition: m{0} or m{0}}}\n", level - 1);
    let macros: String = (1..60).map(doubled).collect();
    let text = format!("- {{macro: m0, condition: evt.num = 1}}\n{macros}{}", rule("m59"));
    let (rules, report) = RuleSet::load(&[RuleFile { name: "f".into(), text }], &LoadOptions::default());
    assert!(rules.rules().is_empty());
    let report = report.to_string();
    // 2^16 comparisons are few enough, 2^17 are too many.
    assert!(report.contains("In macro 'm17'"), "{report}");
    assert!(report.contains("more than 100000 comparisons with its macros put in"), "{report}");
    assert!(!report.contains("In macro 'm16'"), "{report}");
}

#[test]
fn macros_see_only_what_was_defined_before_them_and_never_themselves() {
    let early = "- macro: early\n  condition: late\n- macro: late\n  condition: evt.type = open\n";
    let found = load(&format!("{early}{}", rule("early")));
    assert!(found.contains("LOAD_ERR_VALIDATE: Undefined macro 'late' used in filter."), "{found}");
    assert!(found.contains("macro 'early' has a mistake and cannot be used"), "{found}");
    let circle = "- macro: a\n  condition: evt.type = open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n";
    let found = load(&format!("{circle}{}", rule("a")));
    assert!(found.contains("reference loop in macro"), "{found}");
}

#[test]
fn a_mistake_stops_only_its_own_rule() {
    let broken = rule("evt.type = open and proc.name = (").replace("test_rule", "broken");
    let found = load(&format!("{broken}{}", rule("evt.type = close")));
    assert!(found.starts_with("test_rule [Informational]: evt.type = close\nLOAD_ERR_COMPILE_CONDITION: "), "{found}");
}

#[test]
fn a_mistake_in_a_macro_in_a_folded_condition_is_shown_where_it_is_written() {
    let yaml = "- list: names\n  items: [aaaaaaaaaa, bbbbbbbbbb]\n- macro: opened\n  condition: >\n    evt.type in (open,\n      opneat) and proc.name in (names)\n- rule: r\n  desc: d\n  condition: opened and fd.nmae = /x\n  output: o\n  priority: INFO\n- rule: s\n  desc: d\n  condition: >\n    evt.type = open and\n    proc.name in (names) and fd.nmae = /x\n  output: o %proc.nmae\n  priority: INFO\n";
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (_, report) = RuleSet::load(&files, &LoadOptions::default());
    expect_test::expect![[r#"
        rules.yaml: Invalid
        2 Errors:
        In rules content: (rules.yaml:1:1)
          In rule 'r': (rules.yaml:7:9)
            In condition expression: (rules.yaml:6:7)
        ------
              opneat) and proc.name in (names)
              ^
        ------
        LOAD_ERR_COMPILE_CONDITION (Error compiling condition): filter error: unknown event type opneat
        hint: did you mean 'openat'?
        In rules content: (rules.yaml:1:1)
          In rule 's': (rules.yaml:12:9)
            In condition expression: (rules.yaml:16:30)
        ------
            proc.name in (names) and fd.nmae = /x
                                     ^
        ------
        LOAD_ERR_COMPILE_CONDITION (Error compiling condition): filter_check called with nonexistent field fd.nmae
        hint: did you mean 'fd.name'?
        0 rules loaded, 0 enabled"#]]
    .assert_eq(&report.to_string());
    let json = report.to_json();
    let error = &json["falco_load_results"][0]["errors"][0];
    assert_eq!(error["code"], "LOAD_ERR_COMPILE_CONDITION");
    assert_eq!(error["context"]["locations"][2]["position"]["line"], 6);
    assert_eq!(json["falco_load_results"][0]["successful"], false);
}

#[test]
fn mistakes_in_outputs_point_into_the_output() {
    let found = |output: &str| {
        let files = [RuleFile { name: "f".into(), text: rule("evt.type = open").replace("user=%user.name", output) }];
        RuleSet::load(&files, &LoadOptions::default()).1.errors().next().unwrap().clone()
    };
    let error = found("file=%fd.nmae x");
    assert_eq!(
        (error.code, error.locations[2].position.line, error.locations[2].position.column),
        (Code::CompileOutput, 4, 16)
    );
    assert_eq!(error.message, "invalid formatting token fd.nmae");
    assert_eq!(error.hint.as_deref(), Some("did you mean '%fd.name'?"));
}

#[test]
fn yaml_mistakes_stop_the_file_and_have_a_place() {
    let files = [
        RuleFile { name: "bad.yaml".into(), text: format!("{}\n- rule: [\n", rule("evt.type = open")) },
        RuleFile { name: "good.yaml".into(), text: rule("evt.type = close") },
    ];
    let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
    assert_eq!(rules.rules().len(), 1);
    let error = report.errors().next().unwrap();
    assert_eq!(error.code, Code::YamlParse);
    assert!(!report.is_ok());
}

#[test]
fn rules_below_the_minimum_priority_are_left_out() {
    let files = [RuleFile { name: "f".into(), text: rule("evt.type = open") }];
    let load = |minimum_priority| RuleSet::load(&files, &LoadOptions { minimum_priority, ..LoadOptions::default() }).0;
    assert_eq!(load(Priority::Notice).rules().len(), 0);
    assert_eq!(load(Priority::Informational).rules().len(), 1);
}

#[test]
fn examples_are_run_and_failures_named() {
    let yaml = format!(
        "{}  examples:\n    fires: [{{evt.type: openat, proc.name: cat}}, {{evt.type: openat, proc.name: dog}}]\n    quiet: [{{evt.type: openat}}]\n",
        rule("evt.type = openat and proc.name = cat")
    );
    let (rules, report) = RuleSet::load(&[RuleFile { name: "f".into(), text: yaml }], &LoadOptions::default());
    assert!(report.is_ok(), "{report}");
    let (run, failures) = Engine::new(rules, context()).check_examples();
    assert_eq!(run, 3);
    let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["f:1: rule 'test_rule' does not fire for example 2 of `fires`"]);
}

#[test]
fn a_mistake_in_an_example_is_reported_and_the_rule_stays_armed() {
    let found = load(&format!("{}  examples:\n    fires: [{{proc.nmae: cat}}]\n", rule("evt.type = open")));
    assert!(found.starts_with("test_rule [Informational]"), "{found}");
    assert!(found.contains("nonexistent field proc.nmae, did you mean proc.name?"), "{found}");
}

proptest::proptest! {
    #[test]
    fn loading_never_panics(text in "(- (rule|macro|list|condition|items|override): [\\[\\]{}a-z%=\"' .>()|-]{0,20}\n){0,6}") {
        let files = [RuleFile { name: "f".into(), text }];
        let (_, report) = RuleSet::load(&files, &LoadOptions::default());
        proptest::prop_assert_eq!(report.files.len(), 1);
    }
}

#[test]
fn the_default_rules_load_and_are_as_their_examples_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let file = |path: &std::path::PathBuf| RuleFile {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    let files: Vec<RuleFile> = paths.iter().map(file).collect();
    let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
    assert!(report.is_ok(), "{report}");
    let (run, failures) = Engine::new(rules.clone(), context()).check_examples();
    println!("{} rules, {run} examples", rules.rules().len());
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let unproven = rules.rules().iter().filter(|rule| rule.examples.fires.is_empty() || rule.examples.quiet.is_empty());
    let unproven: Vec<&str> = unproven.map(|rule| &*rule.name).collect();
    assert!(unproven.is_empty(), "rules without examples of both sorts: {unproven:?}");
}
