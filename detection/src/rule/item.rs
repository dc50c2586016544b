//! Lists, macros and rules as the files define them, after all redefinitions.

use super::Examples;
use super::decode::{Mistake, scalar_of};
use super::exception::Exception;
use super::report::Code;
use super::source::{Scalar, SourceText};
use super::yaml::Node;
use crate::alert::Priority;

/// The source of rules that name none.
pub(super) const SYSCALL: &str = "syscall";

/// Order of an item among all items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// When it was first defined: its place for ever.
    pub(super) index: usize,
    /// When it was last defined: what it can see.
    pub(super) visibility: usize,
}

/// A list.
#[derive(Debug, Clone)]
pub(super) struct ListItem {
    pub(super) name: Scalar,
    pub(super) order: Order,
    pub(super) items: Vec<String>,
    pub(super) used: bool,
}

/// A macro.
#[derive(Debug, Clone)]
pub(super) struct MacroItem {
    pub(super) name: Scalar,
    pub(super) order: Order,
    pub(super) condition: SourceText,
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct RuleItem {
    pub(super) name: Scalar,
    pub(super) order: Order,
    pub(super) description: String,
    pub(super) condition: SourceText,
    pub(super) output: SourceText,
    pub(super) priority: Priority,
    pub(super) source: String,
    pub(super) tags: Vec<String>,
    pub(super) enabled: bool,
    pub(super) warn_event_types: bool,
    pub(super) skip_if_unknown_filter: bool,
    pub(super) exceptions: Vec<Exception>,
    pub(super) capture: bool,
    pub(super) capture_duration_ms: u64,
    pub(super) examples: Examples,
}

/// What `override` does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Append,
    Replace,
}

/// The keys that `override` names.
#[derive(Debug)]
pub(super) struct Overrides(Vec<(String, Operation)>);

impl Overrides {
    /// Decodes and checks `override` against the keys of its item. `item_key` is the one that names the item.
    pub(super) fn decode(
        node: &Node,
        item: &Node,
        item_key: &str,
        appendable: &[&str],
        replaceable: &[&str],
    ) -> Result<Self, Mistake> {
        let wrong = |node: &Node, message: String| Err(Mistake::new(Code::Validate, node, message));
        let mut overrides = Vec::new();
        for (key, value) in node.entries() {
            let name = scalar_of(key)?;
            let operation = match scalar_of(value)? {
                "append" => Operation::Append,
                "replace" => Operation::Replace,
                other => {
                    let message = format!(
                        "Invalid override operation for key '{name}': '{other}'. Allowed values are: append replace"
                    );
                    return wrong(value, message);
                }
            };
            if operation == Operation::Append && !appendable.contains(&name) {
                return wrong(value, format!("Key '{name}' cannot be appended to, use 'replace' instead"));
            }
            if operation == Operation::Replace && !replaceable.contains(&name) {
                return wrong(value, format!("Key '{name}' cannot be replaced"));
            }
            if item.get(name).is_none() {
                let kind = if operation == Operation::Append { "An append" } else { "A replace" };
                return wrong(value, format!("{kind} override for '{name}' was specified but '{name}' is not defined"));
            }
            overrides.push((name.to_owned(), operation));
        }
        let overrides = Self(overrides);
        for (key, _) in item.entries() {
            let name = scalar_of(key)?;
            let known = appendable.contains(&name) || replaceable.contains(&name);
            if name != item_key && known && overrides.of(name).is_none() {
                return wrong(
                    key,
                    format!("Unexpected key '{name}': no corresponding entry under 'override' is defined."),
                );
            }
        }
        Ok(overrides)
    }

    /// What is done with a key.
    pub(super) fn of(&self, key: &str) -> Option<Operation> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, operation)| *operation)
    }

    /// The first key that is appended to.
    pub(super) fn appends(&self) -> bool {
        self.0.iter().any(|(_, operation)| *operation == Operation::Append)
    }
}
