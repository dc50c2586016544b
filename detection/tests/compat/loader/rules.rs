//! Rules, and changes of them.

use super::{change, check, rule, rule_with};

#[test]
fn compat_rules_are_changed_as_falco_changes_them() {
    let open = || rule("evt.type=open");
    let no_rule = "but no rule by that name already exists";
    let k8s = || {
        rule_with("ka.verb = get", "source: k8s_audit")
            .replace("%user.name command=%proc.cmdline file=%fd.name", "%ka.user.name")
    };
    check(&[
        (
            "append to three keys",
            open()
                + &change(
                    "desc: with append\ncondition: and proc.name = cat\noutput: proc=%proc.name\noverride: {desc: append, condition: append, output: append}",
                ),
            &[
                "cond => (evt.type = open and proc.name = cat)",
                "legit rule description with append / user=%user.name command=%proc.cmdline file=%fd.name proc=%proc.name /",
                "!LOAD_DEPRECATED_ITEM",
            ],
        ),
        (
            "append: true",
            open() + &change("condition: and proc.name = cat\nappend: true"),
            &["cond => (evt.type = open and proc.name = cat)", "LOAD_DEPRECATED_ITEM"],
        ),
        (
            "replace two keys",
            open() + &change("desc: other\ncondition: evt.type = close\noverride: {desc: replace, condition: replace}"),
            &["cond => evt.type = close", "other / user="],
        ),
        (
            "append and replace",
            rule("evt.type = close")
                + &change(
                    "desc: d\ncondition: and proc.name = cat\npriority: WARNING\noverride: {desc: replace, condition: append, priority: replace}",
                ),
            &["cond => (evt.type = close and proc.name = cat)", "/ Warning"],
        ),
        (
            "append a priority",
            open() + &change("priority: WARNING\noverride:\n  priority: append"),
            &["Key 'priority' cannot be appended to, use 'replace' instead", "priority: append"],
        ),
        (
            "override and append",
            open() + &change("condition: and proc.name = cat\nappend: true\noverride: {condition: append}"),
            &["Keys 'override' and 'append: true' cannot be used together", "LOAD_DEPRECATED_ITEM"],
        ),
        (
            "append to no rule",
            change("condition: and proc.name = cat\noverride: {condition: append}"),
            &[no_rule, "override.<key>: append"],
        ),
        (
            "replace no rule",
            change("condition: evt.type = open\noverride: {condition: replace}"),
            &[no_rule, "override.<key>: replace"],
        ),
        ("append: true to no rule", change("condition: and proc.name = cat\nappend: true"), &[no_rule]),
        (
            "a key that is not there",
            open() + &change("desc: d\noverride: {desc: replace, condition: append}"),
            &["An append override for 'condition' was specified but 'condition' is not defined"],
        ),
        (
            "a key too many",
            open()
                + &change(
                    "desc: d\ncondition: and proc.name = cat\npriority: INFO\noverride: {desc: replace, condition: append}",
                ),
            &["Unexpected key 'priority'"],
        ),
        (
            "enabled is not there",
            open() + &change("desc: d\noverride: {desc: replace, enabled: replace}"),
            &["'enabled' was specified but 'enabled' is not defined"],
        ),
        (
            "switched on by replacement",
            rule_with("evt.type=open", "enabled: false")
                + &change(
                    "desc: d\ncondition: and proc.name = cat\nenabled: true\noverride: {desc: replace, condition: append, enabled: replace}",
                ),
            &["enabled 1", "!LOAD_"],
        ),
        ("switched off", rule_with("evt.type=open", "enabled: false"), &["enabled 0", "!LOAD_"]),
        (
            "switched on alone",
            rule_with("evt.type=open", "enabled: false") + &change("enabled: true"),
            &["enabled 1", "LOAD_DEPRECATED_ITEM"],
        ),
        (
            "append does not switch on",
            rule_with("evt.type=open", "enabled: false")
                + &change("condition: and proc.name = cat\nappend: true\nenabled: true"),
            &["enabled 0"],
        ),
        (
            "defined anew",
            rule_with("evt.type = close", "enabled: false") + &rule("proc.name = cat").replace("INFO", "WARNING"),
            &["enabled 1", "cond => proc.name = cat", "/ Warning"],
        ),
        ("one type of events", rule("evt.type = close"), &["!LOAD_NO_EVTTYPE"]),
        ("every type of events", rule("proc.name = cat"), &["LOAD_NO_EVTTYPE: Rule matches too many evt.type values"]),
        ("warning switched off", rule_with("proc.name = cat", "warn_evttypes: false"), &["!LOAD_"]),
        ("never", rule("evt.num = 0"), &["!LOAD_", "enabled 1"]),
        ("no type of events", rule("evt.type = open and evt.type = close"), &["!LOAD_NO_EVTTYPE"]),
        (
            "never within a macro",
            format!(
                "- macro: never_true\n  condition: (evt.num=0)\n- macro: known\n  condition: (never_true)\n{}{}",
                rule("evt.type = open and not known"),
                rule("never_true").replace("test_rule", "other")
            ),
            &["!LOAD_NO_EVTTYPE", "enabled 2"],
        ),
        (
            "another source",
            k8s() + &rule_with("evt.type = open", "source: syscall"),
            &["Rule has been re-defined with a different source"],
        ),
        (
            "append with another source",
            k8s() + &change("condition: and ka.verb = list\nsource: syscall\nappend: true"),
            &["Rule has been re-defined with a different source"],
        ),
        (
            "override with another source",
            k8s() + &change("condition: evt.type = open\nsource: syscall\noverride: {condition: replace}"),
            &["Rule has been re-defined with a different source"],
        ),
        (
            "append with no source",
            k8s() + &change("condition: and ka.verb = list\nsource:\nappend: true"),
            &["!different source", "!LOAD_ERR"],
        ),
        (
            "append with an empty source",
            k8s() + &change("condition: and ka.verb = list\nsource: \"\"\nappend: true"),
            &["!different source", "!LOAD_ERR"],
        ),
        ("an unknown key", rule_with("evt.type = open", "typo_field: x"), &["Unknown key 'typo_field'"]),
        (
            "a deprecated field in an output",
            rule("evt.type = open").replace("output: ", "output: evt.dir=%evt.dir "),
            &["usage of deprecated field 'evt.dir' has been detected in the rule output", "enabled 1"],
        ),
        (
            "a deprecated field in a folded condition",
            rule(">\n    evt.type = close and\n    evt.dir = <"),
            &["LOAD_DEPRECATED_ITEM", "evt.dir = <", "!condition: >"],
        ),
        ("capture", rule_with("evt.type = open", "capture: true\ncapture_duration: 10000"), &["!LOAD_", "enabled 1"]),
        (
            "capture replaced",
            rule_with("evt.type = open", "capture: true")
                + &change(
                    "capture: false\ncapture_duration: 1\noverride: {capture: replace, capture_duration: replace}",
                ),
            &["!LOAD_"],
        ),
        (
            "capture of no length",
            rule_with("evt.type = open", "capture_duration: \"not_a_number\""),
            &["LOAD_ERR_YAML_VALIDATE"],
        ),
        ("capture as a text", rule_with("evt.type = open", "capture: \"yes\""), &["!LOAD_ERR", "enabled 1"]),
        (
            "tags and warnings replaced",
            open()
                + &change(
                    "tags: [a]\nwarn_evttypes: false\nskip-if-unknown-filter: true\noverride: {tags: replace, warn_evttypes: replace, skip-if-unknown-filter: replace}",
                ),
            &["!LOAD_"],
        ),
        ("an engine as a number", "- required_engine_version: 26\n".into(), &["!LOAD_"]),
        ("an engine as text", "- required_engine_version: seven\n".into(), &["Unable to parse engine version"]),
        (
            "an unknown field, skipped",
            rule_with("evt.type = open and proc.nobody = x", "skip-if-unknown-filter: true"),
            &["LOAD_UNKNOWN_FILTER", "!LOAD_ERR", "enabled 0"],
        ),
        (
            "an unknown field",
            rule("evt.type = open and proc.nobody = x"),
            &["LOAD_ERR_COMPILE_CONDITION", "nonexistent field"],
        ),
        ("an unknown item", "- something: x\n".into(), &["LOAD_UNKNOWN_ITEM", "!LOAD_ERR"]),
        (
            "an old field in an output",
            rule("evt.type = open").replace("output: ", "output: (%container.info) "),
            &["LOAD_DEPRECATED_ITEM", "!%container.info /"],
        ),
        ("no priority of that name", rule("evt.type = open").replace("INFO", "LOUD"), &["LOAD_ERR"]),
        (
            "a priority in small letters",
            rule("evt.type = open").replace("INFO", "informational"),
            &["/ Informational", "!LOAD_"],
        ),
    ]);
}
