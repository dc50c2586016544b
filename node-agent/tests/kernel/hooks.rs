//! Which hooks are in place, and in which form.

use std::collections::BTreeMap;

use tiercel_agent::capture::observation::Act;
use tiercel_agent::capture::{
    Attachment, BackEnd, HookState, KernelOptions, KernelSource, Observation, Source, WantedCalls,
};
use tiercel_detection::event::kinds;

use crate::actor::FLOOD_OPENS;
use crate::harness::{Observed, Stage, drain_until, is_end_of, observe, observe_with};

/// The state of each hook.
fn states(source: &KernelSource) -> Vec<(&'static str, HookState)> {
    source.capabilities().hooks.iter().map(|hook| (hook.name, hook.state.clone())).collect()
}

#[test]
fn rules_that_look_at_no_call_leave_system_calls_alone_until_one_does() {
    let Some(stage) = Stage::set("paths") else { return };
    let nothing = WantedCalls::for_kinds(&[kinds::PROCEXIT].into_iter().collect());
    let mut source = KernelSource::open(&KernelOptions { calls: nothing, ..stage.options() }).unwrap();
    for (hook, state) in states(&source) {
        let expected = hook.starts_with("sched_process_");
        assert_eq!(matches!(state, HookState::Attached(_)), expected, "{hook}: {state}");
        assert!(expected || state == HookState::NotNeeded, "{hook}: {state}");
    }
    source.want(&WantedCalls::all()).unwrap();
    assert!(states(&source).iter().all(|(_, state)| matches!(state, HookState::Attached(_))), "{:?}", states(&source));
    source.want(&nothing).unwrap();
    source.want(&WantedCalls::all()).unwrap();
    let observed = observe_with(stage, source);
    assert!(observed.paths().count() > 10, "calls are seen again after the hook was taken away and put back");
}

#[test]
fn calls_that_stay_wanted_are_all_seen_while_the_rules_change() {
    let Some(mut stage) = Stage::set("flood") else { return };
    let mut source = KernelSource::open(&stage.options()).unwrap();
    // Both need all hooks: taking one away waits for every CPU, and would leave time for a few changes only.
    let fewer = WantedCalls::for_kinds(&[kinds::OPENAT, kinds::ASYNCEVENT].into_iter().collect());
    let pid = stage.pid();
    let mut observations = Vec::new();
    let mut changes = 0;
    std::thread::scope(|scope| {
        let actor = scope.spawn(|| stage.perform());
        while !actor.is_finished() {
            source.want(&[fewer, WantedCalls::all()][changes % 2]).unwrap();
            source.next_batch(&mut observations).unwrap();
            changes += 1;
        }
    });
    let ended = |some: &[Observation]| some.iter().any(|one| is_end_of(one, pid));
    let was_seen = ended(&observations);
    observations.extend(drain_until(&mut source, |rest| was_seen || ended(rest)));
    let opens = observations.iter().filter(|one| one.pid == pid && matches!(one.act, Act::Open(_))).count();
    assert!(changes > 10, "{changes} changes");
    assert_eq!((source.losses().lost(), source.losses().refused()), (0, 0));
    assert!(opens >= FLOOD_OPENS, "{opens} of {FLOOD_OPENS} opens after {changes} changes");
}

/// How often each act was observed, without what depends on the run.
fn acts(observed: &Observed) -> BTreeMap<String, usize> {
    let mut acts = BTreeMap::new();
    for Observation { pid, act, .. } in &observed.observations {
        let name = format!("{act:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
        *acts.entry(format!("{} {name}", if *pid == observed.pid { "actor" } else { "child" })).or_default() += 1;
    }
    acts
}

#[test]
fn plain_tracepoints_give_the_same_records() {
    for act in ["exec", "paths", "network", "identity"] {
        let (Some(typed), Some(stage)) = (observe(act), Stage::set(act)) else { return };
        let options = KernelOptions { attachment: Attachment::RawOnly, ..stage.options() };
        let source = KernelSource::open(&options).unwrap();
        let is_raw = |(_, state): &(&str, HookState)| *state == HookState::Attached(BackEnd::Raw);
        assert!(states(&source).iter().all(is_raw), "{:?}", states(&source));
        assert_eq!(acts(&observe_with(stage, source)), acts(&typed), "{act}");
    }
}
