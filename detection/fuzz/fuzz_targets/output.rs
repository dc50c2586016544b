//! Any format: parsing returns, and what it accepts can be filled from an event that has some of the fields.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_detection::FieldMap;
use tiercel_detection::output::Format;

fuzz_target!(|text: &str| {
    let Ok(format) = Format::parse(text) else { return };
    let event = r#"{"evt.type":"openat","evt.rawtime":1795430033419063181,"proc.name":"cat","user.uid":0}"#;
    let event = FieldMap::parse(event).expect("the event is well formed");
    drop(format.fill(&event));
    if let Some(filled) = Format::parse(&format!("*{text}")).ok().and_then(|format| format.fill(&event)) {
        assert!(filled.fields.len() <= text.len(), "a field needs at least one byte of the format");
    }
});
