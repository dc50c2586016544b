//! Rules of a file to rule items: definitions, redefinitions, appends and overrides.

use super::Examples;
use super::collect::{Collector, Subject, nothing_to_append_to};
use super::decode::{
    Mistake, number_of, optional, required, scalar_of, sequence_of, text_of, texts_of, truth_of, unknown_keys,
};
use super::exception::{self, Exception};
use super::item::{Operation, Order, Overrides, RuleItem, SYSCALL};
use super::report::Code;
use super::source::{Scalar, SourceText};
use super::yaml::Node;
use crate::alert::Priority;
use crate::event::EventSource;
use crate::example::FieldMap;

const RULE_KEYS: [&str; 16] = [
    "rule",
    "desc",
    "condition",
    "output",
    "priority",
    "source",
    "enabled",
    "tags",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "exceptions",
    "append",
    "override",
    "examples",
];
const RULE_APPENDABLE: [&str; 5] = ["condition", "output", "desc", "tags", "exceptions"];
const RULE_REPLACEABLE: [&str; 11] = [
    "condition",
    "output",
    "desc",
    "priority",
    "capture",
    "capture_duration",
    "tags",
    "exceptions",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
];

impl Collector {
    /// Takes in a rule, or a change of one.
    pub(super) fn add_rule(&mut self, subject: &Subject<'_>) -> Result<(), Mistake> {
        let (item, order) = (subject.node, self.order());
        let append = self.mode(subject, &RULE_KEYS)?;
        let name = text_of(required(item, "rule")?)?.to_owned();
        let known = self.names.rules.get(&name).copied();
        if let Some(overrides) = optional(item, "override") {
            let overrides = Overrides::decode(overrides, item, "rule", &RULE_APPENDABLE, &RULE_REPLACEABLE)?;
            let Some(index) = known else {
                let message = match overrides.appends() {
                    true => nothing_to_append_to("Rule", "<key>", "rule"),
                    false => {
                        "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"
                            .to_owned()
                    }
                };
                return Err(Mistake::new(Code::Validate, item, message));
            };
            return self.override_rule(subject, index, order, &overrides);
        }
        if append {
            let missing = || Mistake::new(Code::Validate, item, nothing_to_append_to("Rule", "<key>", "rule"));
            return self.append_rule(subject, known.ok_or_else(missing)?, order);
        }
        let defines = ["condition", "output", "desc", "priority"].iter().any(|key| item.get(key).is_some());
        if !defines && let Some(enabled) = optional(item, "enabled") {
            return self.toggle_rule(subject, known, truth_of(enabled)?);
        }
        let rule = self.define_rule(subject, order)?;
        match known {
            None => {
                self.names.rules.insert(name, self.rules.len());
                self.rules.push(rule);
            }
            Some(index) => {
                self.same_source(subject, index)?;
                let order = Order { index: self.rules[index].order.index, visibility: order.visibility };
                self.rules[index] = RuleItem { order, ..rule };
            }
        }
        Ok(())
    }

    fn toggle_rule(&mut self, subject: &Subject<'_>, known: Option<usize>, enabled: bool) -> Result<(), Mistake> {
        let Some(index) = known else {
            let message = "Rule has 'enabled' key but no rule by that name already exists";
            return Err(Mistake::new(Code::Validate, subject.node, message));
        };
        let message = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";
        self.complain(subject, Mistake::new(Code::DeprecatedItem, subject.node, message));
        self.rules[index].enabled = enabled;
        Ok(())
    }

    fn define_rule(&mut self, subject: &Subject<'_>, order: Order) -> Result<RuleItem, Mistake> {
        let item = subject.node;
        let source = source(item)?.unwrap_or(SYSCALL).to_owned();
        // The fields of exceptions are those of their source; of an unknown one nothing can be said.
        let exceptions = if is_known_source(&source) { self.exceptions(subject)? } else { Vec::new() };
        let truth = |key, default| optional(item, key).map(truth_of).transpose().map(|it| it.unwrap_or(default));
        Ok(RuleItem {
            name: Scalar::new(subject.file, item.get("rule").unwrap_or(item)),
            order,
            description: text_of(required(item, "desc")?)?.to_owned(),
            condition: self.text(subject, "condition")?,
            output: self.text(subject, "output")?,
            priority: priority(required(item, "priority")?)?,
            source,
            tags: optional(item, "tags").map(texts_of).transpose()?.unwrap_or_default(),
            enabled: truth("enabled", true)?,
            warn_event_types: truth("warn_evttypes", true)?,
            skip_if_unknown_filter: truth("skip-if-unknown-filter", false)?,
            exceptions,
            capture: truth("capture", false)?,
            capture_duration_ms: optional(item, "capture_duration").map(number_of).transpose()?.unwrap_or_default(),
            examples: self.examples(subject),
        })
    }

    fn same_source(&self, subject: &Subject<'_>, index: usize) -> Result<(), Mistake> {
        match source(subject.node)? {
            Some(source) if source != self.rules[index].source => {
                Err(Mistake::new(Code::Validate, subject.node, "Rule has been re-defined with a different source"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// `append: true`: condition and exceptions; every other key is ignored.
    fn append_rule(&mut self, subject: &Subject<'_>, index: usize, order: Order) -> Result<(), Mistake> {
        self.same_source(subject, index)?;
        let adds = ["condition", "exceptions"].iter().any(|key| optional(subject.node, key).is_some());
        if !adds {
            let message = "Appended rule must have exceptions or condition property";
            return Err(Mistake::new(Code::Validate, subject.node, message));
        }
        let mut rule = self.rules[index].clone();
        if optional(subject.node, "condition").is_some() {
            let appended = self.text(subject, "condition")?;
            self.lint_appended(subject, &appended);
            rule.condition.append(&appended);
        }
        self.append_exceptions(subject, &mut rule)?;
        rule.order.visibility = order.visibility;
        self.rules[index] = rule;
        Ok(())
    }

    /// An appended `or` is an alternative to all that the rule asks for, the types of events with it.
    fn lint_appended(&mut self, subject: &Subject<'_>, appended: &SourceText) {
        if appended.text().split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("or")) {
            let node = subject.node.get("condition").unwrap_or(subject.node);
            let message = "the appended condition begins with 'or': it fires whatever the rule asks for before it";
            let hint = "replace the condition, or append with 'and' and put the alternatives in parentheses".to_owned();
            self.complain(subject, Mistake { hint: Some(hint), ..Mistake::new(Code::LintAppendOr, node, message) });
        }
    }

    fn override_rule(
        &mut self,
        subject: &Subject<'_>,
        index: usize,
        order: Order,
        overrides: &Overrides,
    ) -> Result<(), Mistake> {
        self.same_source(subject, index)?;
        let item = subject.node;
        let mut rule = self.rules[index].clone();
        for (key, text) in [("condition", &mut rule.condition), ("output", &mut rule.output)] {
            match overrides.of(key) {
                Some(Operation::Append) => {
                    let appended = self.text(subject, key)?;
                    if key == "condition" {
                        self.lint_appended(subject, &appended);
                    }
                    text.append(&appended);
                }
                Some(Operation::Replace) => *text = self.text(subject, key)?,
                None => {}
            }
        }
        match overrides.of("desc") {
            Some(Operation::Append) => {
                rule.description = format!("{} {}", rule.description, text_of(required(item, "desc")?)?)
            }
            Some(Operation::Replace) => rule.description = text_of(required(item, "desc")?)?.to_owned(),
            None => {}
        }
        match overrides.of("tags") {
            Some(Operation::Append) => rule.tags.extend(texts_of(required(item, "tags")?)?),
            Some(Operation::Replace) => rule.tags = texts_of(required(item, "tags")?)?,
            None => {}
        }
        match overrides.of("exceptions") {
            Some(Operation::Append) => self.append_exceptions(subject, &mut rule)?,
            Some(Operation::Replace) => rule.exceptions = self.exceptions(subject)?,
            None => {}
        }
        replace_plain_keys(&mut rule, item, overrides)?;
        rule.order.visibility = order.visibility;
        self.rules[index] = rule;
        Ok(())
    }

    fn exceptions(&mut self, subject: &Subject<'_>) -> Result<Vec<Exception>, Mistake> {
        let mut exceptions: Vec<Exception> = Vec::new();
        for node in exception_nodes(subject.node)? {
            self.warn_exception_keys(subject, node);
            let exception = exception::decode(subject.file, node).map_err(|mistake| within(mistake, node))?;
            if exceptions.iter().any(|known| known.name == exception.name) {
                let message = format!("Multiple definitions of exception '{}' in the same rule", exception.name);
                self.complain(subject, Mistake::new(Code::ExceptionNameNotUnique, node, message));
            }
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn append_exceptions(&mut self, subject: &Subject<'_>, rule: &mut RuleItem) -> Result<(), Mistake> {
        if !is_known_source(&rule.source) {
            return Ok(());
        }
        for node in exception_nodes(subject.node)? {
            self.warn_exception_keys(subject, node);
            let mistaken = |mistake| within(mistake, node);
            let name = required(node, "name").and_then(text_of).map_err(mistaken)?;
            match rule.exceptions.iter_mut().find(|exception| exception.name == name) {
                Some(known) => {
                    if let Some(warning) = exception::append(known, node).map_err(mistaken)? {
                        self.complain(subject, warning);
                    }
                }
                None => {
                    if node.get("fields").is_none() {
                        let message = "Rule exception must have fields property with a list of fields";
                        return Err(mistaken(Mistake::new(Code::Validate, node, message)));
                    }
                    required(node, "values").map_err(mistaken)?;
                    rule.exceptions.push(exception::decode(subject.file, node).map_err(mistaken)?);
                }
            }
        }
        Ok(())
    }

    fn warn_exception_keys(&mut self, subject: &Subject<'_>, node: &Node) {
        for warning in exception::unknown_keys(node) {
            self.complain(subject, warning);
        }
    }

    /// The examples beside a rule. A mistake in them is reported but does not disarm the rule.
    fn examples(&mut self, subject: &Subject<'_>) -> Examples {
        let mut examples = Examples::default();
        let Some(node) = optional(subject.node, "examples") else { return examples };
        for warning in unknown_keys(node, &["fires", "quiet"]) {
            self.complain(subject, warning);
        }
        for (key, list) in [("fires", &mut examples.fires), ("quiet", &mut examples.quiet)] {
            let Some(items) = optional(node, key) else { continue };
            match items.sequence().map(|items| items.iter().map(example).collect::<Result<Vec<_>, _>>()) {
                Some(Ok(maps)) => *list = maps,
                Some(Err(mistake)) => self.complain(subject, mistake),
                None => self.complain(subject, Mistake::new(Code::YamlValidate, items, "Value is not a sequence")),
            }
        }
        examples
    }
}

/// Keys that can only be replaced.
fn replace_plain_keys(rule: &mut RuleItem, item: &Node, overrides: &Overrides) -> Result<(), Mistake> {
    let replaced = |key| overrides.of(key).map(|_| required(item, key)).transpose();
    if let Some(node) = replaced("priority")? {
        rule.priority = priority(node)?;
    }
    if let Some(node) = replaced("enabled")? {
        rule.enabled = truth_of(node)?;
    }
    if let Some(node) = replaced("capture")? {
        rule.capture = truth_of(node)?;
    }
    if let Some(node) = replaced("capture_duration")? {
        rule.capture_duration_ms = number_of(node)?;
    }
    if let Some(node) = replaced("warn_evttypes")? {
        rule.warn_event_types = truth_of(node)?;
    }
    if let Some(node) = replaced("skip-if-unknown-filter")? {
        rule.skip_if_unknown_filter = truth_of(node)?;
    }
    Ok(())
}

/// A mistake that was found in an exception.
fn within(mistake: Mistake, exception: &Node) -> Mistake {
    let name = exception.get("name").and_then(Node::scalar).unwrap_or_default().to_owned();
    Mistake { exception: Some(name), ..mistake }
}

fn exception_nodes(item: &Node) -> Result<&[Node], Mistake> {
    optional(item, "exceptions").map(sequence_of).transpose().map(Option::unwrap_or_default)
}

fn example(node: &Node) -> Result<FieldMap, Mistake> {
    let mistake = |message: String| Mistake::new(Code::YamlValidate, node, message);
    let serde_json::Value::Object(fields) = node.to_json() else {
        return Err(mistake("an example is a map of fields and values".to_owned()));
    };
    FieldMap::from_json(&fields).map_err(|error| mistake(error.to_string()))
}

fn source(item: &Node) -> Result<Option<&str>, Mistake> {
    Ok(optional(item, "source").map(scalar_of).transpose()?.filter(|source| !source.is_empty()))
}

fn is_known_source(name: &str) -> bool {
    EventSource::from_name(name).is_some()
}

fn priority(node: &Node) -> Result<Priority, Mistake> {
    let text = text_of(node)?;
    Priority::from_name(text).ok_or_else(|| Mistake {
        hint: Some("expected one of EMERGENCY ALERT CRITICAL ERROR WARNING NOTICE INFO DEBUG".to_owned()),
        ..Mistake::new(Code::YamlValidate, node, format!("Invalid priority '{text}'"))
    })
}
