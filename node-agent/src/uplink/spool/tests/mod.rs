//! The spool against a model of the cluster: whatever happens to the agent and its files, no alert is counted under a
//! wrong name, none twice, and none is missing without a skip.

mod cases;
mod kill;
mod property;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use tempfile::TempDir;
use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, Priority};
use tiercel_proto::{Lane, Sequence, v1};

use super::{Batch, BatchLimits, Spool, SpoolOptions, StreamId};

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
