//! Paths that are changed while their call runs.

use tiercel_agent::capture::observation::Act;
use tiercel_agent::enrich::{Enricher, Machine, Options};
use tiercel_detection::event::kinds;

use crate::harness::{call_name, observe};

#[test]
fn a_path_that_changes_while_its_call_runs_is_told() {
    let Some(observed) = observe("changed path") else { return };
    let mut found = observed.observations.iter().filter(|one| matches!(one.act, Act::Changed(_)));
    let one = found.next().unwrap();
    assert!(found.next().is_none(), "a call that nobody disturbed is like any other");
    let Act::Changed(changed) = &one.act else { return };
    assert_eq!((call_name(changed.syscall), changed.result), ("truncate", 0));
    let [now, then] = [&changed.now, &changed.then].map(|[first, second]| (observed.short(first), second.to_string()));
    assert_eq!(now, ("$D/wild".to_owned(), String::new()));
    assert_eq!(then, ("$D/calm".to_owned(), String::new()), "the kernel acted on the path that it had copied");

    let mut machine = Machine::new();
    let snapshot = machine.snapshot().unwrap();
    let event = Enricher::new(&snapshot, Box::new(machine), Options::default()).handle(one).unwrap();
    assert_eq!(event.kind, kinds::ASYNCEVENT);
}
