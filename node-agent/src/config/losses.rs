//! `capture.losses`: what to do about lost records, with the keys of Falco's `syscall_event_drops`.

use super::fault::Fault;
use super::reader::{At, Section};
use crate::detect::{LossAction, LossPolicy};

/// As written.
#[derive(Debug)]
pub(super) struct RawLosses {
    /// `actions`: `ignore` alone, or some of `log`, `alert` and `exit`.
    actions: Option<Vec<At<String>>>,
    /// `threshold`: lost records for each record made.
    threshold: Option<At<f64>>,
    /// `rate`: actions a second in the long run.
    rate: Option<At<f64>>,
    /// `max_burst`: actions at once.
    max_burst: Option<At<f64>>,
}

impl RawLosses {
    /// Reads the section.
    pub(super) fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let raw = Self {
            actions: section.texts("actions", faults),
            threshold: section.parse("threshold", "a share from 0 to 1", faults),
            rate: section.parse("rate", "a number of actions a second", faults),
            max_burst: section.parse("max_burst", "a number of actions", faults),
        };
        section.finish(faults);
        raw
    }

    /// Judges each key; a fault reads as the default.
    pub(super) fn validate(self, faults: &mut Vec<Fault>) -> LossPolicy {
        let default = LossPolicy::default();
        LossPolicy {
            threshold: in_range(self.threshold, 0.0..=1.0, "expected a share from 0 to 1", faults)
                .unwrap_or(default.threshold),
            actions: self.actions.map_or(default.actions, |words| actions(&words, faults)),
            rate: in_range(self.rate, 0.0..=f64::MAX, "expected 0 or more", faults).unwrap_or(default.rate),
            max_burst: in_range(self.max_burst, 1.0..=f64::MAX, "expected 1 or more", faults)
                .unwrap_or(default.max_burst),
        }
    }
}

fn actions(words: &[At<String>], faults: &mut Vec<Fault>) -> Vec<LossAction> {
    let mut actions = Vec::new();
    for word in words {
        match LossAction::from_word(&word.value) {
            Some(LossAction::Ignore) if words.len() > 1 => {
                faults.push(word.fault("`ignore` makes no sense beside other actions"));
            }
            Some(action) => actions.push(action),
            None => {
                let known = LossAction::WORDS.map(|(word, _)| word).join(", ");
                faults.push(word.fault(format!("expected some of {known}, found `{}`", word.value)));
            }
        }
    }
    actions
}

fn in_range(
    raw: Option<At<f64>>,
    range: std::ops::RangeInclusive<f64>,
    expected: &str,
    faults: &mut Vec<Fault>,
) -> Option<f64> {
    let raw = raw?;
    if !range.contains(&raw.value) {
        faults.push(raw.fault(expected));
        return None;
    }
    Some(raw.value)
}
