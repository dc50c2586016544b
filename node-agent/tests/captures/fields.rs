//! The values of fields, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};
use tiercel_detection::RuleFile;
use tiercel_detection::field::{FieldFlags, FieldRef};

use super::{Score, captures, each_event, engine, files, folder, part};

/// What was reached. The rest is what nobody should copy: where Falco has no value for `proc.exe_ino.ctime_duration_*`
/// it prints what lies in memory, and where a call read nothing it prints what was read before.
const FLOOR_PPM: u64 = 993_200;

/// Characters of a value that a difference shows; buffers may be long.
const SHOWN_CHARS_MAX: usize = 400;

type Answers = BTreeMap<u64, Map<String, Value>>;

#[test]
fn fields_have_the_values_that_falco_gave_them() {
    let Some(folder) = folder() else { return };
    let captures = captures(&folder);
    let Some(answers) = part(&folder, "golden-falco-fields") else { return };
    let answers: Vec<(String, Answers)> = files(&answers, ".ndjson.gz")
        .into_iter()
        .filter(|(name, _)| captures.contains_key(name))
        .map(|(name, path)| (name, read(&path)))
        .collect();
    let events = answers.iter().flat_map(|(_, answers)| answers.values());
    let names: BTreeSet<&String> = events.flat_map(|fields| fields.keys()).collect();
    let mut score = Score::default();
    for (name, expected) in &answers {
        compare(&mut score, &captures[name], name, expected, &names);
    }
    score.report("fields", FLOOR_PPM);
}

fn compare(score: &mut Score, capture: &Path, name: &str, expected: &Answers, names: &BTreeSet<&String>) {
    let mut engine = engine(&[rule(names)]);
    let mut seen = 0;
    each_event(capture, |event| {
        let Some(expected) = expected.get(&event.number) else { return };
        seen += 1;
        let mut alerts = Vec::new();
        engine.evaluate(event, &mut alerts);
        let alert = alerts.first().expect("the rule holds for every event");
        let found: Value = serde_json::from_str(&alert.to_falco_json()).unwrap();
        for field in names {
            let found = found["output_fields"].get(field.as_str()).filter(|value| !value.is_null());
            let expected = expected.get(field.as_str());
            if found.is_some() || expected.is_some() {
                let same = found.map(normal) == expected.map(normal);
                score.count(
                    name,
                    same,
                    || field.to_string(),
                    || format!("{} {}: {} instead of {}", event.number, event.kind.name(), show(found), show(expected)),
                );
            }
        }
    });
    score.count(
        name,
        seen == expected.len(),
        || "events".to_owned(),
        || format!("{seen} instead of {}", expected.len()),
    );
}

fn show(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), |value| value.to_string().chars().take(SHOWN_CHARS_MAX).collect())
}

/// Lists are compared as sets: the order of Falco's is that of its hash table.
fn normal(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
    items.sort();
    items.into()
}

/// A rule that holds for every event and prints every field.
fn rule(names: &BTreeSet<&String>) -> RuleFile {
    let printed = names.iter().filter(|name| is_printable(name));
    let output: String = printed.map(|name| format!(" %{name}")).collect();
    let rule = serde_json::json!([{
        "rule": "fields", "desc": "all", "condition": "evt.num > 0", "output": output, "priority": "DEBUG",
    }]);
    RuleFile { name: "fields.yaml".to_owned(), text: rule.to_string() }
}

/// Networks are for conditions; where Falco prints one it only says that it is one.
fn is_printable(name: &str) -> bool {
    FieldRef::parse(name).is_ok_and(|field| !field.field().flags.has(FieldFlags::FILTER_ONLY))
}

fn read(path: &Path) -> Answers {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Map<String, Value>>(line).unwrap());
    lines.map(|fields| (fields["evt.num"].as_u64().unwrap(), fields)).collect()
}
