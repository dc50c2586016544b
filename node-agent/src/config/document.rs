//! A YAML text as a tree in which every key and value knows where it stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// Where a key or value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    File {
        /// Line, starting at 1.
        line: u64,
        /// Column, starting at 1.
        column: u64,
    },
    /// In this environment variable.
    Environment(String),
}

impl Place {
    /// Sorts by line, and variables after the file.
    pub(super) fn order(&self) -> (u64, u64, &str) {
        match self {
            Self::File { line, column } => (*line, *column, ""),
            Self::Environment(name) => (u64::MAX, 0, name),
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it stands.
    pub(super) place: Place,
    /// What it is.
    pub(super) value: Value,
}

/// What a node is. Scalars stay text: what type one has is up to the key that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// Any other scalar.
    Scalar(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in the order of the file.
    Mapping(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Place,
    /// Its value.
    pub(super) value: Node,
}

impl Node {
    /// An empty mapping, what an empty file means.
    pub(super) fn empty() -> Self {
        Self { place: Place::File { line: 1, column: 1 }, value: Value::Mapping(Vec::new()) }
    }

    /// Reads a YAML text.
    pub(super) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let parsed: Spanned<Option<Parsed>> = serde_saphyr::from_str(text)?;
        Ok(parsed.value.map_or_else(Self::empty, |value| value.into_node(text, &parsed.referenced)))
    }
}

/// The tree as serde hands it over, before the texts of plain scalars are cut out of the file.
#[derive(Debug)]
enum Parsed {
    Null,
    Text(String),
    /// A number or boolean; its text is what stands in the file.
    Plain(String),
    Sequence(Vec<Spanned<Parsed>>),
    Mapping(Vec<(Spanned<String>, Spanned<Parsed>)>),
}

impl Parsed {
    fn into_node(self, text: &str, location: &Location) -> Node {
        let value = match self {
            Self::Null => Value::Null,
            Self::Text(value) => Value::Scalar(value),
            Self::Plain(value) => Value::Scalar(source_text(text, location).map_or(value, str::to_owned)),
            Self::Sequence(items) => {
                Value::Sequence(items.into_iter().map(|item| item.value.into_node(text, &item.referenced)).collect())
            }
            Self::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key: key.value,
                        place: place(&key.referenced),
                        value: value.value.into_node(text, &value.referenced),
                    })
                    .collect(),
            ),
        };
        Node { place: place(location), value }
    }
}

fn place(location: &Location) -> Place {
    Place::File { line: location.line(), column: location.column() }
}

fn source_text<'a>(text: &'a str, location: &Location) -> Option<&'a str> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    text.get(start..start.checked_add(length)?).map(str::trim).filter(|cut| !cut.is_empty())
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Parsed, E> {
        Ok(Parsed::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Parsed, E> {
        Ok(Parsed::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Parsed, E> {
        Ok(Parsed::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Parsed, E> {
        Ok(Parsed::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Parsed::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Parsed::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_the_text_of_the_file() {
        let node = Node::parse("a: 010\nb: yes\nc: '8 MiB'\nd: [1e3, ~]\n").expect("valid YAML");
        let Value::Mapping(entries) = node.value else { panic!("a mapping") };
        let shown: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.value.value.clone())).collect();
        assert_eq!(shown[0], ("a", Value::Scalar("010".into())));
        assert_eq!(shown[1], ("b", Value::Scalar("yes".into())));
        assert_eq!(shown[2], ("c", Value::Scalar("8 MiB".into())));
        let Value::Sequence(items) = &entries[3].value.value else { panic!("a list") };
        assert_eq!(items[0].value, Value::Scalar("1e3".into()));
        assert_eq!(items[1].value, Value::Null);
        assert_eq!(entries[3].place, Place::File { line: 4, column: 1 });
    }

    #[test]
    fn an_empty_text_is_an_empty_mapping() {
        assert_eq!(Node::parse("# nothing\n").expect("valid YAML"), Node::empty());
    }
}
