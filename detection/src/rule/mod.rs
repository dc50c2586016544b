//! Rule files: YAML to lists, macros, exceptions and overrides to validated rules, with diagnostics that name the place.

mod availability;
mod build;
mod collect;
mod decode;
mod define;
mod describe;
mod exception;
mod item;
mod lint;
mod list;
mod options;
mod report;
mod requirement;
mod resolve;
mod source;
mod yaml;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use options::{AddedField, Addition, LoadOptions, Matching, Selector, Switch};
pub use report::{Code, Diagnostic, FileReport, LoadReport, Location, Position};

use crate::alert::{FieldValue, Priority};
use crate::condition::{NodeId, Plan, with_deep_stack};
use crate::event::{KindSet, Text};
use crate::example::FieldMap;
use crate::field::{FieldId, Fields};
use crate::output::Format;

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
    /// The condition in canonical form, with exceptions folded in, lists substituted and macros resolved.
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
    root: NodeId,
    reads_name: bool,
    /// Every field that its condition and its output read.
    fields: BTreeSet<FieldId>,
    format: Format,
    /// What `output_fields` gets besides; with a key the text, without one the values.
    added: Vec<(Option<Text>, Format)>,
    written: describe::WrittenRule,
}

impl Rule {
    /// Whether its condition reads the name of a file.
    pub(crate) fn reads_name(&self) -> bool {
        self.reads_name
    }

    /// Its condition.
    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    /// Its output.
    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    /// The values that `output_fields` has besides those of the output.
    pub(crate) fn added_values<F: Fields>(&self, fields: &F) -> Vec<(Text, FieldValue)> {
        let mut values = Vec::new();
        for (key, format) in &self.added {
            let Some(filled) = format.fill(fields) else { continue };
            match key {
                Some(key) => values.push((key.clone(), FieldValue::Text(filled.text.into()))),
                None => values.extend(filled.fields),
            }
        }
        values
    }
}

/// An example that a rule does not satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFailure {
    /// The rule.
    pub rule: Text,
    /// The example: `fires` or `quiet`.
    pub list: &'static str,
    /// Its place in the list, from 1.
    pub number: usize,
    /// Where the rule is.
    pub position: Position,
}

impl std::fmt::Display for ExampleFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Position { file, line, .. } = &self.position;
        let outcome = if self.list == "fires" { "does not fire" } else { "fires" };
        write!(f, "{file}:{line}: rule '{}' {outcome} for example {} of `{}`", self.rule, self.number, self.list)
    }
}

/// Rules that were loaded together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    matching: Matching,
    plan: Arc<Plan>,
    literal_paths: BTreeSet<Text>,
    vocabulary: Arc<describe::Vocabulary>,
    host_names: BTreeSet<Text>,
}

impl RuleSet {
    /// Loads files in order. Never fails as a whole: an item with a mistake is left out and reported.
    pub fn load(files: &[RuleFile], options: &LoadOptions) -> (Self, LoadReport) {
        with_deep_stack(|| {
            let (rules, report, _) = Self::load_and_lint(files, options, false);
            (rules, report)
        })
    }

    /// Looks for what is allowed and loads, but is hardly meant: rules that cannot fire, exceptions that cannot match.
    /// It reports only what it can prove.
    pub fn lint(files: &[RuleFile], options: &LoadOptions) -> Vec<Diagnostic> {
        with_deep_stack(|| Self::lint_here(files, options))
    }

    fn lint_here(files: &[RuleFile], options: &LoadOptions) -> Vec<Diagnostic> {
        let (rules, _, mut lints) = Self::load_and_lint(files, options, true);
        for lint in lint::of_all(&rules, files) {
            // Of a rule that cannot fire the first reason is enough.
            let rule = lint.rule();
            if !lints.iter().any(|known| known.rule() == rule && known.code == Code::LintNeverTrue) {
                lints.push(lint);
            }
        }
        lints
    }

    fn load_and_lint(files: &[RuleFile], options: &LoadOptions, lint: bool) -> (Self, LoadReport, Vec<Diagnostic>) {
        let mut collector = collect::Collector::default();
        files.iter().for_each(|file| collector.add_file(&file.name, &file.text));
        let mut builder = build::Builder::new(collector, lint);
        let rules = builder.rules(options);
        let vocabulary = Arc::new(builder.vocabulary());
        let (collector, plan, literal_paths, host_names) = builder.finish();
        let report = LoadReport {
            files: collector.reports,
            rules_loaded: rules.len(),
            rules_enabled: rules.iter().filter(|rule| rule.enabled).count(),
        };
        (
            Self { rules, matching: options.matching, plan: Arc::new(plan), literal_paths, host_names, vocabulary },
            report,
            collector.lints,
        )
    }

    /// The conditions of all rules as they were written.
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
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

    /// The host names that conditions of enabled rules compare with names of addresses (`fd.sip.name` ...).
    pub fn host_names(&self) -> BTreeSet<Text> {
        self.host_names.clone()
    }

    /// Whether an enabled rule reads a field for which `test` says true.
    pub fn reads(&self, test: impl Fn(FieldId) -> bool) -> bool {
        self.rules.iter().any(|rule| rule.enabled && rule.fields.iter().any(|field| test(*field)))
    }

    /// The absolute paths that conditions of enabled rules name.
    pub fn literal_paths(&self) -> BTreeSet<Text> {
        self.literal_paths.clone()
    }
}

#[cfg(test)]
mod lint_tests;
#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod tests;
