//! Where mistakes are shown: at the word, however the text is written.

use tiercel_detection::{LoadOptions, RuleFile, RuleSet};

/// Whatever the file says, its mistake is the word `wrong`; the caret must be below its first letter.
#[track_caller]
fn check(yaml: &str) {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (_, report) = RuleSet::load(&files, &LoadOptions::default());
    let found = report.errors().next().unwrap_or_else(|| panic!("no mistake was found in\n{yaml}"));
    let place = &found.locations.last().unwrap().position;
    let at = yaml.find("wrong").unwrap();
    let line = yaml[..at].matches('\n').count() + 1;
    let column = yaml[..at].lines().last().unwrap().chars().count() + 1;
    assert_eq!((place.line, place.column), (line, column), "{report}\n{yaml}");
    let (text, caret) = found.snippet.trim_end().split_once('\n').unwrap();
    let below = caret.find('^').unwrap();
    let marked: String = text.chars().skip(below).take(5).collect();
    assert_eq!(marked, "wrong", "{report}");
}

fn rule(condition: &str) -> String {
    format!(
        "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n\
         - macro: unused\n  condition: evt.type = open\n"
    )
}

#[test]
fn compat_mistakes_are_shown_where_they_are_written() {
    for condition in [
        "evt.type = open and wrong.field = x",
        "evt.type = open and wrong",
        "  evt.type = open and proc.name = ä and wrong",
        "\"evt.type = open and proc.name = \\\"a b\\\" and wrong\"",
        "\"evt.type = open and proc.name = \\x41 and\\n wrong\"",
        "'evt.type = open and proc.name = ''a b'' and wrong'",
        ">\n    evt.type = open\n    and proc.name = x and\n    wrong.field = y",
        ">-\n    evt.type = open\n\n    and wrong.field = y\n    and proc.name = x",
        "|\n    evt.type = open\n      and wrong.field = y",
        "|2-\n    evt.type = open\n      and wrong.field = y",
        "evt.type = open\n    and proc.name = x\n    and wrong.field = y",
        "evt.type = open and proc.num > wrong",
        "evt.type = open and (proc.name = x wrong)",
        "evt.type = open and fd.num = wrong",
        "evt.type = open and evt.type in (open, wrong)",
        "evt.type = open and tolower(wrong.field) = x",
        "evt.type = open and proc.name = val(wrong.field)",
    ] {
        check(&rule(condition));
    }
}

#[test]
fn compat_mistakes_in_macros_are_shown_in_the_macro() {
    let uses = rule("evt.type = open and m and proc.name = x");
    for condition in ["proc.name = a and wrong.field = x", ">\n    proc.name = a\n    and wrong.field = x", "wrong"] {
        check(&format!("- macro: m\n  condition: {condition}\n{uses}"));
    }
    // The mistake is in a macro of a macro.
    let inner =
        "- macro: n\n  condition: proc.name = a and wrong.field = x\n- macro: m\n  condition: (n or proc.name = b)\n";
    check(&format!("{inner}{uses}"));
}

#[test]
fn compat_mistakes_behind_lists_appends_and_exceptions_are_shown_where_they_are_written() {
    let list = "- list: names\n  items: [a, b, c, d, e, f, g]\n";
    check(&format!("{list}{}", rule("evt.type = open and proc.name in (names) and wrong.field = x")));
    let append = "- rule: r\n  condition: and wrong.field = x\n  override: {condition: append}\n";
    check(&format!("{}{append}", rule("evt.type = open")));
    let excepted = rule("evt.type = open and wrong.field = x").replace(
        "  priority: INFO\n",
        "  priority: INFO\n  exceptions:\n    - {name: e, fields: [proc.name], values: [[a]]}\n",
    );
    check(&excepted);
}
