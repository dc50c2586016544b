//! What a load is told besides the files: which rules count, and what their outputs get.

use crate::alert::Priority;
use crate::event::{EventSource, KindSet, Text};

/// How many rules may fire for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// The first one in order of definition.
    #[default]
    First,
    /// Every one that matches.
    All,
}

/// How to load rules.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Rules that are less severe are left out.
    pub minimum_priority: Priority,
    /// How many rules may fire for one event.
    pub matching: Matching,
    /// Add container and Kubernetes fields to the output of every rule, as Falco does by default.
    pub append_output: bool,
    /// What else is added to outputs, in this order.
    pub additions: Vec<Addition>,
    /// Which rules are switched on and off, in this order, after all files have been read.
    pub switches: Vec<Switch>,
    /// The sources whose rules are loaded; rules of others are left out with a warning.
    pub sources: Vec<EventSource>,
    /// The kinds of events that the source records, when it is the live sensor: rules that ask for others, or for
    /// fields that live events do not have, get a warning. Captures bring what they bring.
    pub recorded: Option<KindSet>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            minimum_priority: Priority::Debug,
            matching: Matching::First,
            append_output: true,
            additions: Vec::new(),
            switches: Vec::new(),
            sources: EventSource::ALL.to_vec(),
            recorded: None,
        }
    }
}

/// Switches rules on or off, whatever their files say (Falco's `rules`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Which rules.
    pub selector: Selector,
    /// On or off.
    pub enabled: bool,
}

/// Chooses rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By name; `*` stands for any text, also none.
    Name(String),
    /// By one of their tags.
    Tag(String),
}

impl Selector {
    fn chooses(&self, name: &str, tags: &[String]) -> bool {
        match self {
            Self::Name(pattern) => matches_wildcard(pattern, name),
            Self::Tag(tag) => tags.contains(tag),
        }
    }
}

/// Whether a rule is on after all switches.
pub(super) fn is_enabled(switches: &[Switch], name: &str, tags: &[String], written: bool) -> bool {
    let last = switches.iter().rev().find(|switch| switch.selector.chooses(name, tags));
    last.map_or(written, |switch| switch.enabled)
}

/// Something that outputs of certain rules get (Falco's `append_output`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// Only this rule.
    pub rule: Option<String>,
    /// Only rules of this source.
    pub source: Option<String>,
    /// Only rules with all of these tags.
    pub tags: Vec<String>,
    /// A format for the end of the text; empty for nothing.
    pub text: String,
    /// Fields for `output_fields` alone.
    pub fields: Vec<AddedField>,
}

impl Addition {
    /// Whether a rule gets it.
    pub(super) fn concerns(&self, rule: &str, source: &str, tags: &[String]) -> bool {
        self.rule.as_ref().is_none_or(|name| name == rule)
            && self.source.as_ref().is_none_or(|name| name == source)
            && self.tags.iter().all(|tag| tags.contains(tag))
    }
}

/// A field for `output_fields` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedField {
    /// A field of the event under its own name.
    Plain(String),
    /// A text under a name of its own.
    Formatted {
        /// The name.
        key: Text,
        /// The format of the text.
        format: String,
    },
}

fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("open", "open", true),
            ("open", "open_1", false),
            ("*", "", true),
            ("*", "anything at all", true),
            ("open*", "open_1", true),
            ("*_1", "open_1", true),
            ("o*n*1", "open_1", true),
            ("o*n*n*1", "open_1", false),
            ("ab*ba", "aba", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_switch_that_concerns_a_rule_decides() {
        let switch = |selector, enabled| Switch { selector, enabled };
        let switches = [
            switch(Selector::Name("*".into()), false),
            switch(Selector::Tag("a".into()), true),
            switch(Selector::Name("third".into()), false),
        ];
        let tags = ["a".to_owned()];
        assert!(!is_enabled(&switches, "first", &[], true));
        assert!(is_enabled(&switches, "second", &tags, false));
        assert!(!is_enabled(&switches, "third", &tags, true));
        assert!(is_enabled(&[], "fourth", &[], true));
    }
}
