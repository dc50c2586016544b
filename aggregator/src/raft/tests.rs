//! The stores against the consensus library's own suite, and over restarts.

use std::path::Path;
use std::sync::Arc;

use openraft::storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _};
use openraft::testing::{StoreBuilder, Suite, blank_ent, log_id, membership_ent};
use openraft::{RaftLogReader as _, RaftSnapshotBuilder as _};
use tempfile::TempDir;

use super::log::LogStore;
use super::machine::{Feed, StateMachine};
use super::snapshot::SnapshotFolder;
use super::types::{Entry, StorageError, TypeConfig, Vote};
use crate::triage::{Command, Record, UnixMillis};

/// Takes records and forgets them.
struct NoFeed;

impl Feed for NoFeed {
    fn record(&self, _: u64, _: Vec<Record>) {}
    fn flush(&self) {}
}

struct Stores;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Stores {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError> {
        let folder = tempfile::tempdir().unwrap();
        let log = LogStore::open(&folder.path().join("log.redb"), 1).unwrap();
        let machine = open_machine(folder.path());
        Ok((folder, log, machine))
    }
}

fn open_machine(folder: &Path) -> StateMachine {
    let snapshots = SnapshotFolder::open(&folder.join("snapshots")).unwrap();
    StateMachine::open(snapshots, Arc::new(NoFeed)).unwrap()
}

#[test]
fn stores_pass_the_suite_of_the_consensus_library() {
    Suite::test_all(Stores).unwrap();
}

fn blanks(indexes: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    indexes.map(|index| blank_ent(2, 1, index)).collect()
}

fn indexes(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.log_id.index).collect()
}

#[tokio::test]
async fn log_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.redb");
    let mut log = LogStore::open(&path, 1).unwrap();
    assert!(log.is_new());
    log.blocking_append(blanks(1..=20)).await.unwrap();
    log.truncate(log_id(2, 1, 16)).await.unwrap();
    log.purge(log_id(2, 1, 5)).await.unwrap();
    log.save_committed(Some(log_id(2, 1, 12))).await.unwrap();
    let vote = Vote::new_committed(3, 1);
    log.save_vote(&vote).await.unwrap();
    log.close().await.unwrap();
    drop(log);

    let mut log = LogStore::open(&path, 1).unwrap();
    assert!(!log.is_new());
    assert_eq!(log.read_vote().await.unwrap(), Some(vote));
    assert_eq!(log.read_committed().await.unwrap(), Some(log_id(2, 1, 12)));
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(log_id(2, 1, 5)));
    assert_eq!(state.last_log_id, Some(log_id(2, 1, 15)));
    log.blocking_append(blanks(16..=18)).await.unwrap();
    // Half from the file, half from memory.
    let entries = log.try_get_log_entries(..).await.unwrap();
    assert_eq!(indexes(&entries), (6..=18).collect::<Vec<_>>());
    assert_eq!(indexes(&log.try_get_log_entries(14..17).await.unwrap()), [14, 15, 16]);
}

#[tokio::test]
async fn log_of_another_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.redb");
    LogStore::open(&path, 1).unwrap().close().await.unwrap();
    let error = LogStore::open(&path, 2).unwrap_err().to_string();
    assert!(error.ends_with("it is that of node 1, the configuration says node 2"), "{error}");
}

#[tokio::test]
async fn append_to_a_peer_is_bounded_by_bytes_and_never_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.redb");
    let mut log = LogStore::open(&path, 1).unwrap();
    // Each entry is about 400 kB: a membership of that size stands for a large batch.
    let large = |index| {
        let nodes = (0..100_000).collect();
        membership_ent(2, 1, index, vec![nodes])
    };
    log.blocking_append((1..=6).map(large).collect::<Vec<_>>()).await.unwrap();
    let read = log.limited_get_log_entries(1, 7).await.unwrap();
    assert!((1..6).contains(&read.len()), "{} entries", read.len());
    assert_eq!(read[0].log_id.index, 1);
    log.close().await.unwrap();
    drop(log);
    let mut log = LogStore::open(&path, 1).unwrap();
    assert_eq!(indexes(&log.limited_get_log_entries(1, 7).await.unwrap()), indexes(&read), "from the file");
    assert_eq!(indexes(&log.limited_get_log_entries(6, 7).await.unwrap()), [6]);
}

#[tokio::test]
async fn log_is_purged_by_bytes_but_not_past_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = LogStore::open(&folder.path().join("log.redb"), 1).unwrap();
    log.blocking_append(blanks(1..=100)).await.unwrap();
    let bytes = log.appended_bytes();
    assert_eq!(log.purge_point(bytes, 100), None);
    assert_eq!(log.purge_point(bytes / 2, 100), Some(50));
    assert_eq!(log.purge_point(0, 30), Some(30));
    log.purge(log_id(2, 1, 30)).await.unwrap();
    assert_eq!(log.purge_point(0, 30), None);
}

#[tokio::test]
async fn state_is_the_same_after_a_restart_from_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = open_machine(folder.path());
    let tick = |index, at| Entry {
        log_id: log_id(1, 1, index),
        payload: openraft::EntryPayload::Normal(Command::Tick { at: UnixMillis(at) }),
    };
    machine.apply([membership_ent(1, 1, 1, vec![[1, 2].into()]), tick(2, 500)]).await.unwrap();
    let mut builder = machine.get_snapshot_builder().await;
    machine.apply([tick(3, 900)]).await.unwrap();
    builder.build_snapshot().await.unwrap();

    let mut restarted = open_machine(folder.path());
    let (last, membership) = restarted.applied_state().await.unwrap();
    assert_eq!(last, Some(log_id(1, 1, 2)), "the snapshot is of the moment at which it was begun");
    assert_eq!(membership.voter_ids().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(restarted.shared().read().state.now(), UnixMillis(500));
    restarted.apply([tick(3, 900)]).await.unwrap();
    assert_eq!(restarted.shared().read().state.render(), machine.shared().read().state.render());
}
