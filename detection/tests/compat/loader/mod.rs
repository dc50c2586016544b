//! Rule files as Falco loads them.

mod exceptions;
mod rules;
mod switches;

use tiercel_detection::{LoadOptions, RuleFile, RuleSet};

/// A rule with everything that must be there, and further keys.
fn rule_with(condition: &str, keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "- rule: test_rule\n  desc: legit rule description\n  condition: {condition}\n  \
         output: user=%user.name command=%proc.cmdline file=%fd.name\n  priority: INFO\n{keys}"
    )
}

fn rule(condition: &str) -> String {
    rule_with(condition, "")
}

/// A rule with one exception, whose keys are given behind its name.
fn excepting(condition: &str, exception: &str) -> String {
    rule_with(condition, &format!("exceptions:\n- {{name: test_exception, {exception}}}"))
}

/// A change of the rule.
fn change(keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("  {line}\n")).collect();
    format!("- rule: test_rule\n{keys}")
}

/// What came of a file: of each rule its state and condition, then errors and warnings.
fn load(yaml: &str) -> String {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let mut text = format!("enabled {}\n", report.rules_enabled);
    for rule in rules.rules() {
        text.push_str(&format!("cond => {}\n", rule.condition));
        text.push_str(&format!("{} / {} / {}\n", rule.description, rule.output, rule.priority.name()));
    }
    for found in report.errors().chain(report.warnings()) {
        text.push_str(&format!("{}: {}\n{}\n", found.code.name(), found.message, found.snippet));
    }
    text
}

/// A file and what must come of it; behind `!` what must not.
#[track_caller]
fn check(cases: &[(&str, String, &[&str])]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, yaml, expected)| {
            let found = load(yaml);
            let missed: Vec<&&str> = expected
                .iter()
                .filter(|part| match part.strip_prefix('!') {
                    Some(part) => found.contains(part),
                    None => !found.contains(**part),
                })
                .collect();
            (!missed.is_empty()).then(|| format!("{name}: expected {missed:?}\n{yaml}---\n{found}"))
        })
        .collect();
    println!("agreed {} of {}", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const OPENS: &str = "evt.type in (open,openat)";
const APPEND_MISSING: &str = "but no macro by that name already exists";

#[test]
fn compat_lists_and_macros_are_changed_as_falco_changes_them() {
    let shells = "- list: shells\n  items: [ash, bash]\n";
    let known = "- list: L\n  items: [blkid]\n";
    let uses = || rule("evt.type = execve and proc.name in (L)");
    let mac = |text: &str, keys: &str| format!("- macro: m\n  condition: {text}\n{keys}");
    let append = "  override: {condition: append}\n";
    let replace = "  override: {condition: replace}\n";
    check(&[
        (
            "append after use",
            format!(
                "{shells}{}- list: shells\n  items: [pwsh]\n  override: {{items: append}}\n",
                rule("evt.type=open and proc.name in (shells)")
            ),
            &["cond => (evt.type = open and proc.name in (ash, bash, pwsh))"],
        ),
        (
            "append a macro after use",
            format!(
                "{}{}{}",
                mac("(proc.aname=sshd and proc.name != sshd)", ""),
                rule("evt.type=open and m"),
                mac("or proc.name = ssh", append)
            ),
            &["cond => (evt.type = open and ((proc.aname = sshd and proc.name != sshd) or proc.name = ssh))"],
        ),
        ("append to no macro", mac("evt.type = open", append), &[APPEND_MISSING]),
        ("append: true to no macro", mac("evt.type = open", "  append: true\n"), &[APPEND_MISSING]),
        (
            "replace no macro",
            format!("{}{}{}", mac("or evt.type = openat2", replace), mac(OPENS, ""), rule("m")),
            &["cond => evt.type in (open, openat)"],
        ),
        (
            "append to a macro",
            format!("{}{}{}", mac(OPENS, ""), mac("or evt.type = openat2", append), rule("m")),
            &["cond => (evt.type in (open, openat) or evt.type = openat2)", "!LOAD_DEPRECATED_ITEM"],
        ),
        (
            "append: true to a macro",
            format!("{}{}{}", mac(OPENS, ""), mac("or evt.type = openat2", "  append: true\n"), rule("m")),
            &["cond => (evt.type in (open, openat) or evt.type = openat2)", "LOAD_DEPRECATED_ITEM"],
        ),
        (
            "an unknown key in a list",
            format!("- list: L\n  items: [a]\n  override_written_wrong: {{items: append}}\n{known}{}", uses()),
            &["cond => (evt.type = execve and proc.name in (blkid))", "LOAD_UNKNOWN_KEY"],
        ),
        (
            "append to no list",
            "- list: L\n  items: [a]\n  override: {items: append}\n".into(),
            &["but no list by that name already exists"],
        ),
        (
            "replace no list",
            format!("- list: L\n  items: [a]\n  override: {{items: replace}}\n{known}{}", uses()),
            &["cond => (evt.type = execve and proc.name in (blkid))"],
        ),
        (
            "append to a list",
            format!("{known}- list: L\n  items: [a, b]\n  override: {{items: append}}\n{}", uses()),
            &["proc.name in (blkid, a, b))"],
        ),
        ("a list that nobody uses", "- list: l\n  items: [x, \"escaped val\"]\n".into(), &["LOAD_UNUSED_LIST"]),
        (
            "a bad macro name",
            "- macro: test-macro\n  condition: evt.type = close\n".into(),
            &["LOAD_INVALID_MACRO_NAME"],
        ),
        (
            "a bad list name",
            format!("- list: test list\n  items: [open, openat]\n{}", rule("evt.type in (test list)")),
            &["LOAD_INVALID_LIST_NAME", "cond => evt.type in (open, openat)"],
        ),
        (
            "unknown keys",
            format!("{known}  typo: x\n{}  typo: x\n", mac("evt.type = open", "")),
            &["Unknown key 'typo'"],
        ),
        ("a key of rules in a list", format!("{known}  priority: INFO\n"), &["Unknown key 'priority'"]),
        (
            "an empty list takes a comma with it",
            format!("- list: none\n  items: []\n{}", rule("evt.type in (open, none, close)")),
            &["cond => evt.type in (open, close)"],
        ),
        (
            "three levels of lists",
            format!(
                "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n{}",
                rule("evt.type = open and proc.name in (c)")
            ),
            &["proc.name in (a))"],
        ),
        ("an unknown macro", rule("evt.type = open and nothing"), &["Undefined macro 'nothing' used in filter."]),
        (
            "a macro sees only what is before it",
            format!("- macro: m\n  condition: n\n- macro: n\n  condition: evt.type = open\n{}", rule("m")),
            &["Undefined macro 'n' used in filter."],
        ),
    ]);
}
