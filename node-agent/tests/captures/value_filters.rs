//! What the filters over values would keep the kernel from recording under Falco's rules, and that no alert is among it.

use std::collections::BTreeMap;

use tiercel_detection::{Event, RuleFile};

use super::alerts::falco_rules;
use super::{captures, each_event, engine, folder};

/// Events of one kind.
#[derive(Default)]
struct Tally {
    seen: u64,
    /// They gave no alert and would not have been recorded.
    refused: u64,
}

/// Judges all captures with and without the filters.
fn tally(rules: &[RuleFile]) -> BTreeMap<&'static str, Tally> {
    let mut kinds: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let Some(folder) = folder() else { return kinds };
    for (name, path) in captures(&folder) {
        let mut engine = engine(rules);
        let filters = engine.rules().value_filters();
        let mut alerts = Vec::new();
        let mut judge = |event: &Event| {
            if filters.of(event.kind).passes_none() {
                return;
            }
            alerts.clear();
            engine.evaluate(event, &mut alerts);
            let passes = filters.passes(event);
            assert!(passes || alerts.is_empty(), "{name}: '{}' fires for a refused {event:?}", alerts[0].rule);
            let tally = kinds.entry(event.kind.name()).or_default();
            tally.seen += 1;
            tally.refused += u64::from(!passes);
        };
        each_event(&path, &mut judge);
    }
    kinds
}

#[test]
fn filters_refuse_no_event_of_a_capture_that_gives_an_alert() {
    let Some(folder) = folder() else { return };
    let all = falco_rules(&folder);
    for rules in [&all[..1], &all[..]] {
        let kinds = tally(rules);
        println!("{} of Falco's rule files: kind, events that rules ask for, refused by value", rules.len());
        for (kind, Tally { seen, refused }) in &kinds {
            println!("{kind:>16} {seen:>9} {refused:>9} {:>5.1} %", *refused as f64 * 100.0 / *seen as f64);
        }
        let seen: u64 = kinds.values().map(|tally| tally.seen).sum();
        let refused: u64 = kinds.values().map(|tally| tally.refused).sum();
        println!("{:>16} {seen:>9} {refused:>9} {:>5.1} %", "all", refused as f64 * 100.0 / seen as f64);
        assert!(refused > 0, "no filter refuses anything");
    }
}
