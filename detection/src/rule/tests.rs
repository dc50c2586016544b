//! Boundary tests of rule files: YAML in, report out.

use super::*;
use crate::compatibility::directory;

fn official(name: &str) -> Option<RuleFile> {
    let path = directory()?.join("rules").join(name);
    Some(RuleFile { name: name.to_owned(), text: std::fs::read_to_string(path).unwrap() })
}

#[test]
fn the_official_rules_load_without_an_error() {
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let Some(files) = names.into_iter().map(official).collect::<Option<Vec<_>>>() else { return };
    let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
    println!(
        "{} rules, {} errors, {} warnings",
        rules.rules().len(),
        report.errors().count(),
        report.warnings().count()
    );
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    assert_eq!((report.rules_loaded, report.rules_enabled), (93, 81));
    assert!(rules.literal_paths().contains("/etc/shadow"));
    println!("{} kinds of events", rules.required_kinds().len());
}
