//! Random histories of an agent and its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use proptest::prelude::*;
use tiercel_detection::Priority;
use tiercel_proto::Lane;

use super::World;
use crate::uplink::spool::append::SEGMENT_BYTES_MIN;

#[derive(Debug, Clone)]
enum Act {
    Append { priority: Priority, count: u64, size: usize },
    Send { lane: Lane, is_acknowledged: bool },
    Rewind(Lane),
    Checkpoint,
    Sync(Lane),
    Kill,
    LoseBooks,
    CutTail { file: prop::sample::Index, bytes: u64 },
    FlipBit { file: prop::sample::Index, place: prop::sample::Index },
}

fn priorities() -> impl Strategy<Value = Priority> {
    prop::sample::select(vec![Priority::Critical, Priority::Warning, Priority::Debug])
}

fn lanes() -> impl Strategy<Value = Lane> {
    prop::sample::select(Lane::ALL.to_vec())
}

fn orderly_acts() -> BoxedStrategy<Act> {
    prop_oneof![
        6 => (priorities(), 1..40_u64, 0..700_usize)
            .prop_map(|(priority, count, size)| Act::Append { priority, count, size }),
        6 => (lanes(), any::<bool>()).prop_map(|(lane, is_acknowledged)| Act::Send { lane, is_acknowledged }),
        1 => lanes().prop_map(Act::Rewind),
        1 => Just(Act::Checkpoint),
        1 => lanes().prop_map(Act::Sync),
        2 => Just(Act::Kill),
    ]
    .boxed()
}

fn violent_acts() -> BoxedStrategy<Act> {
    prop_oneof![
        8 => orderly_acts(),
        1 => Just(Act::LoseBooks),
        1 => (any::<prop::sample::Index>(), 1..2000_u64).prop_map(|(file, bytes)| Act::CutTail { file, bytes }),
        2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(file, place)| Act::FlipBit { file, place }),
    ]
    .boxed()
}

fn play(world: &mut World, act: &Act) {
    match act {
        Act::Append { priority, count, size } => world.append(*priority, *count, *size),
        Act::Send { lane, is_acknowledged } => {
            world.send(*lane, *is_acknowledged);
        }
        Act::Rewind(lane) => world.spool().rewind(*lane),
        Act::Checkpoint => world.spool().checkpoint(),
        Act::Sync(lane) => world.spool().sync(*lane, Instant::now()),
        Act::Kill => world.open(),
        Act::LoseBooks => {
            world.spool = None;
            drop(fs::remove_file(world.directory.path().join("ledger")));
            world.open();
        }
        Act::CutTail { file, bytes } => damage(world, *file, |bytes_on_disk| {
            let length = bytes_on_disk.len().saturating_sub(usize::try_from(*bytes).unwrap());
            bytes_on_disk.truncate(length);
        }),
        Act::FlipBit { file, place } => damage(world, *file, |bytes_on_disk| {
            if !bytes_on_disk.is_empty() {
                let bit = place.index(bytes_on_disk.len() * 8);
                bytes_on_disk[bit / 8] ^= 1 << (bit % 8);
            }
        }),
    }
    world.check_sums();
}

/// Changes one of the files while the agent is down.
fn damage(world: &mut World, file: prop::sample::Index, change: impl FnOnce(&mut Vec<u8>)) {
    world.spool = None;
    let files = world.segments();
    if !files.is_empty() {
        let path = file.get(&files);
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
    world.open();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn killed_agent_loses_nothing_and_repeats_nothing(acts in prop::collection::vec(orderly_acts(), 1..60)) {
        let mut world = World::new(64 * 1024 * 1024);
        acts.iter().for_each(|act| play(&mut world, act));
        world.drain();
        prop_assert_eq!(world.cluster.counted.len() as u64, world.produced);
        prop_assert_eq!(world.cluster.skipped, 0);
        prop_assert_eq!(world.spool().counts().waiting, 0);
        // What is settled is gone from the disk, except what this run is still writing.
        world.open();
        world.drain();
        prop_assert_eq!(world.segments(), Vec::<PathBuf>::new());
    }

    #[test]
    fn full_spool_gives_up_the_oldest_and_says_how_much(acts in prop::collection::vec(orderly_acts(), 1..60)) {
        let mut world = World::new(128 * 1024);
        for act in &acts {
            play(&mut world, act);
            prop_assert!(world.spool().counts().disk_bytes <= 128 * 1024 + 3 * SEGMENT_BYTES_MIN);
        }
        world.drain();
        prop_assert_eq!(world.cluster.counted.len() as u64 + world.cluster.skipped, world.produced);
    }

    #[test]
    fn damaged_spool_never_lies(acts in prop::collection::vec(violent_acts(), 1..60)) {
        let mut world = World::new(1024 * 1024);
        acts.iter().for_each(|act| play(&mut world, act));
        world.drain();
        prop_assert_eq!(world.spool().counts().waiting, 0);
        // A cut tail takes alerts of which nothing is left to tell; everything else adds up.
        prop_assert!(world.cluster.counted.len() as u64 + world.cluster.skipped <= world.produced);
        let identities: BTreeSet<_> = world.cluster.counted.values().collect();
        prop_assert_eq!(identities.len(), world.cluster.counted.len());
    }
}
