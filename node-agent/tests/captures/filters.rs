//! Which events filters match.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tiercel_detection::{LoadOptions, RuleFile, RuleSet};

use super::{Score, captures, each_event, engine, folder, part};

/// What was reached. The rest: calls that old captures know by their number only, which Falco does not find by their
/// name if they have got an event since, and who is root in one capture whose cgroups end with line feeds.
const FLOOR_PPM: u64 = 998_900;

#[derive(Deserialize)]
struct Answers {
    filters: BTreeMap<String, BTreeMap<String, Answer>>,
    /// Filters that Falco refuses, with its codes and messages.
    #[serde(default)]
    invalid: BTreeMap<String, serde_json::Value>,
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
    let Some(answers) = part(&folder, "golden_filters.json") else { return };
    let text = std::fs::read_to_string(answers).unwrap();
    let answers: Answers = serde_json::from_str(&text).unwrap();
    let mut score = Score::default();
    let (filters, refused): (Vec<&String>, Vec<&String>) = answers.filters.keys().partition(|filter| loads(filter));
    for (filter, capture) in refused.iter().flat_map(|it| answers.filters[*it].keys().map(|name| (*it, name))) {
        score.count(capture, false, || filter.clone(), || "the filter does not load".to_owned());
    }
    for filter in answers.invalid.keys() {
        score.count("no capture", !loads(filter), || filter.clone(), || "loads, as it does not in Falco".to_owned());
    }
    let rules = rules(&filters);
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
                &name,
                same(found, expected),
                || filter.to_string(),
                || {
                    let first = &found[..found.len().min(5)];
                    format!("{} {first:?} instead of {} {:?}", found.len(), expected.n, expected.first)
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

/// Whether a filter is one that rules can have.
fn loads(filter: &String) -> bool {
    let (_, report) = RuleSet::load(&[rules(&[filter])], &LoadOptions::default());
    report.is_ok()
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
