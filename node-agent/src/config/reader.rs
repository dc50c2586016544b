//! Reads a tree key by key: whatever is asked for is known, whatever is left over is a mistake.

use std::str::FromStr;

use super::document::{Entry, Node, Place, Value};
use super::fault::Fault;

/// A value with the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
    /// The key, dotted from the root.
    pub(super) key: String,
}

impl<T> At<T> {
    /// A fault of this value.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { place: Some(self.place.clone()), key: self.key.clone(), message: message.into(), hint: None }
    }
}

/// One mapping that is being read.
#[derive(Debug)]
pub(super) struct Section {
    key: String,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

impl Section {
    /// Takes a mapping apart; anything else is a fault and reads as an empty mapping.
    pub(super) fn new(node: Node, key: &str, faults: &mut Vec<Fault>) -> Self {
        let entries = match node.value {
            Value::Mapping(entries) => entries,
            Value::Null => Vec::new(),
            Value::Scalar(_) | Value::Sequence(_) => {
                faults.push(Fault {
                    place: Some(node.place),
                    key: key.to_owned(),
                    message: "expected keys with values".to_owned(),
                    hint: None,
                });
                Vec::new()
            }
        };
        Self { key: key.to_owned(), entries, known: Vec::new() }
    }

    /// The section behind a key; an absent one is empty.
    pub(super) fn section(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Self {
        self.optional_section(name, faults).unwrap_or_else(|| Self {
            key: self.path(name),
            entries: Vec::new(),
            known: Vec::new(),
        })
    }

    /// The section behind a key, `None` when the key is absent.
    pub(super) fn optional_section(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<Self> {
        let entry = self.take(name)?;
        Some(Self::new(entry.value, &self.path(name), faults))
    }

    /// A scalar that parses as `T`; `expected` says what belongs there.
    pub(super) fn parse<T: FromStr>(
        &mut self,
        name: &'static str,
        expected: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<At<T>> {
        let text = self.text(name, faults)?;
        let Ok(value) = text.value.parse() else {
            faults.push(text.fault(format!("expected {expected}, found `{}`", text.value)));
            return None;
        };
        Some(At { value, place: text.place, key: text.key })
    }

    /// A scalar as text.
    pub(super) fn text(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<At<String>> {
        let entry = self.take(name)?;
        let key = self.path(name);
        scalar(entry.value, key, faults)
    }

    /// A list of scalars, or one scalar, which is a list of one.
    pub(super) fn texts(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<Vec<At<String>>> {
        let entry = self.take(name)?;
        let key = self.path(name);
        match entry.value.value {
            Value::Sequence(items) => {
                Some(items.into_iter().filter_map(|item| scalar(item, key.clone(), faults)).collect())
            }
            Value::Null => None,
            Value::Scalar(_) | Value::Mapping(_) => scalar(entry.value, key, faults).map(|text| vec![text]),
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, faults: &mut Vec<Fault>) {
        for entry in &self.entries {
            let hint = closest(&entry.key, &self.known)
                .map(|name| format!("did you mean `{name}`?"))
                .or_else(|| Some(format!("known keys: {}", self.known.join(", "))));
            faults.push(Fault {
                place: Some(entry.place.clone()),
                key: self.path(&entry.key),
                message: "unknown key".to_owned(),
                hint,
            });
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Entry> {
        self.known.push(name);
        let index = self.entries.iter().position(|entry| entry.key == name)?;
        Some(self.entries.remove(index))
    }

    fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }
}

fn scalar(node: Node, key: String, faults: &mut Vec<Fault>) -> Option<At<String>> {
    match node.value {
        Value::Scalar(value) => Some(At { value, place: node.place, key }),
        Value::Null => None,
        Value::Sequence(_) | Value::Mapping(_) => {
            let message = "expected one value".to_owned();
            faults.push(Fault { place: Some(node.place), key, message, hint: None });
            None
        }
    }
}

/// The known name that was most likely meant.
fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Below this the names have little in common; chosen so that `ring_size` does not suggest `source`.
    const SIMILARITY_MIN: f64 = 0.7;
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(word, name), *name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
