//! What was loaded, as Falco tells it with `-L` and `json_output`: every rule, macro and list with its parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Rule, RuleSet};
use crate::condition::ast::{Argument, Check, Expression, FieldName, Operand, Right, Test, Transformer};
use crate::condition::{DEPTH_MAX, parse, required_kinds, with_deep_stack};
use crate::event::EventKind;
use crate::field::{Class, FieldRef};

/// A rule as it was written, after all changes of it.
#[derive(Debug, Clone)]
pub(super) struct WrittenRule {
    pub(super) condition: String,
    pub(super) output: String,
    pub(super) capture: bool,
    pub(super) capture_duration_ms: u64,
    pub(super) exceptions: Vec<WrittenException>,
}

/// The name of an exception, with its fields and operators.
#[derive(Debug, Clone)]
pub(super) struct WrittenException {
    pub(super) name: String,
    pub(super) tests: Vec<(String, String)>,
}

/// A macro as it was written, and what it means.
#[derive(Debug, Clone)]
pub(super) struct WrittenMacro {
    pub(super) name: String,
    pub(super) condition: String,
    /// `None` when there is a mistake in it.
    pub(super) resolved: Option<Arc<Expression>>,
}

/// A list as it was written, and with the items of the lists in it.
#[derive(Debug, Clone)]
pub(super) struct WrittenList {
    pub(super) name: String,
    pub(super) items: Vec<String>,
    pub(super) resolved: Vec<String>,
}

/// What rules are written with.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    pub(super) macros: Vec<WrittenMacro>,
    pub(super) lists: Vec<WrittenList>,
    /// The last `required_engine_version`.
    pub(super) engine_version: Option<String>,
    /// The entries of every `required_plugin_versions`.
    pub(super) plugin_versions: Vec<Value>,
}

/// The names in a condition as it is written.
#[derive(Debug, Default)]
struct Parts {
    macros: BTreeSet<String>,
    fields: BTreeSet<String>,
    operators: BTreeSet<String>,
    /// Constants, of which some are names of lists.
    constants: BTreeSet<String>,
}

impl RuleSet {
    /// The rule of that name, or without a name everything that was loaded.
    pub fn describe(&self, name: Option<&str>) -> Value {
        with_deep_stack(|| {
            let chosen = self.rules.iter().filter(|rule| name.is_none_or(|name| *rule.name == *name));
            let rules: Vec<Value> = chosen.map(|rule| self.rule_json(rule)).collect();
            if name.is_some() {
                return json!({"rules": rules});
            }
            let vocabulary = &self.vocabulary;
            json!({
                "required_engine_version": vocabulary.engine_version.as_deref().unwrap_or("0"),
                "required_plugin_versions": vocabulary.plugin_versions,
                "rules": rules,
                "macros": vocabulary.macros.iter().map(|it| self.macro_json(it)).collect::<Vec<_>>(),
                "lists": vocabulary.lists.iter().map(|it| self.list_json(it)).collect::<Vec<_>>(),
            })
        })
    }

    fn rule_json(&self, rule: &Rule) -> Value {
        let written = &rule.written;
        let parts = Parts::of(&written.condition);
        let output_fields: BTreeSet<String> = rule.format.fields().iter().map(ToString::to_string).collect();
        let exceptions = &written.exceptions;
        let tests = || exceptions.iter().flat_map(|exception| &exception.tests);
        let fields = parts.fields.iter().chain(&output_fields);
        json!({
            "info": {
                "name": &*rule.name,
                "condition": written.condition,
                "priority": rule.priority.name(),
                "output": written.output,
                "description": rule.description,
                "enabled": rule.enabled,
                "source": &*rule.source,
                "capture": written.capture,
                "capture_duration": written.capture_duration_ms,
                "tags": rule.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
            },
            "details": {
                "macros": parts.macros,
                "lists": self.lists_among(&parts.constants),
                "condition_operators": parts.operators,
                "condition_fields": parts.fields,
                "output_fields": output_fields,
                "exceptions": exceptions.iter().map(WrittenException::to_json).collect::<Vec<_>>(),
                "exception_names": exceptions.iter().map(|exception| &exception.name).collect::<BTreeSet<_>>(),
                "exception_fields": tests().map(|test| &test.0).collect::<BTreeSet<_>>(),
                "exception_operators": tests().map(|test| &test.1).collect::<BTreeSet<_>>(),
                "events": rule.kinds.iter().map(EventKind::name).collect::<Vec<_>>(),
                "condition_compiled": rule.condition,
                "output_compiled": rule.output,
                "plugins": plugins(fields),
            },
        })
    }

    fn macro_json(&self, written: &WrittenMacro) -> Value {
        let parts = Parts::of(&written.condition);
        let kinds = written.resolved.as_ref().and_then(|resolved| required_kinds(resolved).ok());
        let events: Vec<&str> = kinds.iter().flat_map(|kinds| kinds.iter()).map(EventKind::name).collect();
        json!({
            "info": {"name": written.name, "condition": written.condition},
            "details": {
                "macros": parts.macros,
                "lists": self.lists_among(&parts.constants),
                "condition_operators": parts.operators,
                "condition_fields": parts.fields,
                "events": events,
                "condition_compiled": written.resolved.as_ref().map(ToString::to_string).unwrap_or_default(),
                "plugins": plugins(parts.fields.iter()),
            },
        })
    }

    fn list_json(&self, written: &WrittenList) -> Value {
        let items = written.items.iter().cloned().collect();
        json!({
            "info": {"name": written.name, "items": written.items},
            "details": {
                "lists": self.lists_among(&items),
                "items_compiled": written.resolved,
                "plugins": plugins([].into_iter()),
            },
        })
    }

    fn lists_among<'a>(&'a self, names: &BTreeSet<String>) -> Vec<&'a str> {
        let lists = self.vocabulary.lists.iter().map(|list| list.name.as_str());
        lists.filter(|list| names.contains(*list)).collect()
    }
}

impl WrittenException {
    fn to_json(&self) -> Value {
        let (fields, comparisons): (Vec<&String>, Vec<&String>) =
            self.tests.iter().map(|(field, comparison)| (field, comparison)).unzip();
        json!({"name": self.name, "fields": fields, "comps": comparisons})
    }
}

/// The plugins of Falco that have the fields.
fn plugins<'a>(fields: impl Iterator<Item = &'a String>) -> BTreeSet<&'static str> {
    let classes = fields.filter_map(|field| FieldRef::parse(field).ok()).map(|field| field.field().class);
    let plugins = classes.filter_map(|class| match class {
        Class::Container => Some("container"),
        Class::KubernetesAudit => Some("k8saudit"),
        Class::Json => Some("json"),
        Class::Event
        | Class::Process
        | Class::User
        | Class::Group
        | Class::Descriptor
        | Class::Path
        | Class::Poll
        | Class::Kubernetes
        | Class::Internal => None,
    });
    plugins.collect()
}

impl Parts {
    fn of(condition: &str) -> Self {
        let mut parts = Self::default();
        if let Ok(expression) = parse(condition, DEPTH_MAX) {
            parts.add(&expression);
        }
        parts
    }

    fn add(&mut self, expression: &Expression) {
        match expression {
            Expression::And(list) | Expression::Or(list) => list.iter().for_each(|part| self.add(part)),
            Expression::Not(part) => self.add(part),
            Expression::Expanded(name, _) => {
                self.macros.insert(name.to_string());
            }
            Expression::Macro(name, _) => {
                self.macros.insert(name.clone());
            }
            Expression::Check(check) => self.add_check(check),
        }
    }

    fn add_check(&mut self, check: &Check) {
        match &check.left {
            Operand::Field(field) => self.add_field(field),
            Operand::Transformer(transformer) => self.add_transformer(transformer),
        }
        match &check.test {
            Test::Exists => {
                self.operators.insert("exists".to_owned());
            }
            Test::Compare { operator, modifier, right } => {
                let modifier = modifier.map(|modifier| format!(" {}", modifier.name())).unwrap_or_default();
                self.operators.insert(format!("{}{modifier}", operator.text()));
                match right {
                    Right::Field(field) => self.add_field(field),
                    Right::Transformer(transformer) => self.add_transformer(transformer),
                    Right::Literal(_) | Right::List(_) => {
                        self.constants.extend(right.literals().iter().map(|literal| literal.text().into_owned()));
                    }
                }
            }
        }
    }

    fn add_field(&mut self, field: &FieldName) {
        self.fields.insert(field.to_string());
    }

    fn add_transformer(&mut self, transformer: &Transformer) {
        self.add_arguments(&transformer.arguments);
    }

    fn add_arguments(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            match argument {
                Argument::Field(field) => self.add_field(field),
                Argument::Transformer(inner) => self.add_transformer(inner),
                Argument::List(items) => self.add_arguments(items),
                Argument::Literal(_) => {}
            }
        }
    }
}
