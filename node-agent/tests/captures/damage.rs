//! Damaged captures: an error or another story, never a panic, all the way to the events.

use std::io::{Cursor, Read as _};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tiercel_agent::capture::scap::{Reader, ScapError};
use tiercel_agent::enrich::scap::CaptureState;

use super::folder;

/// Damaged forms of each capture that are tried.
const CASES: u32 = 48;

/// Small captures with process lists, descriptors and events of different ages.
const CAPTURES: [&str; 3] = ["libs/test_ipv6_client.scap", "falco/syscall.scap", "falco/psp/write_tmp_test.scap"];

#[test]
fn damage_is_an_error_or_another_story() {
    let Some(folder) = folder() else { return };
    for name in CAPTURES {
        let mut whole = Vec::new();
        let packed = std::fs::read(folder.join(name)).unwrap();
        GzDecoder::new(&packed[..]).read_to_end(&mut whole).unwrap();
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
