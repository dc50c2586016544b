//! Sequence numbers and loss counters.

use std::collections::BTreeMap;

use tiercel_agent::capture::{Class, KernelOptions, KernelSource, Observation, Progress, Source, WantedCalls};

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
    let mut observations = Vec::new();
    // The actor has ended: nothing new is made, and a drain later takes also what was held back in this one.
    let mut quiet = 0;
    while quiet < 3 {
        let drained = source.next_batch(&mut observations).unwrap();
        quiet = if drained.observations == 0 && drained.progress == Progress::CaughtUp { quiet + 1 } else { 0 };
        std::thread::sleep(source.poll_interval());
    }
    let losses = source.losses();
    assert!(losses.lost() > 1000, "20000 records do not fit: {losses:?}");
    assert_eq!(losses.made(), losses.lost() + observations.len() as u64);
    let streams = sequences(&observations);
    for row in &losses.classes {
        let numbers = streams.get(&(row.class, row.cpu)).map_or(&[][..], Vec::as_slice);
        assert!(numbers.is_sorted_by(|one, next| one < next));
        assert_eq!(row.made - row.lost, numbers.len() as u64, "{row:?}");
    }
    let critical = losses.classes.iter().filter(|row| row.class == Class::Critical);
    assert_eq!(critical.map(|row| row.lost).sum::<u64>(), 0, "a flood of opens pushes out no exec, fork or exit");
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
