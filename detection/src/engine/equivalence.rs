//! Property: whatever the engine does to be fast, each event fires the rules whose conditions hold when read plainly.
//!
//! `PROPTEST_CASES=4000 cargo nextest run -p tiercel-detection equivalence` judges some millions of pairs.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::tests::context;
use super::*;
use crate::rule::{LoadOptions, RuleFile};

const KINDS: [&str; 4] = ["openat", "open", "execve", "connect"];

/// Fields with the values that rules and events draw from: few, so that they meet.
const TEXTS: [(&str, [&str; 6]); 5] = [
    ("proc.name", ["cat", "bash", "sh", "nginx", "ba", "c"]),
    ("proc.pname", ["cat", "bash", "sh", "nginx", "ba", "c"]),
    ("fd.name", ["/etc/shadow", "/etc", "/e", "/tmp/x", "/etc/passwd", "x"]),
    ("proc.cmdline", ["cat /etc/shadow", "bash -c x", "/etc", "-c", "sh", "x"]),
    ("proc.aname", ["cat", "bash", "sh", "nginx", "init", "c"]),
];

fn constant() -> impl Strategy<Value = (String, Vec<String>)> {
    (0..TEXTS.len(), prop::collection::vec(0..6_usize, 1..5)).prop_map(|(field, picks)| {
        let (name, values) = TEXTS[field];
        (name.to_owned(), picks.into_iter().map(|pick| values[pick].to_owned()).collect())
    })
}

fn check() -> impl Strategy<Value = String> {
    let single = prop::sample::select(vec!["=", "!=", "startswith", "endswith", "contains", "icontains", "glob"]);
    let several = prop::sample::select(vec!["in", "pmatch", "startswith anyof", "contains oneof", "= allof"]);
    prop_oneof![
        6 => (constant(), single).prop_map(|((name, values), operator)| format!("{name} {operator} \"{}\"", values[0])),
        4 => (constant(), several).prop_map(|((name, values), operator)| {
            let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
            format!("{name} {operator} ({})", quoted.join(", "))
        }),
        1 => constant().prop_map(|(name, _)| format!("{name} exists")),
        1 => Just("proc.name = val(proc.pname)".to_owned()),
        1 => Just("fd.num >= 3".to_owned()),
        1 => Just("evt.is_open_read = true".to_owned()),
        2 => prop::sample::select(KINDS.to_vec()).prop_map(|kind| format!("evt.type = {kind}")),
        1 => prop::sample::select(KINDS.to_vec()).prop_map(|kind| format!("evt.type != {kind}")),
        1 => Just("evt.type in (openat, execve)".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    check().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

/// A conjunction, as most rules are; only these get into the index.
fn rule() -> impl Strategy<Value = String> {
    prop::collection::vec(condition(), 1..5).prop_map(|parts| parts.join(" and "))
}

fn event() -> impl Strategy<Value = FieldMap> {
    let text = |values: [&'static str; 6]| prop::option::weighted(0.85, prop::sample::select(values.to_vec()));
    let texts = TEXTS.map(|(_, values)| text(values));
    let kind = prop::option::weighted(0.9, prop::sample::select(KINDS.to_vec()));
    (kind, texts, prop::option::of(0..6_i64), any::<bool>()).prop_map(|(kind, texts, number, read)| {
        let mut map = serde_json::Map::new();
        for ((name, values), text) in TEXTS.iter().zip(texts) {
            let Some(text) = text else { continue };
            // Ancestors are several, and conditions look at each of them.
            let value = if *name == "proc.aname" { serde_json::json!([values[4], text]) } else { text.into() };
            map.insert((*name).to_owned(), value);
        }
        map.extend(kind.map(|kind| ("evt.type".to_owned(), kind.into())));
        map.extend(number.map(|number| ("fd.num".to_owned(), number.into())));
        map.insert("evt.is_open_read".to_owned(), read.into());
        FieldMap::from_json(&map).expect("every field is known")
    })
}

fn load(conditions: &[String], matching: Matching) -> RuleSet {
    let mut text = String::new();
    for (number, condition) in conditions.iter().enumerate() {
        writeln!(text, "- {{rule: r{number}, desc: x, priority: INFO, output: x, condition: '{condition}'}}")
            .expect("a string takes everything");
    }
    let options = LoadOptions { matching, append_output: false, ..LoadOptions::default() };
    let (rules, report) = RuleSet::load(&[RuleFile { name: "generated".into(), text }], &options);
    assert!(report.is_ok(), "{report}");
    rules
}

fn fired(rules: &RuleSet, events: &[FieldMap]) -> Vec<Vec<String>> {
    let mut engine = Engine::new(rules.clone(), context());
    let judge = |event: &FieldMap| {
        let mut alerts = Vec::new();
        engine.evaluate_fields(event, &mut alerts);
        // Every event finds another order of tests.
        engine.reorder();
        alerts.iter().map(|alert| alert.rule.to_string()).collect()
    };
    events.iter().map(judge).collect()
}

fn expected(rules: &RuleSet, event: &FieldMap) -> Vec<String> {
    let concerned = rules.rules().iter().filter(|rule| event.kind().is_none_or(|kind| rule.kinds.contains(kind)));
    let holding = concerned.filter(|rule| rules.plan().holds(rule.root(), event));
    let limit = if rules.matching() == Matching::First { 1 } else { usize::MAX };
    holding.take(limit).map(|rule| rule.name.to_string()).collect()
}

proptest! {
    #[test]
    fn the_engine_fires_what_a_plain_reading_fires(
        conditions in prop::collection::vec(rule(), 1..24),
        events in prop::collection::vec(event(), 12),
        all in any::<bool>(),
    ) {
        let rules = load(&conditions, if all { Matching::All } else { Matching::First });
        for (found, event) in fired(&rules, &events).iter().zip(&events) {
            prop_assert_eq!(found, &expected(&rules, event), "{:?}", event);
        }
    }
}
