//! YAML as a tree in which every node knows its place and every scalar keeps its text.
//!
//! Falco reads scalars as text, so `010` in a list of values is "010". The parser resolves types; the text of a scalar
//! that it took for a number or a truth value is cut out of the file again.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A node of a YAML document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Byte offset in the file.
    pub(super) offset: usize,
    /// Length in the file, in bytes.
    pub(super) length: usize,
    pub(super) value: NodeValue,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum NodeValue {
    Null,
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// Why a file is not YAML.
#[derive(Debug)]
pub(super) struct YamlError {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// Parses all documents of a file. Empty documents are left out.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    let documents: Vec<Spanned<Raw>> = serde_saphyr::from_multiple(text).map_err(|error| {
        let location = error.location();
        let place =
            |place: serde_saphyr::Location| usize::try_from(place.span().byte_offset().unwrap_or(0)).unwrap_or(0);
        YamlError { offset: location.map_or(0, place), message: error.without_snippet().to_string() }
    })?;
    Ok(documents.into_iter().map(|document| node(document, text)).collect())
}

impl Node {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.scalar() == Some(key)).map(|(_, value)| value)
    }

    /// The entries of a mapping, none for other nodes.
    pub(super) fn entries(&self) -> &[(Self, Self)] {
        match &self.value {
            NodeValue::Mapping(entries) => entries,
            NodeValue::Null | NodeValue::Scalar(_) | NodeValue::Sequence(_) => &[],
        }
    }

    /// The text of a scalar.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar(text) => Some(text),
            NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_) => None,
        }
    }

    /// The items of a sequence.
    pub(super) fn sequence(&self) -> Option<&[Self]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            NodeValue::Null | NodeValue::Scalar(_) | NodeValue::Mapping(_) => None,
        }
    }

    /// The node as JSON, for values that are not Falco's: scalars become numbers and truth values where they look so.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            NodeValue::Null => serde_json::Value::Null,
            NodeValue::Scalar(text) => match text.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                other => match other.parse::<i64>() {
                    // Text that only looks like a number, as `010`, stays text.
                    Ok(number) if number.to_string() == other => number.into(),
                    Ok(_) | Err(_) => other.into(),
                },
            },
            NodeValue::Sequence(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => {
                let pairs = entries.iter().filter_map(|(key, value)| Some((key.scalar()?.to_owned(), value.to_json())));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }
}

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let place = |number: Option<u64>| usize::try_from(number.unwrap_or(0)).unwrap_or(0);
    let span = raw.referenced.span();
    let (offset, length) = (place(span.byte_offset()), place(span.byte_len()));
    let value = match raw.value {
        Raw::Null => NodeValue::Null,
        Raw::Text(scalar) => NodeValue::Scalar(scalar),
        Raw::Typed(fallback) => {
            let written = text.get(offset..offset + length).map(str::trim).filter(|written| !written.is_empty());
            NodeValue::Scalar(written.map_or(fallback, str::to_owned))
        }
        Raw::Sequence(items) => NodeValue::Sequence(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Mapping(entries) => {
            NodeValue::Mapping(entries.into_iter().map(|(key, value)| (node(key, text), node(value, text))).collect())
        }
    };
    Node { offset, length, value }
}

/// What the parser says.
enum Raw {
    Null,
    Text(String),
    /// A scalar with another type than text, and how that prints.
    Typed(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_text_and_nodes_their_place() {
        let text =
            "- list: numbers\n  items: [010, 0x10, yes, \"1e3\", ~, 1.50, /a b]\n- macro: >\n    folded\n    text\n";
        let documents = parse(text).unwrap();
        let items = documents[0].sequence().unwrap();
        let list = items[0].get("items").unwrap().sequence().unwrap();
        let texts: Vec<_> = list.iter().map(|item| item.scalar()).collect();
        assert_eq!(texts, [Some("010"), Some("0x10"), Some("yes"), Some("1e3"), None, Some("1.50"), Some("/a b")]);
        assert_eq!(&text[list[6].offset..list[6].offset + 4], "/a b");
        assert_eq!(items[1].get("macro").unwrap().scalar(), Some("folded text\n"));
    }

    #[test]
    fn several_documents_are_read_and_mistakes_have_a_place() {
        assert_eq!(parse("- a\n---\n---\n- b\n").unwrap().len(), 2);
        let error = parse("- a: [1, 2\n- b: 3\n").unwrap_err();
        assert!(!error.message.is_empty());
    }
}
