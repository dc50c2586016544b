//! Files to items: definitions, redefinitions, appends and overrides, in order.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::decode::{Mistake, optional, required, text_of, texts_of, truth_of, unknown_keys};
use super::item::{ListItem, MacroItem, Order, Overrides, RuleItem};
use super::report::{Code, Diagnostic, FileReport, Location};
use super::requirement;
use super::source::{File, Scalar, SourceText};
use super::yaml::{self, Node, NodeValue};
use crate::condition::is_identifier;

const LIST_KEYS: [&str; 4] = ["list", "items", "append", "override"];
const MACRO_KEYS: [&str; 4] = ["macro", "condition", "append", "override"];
/// Text of Falco's message when an append has nothing to append to.
pub(super) fn nothing_to_append_to(kind: &str, key: &str, article: &str) -> String {
    format!("{kind} uses 'append' or 'override.{key}: append' but no {article} by that name already exists")
}

/// The items of all files, and what was found on the way.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) reports: Vec<FileReport>,
    /// What is allowed and used, but hardly meant.
    pub(super) lints: Vec<Diagnostic>,
    pub(super) lists: Vec<ListItem>,
    pub(super) macros: Vec<MacroItem>,
    pub(super) rules: Vec<RuleItem>,
    pub(super) names: Names,
    /// The last `required_engine_version`.
    pub(super) engine_version: Option<String>,
    /// The entries of every `required_plugin_versions`.
    pub(super) plugin_versions: Vec<serde_json::Value>,
    next: usize,
}

/// Where each name is.
#[derive(Debug, Default)]
pub(super) struct Names {
    lists: FxHashMap<String, usize>,
    macros: FxHashMap<String, usize>,
    pub(super) rules: FxHashMap<String, usize>,
}

/// The item at hand, for messages.
pub(super) struct Subject<'a> {
    pub(super) file: &'a Arc<File>,
    pub(super) node: &'a Node,
    kind: &'static str,
    name: String,
}

impl Collector {
    /// Takes in one file.
    pub(super) fn add_file(&mut self, name: &str, text: &str) {
        let file = Arc::new(File::new(name, text, self.reports.len()));
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
        if diagnostic.code.is_lint() {
            self.lints.push(diagnostic);
            return;
        }
        let report = &mut self.reports[file];
        let list = if diagnostic.code.is_error() { &mut report.errors } else { &mut report.warnings };
        list.push(diagnostic);
    }

    pub(super) fn complain(&mut self, subject: &Subject<'_>, mistake: Mistake) {
        let location = |item_type, item_name, offset| {
            let position = subject.file.position(offset);
            Location { item_type, item_name, position }
        };
        let mut locations = vec![location(subject.kind, subject.name.clone(), mistake.offset)];
        if let Some(exception) = mistake.exception {
            locations.push(location("exception", exception, mistake.offset));
        }
        self.report(subject.file, mistake.offset, mistake.code, mistake.message, mistake.hint, locations);
    }

    fn add_item(&mut self, file: &Arc<File>, item: &Node) {
        match &item.value {
            NodeValue::Null => return,
            NodeValue::Mapping(_) => {}
            NodeValue::Scalar(_) | NodeValue::Sequence(_) => {
                let message = "Unexpected element type. Each element should be a yaml associative array.".to_owned();
                let location = Location {
                    item_type: "rules content item",
                    item_name: String::new(),
                    position: file.position(item.offset),
                };
                self.report(file, item.offset, Code::YamlValidate, message, None, vec![location]);
                return;
            }
        }
        let name = |key: &str| item.get(key).and_then(Node::scalar).unwrap_or_default().to_owned();
        let subject = |kind, name| Subject { file, node: item, kind, name };
        let (subject, result) = if let Some(version) = item.get("required_engine_version") {
            self.engine_version = version.scalar().map(str::to_owned);
            (subject("required_engine_version", String::new()), requirement::check_engine(version))
        } else if let Some(versions) = item.get("required_plugin_versions") {
            self.plugin_versions.extend(versions.sequence().unwrap_or_default().iter().map(Node::to_json));
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
    pub(super) fn mode(&mut self, subject: &Subject<'_>, known: &[&str]) -> Result<bool, Mistake> {
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

    pub(super) fn order(&mut self) -> Order {
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

    pub(super) fn text(&self, subject: &Subject<'_>, key: &str) -> Result<SourceText, Mistake> {
        let node = required(subject.node, key)?;
        text_of(node)?;
        Ok(SourceText::new(Scalar::new(subject.file, node)))
    }
}
