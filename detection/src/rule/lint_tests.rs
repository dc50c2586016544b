//! Boundary tests of lints: YAML in, codes and places out.

use super::*;
use crate::compatibility::directory;

fn lints(yaml: &str) -> String {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (_, report) = RuleSet::load(&files, &LoadOptions::default());
    assert!(report.is_ok(), "{report}");
    let lints = RuleSet::lint(&files, &LoadOptions::default());
    let line = |lint: &Diagnostic| {
        let position = &lint.locations.last().expect("every lint has a place").position;
        format!("{}:{} {} {}", position.line, position.column, lint.code.name(), lint.message)
    };
    lints.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(yaml: &str, expected: &str) {
    assert_eq!(lints(yaml), expected);
}

fn rule(name: &str, condition: &str) -> String {
    format!("- rule: {name}\n  desc: x\n  condition: {condition}\n  output: x\n  priority: INFO\n")
}

#[test]
fn a_rule_that_an_earlier_one_forestalls_is_found() {
    let wide = rule("wide", "evt.type in (open, openat) and fd.name startswith /etc");
    let narrow = |condition| format!("{wide}{}", rule("narrow", condition));
    let shadowed = "6:9 LINT_SHADOWED the rule cannot fire: whatever satisfies it satisfies 'wide', which comes first";
    check(&narrow("evt.type = openat and fd.name startswith /etc and proc.name = cat"), shadowed);
    check(&narrow("evt.type in (open, openat) and proc.name = cat and not (not fd.name startswith /etc)"), shadowed);
    check(&narrow("evt.type in (openat, openat2) and fd.name startswith /etc"), "");
    check(&narrow("evt.type = openat and fd.name startswith /usr"), "");
    let either = format!(
        "{}{}",
        rule("wide", "evt.type = openat and (fd.name = /a or fd.name = /b)"),
        rule("narrow", "evt.type = openat and fd.name = /b and proc.name = cat")
    );
    check(&either, shadowed);
}

#[test]
fn another_name_of_a_file_may_still_reach_a_rule_behind_one_that_reads_no_names() {
    let wide = rule("wide", "evt.type = openat and proc.name = cat");
    check(&format!("{wide}{}", rule("narrow", "evt.type = openat and proc.name = cat and fd.name = /x")), "");
}

#[test]
fn conditions_that_say_nothing_are_found() {
    check(
        &rule("r", "evt.type = openat and proc.name = cat and proc.name in (dog, cow)"),
        "3:56 LINT_NEVER_TRUE the rule cannot fire: 'proc.name = cat' and 'proc.name in (dog, cow)' exclude each other",
    );
    check(
        &rule("r", "evt.type = openat and fd.name = /etc/x and not fd.name startswith /etc"),
        "3:61 LINT_NEVER_TRUE the rule cannot fire: 'fd.name = /etc/x' and 'not fd.name startswith /etc' exclude each other",
    );
    check(
        &rule("r", "evt.type = open and evt.type = close")
            .replace("evt.type = close", "(evt.type = close or evt.type = dup)"),
        "1:9 LINT_NEVER_TRUE the rule cannot fire",
    );
    check(
        &rule("r", "evt.type = open and user.uid = 0 and not user.uid = 0"),
        "1:9 LINT_NEVER_TRUE the rule cannot fire",
    );
    check(&rule("r", "proc.name = cat or not proc.name = cat"), "1:9 LINT_ALWAYS_TRUE the rule fires for every event");
    check(&rule("r", "evt.type = open and (evt.num = 0)"), "");
    check(&rule("r", "evt.type = execve and proc.aname = sh and proc.aname = nginx"), "");
    check(&rule("r", "evt.type = execve and proc.name = cat and proc.pname = dog"), "");
}

#[test]
fn an_exception_that_cannot_match_is_found() {
    let yaml = format!(
        "{}  exceptions:\n    - name: editors\n      fields: [proc.name, fd.name]\n      comps: [=, startswith]\n      values:\n        - [vim, /tmp]\n        - [cat, /etc]\n    - name: parents\n      fields: proc.pname\n      values: [cron]\n",
        rule("r", "evt.type = openat and proc.name = cat")
    );
    check(
        &yaml,
        "7:13 LINT_DEAD_EXCEPTION a value of exception 'editors' can never match: 'proc.name = vim' and 'proc.name = cat' exclude each other",
    );
}

#[test]
fn an_appended_or_and_an_unknown_event_type_are_found() {
    let first = rule("r", "evt.type = openat and proc.name = cat");
    check(
        &format!("{first}- rule: r\n  condition: or proc.name = dog\n  override: {{condition: append}}\n"),
        "7:14 LINT_APPEND_OR the appended condition begins with 'or': it fires whatever the rule asks for before it",
    );
    check(&format!("{first}- rule: r\n  condition: and fd.name = /x\n  override: {{condition: append}}\n"), "");
    check(
        &rule("r", "evt.type startswith opn or evt.type = close"),
        "3:14 LINT_EVENT_TYPE no event type satisfies 'evt.type startswith opn'",
    );
}

#[test]
fn of_the_official_rules_one_is_forestalled() {
    let Some(folder) = directory() else { return };
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let files = names.map(|name| RuleFile {
        name: name.to_owned(),
        text: std::fs::read_to_string(folder.join("rules").join(name)).unwrap(),
    });
    let lints = RuleSet::lint(&files, &LoadOptions::default());
    // A tool in a container, below a package manager, comes behind any such tool in a container.
    let found: Vec<_> = lints.iter().map(|lint| (lint.code, lint.rule())).collect();
    assert_eq!(found, [(Code::LintShadowed, Some("Network Tool Executed During NPM Package Install"))]);
}

/// What loading for a sensor that records these kinds warns of.
#[track_caller]
fn check_live(yaml: &str, recorded: &[&str], expected: &[&str]) {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let kinds = recorded.iter().map(|name| crate::event::EventKind::from_name(name).expect("a kind of events"));
    let options = LoadOptions { recorded: Some(kinds.collect()), append_output: false, ..LoadOptions::default() };
    let (_, report) = RuleSet::load(&files, &options);
    assert!(report.is_ok(), "{report}");
    let lines = report.warnings().filter(|it| it.code.name().starts_with("LINT")).map(|warning| {
        let place = warning.locations.last().expect("every warning has a place");
        assert!(warning.hint.is_some());
        format!("{}:{} {} {}", place.position.line, place.position.column, warning.code.name(), warning.message)
    });
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    let (_, silent) = RuleSet::load(&files, &LoadOptions { recorded: None, ..options });
    assert!(silent.warnings().all(|it| !it.code.name().starts_with("LINT")), "captures bring what they bring");
}

#[test]
fn a_rule_that_asks_for_what_is_never_told_is_warned_of_at_its_place() {
    check_live(
        &rule("r", "evt.type in (open, sendmmsg) and proc.name = cat"),
        &["open"],
        &[
            "3:33 LINT_UNRECORDED_EVENT events of type 'sendmmsg' are never recorded: this part of the condition cannot hold",
        ],
    );
    check_live(&rule("r", "evt.type = open and not evt.type in (sendmmsg) and evt.type != sendmmsg"), &["open"], &[]);
    check_live(
        &rule("r", "evt.type = open and k8s.rc.name = x"),
        &["open"],
        &["3:34 LINT_UNFILLED_FIELD no event has field 'k8s.rc.name', which makes every comparison with it false"],
    );
    let printed = rule("r", "evt.type = open").replace("output: x", "output: x %k8smeta.pod.uid");
    check_live(
        &printed,
        &["open"],
        &["4:11 LINT_UNFILLED_FIELD live events do not have field 'k8smeta.pod.uid' yet, which prints <NA>"],
    );
}

#[test]
fn a_macro_is_warned_of_once_and_in_its_own_text() {
    let sends = "- macro: sends\n  condition: (evt.type in (sendto, sendmmsg))\n";
    let yaml = format!("{sends}{}{}", rule("a", "sends and fd.num = 1"), rule("b", "sends and fd.num = 2"));
    check_live(
        &yaml,
        &["sendto"],
        &[
            "2:36 LINT_UNRECORDED_EVENT events of type 'sendmmsg' are never recorded: this part of the condition cannot hold",
        ],
    );
    let off = rule("a", "evt.type = sendmmsg") + "  enabled: false\n";
    check_live(&off, &["sendto"], &[]);
}
