//! One thing at a time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use tempfile::TempDir;
use tiercel_detection::Priority;
use tiercel_proto::{Generation, Lane, Sequence, v1};

use super::{LIMITS, World, alert};
use crate::uplink::spool::append::DISK_RETRY_INTERVAL;
use crate::uplink::spool::room::MEMORY_BYTES_MAX;
use crate::uplink::spool::{SkipReason, Spool, SpoolOptions, record};

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
    assert!(world.spool().counts().is_degraded, "a write alone proves nothing");
    world.spool().sync(Lane::Important, now);
    assert!(!world.spool().counts().is_degraded);
    world.drain();
    assert_eq!(world.cluster.counted.len() as u64 + world.cluster.skipped, world.produced);
}

#[test]
fn what_only_memory_holds_at_the_end_is_given_up_to_the_disk_that_failed() {
    let mut world = World::new(64 * 1024 * 1024);
    world.append(Priority::Critical, 1, 10);
    let moved = world.directory.path().with_extension("moved");
    fs::rename(world.directory.path(), &moved).unwrap();
    world.append(Priority::Warning, 3, 10);
    fs::rename(&moved, world.directory.path()).unwrap();
    world.spool().give_up_memory();
    world.spool().checkpoint();
    assert_eq!(world.spool().counts().memory_bytes, 0);
    assert_eq!(world.spool().counts().skipped[&SkipReason::DiskFailed], 3);
    world.open();
    let skipped = world.spool().counts().skipped.get(&SkipReason::Damaged).copied().unwrap_or_default();
    assert_eq!(skipped, 0, "nothing on the disk was damaged");
    world.drain();
    assert_eq!((world.cluster.counted.len() as u64, world.cluster.skipped), (1, 3));
}

#[test]
fn full_disk_costs_nothing_while_the_memory_lasts() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED full_disk_costs_nothing_while_the_memory_lasts: mounting a small disk needs root");
        return;
    }
    let mut world = World::new(64 * 1024 * 1024);
    let disk = SmallDisk::mount(world.directory.path());
    world.open();
    let now = Instant::now();
    world.append(Priority::Warning, 100, 3000);
    assert!(world.spool().counts().is_degraded, "300 kB do not fit into 128 KiB");
    for second in 1..60 {
        let late = [alert(world.produced, Priority::Warning, 10)];
        world.produced += 1;
        world.spool().append(&late, now + Duration::from_secs(second));
        world.spool().sync(Lane::Important, now + Duration::from_secs(second));
        world.check_sums();
    }
    let files = world.segments().len();
    assert!(files <= 3, "{files} files: attempts on a full disk leave nothing behind");
    world.drain();
    assert_eq!((world.cluster.counted.len() as u64, world.cluster.skipped), (world.produced, 0));
    world.spool = None;
    drop(disk);
}

/// A file system of 128 KiB; goes away with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        let none = None::<&str>;
        nix::mount::mount(none, at, Some("tmpfs"), nix::mount::MsFlags::empty(), Some("size=128k")).unwrap();
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
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
