//! Brings the events of older captures to their present form: what was split into an entry and an exit becomes one
//! event, parameters that came later are added.

use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde_json::json;

use super::conversion::{Step, Way};
use super::event::{CapturedEvent, Values};
use super::tables::{self, EventRow};

/// Entries that wait for their exit, at most; one for each thread.
const ENTRIES_MAX: usize = 65_536;

/// Forms that an event goes through at most; the table has chains of three.
const CONVERSIONS_MAX: usize = 16;

/// Zeros for parameters that have no other source.
static ZEROS: [u8; 16] = [0; 16];

/// Keeps the entries of calls until their exits come.
#[derive(Debug, Default)]
pub(super) struct Converter {
    entries: FxHashMap<i64, CapturedEvent>,
}

impl Converter {
    /// The event in its present form; `None` when it only was a part of another one.
    pub(super) fn convert(&mut self, mut event: CapturedEvent) -> Option<CapturedEvent> {
        for _ in 0..CONVERSIONS_MAX {
            let row = tables::event(event.code)?;
            if row.is_unused() {
                return None;
            }
            let entry = event.code.is_multiple_of(2);
            if !row.is_managed() {
                return (!(entry && row.is_old())).then_some(event);
            }
            if !entry && !row.is_old() && event.values.len() >= row.parameters.len() {
                return Some(event);
            }
            let Some(conversion) = tables::conversion(event.code, event.values.len()) else {
                // An entry of a form that never existed is of no use; an exit is, as far as it goes.
                return (!entry).then_some(event);
            };
            match conversion.way {
                Way::Store => {
                    self.store(event);
                    return None;
                }
                Way::Pass => return Some(event),
                Way::StoreAndPass => {
                    self.store(event.clone());
                    return Some(event);
                }
                Way::Extend => {
                    let own = event.values.clone();
                    let added = self.values(&event, row, own.len(), conversion.steps);
                    self.forget_used(&event, conversion.steps);
                    event.values = own;
                    event.values.extend(added);
                }
                Way::Become(code) => {
                    let values = self.values(&event, tables::event(code)?, 0, conversion.steps);
                    self.forget_used(&event, conversion.steps);
                    event.code = code;
                    event.values = values;
                }
            }
        }
        Some(event)
    }

    fn store(&mut self, event: CapturedEvent) {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&event.tid) {
            self.entries.clear();
        }
        self.entries.insert(event.tid, event);
    }

    /// An entry serves one exit; a later exit without an entry may not take what an earlier call was given.
    fn forget_used(&mut self, event: &CapturedEvent, steps: &[Step]) {
        let uses = steps.iter().any(|step| matches!(step, Step::Entry(_) | Step::EntryOrEmpty(_)));
        if uses && self.entries.get(&event.tid).is_some_and(|entry| entry.code + 1 == event.code) {
            self.entries.remove(&event.tid);
        }
    }

    /// The parameters that the steps say, the first of which is number `first` of `row`.
    fn values(&self, event: &CapturedEvent, row: &EventRow, first: usize, steps: &[Step]) -> Values {
        let entry = self.entries.get(&event.tid).filter(|entry| entry.code + 1 == event.code);
        let entry_value =
            |index: u8| entry.map(|entry| entry.values.get(usize::from(index)).cloned().unwrap_or_default());
        let zero = |number: usize| {
            let width = row.parameters.get(number).map_or(0, |parameter| parameter.kind.width());
            Bytes::from_static(&ZEROS[..width])
        };
        let value = |(position, step): (usize, &Step)| match step {
            Step::Own(index) => event.values.get(usize::from(*index)).cloned().unwrap_or_default(),
            Step::Entry(index) => entry_value(*index).unwrap_or_else(|| zero(first + position)),
            Step::EntryOrEmpty(index) => entry_value(*index).unwrap_or_default(),
            Step::Empty => Bytes::new(),
            Step::Default => zero(first + position),
            Step::ContainerJson => container_json(&event.values),
        };
        steps.iter().enumerate().map(value).collect()
    }
}

/// Older captures tell of a container by id, type, name and image.
fn container_json(values: &Values) -> Bytes {
    let text = |index: usize| {
        let bytes = values.get(index).map(|bytes| bytes.strip_suffix(b"\0").unwrap_or(bytes)).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let kind = values.get(1).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let document = json!({"container": {"id": text(0), "type": kind, "name": text(2), "image": text(3)}});
    let mut bytes = document.to_string().into_bytes();
    bytes.push(0);
    bytes.into()
}
