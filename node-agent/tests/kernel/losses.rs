//! Sequence numbers and loss counters.

use std::collections::BTreeMap;

use tiercel_agent::capture::observation::Act;
use tiercel_agent::capture::{
    Class, KernelOptions, KernelSource, LossReport, Observation, Progress, Source, WantedCalls,
};

use crate::harness::{Stage, observe};

/// The sequence numbers of each class and CPU, in the order in which they were delivered.
fn sequences(observations: &[Observation]) -> BTreeMap<(Class, u16), Vec<u64>> {
    let mut found: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for one in observations {
        found.entry((one.class, one.cpu)).or_default().push(one.sequence);
    }
    found
}

#[test]
fn without_losses_every_number_comes_once_and_in_order() {
    let Some(observed) = observe("paths") else { return };
    for (stream, numbers) in sequences(&observed.observations) {
        let expected: Vec<u64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "{stream:?}");
    }
    assert!(observed.observations.is_sorted_by_key(|one| one.boot_ns));
}

#[test]
fn a_ring_that_is_too_small_loses_exactly_what_it_counts() {
    let Some(mut stage) = Stage::set("flood") else { return };
    let mut source = KernelSource::open(&KernelOptions { ring_bytes: 1, ..stage.options() }).unwrap();
    stage.perform();
    let observations = drain_rest(&mut source);
    let losses = source.losses();
    assert!(losses.lost() + losses.refused() > 1000, "20000 records do not fit: {losses:?}");
    assert_sums(&losses, &observations);
    let critical = losses.classes.iter().filter(|row| row.class == Class::Critical);
    assert_eq!(critical.map(|row| row.lost).sum::<u64>(), 0, "a flood of opens pushes out no exec, fork or exit");
}

/// Takes what is there when the actor has ended: nothing new is made, and a drain later takes also what was held back in
/// this one.
fn drain_rest(source: &mut KernelSource) -> Vec<Observation> {
    let mut observations = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        let drained = source.next_batch(&mut observations).unwrap();
        quiet = if drained.observations == 0 && drained.progress == Progress::CaughtUp { quiet + 1 } else { 0 };
        std::thread::sleep(source.poll_interval());
    }
    observations
}

/// Every record that was made is delivered, lost or refused, on each CPU and in each class.
#[track_caller]
fn assert_sums(losses: &LossReport, observations: &[Observation]) {
    assert_eq!(losses.made(), losses.lost() + losses.refused() + observations.len() as u64);
    let streams = sequences(observations);
    for row in &losses.classes {
        let numbers = streams.get(&(row.class, row.cpu)).map_or(&[][..], Vec::as_slice);
        assert!(numbers.is_sorted_by(|one, next| one < next));
        assert_eq!(row.made - row.lost - row.refused, numbers.len() as u64, "{row:?}");
    }
    let told: u64 = losses.cgroups.iter().map(|row| row.lost + row.refused).sum();
    assert_eq!(told, losses.lost() + losses.refused(), "every loss is that of a cgroup: {losses:?}");
}

#[test]
fn a_full_bulk_ring_is_shared_out_by_cgroup() {
    let Some(mut stage) = Stage::set("flood") else { return };
    let mut limited = KernelSource::open(&KernelOptions { ring_bytes: 1, fair_limit: 1, ..stage.options() }).unwrap();
    let mut free = KernelSource::open(&KernelOptions { ring_bytes: 1, fair_limit: 0, ..stage.options() }).unwrap();
    stage.perform();
    let (limited_seen, free_seen) = (drain_rest(&mut limited), drain_rest(&mut free));
    let (limited, free) = (limited.losses(), free.losses());
    assert_sums(&limited, &limited_seen);
    assert_sums(&free, &free_seen);
    assert_eq!(free.refused(), 0, "nobody is limited: {free:?}");
    assert!(free.lost() > 0 && limited.refused() > 0, "{free:?} {limited:?}");
}

#[test]
fn a_flood_of_forks_leaves_room_for_execs() {
    let Some(mut stage) = Stage::set("forks and execs") else { return };
    let mut source = KernelSource::open(&KernelOptions { ring_bytes: 1, ..stage.options() }).unwrap();
    stage.perform();
    let observations = drain_rest(&mut source);
    let losses = source.losses();
    assert_sums(&losses, &observations);
    assert!(losses.lost() > 0, "thousands of forks fit nowhere: {losses:?}");
    let marked = |one: &&Observation| match &one.act {
        Act::Exec(exec) => exec.arguments.iter().any(|argument| &**argument == "marked"),
        _ => false,
    };
    assert_eq!(observations.iter().filter(marked).count(), 20);
}

#[test]
fn calls_that_nobody_wants_are_not_recorded() {
    let Some(mut stage) = Stage::set("flood") else { return };
    let mut source = KernelSource::open(&stage.options()).unwrap();
    source.want(&WantedCalls::state()).unwrap();
    stage.perform();
    let bulk = source.losses().classes.iter().filter(|row| row.class == Class::Bulk).map(|row| row.made).sum::<u64>();
    assert_eq!(bulk, 0);
}
