//! Which events filters match.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tiercel_detection::RuleFile;

use super::{Score, captures, each_event, engine, folder};

/// What was reached. The rest: cgroups that end with a line feed, which Falco takes for containers, and calls that old
/// captures know by their number only, which Falco does not find by their name if they have got an event since.
const FLOOR_PPM: u64 = 997_800;

#[derive(Deserialize)]
struct Answers {
    filters: BTreeMap<String, BTreeMap<String, Answer>>,
}

/// The events that a filter matched in one capture.
#[derive(Deserialize)]
struct Answer {
    n: u64,
    sha256: String,
    first: Vec<u64>,
}

#[test]
fn filters_match_the_events_that_falco_matched() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("golden_filters.json")).unwrap();
    let answers: Answers = serde_json::from_str(&text).unwrap();
    let filters: Vec<&String> = answers.filters.keys().collect();
    let rules = rules(&filters);
    let mut score = Score::default();
    for (name, path) in captures(&folder) {
        let mut engine = engine(std::slice::from_ref(&rules));
        let mut matched: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        let mut alerts = Vec::new();
        each_event(&path, |event| {
            engine.evaluate(event, &mut alerts);
            for alert in alerts.drain(..) {
                matched.entry(alert.rule.parse().unwrap()).or_default().push(event.number);
            }
        });
        for (index, filter) in filters.iter().enumerate() {
            let expected = answers.filters[*filter].iter().find(|(capture, _)| capture.replace('/', "_") == name);
            let Some((_, expected)) = expected else { continue };
            let found = matched.get(&index).map(Vec::as_slice).unwrap_or_default();
            score.count(
                same(found, expected),
                || filter.to_string(),
                || {
                    let first = &found[..found.len().min(5)];
                    format!("{name}: {} {first:?} instead of {} {:?}", found.len(), expected.n, expected.first)
                },
            );
        }
    }
    score.report("filters", FLOOR_PPM);
}

fn same(found: &[u64], expected: &Answer) -> bool {
    let lines: Vec<String> = found.iter().map(u64::to_string).collect();
    let digest = Sha256::digest(lines.join("\n"));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    found.len() as u64 == expected.n && digest == expected.sha256
}

/// One rule for each filter, named by its position.
fn rules(filters: &[&String]) -> RuleFile {
    let rule = |(index, filter): (usize, &&String)| {
        serde_json::json!({
            "rule": index.to_string(), "desc": "a filter", "condition": filter, "output": "%evt.num",
            "priority": "DEBUG",
        })
    };
    let rules: Vec<_> = filters.iter().enumerate().map(rule).collect();
    RuleFile { name: "filters.yaml".to_owned(), text: serde_json::Value::from(rules).to_string() }
}
