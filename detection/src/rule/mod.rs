//! Rule files: YAML to lists, macros, exceptions and overrides to validated rules, with diagnostics that name the place.

mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use report::{Code, Diagnostic, FileReport, LoadReport, Location, Position};

use crate::alert::Priority;
use crate::event::{KindSet, Text};
use crate::example::FieldMap;

/// The engine version that we claim towards `required_engine_version`: that of Falco 0.44.
pub const ENGINE_VERSION: &str = "0.62.0";

/// A rule file, read by the caller.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

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
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { minimum_priority: Priority::Debug, matching: Matching::First, append_output: true }
    }
}

/// Events that a rule's author wrote down beside it.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// The rule must match each of these.
    pub fires: Vec<FieldMap>,
    /// The rule must match none of these.
    pub quiet: Vec<FieldMap>,
}

/// A rule that can be evaluated.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: Text,
    /// What it is for.
    pub description: String,
    /// The condition with lists substituted and exceptions folded in.
    pub condition: String,
    /// The output format with what was appended to it.
    pub output: String,
    /// Its priority.
    pub priority: Priority,
    /// Event source.
    pub source: Text,
    /// Its tags, sorted, without repeats.
    pub tags: Arc<[Text]>,
    /// Whether it may fire.
    pub enabled: bool,
    /// The kinds of events that can match.
    pub kinds: KindSet,
    /// Its examples.
    pub examples: Examples,
    /// Where it was defined.
    pub position: Position,
}

/// Rules that were loaded together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    matching: Matching,
    literal_paths: BTreeSet<Text>,
}

impl RuleSet {
    /// Loads files in order. Never fails as a whole: an item with a mistake is left out and reported.
    pub fn load(files: &[RuleFile], options: &LoadOptions) -> (Self, LoadReport) {
        let files = files.iter().map(|file| FileReport { name: file.name.clone(), ..FileReport::default() }).collect();
        (Self { matching: options.matching, ..Self::default() }, LoadReport { files, ..LoadReport::default() })
    }

    /// The rules in order of definition, with those that are switched off.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many rules may fire for one event.
    pub fn matching(&self) -> Matching {
        self.matching
    }

    /// The kinds of events that at least one enabled rule can match.
    pub fn required_kinds(&self) -> KindSet {
        let enabled = self.rules.iter().filter(|rule| rule.enabled);
        enabled.fold(KindSet::EMPTY, |kinds, rule| kinds.union(rule.kinds))
    }

    /// The absolute paths that conditions of enabled rules name.
    pub fn literal_paths(&self) -> BTreeSet<Text> {
        self.literal_paths.clone()
    }
}
