//! Damaged captures: an error or another story, never a panic, all the way to the events.

use std::io::{Cursor, Read as _};
use std::path::Path;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tiercel_agent::capture::scap::{Reader, ScapError};
use tiercel_agent::enrich::scap::CaptureState;

use super::{captures, folder};

/// Damaged forms of each capture that are tried.
const CASES: u32 = 16;

/// Unpacked bytes of a capture that are used, so that long ones do not take minutes in a debug build.
const BYTES_MAX: u64 = 300_000;

/// Block borders of each capture at which it is cut; each cut replays what precedes it, so a sample of them is taken.
const CUTS: usize = 10;

#[test]
fn damage_is_an_error_or_another_story() {
    let Some(folder) = folder() else { return };
    for (name, path) in captures(&folder) {
        let whole = unpacked(&path);
        let flips = prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..24);
        let damage = (flips, any::<prop::sample::Index>(), any::<bool>());
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) });
        let survived = runner.run(&damage, |(flips, end, cut)| {
            let mut bytes = whole.clone();
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] ^= value;
            }
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            if let Err(error) = tell(bytes) {
                prop_assert!(error.to_string().contains("offset"), "{error}");
            }
            Ok(())
        });
        survived.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_cut_between_blocks_is_a_shorter_capture_and_one_within_a_block_an_error() {
    let Some(folder) = folder() else { return };
    for (name, path) in captures(&folder) {
        let whole = unpacked(&path);
        let borders = borders(&whole);
        let mut before = 0;
        for border in borders.iter().step_by(borders.len().div_ceil(CUTS)) {
            let events = tell(whole[..*border].to_vec()).unwrap_or_else(|error| panic!("{name} {border}: {error}"));
            assert!(events >= before, "{name} {border}: {events} events, {before} with less of the capture");
            before = events;
            let error = tell(whole[..border - 1].to_vec()).unwrap_err().to_string();
            assert!(error.contains("the file ends in the middle of a block"), "{name} {border}: {error}");
        }
    }
}

/// The beginning of what a capture holds, packed or not.
fn unpacked(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap();
    let mut whole = Vec::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(&packed[..]).take(BYTES_MAX).read_to_end(&mut whole).unwrap();
    } else {
        (&packed[..]).take(BYTES_MAX).read_to_end(&mut whole).unwrap();
    }
    whole
}

/// Where each whole block ends.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at + 4..).and_then(|rest| rest.first_chunk()) {
        at += u32::from_le_bytes(*length) as usize;
        if at > bytes.len() {
            break;
        }
        borders.push(at);
    }
    borders
}

/// Reads all events and describes them.
fn tell(bytes: Vec<u8>) -> Result<usize, ScapError> {
    let (mut reader, metadata) = Reader::from_input(Cursor::new(bytes))?;
    let mut state = CaptureState::new(&metadata);
    let mut events = 0;
    while let Some(captured) = reader.next_event()? {
        events += usize::from(state.handle(&captured).is_some());
    }
    Ok(events)
}
