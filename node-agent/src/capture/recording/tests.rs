//! What was written comes back, and damage is found.

use proptest::prelude::*;

use super::*;
use crate::capture::Class;
use crate::capture::observation::{Act, Entry, Exit, Open};
use crate::capture::{Drained, Observation, Progress, Source};
use crate::enrich::{Answer, ContainerCandidate, ScannedProcess, Snapshot, World};

fn snapshot() -> Snapshot {
    let init = ScannedProcess { pid: 1, name: "init".into(), ..ScannedProcess::default() };
    Snapshot { hostname: "web-1".to_owned(), boot_offset_ns: 7, processes: vec![init], ..Snapshot::default() }
}

fn observation(sequence: u64) -> Observation {
    let act = if sequence.is_multiple_of(2) {
        Act::Exit(Exit { code: 256, last_thread: true, reaper_pid: 1 })
    } else {
        Act::Open(Open { given: "/etc/shadow".into(), result: -13, ..Open::default() })
    };
    Observation {
        boot_ns: sequence * 10,
        cpu: 1,
        class: Class::Bulk,
        sequence,
        pid: 42,
        tid: 42,
        started_boot_ns: 5,
        uid: 0,
        gid: 0,
        entry: Entry::Syscall,
        act,
    }
}

fn recorded(sequences: &[u64]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &snapshot()).unwrap();
    for sequence in sequences {
        writer.observation(&observation(*sequence)).unwrap();
        writer.answer(&Answer::Process(u32::try_from(*sequence).unwrap(), None)).unwrap();
    }
    let bytes = writer.bytes();
    let output = writer.finish().unwrap();
    assert_eq!(output.len() as u64, bytes);
    output
}

fn open(bytes: &[u8]) -> Result<Recording, RecordingError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Recording::open(file.path())
}

fn observations(source: &mut RecordingSource) -> Vec<String> {
    let mut batch = Vec::new();
    while source.next_batch(&mut batch).unwrap().progress != Progress::Finished {}
    batch.iter().map(|observation| format!("{observation:?}")).collect()
}

#[test]
fn what_was_written_comes_back() {
    let sequences: Vec<u64> = (1..=10_000).collect();
    let mut recording = open(&recorded(&sequences)).unwrap();
    assert_eq!(recording.snapshot.hostname, "web-1");
    assert_eq!(recording.snapshot.processes, snapshot().processes);
    let expected: Vec<_> = sequences.iter().map(|sequence| format!("{:?}", observation(*sequence))).collect();
    assert_eq!(observations(&mut recording.source), expected);
    let mut batch = Vec::new();
    let drained = recording.source.next_batch(&mut batch).unwrap();
    assert_eq!(drained, Drained { observations: 0, progress: Progress::Finished });
}

#[test]
fn answers_come_back_in_the_order_of_their_questions() {
    let mut writer = Writer::new(Vec::new(), &snapshot()).unwrap();
    let candidate = ContainerCandidate { cgroup: "/web".into(), name: "web".into(), namespace: None };
    for pid in [7, 8] {
        let found = ScannedProcess { pid, start_ticks: u64::from(pid), ..ScannedProcess::default() };
        writer.answer(&Answer::Process(7, Some(Box::new(found)))).unwrap();
        writer.answer(&Answer::Container(candidate.clone(), None)).unwrap();
    }
    let mut recording = open(&writer.finish().unwrap()).unwrap();
    let world = &mut recording.answers;
    assert_eq!(world.container(&candidate), None);
    assert_eq!(
        [world.process(7), world.process(7), world.process(7), world.process(9)].map(|found| found.map(|p| p.pid)),
        [Some(7), Some(8), None, None]
    );
}

#[test]
fn holes_in_the_sequence_are_losses() {
    let mut recording = open(&recorded(&[3, 4, 7, 8])).unwrap();
    let losses = recording.source.losses();
    assert_eq!((losses.made(), losses.lost()), (8, 2));
}

#[test]
fn other_files_and_versions_are_refused() {
    let refused = |bytes: &[u8]| open(bytes).unwrap_err().to_string();
    let foreign = "failed to read recording: it does not begin as a recording of tiercel-agent does";
    assert_eq!(refused(b""), foreign);
    assert_eq!(refused(b"\x7fELF\x02\x01\x01\x00\x00\x00"), foreign);
    let mut newer = recorded(&[]);
    newer[8] = 9;
    assert_eq!(refused(&newer), "failed to read recording: it has format version 9, this agent reads version 2");
    assert_eq!(
        refused(&recorded(&[])[..10]),
        "failed to read recording: it is damaged at byte 10: the snapshot is not where it should be"
    );
}

#[test]
fn damage_is_told_with_its_place() {
    let whole = recorded(&[]);
    let mut longer = recorded(&[1]);
    longer[whole.len() + 9] ^= 1;
    let place = whole.len();
    assert_eq!(
        open(&longer).unwrap_err().to_string(),
        format!("failed to read recording: it is damaged at byte {place}: a checksum is wrong")
    );
}

proptest! {
    #[test]
    fn a_cut_recording_is_an_error_or_a_shorter_one(cut in 0usize..4096) {
        let bytes = recorded(&[1, 2, 3, 4, 5]);
        let cut = cut % bytes.len();
        match open(&bytes[..cut]) {
            Ok(mut recording) => prop_assert!(observations(&mut recording.source).len() <= 5),
            Err(RecordingError::Damaged { offset, .. }) => prop_assert!(offset <= cut as u64),
            Err(error) => prop_assert!(matches!(error, RecordingError::NotARecording), "{error}"),
        }
    }

    #[test]
    fn a_flipped_bit_is_always_found(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = recorded(&[1, 2, 3]);
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..256)) {
        let mut bytes = recorded(&[1]);
        bytes.extend(tail.iter());
        prop_assert_eq!(open(&bytes).is_ok(), tail.is_empty());
    }
}
