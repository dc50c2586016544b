//! Any text: the parser returns; what it accepts prints to a text that it reads as the same condition.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_detection::condition::{DEPTH_MAX, parse, required_kinds};

fuzz_target!(|text: &str| {
    let Ok(expression) = parse(text, DEPTH_MAX) else { return };
    // Kinds may be refused, but only with a message.
    drop(required_kinds(&expression));
    let printed = expression.to_string();
    // A chain of negations is read as one or none. The canonical form, which is Falco's, leaves out quotes around
    // brackets and commas, and shows bytes that are not UTF-8 as U+FFFD.
    if printed.contains("not not") || printed.contains('\u{fffd}') || text.contains(['"', '\'', '\\']) {
        return;
    }
    // Printing adds parentheses, so that a condition near the limit may come out too deep.
    if let Ok(again) = parse(&printed, DEPTH_MAX) {
        assert_eq!(again.to_string(), printed, "{text:?}");
    }
});
