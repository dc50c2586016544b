//! The alerts of Falco's own rule files.

use tiercel_detection::RuleFile;

use super::{Score, captures, each_event, engine, files, folder, part};

/// Every alert is the same, and there is none besides.
const FLOOR_PPM: u64 = 1_000_000;

#[test]
fn alerts_are_those_of_falco() {
    let Some(folder) = folder() else { return };
    let captures = captures(&folder);
    let Some(answers) = part(&folder, "golden-falco-0.44.1") else { return };
    if part(&folder, "../rules").is_none() {
        return;
    }
    let rules = falco_rules(&folder);
    let mut score = Score::default();
    for (name, path) in files(&answers, ".ndjson") {
        let Some(capture) = captures.get(&name) else { continue };
        let mut engine = engine(&rules);
        let mut alerts = Vec::new();
        each_event(capture, |event| engine.evaluate(event, &mut alerts));
        let expected = std::fs::read_to_string(path).unwrap();
        let expected: Vec<String> = expected.lines().map(normal).collect();
        let found: Vec<String> = alerts.iter().map(|alert| normal(&alert.to_falco_json())).collect();
        score.count(
            &name,
            found.len() == expected.len(),
            || format!("number of alerts of {name}"),
            || format!("{} instead of {}; {found:?}", found.len(), expected.len()),
        );
        for (expected, found) in expected.iter().zip(&found) {
            score.count(
                &name,
                expected == found,
                || format!("alert of {name}"),
                || format!("\n{found}\ninstead of\n{expected}"),
            );
        }
    }
    score.report("alerts", FLOOR_PPM);
}

/// The same JSON with its keys in order.
fn normal(line: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
    value.sort_all_objects();
    value.to_string()
}

/// Falco's three rule files, in the order in which Falco loads them.
pub(super) fn falco_rules(folder: &std::path::Path) -> Vec<RuleFile> {
    let rules = folder.join("../rules");
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let read = |name: &str| RuleFile {
        name: name.to_owned(),
        text: std::fs::read_to_string(rules.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
    };
    names.map(read).into()
}
