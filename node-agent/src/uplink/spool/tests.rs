//! The spool against a model of the cluster: whatever happens to the agent and its files, no alert is counted under a
//! wrong name, none twice, and none is missing without a skip.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use tempfile::TempDir;
use tiercel_detection::Priority;
use tiercel_detection::event::Timestamp;

use super::*;

const LIMITS: BatchLimits = BatchLimits { items_max: 7, bytes_max: 16 * 1024 };

/// An alert that can be told from all others; `size` makes it as long as wanted.
fn alert(number: u64, priority: Priority, size: usize) -> Alert {
    Alert {
        time: Timestamp(number),
        rule: format!("rule {}", number % 3).into(),
        priority,
        source: "syscall".into(),
        hostname: "web-1".into(),
        output: "x".repeat(size).into(),
        fields: Vec::new(),
        tags: [].into(),
    }
}

/// The cluster's side: one integer for each stream, and what was counted.
#[derive(Debug, Default)]
struct Cluster {
    next: BTreeMap<StreamId, Sequence>,
    counted: BTreeMap<AlertNumber, (StreamId, Sequence)>,
    skipped: u64,
    skipped_by_rule: BTreeMap<String, u64>,
}

type AlertNumber = u64;

impl Cluster {
    /// Takes a batch as the protocol wants it; returns the acknowledgement.
    fn take(&mut self, batch: &Batch) -> Sequence {
        let next = self.next.entry(batch.stream).or_insert(Sequence::FIRST);
        assert!(batch.first <= *next, "gap in {}: {} after {next}", batch.stream, batch.first);
        let mut sequence = batch.first;
        for item in &batch.items {
            match item.kind.as_ref().expect("items have a kind") {
                v1::item::Kind::Alert(alert) => {
                    if sequence >= *next {
                        let earlier = self.counted.insert(alert.time_unix_nanos, (batch.stream, sequence));
                        assert_eq!(earlier, None, "alert {} counted twice", alert.time_unix_nanos);
                    }
                    sequence = sequence.plus(1);
                }
                v1::item::Kind::Skip(skip) => {
                    let end = sequence.plus(skip.count);
                    if end > *next {
                        // Only the part that was not counted before is lost.
                        self.skipped += end.0 - sequence.0.max(next.0);
                        for (rule, count) in &skip.alerts_by_rule {
                            *self.skipped_by_rule.entry(rule.clone()).or_default() += count;
                        }
                    }
                    sequence = end;
                }
            }
            *next = (*next).max(sequence);
        }
        assert_eq!(sequence, batch.end, "items end where the batch ends");
        Sequence(next.0 - 1)
    }
}

struct World {
    directory: TempDir,
    bytes_max: u64,
    spool: Option<Spool>,
    cluster: Cluster,
    /// Every alert that was handed in, and the identity that it must keep, as far as it was seen.
    produced: u64,
}

impl World {
    fn new(bytes_max: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let mut world = Self { directory, bytes_max, spool: None, cluster: Cluster::default(), produced: 0 };
        world.open();
        world
    }

    fn open(&mut self) {
        self.spool = None;
        let options = SpoolOptions { directory: self.directory.path().to_owned(), bytes_max: self.bytes_max };
        self.spool = Some(Spool::open(options).unwrap());
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn append(&mut self, priority: Priority, count: u64, size: usize) {
        let alerts: Vec<_> = (0..count).map(|index| alert(self.produced + index, priority, size)).collect();
        self.produced += count;
        self.spool().append(&alerts, Instant::now());
    }

    /// Sends one batch of the lane; the acknowledgement may get lost.
    fn send(&mut self, lane: Lane, is_acknowledged: bool) -> bool {
        let Some(batch) = self.spool.as_mut().unwrap().next_batch(lane, LIMITS) else { return false };
        let through = self.cluster.take(&batch);
        if is_acknowledged {
            self.spool().acknowledge(batch.stream, through);
        }
        true
    }

    fn drain(&mut self) {
        for lane in Lane::ALL {
            self.spool().rewind(lane);
            while self.send(lane, true) {}
        }
        self.spool().checkpoint();
    }

    #[track_caller]
    fn check_sums(&self) {
        let counts = self.spool.as_ref().unwrap().counts();
        let skipped: u64 = counts.skipped.values().sum();
        assert_eq!(counts.recovered + counts.spooled, counts.acknowledged + skipped + counts.waiting, "{counts:?}");
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.directory.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "segment")).collect();
        files.sort();
        files
    }
}

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
        Act::Sync(lane) => world.spool().sync(*lane),
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
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

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

#[test]
fn second_agent_on_the_same_directory_is_refused() {
    let world = World::new(1024 * 1024);
    let options = SpoolOptions { directory: world.directory.path().to_owned(), bytes_max: 1024 * 1024 };
    let error = Spool::open(options).unwrap_err().to_string();
    assert_eq!(error, format!("spool {} is in use by another process", world.directory.path().display()));
}

#[test]
fn every_run_has_its_own_generation() {
    let mut world = World::new(1024 * 1024);
    let id = world.spool().id();
    for generation in 2..5 {
        world.open();
        assert_eq!((world.spool().id(), world.spool().generation()), (id, Generation(generation)));
    }
}

#[test]
fn damaged_identity_makes_a_new_spool_and_keeps_the_alerts() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Critical, 3, 10);
    let id = world.spool().id();
    fs::write(world.directory.path().join("identity"), "tiercel spool 1\nid 00").unwrap();
    world.open();
    assert_ne!(world.spool().id(), id);
    assert_eq!(world.spool().counts().recovered, 3);
    world.drain();
    assert!(world.cluster.counted.values().all(|(stream, _)| stream.spool == id));
    assert_eq!(world.cluster.counted.len(), 3);
}

/// Sends everything and prints what the cluster saw: `generation/lane first..end items`.
fn render(world: &mut World) -> String {
    let mut text = String::new();
    for lane in Lane::ALL {
        world.spool().rewind(lane);
        while let Some(batch) = world.spool().next_batch(lane, LIMITS) {
            text += &format!("{}/{} {}..{}:", batch.stream.generation, lane, batch.first, batch.end);
            for item in &batch.items {
                match item.kind.as_ref().unwrap() {
                    v1::item::Kind::Alert(alert) => text += &format!(" #{}", alert.time_unix_nanos),
                    v1::item::Kind::Skip(skip) => {
                        text += &format!(" skip {} {} {:?}", skip.count, skip.reason, skip.alerts_by_rule);
                    }
                }
            }
            text += "\n";
        }
    }
    text
}

#[track_caller]
fn check(world: &mut World, expected: Expect) {
    expected.assert_eq(&render(world));
    world.check_sums();
}

#[test]
fn lanes_have_their_own_sequences_and_old_runs_go_first() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Warning, 2, 10);
    world.append(Priority::Critical, 1, 10);
    world.open();
    world.append(Priority::Error, 1, 10);
    check(
        &mut world,
        expect![[r#"
        1/critical 1..2: #2
        1/important 1..3: #0 #1
        2/important 1..2: #3
    "#]],
    );
}

#[test]
fn overflow_is_announced_by_rule_before_what_is_left() {
    let mut world = World::new(64 * 1024);
    world.append(Priority::Debug, 40, 1000);
    check(
        &mut world,
        expect![[r#"
        1/rest 1..39: skip 32 over_quota {"rule 0": 11, "rule 1": 11, "rule 2": 10} #32 #33 #34 #35 #36 #37
        1/rest 39..41: #38 #39
    "#]],
    );
    let counts = world.spool().counts();
    assert_eq!(counts.skipped, BTreeMap::from([(SkipReason::OverQuota, 32)]));
    // The gap is booked before its file goes.
    world.open();
    assert!(render(&mut world).starts_with("1/rest 1..39: skip 32 over_quota {\"rule 0\": 11"));
}

#[test]
fn damage_in_the_middle_costs_one_alert() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Critical, 5, 10);
    let path = world.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    world.open();
    check(
        &mut world,
        expect![[r#"
        1/critical 1..6: #0 #1 skip 1 damaged {} #3 #4
    "#]],
    );
    assert_eq!(world.spool().counts().skipped, BTreeMap::from([(SkipReason::Damaged, 1)]));
}

#[test]
fn torn_tail_is_cut_off_and_the_number_is_not_used_again() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Critical, 3, 10);
    let path = world.segments().remove(0);
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 5).unwrap();
    world.open();
    assert!(world.spool().counts().torn_bytes > 0);
    world.append(Priority::Critical, 1, 10);
    check(
        &mut world,
        expect![[r#"
        1/critical 1..3: #0 #1
        2/critical 1..2: #3
    "#]],
    );
}

#[test]
fn segment_that_disappears_is_a_hole_with_a_count() {
    let mut world = World::new(64 * 1024);
    world.append(Priority::Warning, 20, 1000);
    world.spool().checkpoint();
    let files = world.segments();
    fs::remove_file(&files[1]).unwrap();
    world.open();
    check(
        &mut world,
        expect![[r#"
        1/important 1..8: #0 #1 #2 #3 #4 #5 #6
        1/important 8..21: #7 skip 8 damaged {} #16 #17 #18 #19
    "#]],
    );
}

#[test]
fn oversized_alert_is_counted_and_blocks_nothing() {
    let mut world = World::new(64 * 1024 * 1024);
    world.append(Priority::Critical, 1, 10);
    world.append(Priority::Critical, 1, record::PAYLOAD_BYTES_MAX);
    world.append(Priority::Critical, 1, 10);
    check(
        &mut world,
        expect![[r#"
        1/critical 1..4: #0 skip 1 oversized {"rule 1": 1} #2
    "#]],
    );
}

#[test]
fn cluster_that_has_more_than_we_know_is_believed() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Critical, 5, 10);
    let stream = world.spool().next_batch(Lane::Critical, LIMITS).unwrap().stream;
    world.spool().expect(stream, Sequence(4));
    check(
        &mut world,
        expect![[r#"
        1/critical 4..6: #3 #4
    "#]],
    );
    assert_eq!(world.spool().counts().acknowledged, 3);
}

#[test]
fn cluster_that_has_forgotten_hears_of_the_gap() {
    let mut world = World::new(1024 * 1024);
    world.append(Priority::Critical, 5, 10);
    let stream = world.spool().next_batch(Lane::Critical, LIMITS).unwrap().stream;
    world.spool().acknowledge(stream, Sequence(3));
    world.spool().expect(stream, Sequence(1));
    check(
        &mut world,
        expect![[r#"
        1/critical 1..6: skip 3 acknowledged_earlier {} #3 #4
    "#]],
    );
    world.spool().acknowledge(stream, Sequence(5));
    let counts = world.spool().counts();
    assert_eq!((counts.acknowledged, counts.waiting), (5, 0));
    world.check_sums();
}

#[test]
fn disk_that_refuses_is_replaced_by_memory_within_its_bound() {
    let mut world = World::new(64 * 1024 * 1024);
    world.append(Priority::Critical, 1, 10);
    // Without its directory the spool cannot make another segment.
    let now = Instant::now();
    let moved = world.directory.path().with_extension("moved");
    fs::rename(world.directory.path(), &moved).unwrap();
    world.append(Priority::Warning, 2, 10);
    assert!(world.spool().counts().is_degraded);
    check(
        &mut world,
        expect![[r#"
        1/critical 1..2: #0
        1/important 1..3: #1 #2
    "#]],
    );
    for _ in 0..20 {
        world.append(Priority::Warning, 10, 100_000);
        world.check_sums();
        assert!(world.spool().counts().memory_bytes <= MEMORY_BYTES_MAX);
    }
    let lost = world.spool().counts().skipped[&SkipReason::DiskFailed];
    assert!((100..150).contains(&lost), "{lost} of 202 alerts of 100 kB did not fit into 8 MiB");
    fs::rename(&moved, world.directory.path()).unwrap();
    let late = [alert(world.produced, Priority::Warning, 10)];
    world.produced += 1;
    world.spool().append(&late, now + DISK_RETRY_INTERVAL * 2);
    assert!(!world.spool().counts().is_degraded);
    world.drain();
    assert_eq!(world.cluster.counted.len() as u64 + world.cluster.skipped, world.produced);
}

#[test]
fn directory_that_cannot_be_used_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Spool::open(SpoolOptions { directory: file.join("spool"), bytes_max: 1 }).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("failed to create spool {}: ", Path::new(&file).join("spool").display())),
        "{error}"
    );
}
