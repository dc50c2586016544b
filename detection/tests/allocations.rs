//! An event for which no rule fires costs no allocation, whatever its kind and however many rules there are.

#[path = "../benches/counting.rs"]
mod counting;
#[path = "../benches/workload.rs"]
mod workload;

use tiercel_detection::{Engine, Event, LoadOptions, RuleFile, RuleSet};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

#[track_caller]
fn check(files: &[RuleFile]) {
    let (rules, report) = RuleSet::load(files, &LoadOptions::default());
    assert!(report.is_ok(), "{report}");
    let mut engine = Engine::new(rules, workload::context());
    let mut alerts = Vec::new();
    let events: Vec<Event> =
        [workload::opens(), workload::execs(), workload::connects(), workload::mix()].into_iter().flatten().collect();
    let mut pass = || events.iter().for_each(|event| engine.evaluate(event, &mut alerts));
    // The first pass makes room that all later ones use.
    pass();
    let before = counting::allocations();
    pass();
    let made = counting::allocations() - before;
    assert!(alerts.is_empty(), "{} fired", alerts[0].rule);
    assert_eq!(made, 0, "allocations for {} events", events.len());
}

#[test]
fn events_without_an_alert_allocate_nothing() {
    check(&[workload::generated(600)]);
    if let Some(files) = workload::official(workload::ALL) {
        check(&files);
    }
    if let Some(files) = workload::official(workload::STABLE) {
        check(&files);
    }
}
