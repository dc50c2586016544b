//! Rule files as Falco loads them.

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

#[test]
fn compat_exceptions_are_folded_in_as_falco_folds_them_in() {
    let open = |exception: &str| excepting("evt.type = open", exception);
    let values = |values: &str| open(&format!("fields: [proc.name], comps: [=], values: [[{values}]]"));
    check(&[
        (
            "a value with a blank",
            excepting(
                "proc.cmdline contains curl or proc.cmdline contains wget",
                "fields: [proc.cmdline], comps: [contains], values: [[curl 127.0.0.1]]",
            ),
            &[
                "cond => ((proc.cmdline contains curl or proc.cmdline contains wget) and not proc.cmdline contains \"curl 127.0.0.1\")",
            ],
        ),
        (
            "a field as a value",
            values("proc.pname"),
            &[
                "cond => (evt.type = open and not proc.name = proc.pname)",
                "'proc.pname' may be a valid field misused as a const string value",
            ],
        ),
        (
            "a quoted field as a value",
            values("\"proc.pname\""),
            &["not proc.name = proc.pname)", "'proc.pname' may be a valid field misused"],
        ),
        (
            "a field and a blank",
            values("\"proc.pname \""),
            &["not proc.name = \"proc.pname \")", "'proc.pname ' may be a valid field misused"],
        ),
        (
            "a transformer",
            values("toupper(proc.pname)"),
            &["cond => (evt.type = open and not proc.name = toupper(proc.pname))"],
        ),
        ("a quoted transformer", values("\"toupper(proc.pname)\""), &["not proc.name = toupper(proc.pname))"]),
        (
            "a transformer with a blank",
            values("toupper( proc.pname)"),
            &["not proc.name = \"toupper( proc.pname)\")", "may be a valid field transformer misused"],
        ),
        (
            "a transformed field",
            open("fields: [tolower(proc.name)], comps: [=], values: [[test]]"),
            &["not tolower(proc.name) = test)", "!LOAD_"],
        ),
        (
            "a transformed field with a blank",
            open("fields: [\"tolower( proc.name)\"], comps: [=], values: [[test]]"),
            &["not tolower(proc.name) = test)", "!LOAD_"],
        ),
        (
            "startswith oneof",
            open("fields: [proc.name], comps: [startswith oneof], values: [[[sshd, sudo, systemd]]]"),
            &["cond => (evt.type = open and not proc.name startswith oneof (sshd, sudo, systemd))"],
        ),
        (
            "contains allof",
            open("fields: [proc.cmdline], comps: [contains allof], values: [[[curl, bash]]]"),
            &["not proc.cmdline contains allof (curl, bash))"],
        ),
        (
            "endswith anyof",
            open("fields: [fd.name], comps: [endswith anyof], values: [[[.sh, .py, .pl]]]"),
            &["not fd.name endswith anyof (.sh, .py, .pl))"],
        ),
        (
            "glob oneof",
            open("fields: [fd.name], comps: [glob oneof], values: [[[\"/tmp/*.sh\", \"/x/*\"]]]"),
            &["!LOAD_ERR", "enabled 1"],
        ),
        (
            "regex oneof",
            open("fields: [proc.name], comps: [regex oneof], values: [[[\"research[0-9]+\", \"pentest-[0-9]{2,4}\"]]]"),
            &["!LOAD_ERR", "enabled 1"],
        ),
        (
            "two fields",
            open(
                "fields: [proc.name, fd.name], comps: [startswith oneof, startswith], values: [[[sshd, sudo], /etc/]]",
            ),
            &["not (proc.name startswith oneof (sshd, sudo) and fd.name startswith /etc/))"],
        ),
        (
            "no operator",
            open("fields: [proc.name], comps: [frobulate oneof], values: [[a]]"),
            &["'frobulate oneof' is not a supported comparison operator"],
        ),
        (
            "no operator for one field",
            open("fields: proc.name, comps: frobulate oneof, values: [a]"),
            &["comps must be one of"],
        ),
        (
            "a list operator with a modifier",
            open("fields: [proc.name], comps: [in oneof], values: [[a]]"),
            &["'in oneof' is not a supported comparison operator"],
        ),
        (
            "an order with a modifier",
            open("fields: [proc.name], comps: [\">= oneof\"], values: [[a]]"),
            &["'>= oneof' is not a supported comparison operator"],
        ),
        (
            "a modifier alone",
            open("fields: [proc.name], comps: [oneof], values: [[a]]"),
            &["'oneof' is not a supported comparison operator"],
        ),
        ("one field", open("fields: proc.name, comps: in, values: [cat, grep]"), &["not proc.name in (cat, grep))"]),
        (
            "one field and no operator",
            open("fields: proc.name, values: [cat, grep]"),
            &["not proc.name in (cat, grep))"],
        ),
        (
            "one field with paths",
            open("fields: proc.exepath, comps: pmatch, values: [/usr/bin/, /usr/local/bin/]"),
            &["not proc.exepath pmatch (/usr/bin/, /usr/local/bin/))"],
        ),
        (
            "= oneof",
            open("fields: [proc.name], comps: [= oneof], values: [[[nmap, masscan]]]"),
            &["not proc.name = oneof (nmap, masscan))"],
        ),
        (
            "a modifier and one value",
            open("fields: [proc.name], comps: [startswith oneof], values: [[sshd]]"),
            &["not proc.name startswith oneof (sshd))"],
        ),
        (
            "blanks around operators",
            open(
                "fields: [proc.name, fd.name], comps: [\"  contains  \", \"  startswith anyof  \"], values: [[agent, [/etc/, /var/]]]",
            ),
            &["not (proc.name contains agent and fd.name startswith anyof (/etc/, /var/)))"],
        ),
        (
            "three fields",
            open(
                "fields: [proc.name, fd.name, proc.exepath], comps: [contains, startswith, =], values: [[agent, /var/log/, /usr/bin/prometheus]]",
            ),
            &[
                "not (proc.name contains agent and fd.name startswith /var/log/ and proc.exepath = /usr/bin/prometheus))",
            ],
        ),
        (
            "two values",
            open("fields: [proc.name, fd.name], values: [[a, b], [c, d]]"),
            &["not ((proc.name = a and fd.name = b) or (proc.name = c and fd.name = d)))"],
        ),
        ("no values", open("fields: [proc.name]"), &["cond => evt.type = open\n"]),
        (
            "an unknown field",
            open("fields: [proc.nobody], values: [[a]]"),
            &["'proc.nobody' is not a supported filter field"],
        ),
        (
            "other lengths",
            open("fields: [proc.name, fd.name], comps: [=], values: [[a, b]]"),
            &["Fields and comps lists must have equal length"],
        ),
        (
            "values of other lengths",
            open("fields: [proc.name, fd.name], values: [[a]]"),
            &["Fields and values lists must have equal length"],
        ),
        (
            "a name twice",
            rule_with(
                "evt.type = open",
                "exceptions:\n- {name: e, fields: [proc.name], values: [[a]]}\n- {name: e, fields: [fd.name], values: [[b]]}",
            ),
            &["LOAD_EXCEPTION_NAME_NOT_UNIQUE", "!LOAD_ERR"],
        ),
        (
            "value for values",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, value: [[b]]}\nappend: true"),
            &["LOAD_APPEND_NO_VALUES: Overriding/appending exception with no values", "!LOAD_ERR"],
        ),
        (
            "replaced without fields",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, values: [[b]]}\noverride: {exceptions: replace}"),
            &["Item has no mapping for key 'fields'"],
        ),
        (
            "values appended",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, values: [[b]]}\noverride: {exceptions: append}"),
            &["not (proc.name = a or proc.name = b))", "!LOAD_"],
        ),
    ]);
}
