//! Files to items: definitions, redefinitions, appends and overrides, in order.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::decode::{
    Mistake, number_of, optional, required, scalar_of, sequence_of, text_of, texts_of, truth_of, unknown_keys,
};
use super::exception::{self, Exception};
use super::item::{ListItem, MacroItem, Operation, Order, Overrides, RuleItem};
use super::report::{Code, Diagnostic, FileReport, Location};
use super::source::{File, Scalar, SourceText};
use super::yaml::{self, Node, NodeValue};
use super::{Examples, requirement};
use crate::alert::Priority;
use crate::condition::is_identifier;
use crate::example::FieldMap;

const LIST_KEYS: [&str; 4] = ["list", "items", "append", "override"];
const MACRO_KEYS: [&str; 4] = ["macro", "condition", "append", "override"];
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

/// Text of Falco's message when an append has nothing to append to.
fn nothing_to_append_to(kind: &str, key: &str, article: &str) -> String {
    format!("{kind} uses 'append' or 'override.{key}: append' but no {article} by that name already exists")
}

/// The items of all files, and what was found on the way.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) reports: Vec<FileReport>,
    pub(super) lists: Vec<ListItem>,
    pub(super) macros: Vec<MacroItem>,
    pub(super) rules: Vec<RuleItem>,
    names: Names,
    next: usize,
}

/// Where each name is.
#[derive(Debug, Default)]
struct Names {
    lists: FxHashMap<String, usize>,
    macros: FxHashMap<String, usize>,
    rules: FxHashMap<String, usize>,
}

/// The item at hand, for messages.
struct Subject<'a> {
    file: &'a Arc<File>,
    node: &'a Node,
    kind: &'static str,
    name: String,
}

impl Collector {
    /// Takes in one file.
    pub(super) fn add_file(&mut self, name: &str, text: &str) {
        let file = Arc::new(File { name: name.to_owned(), text: text.to_owned(), number: self.reports.len() });
        self.reports.push(FileReport { name: name.to_owned(), ..FileReport::default() });
        let documents = match yaml::parse(text) {
            Ok(documents) => documents,
            Err(error) => {
                self.report(&file, error.offset, Code::YamlParse, error.message, None, Vec::new());
                return;
            }
        };
        for document in &documents {
            match document.sequence() {
                Some(items) => items.iter().for_each(|item| self.add_item(&file, item)),
                None => {
                    let message = "Rules content is not yaml array of objects".to_owned();
                    self.report(&file, document.offset, Code::YamlValidate, message, None, Vec::new());
                }
            }
        }
    }

    /// Adds a diagnostic to the report of its file.
    pub(super) fn report(
        &mut self,
        file: &File,
        offset: usize,
        code: Code,
        message: String,
        hint: Option<String>,
        inner: Vec<Location>,
    ) {
        let whole = Location { item_type: "rules content", item_name: String::new(), position: file.position(0) };
        let locations = std::iter::once(whole).chain(inner).collect();
        let snippet = file.snippet(offset);
        self.push(file.number, Diagnostic { code, message, locations, snippet, hint, deprecated_field: None });
    }

    /// Adds a finished diagnostic.
    pub(super) fn push(&mut self, file: usize, diagnostic: Diagnostic) {
        let report = &mut self.reports[file];
        let list = if diagnostic.code.is_error() { &mut report.errors } else { &mut report.warnings };
        list.push(diagnostic);
    }

    fn complain(&mut self, subject: &Subject<'_>, mistake: Mistake) {
        let locations = vec![Location {
            item_type: subject.kind,
            item_name: subject.name.clone(),
            position: subject.file.position(mistake.offset),
        }];
        self.report(subject.file, mistake.offset, mistake.code, mistake.message, mistake.hint, locations);
    }

    fn add_item(&mut self, file: &Arc<File>, item: &Node) {
        match &item.value {
            NodeValue::Null => return,
            NodeValue::Mapping(_) => {}
            NodeValue::Scalar(_) | NodeValue::Sequence(_) => {
                let message = "Unexpected element type. Each element should be a yaml associative array.".to_owned();
                self.report(file, item.offset, Code::YamlValidate, message, None, Vec::new());
                return;
            }
        }
        let name = |key: &str| item.get(key).and_then(Node::scalar).unwrap_or_default().to_owned();
        let subject = |kind, name| Subject { file, node: item, kind, name };
        let (subject, result) = if let Some(version) = item.get("required_engine_version") {
            (subject("required_engine_version", String::new()), requirement::check_engine(version))
        } else if let Some(versions) = item.get("required_plugin_versions") {
            (subject("required_plugin_versions", String::new()), requirement::check_plugins(versions))
        } else if item.get("list").is_some() {
            let subject = subject("list", name("list"));
            let result = self.add_list(&subject);
            (subject, result)
        } else if item.get("macro").is_some() {
            let subject = subject("macro", name("macro"));
            let result = self.add_macro(&subject);
            (subject, result)
        } else if item.get("rule").is_some() {
            let subject = subject("rule", name("rule"));
            let result = self.add_rule(&subject);
            (subject, result)
        } else {
            let mistake = Mistake::new(Code::UnknownItem, item, "Unknown top level item");
            (subject("item", String::new()), Err(mistake))
        };
        if let Err(mistake) = result {
            self.complain(&subject, mistake);
        }
    }

    /// Warns of unknown keys and decides between `append` and `override`.
    fn mode(&mut self, subject: &Subject<'_>, known: &[&str]) -> Result<bool, Mistake> {
        for warning in unknown_keys(subject.node, known) {
            self.complain(subject, warning);
        }
        let append = optional(subject.node, "append").map(truth_of).transpose()?.unwrap_or(false);
        if append {
            let key = subject.node.get("append").unwrap_or(subject.node);
            let message = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
            self.complain(subject, Mistake::new(Code::DeprecatedItem, key, message));
        }
        if append && optional(subject.node, "override").is_some() {
            let message = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
            return Err(Mistake::new(Code::Validate, subject.node, message));
        }
        Ok(append)
    }

    fn order(&mut self) -> Order {
        self.next += 1;
        Order { index: self.next, visibility: self.next }
    }

    fn add_list(&mut self, subject: &Subject<'_>) -> Result<(), Mistake> {
        let (item, order) = (subject.node, self.order());
        let append = self.mode(subject, &LIST_KEYS)?;
        let name = text_of(required(item, "list")?)?.to_owned();
        if name.contains(['(', ')', '"', '\'', '=', ',']) || name.contains(char::is_whitespace) {
            let message =
                "List has an invalid name. List names should not contain blanks, quotes, parentheses, '=' or ','";
            self.complain(subject, Mistake::new(Code::InvalidListName, item, message));
        }
        let overrides =
            optional(item, "override").map(|it| Overrides::decode(it, item, "list", &["items"], &["items"]));
        let append = append || overrides.transpose()?.is_some_and(|overrides| overrides.appends());
        let items = texts_of(required(item, "items")?)?;
        let scalar = Scalar::new(subject.file, item.get("list").unwrap_or(item));
        match (self.names.lists.get(&name), append) {
            (Some(index), true) => {
                let list = &mut self.lists[*index];
                list.items.extend(items);
                list.order.visibility = order.visibility;
            }
            (Some(index), false) => {
                let list = &mut self.lists[*index];
                let order = Order { index: list.order.index, visibility: order.visibility };
                *list = ListItem { name: scalar, order, items, used: false };
            }
            (None, true) => {
                return Err(Mistake::new(Code::Validate, item, nothing_to_append_to("List", "items", "list")));
            }
            (None, false) => {
                self.names.lists.insert(name, self.lists.len());
                self.lists.push(ListItem { name: scalar, order, items, used: false });
            }
        }
        Ok(())
    }

    fn add_macro(&mut self, subject: &Subject<'_>) -> Result<(), Mistake> {
        let (item, order) = (subject.node, self.order());
        let append = self.mode(subject, &MACRO_KEYS)?;
        let name = text_of(required(item, "macro")?)?.to_owned();
        if !is_identifier(&name) {
            let message = "Macro has an invalid name. Macro names should match the pattern '[a-zA-Z]+[a-zA-Z0-9_]*'";
            self.complain(subject, Mistake::new(Code::InvalidMacroName, item, message));
        }
        let overrides =
            optional(item, "override").map(|it| Overrides::decode(it, item, "macro", &["condition"], &["condition"]));
        let append = append || overrides.transpose()?.is_some_and(|overrides| overrides.appends());
        let condition = self.text(subject, "condition")?;
        let scalar = Scalar::new(subject.file, item.get("macro").unwrap_or(item));
        match (self.names.macros.get(&name), append) {
            (Some(index), true) => {
                let known = &mut self.macros[*index];
                known.condition.append(&condition);
                known.order.visibility = order.visibility;
            }
            (Some(index), false) => {
                let known = &mut self.macros[*index];
                let order = Order { index: known.order.index, visibility: order.visibility };
                *known = MacroItem { name: scalar, order, condition };
            }
            (None, true) => {
                return Err(Mistake::new(Code::Validate, item, nothing_to_append_to("Macro", "condition", "macro")));
            }
            (None, false) => {
                self.names.macros.insert(name, self.macros.len());
                self.macros.push(MacroItem { name: scalar, order, condition });
            }
        }
        Ok(())
    }

    fn text(&self, subject: &Subject<'_>, key: &str) -> Result<SourceText, Mistake> {
        let node = required(subject.node, key)?;
        text_of(node)?;
        Ok(SourceText::new(Scalar::new(subject.file, node)))
    }

    fn add_rule(&mut self, subject: &Subject<'_>) -> Result<(), Mistake> {
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
        let truth = |key, default| optional(item, key).map(truth_of).transpose().map(|it| it.unwrap_or(default));
        let rule = RuleItem {
            name: Scalar::new(subject.file, item.get("rule").unwrap_or(item)),
            order,
            description: text_of(required(item, "desc")?)?.to_owned(),
            condition: self.text(subject, "condition")?,
            output: self.text(subject, "output")?,
            priority: priority(required(item, "priority")?)?,
            source: source(item)?.unwrap_or("syscall").to_owned(),
            tags: optional(item, "tags").map(texts_of).transpose()?.unwrap_or_default(),
            enabled: truth("enabled", true)?,
            warn_event_types: truth("warn_evttypes", true)?,
            skip_if_unknown_filter: truth("skip-if-unknown-filter", false)?,
            exceptions: self.exceptions(subject)?,
            examples: self.examples(subject),
        };
        truth("capture", false)?;
        optional(item, "capture_duration").map(number_of).transpose()?;
        Ok(rule)
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
        let mut rule = self.rules[index].clone();
        if optional(subject.node, "condition").is_some() {
            rule.condition.append(&self.text(subject, "condition")?);
        }
        self.append_exceptions(subject, &mut rule)?;
        rule.order.visibility = order.visibility;
        self.rules[index] = rule;
        Ok(())
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
        match overrides.of("condition") {
            Some(Operation::Append) => rule.condition.append(&self.text(subject, "condition")?),
            Some(Operation::Replace) => rule.condition = self.text(subject, "condition")?,
            None => {}
        }
        match overrides.of("output") {
            Some(Operation::Append) => rule.output.append(&self.text(subject, "output")?),
            Some(Operation::Replace) => rule.output = self.text(subject, "output")?,
            None => {}
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
        let replaced = |key| overrides.of(key).map(|_| required(item, key)).transpose();
        if let Some(node) = replaced("priority")? {
            rule.priority = priority(node)?;
        }
        if let Some(node) = replaced("enabled")? {
            rule.enabled = truth_of(node)?;
        }
        if let Some(node) = replaced("warn_evttypes")? {
            rule.warn_event_types = truth_of(node)?;
        }
        if let Some(node) = replaced("skip-if-unknown-filter")? {
            rule.skip_if_unknown_filter = truth_of(node)?;
        }
        rule.order.visibility = order.visibility;
        self.rules[index] = rule;
        Ok(())
    }

    fn exceptions(&mut self, subject: &Subject<'_>) -> Result<Vec<Exception>, Mistake> {
        let mut exceptions: Vec<Exception> = Vec::new();
        for node in exception_nodes(subject.node)? {
            self.warn_exception_keys(subject, node);
            let exception = exception::decode(subject.file, node)?;
            if exceptions.iter().any(|known| known.name == exception.name) {
                let message = format!("Multiple definitions of exception '{}' in the same rule", exception.name);
                self.complain(subject, Mistake::new(Code::ExceptionNameNotUnique, node, message));
            }
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn append_exceptions(&mut self, subject: &Subject<'_>, rule: &mut RuleItem) -> Result<(), Mistake> {
        for node in exception_nodes(subject.node)? {
            self.warn_exception_keys(subject, node);
            let name = text_of(required(node, "name")?)?;
            match rule.exceptions.iter_mut().find(|exception| exception.name == name) {
                Some(known) => {
                    if let Some(warning) = exception::append(known, node)? {
                        self.complain(subject, warning);
                    }
                }
                None => {
                    required(node, "values")?;
                    rule.exceptions.push(exception::decode(subject.file, node)?);
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

fn priority(node: &Node) -> Result<Priority, Mistake> {
    let text = text_of(node)?;
    Priority::from_name(text).ok_or_else(|| Mistake {
        hint: Some("expected one of EMERGENCY ALERT CRITICAL ERROR WARNING NOTICE INFO DEBUG".to_owned()),
        ..Mistake::new(Code::YamlValidate, node, format!("Invalid priority '{text}'"))
    })
}
