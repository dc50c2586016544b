//! The values of rule file items, with Falco's messages for what is wrong with them.

use super::report::Code;
use super::yaml::{Node, NodeValue};

/// Similarity from which on a key is offered as what was meant.
const SIMILARITY_MIN: f64 = 0.7;

/// Something wrong with an item, at a place of its file.
#[derive(Debug, Clone)]
pub(super) struct Mistake {
    pub(super) code: Code,
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Name of the exception that it is in; empty when the exception has none.
    pub(super) exception: Option<String>,
}

impl Mistake {
    pub(super) fn new(code: Code, node: &Node, message: impl Into<String>) -> Self {
        Self { code, offset: node.offset, message: message.into(), hint: None, exception: None }
    }

    fn structure(node: &Node, message: impl Into<String>) -> Self {
        Self::new(Code::YamlValidate, node, message)
    }
}

/// The value of a key that must be there.
pub(super) fn required<'a>(item: &'a Node, key: &str) -> Result<&'a Node, Mistake> {
    match item.get(key) {
        None => Err(Mistake::structure(item, format!("Item has no mapping for key '{key}'"))),
        Some(Node { value: NodeValue::Null, .. }) => {
            Err(Mistake::structure(item, format!("Mapping for key '{key}' is empty")))
        }
        Some(value) => Ok(value),
    }
}

/// The value of a key that may be absent or empty.
pub(super) fn optional<'a>(item: &'a Node, key: &str) -> Option<&'a Node> {
    item.get(key).filter(|value| !matches!(value.value, NodeValue::Null))
}

/// The text of a scalar.
pub(super) fn scalar_of(node: &Node) -> Result<&str, Mistake> {
    node.scalar().ok_or_else(|| Mistake::structure(node, "Value is not a scalar value"))
}

/// The text of a scalar that must not be empty.
pub(super) fn text_of(node: &Node) -> Result<&str, Mistake> {
    let text = scalar_of(node)?.trim();
    if text.is_empty() { Err(Mistake::structure(node, "Value must be non-empty")) } else { Ok(text) }
}

/// The items of a sequence.
pub(super) fn sequence_of(node: &Node) -> Result<&[Node], Mistake> {
    node.sequence().ok_or_else(|| Mistake::structure(node, "Value is not a sequence"))
}

/// The texts of a sequence of scalars.
pub(super) fn texts_of(node: &Node) -> Result<Vec<String>, Mistake> {
    let text = |item: &Node| item.scalar().map(str::to_owned);
    let items = sequence_of(node)?.iter();
    items.map(|item| text(item).ok_or_else(|| Mistake::structure(item, "sequence value is not scalar"))).collect()
}

/// A truth value as YAML 1.1 writes it.
pub(super) fn truth_of(node: &Node) -> Result<bool, Mistake> {
    match scalar_of(node)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Ok(true),
        "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(Mistake::structure(node, "Can't decode YAML scalar value")),
    }
}

/// A number that is not negative.
pub(super) fn number_of(node: &Node) -> Result<u64, Mistake> {
    scalar_of(node)?.parse().map_err(|_| Mistake::structure(node, "Can't decode YAML scalar value"))
}

/// Warnings about keys that mean nothing in such an item.
pub(super) fn unknown_keys(item: &Node, known: &[&str]) -> Vec<Mistake> {
    let unknown = item.entries().iter().filter_map(|(key, _)| Some((key, key.scalar()?)));
    let unknown = unknown.filter(|(_, name)| !known.contains(name));
    unknown
        .map(|(key, name)| Mistake {
            hint: closest(name, known).map(|known| format!("did you mean '{known}'?")),
            ..Mistake::new(Code::UnknownKey, key, format!("Unknown key '{name}'. Key will be ignored."))
        })
        .collect()
}

/// The known name that an unknown one is most like.
pub(super) fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let similar = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate));
    similar.filter(|it| it.0 >= SIMILARITY_MIN).max_by(|left, right| left.0.total_cmp(&right.0)).map(|it| it.1)
}
