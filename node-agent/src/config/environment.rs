//! Environment variables as a second, stronger layer over the file.

use super::document::{Entry, Node, Place, Value};
use super::fault::Fault;

/// Every variable that starts so belongs to the agent.
pub(super) const PREFIX: &str = "TIERCEL_AGENT__";

/// Lays `TIERCEL_AGENT__SECTION__KEY=value` over the tree. Lists and mappings are written as in YAML's flow style.
pub(super) fn overlay(root: &mut Node, variables: impl IntoIterator<Item = (String, String)>, faults: &mut Vec<Fault>) {
    let mut variables: Vec<_> =
        variables.into_iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty()).collect();
    variables.sort();
    for (name, text) in variables {
        let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        match value(&text, &name) {
            Ok(node) => put(root, &path, node, &name),
            Err(message) => {
                faults.push(Fault { place: Some(Place::Environment(name)), key: path.join("."), message, hint: None })
            }
        }
    }
}

fn value(text: &str, name: &str) -> Result<Node, String> {
    let place = Place::Environment(name.to_owned());
    if !text.starts_with(['[', '{']) {
        return Ok(Node { place, value: Value::Scalar(text.to_owned()) });
    }
    let node = Node::parse(text).map_err(|error| error.without_snippet().to_string())?;
    Ok(moved(node, &place))
}

/// The same tree with every place replaced: positions inside a variable mean nothing in the file.
fn moved(node: Node, place: &Place) -> Node {
    let value = match node.value {
        Value::Null => Value::Null,
        Value::Scalar(text) => Value::Scalar(text),
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(|item| moved(item, place)).collect()),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .into_iter()
                .map(|entry| Entry { key: entry.key, place: place.clone(), value: moved(entry.value, place) })
                .collect(),
        ),
    };
    Node { place: place.clone(), value }
}

fn put(node: &mut Node, path: &[String], value: Node, name: &str) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if !matches!(node.value, Value::Mapping(_)) {
        *node = Node { place: Place::Environment(name.to_owned()), value: Value::Mapping(Vec::new()) };
    }
    let Value::Mapping(entries) = &mut node.value else { unreachable!("made a mapping just above") };
    let index = entries.iter().position(|entry| &entry.key == first).unwrap_or_else(|| {
        let place = Place::Environment(name.to_owned());
        let empty = Node { place: place.clone(), value: Value::Null };
        entries.push(Entry { key: first.clone(), place, value: empty });
        entries.len() - 1
    });
    put(&mut entries[index].value, rest, value, name);
}
