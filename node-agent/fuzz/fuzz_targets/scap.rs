//! Any file as a capture, the whole way: blocks, present-day events, the state of the machine, rules, alerts.

#![no_main]

use std::cell::RefCell;
use std::io::Cursor;

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use tiercel_agent::capture::scap::{Reader, ScapError};
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_detection::{Engine, LoadOptions, Matching, OutputContext, RuleFile, RuleSet, TimeFormat};

thread_local! {
    /// Made once: the rules do not change and the engine keeps nothing of an event.
    static ENGINE: RefCell<Engine> = RefCell::new(engine());
}

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = replay(bytes.to_owned()) {
        assert!(error.to_string().contains("offset"), "an error without a place: {error}");
    }
});

/// Judges the events of a capture.
fn replay(bytes: Vec<u8>) -> Result<(), ScapError> {
    let (mut reader, metadata) = Reader::from_input(Cursor::new(bytes))?;
    let mut state = CaptureState::new(&metadata);
    let mut alerts = Vec::new();
    while let Some(captured) = reader.next_event()? {
        let Some(event) = state.handle(&captured) else { continue };
        ENGINE.with_borrow_mut(|engine| engine.evaluate(&event, &mut alerts));
        for alert in alerts.drain(..) {
            drop(alert.to_falco_json());
        }
    }
    Ok(())
}

fn engine() -> Engine {
    let files = [RuleFile { name: "rules.yaml".into(), text: include_str!("../rules.yaml").into() }];
    let options = LoadOptions { matching: Matching::All, ..LoadOptions::default() };
    let (rules, report) = RuleSet::load(&files, &options);
    assert!(report.is_ok(), "{report}");
    let context =
        OutputContext { hostname: "fuzz".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() };
    Engine::new(rules, context)
}
