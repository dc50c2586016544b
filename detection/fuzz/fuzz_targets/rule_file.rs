//! Any file: loading returns, reports places inside the file, and what it loads can be linted and evaluated.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use tiercel_detection::{Engine, FieldMap, LoadOptions, OutputContext, RuleFile, RuleSet, TimeFormat};

fuzz_target!(|text: &str| {
    let files = [RuleFile { name: "fuzz.yaml".into(), text: text.into() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
    let lints = RuleSet::lint(&files, &LoadOptions::default());
    let lines = text.matches('\n').count() + 1;
    for diagnostic in report.errors().chain(report.warnings()).chain(&lints) {
        assert!(diagnostic.locations.iter().all(|it| (1..=lines).contains(&it.position.line)), "{diagnostic}");
    }
    drop(report.to_json().to_string());
    if rules.rules().is_empty() {
        return;
    }
    let event = r#"{"evt.type":"openat","proc.name":"cat","fd.name":"/etc/shadow","fd.ip":["10.0.0.1","::1"]}"#;
    let event = FieldMap::parse(event).expect("the event is well formed");
    let context =
        OutputContext { hostname: "fuzz".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() };
    let mut alerts = Vec::new();
    Engine::new(rules, context).evaluate_fields(&event, &mut alerts);
    alerts.iter().for_each(|alert| drop(alert.to_falco_json()));
});
