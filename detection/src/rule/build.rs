//! Items to rules: lists substituted, macros resolved, conditions and outputs compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::availability::KnownPlace;
use super::collect::Collector;
use super::describe::{Vocabulary, WrittenException, WrittenList, WrittenMacro, WrittenRule};
use super::item::RuleItem;
use super::options::{AddedField, Addition, is_enabled};
use super::report::{Code, Diagnostic, Location};
use super::resolve::MacroState;
use super::source::{File, Scalar, SourceText};
use super::{LoadOptions, Rule};
use crate::condition::ast::{Expression, Literal, Right, Test};
use crate::condition::{
    CompileError, DEPTH_MAX, Plan, compile, foreign_hint, host_names, parse, refuse_foreign_fields, required_kinds,
    suspicions,
};
use crate::event::{EventSource, Text};
use crate::field::{FieldFlags, FieldId, FieldRef};
use crate::output::Format;

/// A condition that can match more kinds of events than this is expensive; Falco warns from there on.
const EVENT_KINDS_MAX: usize = 100;

/// What the output of every rule gets, so that an alert always says where it comes from.
const SUGGESTED_OUTPUT: &str = " container_id=%container.id container_name=%container.name \
     container_image_repository=%container.image.repository container_image_tag=%container.image.tag \
     k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

/// Parts of messages that mean that a newer engine may know what we do not.
const UNKNOWN_MARKS: [&str; 4] =
    ["nonexistent field", "invalid formatting token", "unknown event type", "unknown filter:"];

/// Everything that conditions refer to.
pub(super) struct Builder {
    pub(super) collector: Collector,
    pub(super) lists: Vec<(String, Vec<String>)>,
    pub(super) macros: FxHashMap<Arc<str>, MacroState>,
    pub(super) used_macros: FxHashSet<Arc<str>>,
    /// The conditions of the macros before lists were put into them.
    pub(super) written_macros: Vec<String>,
    plan: Plan,
    literal_paths: BTreeSet<Text>,
    host_names: BTreeSet<Text>,
    /// Places in macros that have been warned of.
    pub(super) warned_places: FxHashSet<KnownPlace>,
    /// Whether to look for what is hardly meant.
    lints: bool,
}

/// A mistake in a rule, with its place in the text of the rule or of a macro.
struct RuleMistake {
    code: Code,
    offset: usize,
    macro_name: Option<Arc<str>>,
    message: String,
    hint: Option<String>,
}

impl Builder {
    pub(super) fn new(collector: Collector, lints: bool) -> Self {
        let mut builder = Self {
            collector,
            lists: Vec::new(),
            macros: FxHashMap::default(),
            used_macros: FxHashSet::default(),
            written_macros: Vec::new(),
            plan: Plan::default(),
            literal_paths: BTreeSet::new(),
            host_names: BTreeSet::new(),
            warned_places: FxHashSet::default(),
            lints,
        };
        builder.resolve_lists();
        builder.parse_macros();
        builder
    }

    /// The rules that can be evaluated, in order of definition, and the collector with all reports.
    pub(super) fn rules(&mut self, options: &LoadOptions) -> Vec<Rule> {
        let mut items = std::mem::take(&mut self.collector.rules);
        for item in &mut items {
            item.enabled = is_enabled(&options.switches, item.name.value(), &item.tags, item.enabled);
        }
        let wanted = items.into_iter().filter(|item| item.priority.number() <= options.minimum_priority.number());
        let rules = wanted.filter_map(|item| self.rule(item, options)).collect();
        self.resolve_rest();
        self.warn_unused();
        rules
    }

    /// The macros and lists, for those who ask what was loaded.
    pub(super) fn vocabulary(&self) -> Vocabulary {
        let macros = self.collector.macros.iter().zip(&self.written_macros).map(|(item, condition)| {
            let resolved = match self.macros.get(item.name.value()) {
                Some(MacroState::Resolved(body, _)) => Some(body.clone()),
                Some(MacroState::Parsed(_) | MacroState::Resolving | MacroState::Broken) | None => None,
            };
            WrittenMacro { name: item.name.value().to_owned(), condition: condition.clone(), resolved }
        });
        let lists = self.collector.lists.iter().zip(&self.lists).map(|(item, (name, resolved))| WrittenList {
            name: name.clone(),
            items: item.items.clone(),
            resolved: resolved.clone(),
        });
        Vocabulary {
            macros: macros.collect(),
            lists: lists.collect(),
            engine_version: self.collector.engine_version.clone(),
            plugin_versions: self.collector.plugin_versions.clone(),
        }
    }

    pub(super) fn finish(self) -> (Collector, Plan, BTreeSet<Text>, BTreeSet<Text>) {
        (self.collector, self.plan, self.literal_paths, self.host_names)
    }

    pub(super) fn report_macro(&mut self, index: usize, text: &SourceText, code: Code, offset: usize, message: String) {
        let name = self.collector.macros[index].name.clone();
        self.report("macro", &name, text, code, offset, message, None);
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of one diagnostic")]
    pub(super) fn report(
        &mut self,
        kind: &'static str,
        name: &Scalar,
        text: &SourceText,
        code: Code,
        offset: usize,
        message: String,
        hint: Option<String>,
    ) {
        let (file, place) = text.place(offset);
        let locations = vec![
            Location { item_type: kind, item_name: name.value().to_owned(), position: name.position() },
            Location { item_type: "condition expression", item_name: String::new(), position: file.position(place) },
        ];
        self.collector.report(&file, place, code, message, hint, locations);
    }

    fn rule(&mut self, item: RuleItem, options: &LoadOptions) -> Option<Rule> {
        let known = EventSource::from_name(&item.source).filter(|source| options.sources.contains(source));
        let Some(source) = known else {
            let message = format!("Unknown source {}, skipping", item.source);
            self.report("rule", &item.name, &item.condition, Code::UnknownSource, 0, message, None);
            return None;
        };
        let mut condition = item.condition.clone();
        let exceptions: Vec<_> = item.exceptions.iter().filter(|exception| exception.has_values()).collect();
        if !exceptions.is_empty() {
            condition.parenthesise();
            exceptions.iter().for_each(|exception| exception.fold_into(&mut condition));
        }
        let condition = self.substitute_lists(condition);
        match self.compile_rule(&item, source, &condition, options) {
            Ok(rule) => {
                if self.lints && rule.enabled {
                    self.lint(&item);
                }
                Some(rule)
            }
            Err(mistake) => {
                self.report_rule_mistake(&item, &condition, mistake);
                None
            }
        }
    }

    fn compile_rule(
        &mut self,
        item: &RuleItem,
        source: EventSource,
        condition: &SourceText,
        options: &LoadOptions,
    ) -> Result<Rule, RuleMistake> {
        let expression = parse(condition.text(), DEPTH_MAX).map_err(|error| RuleMistake {
            code: Code::CompileCondition,
            offset: error.offset,
            macro_name: None,
            message: error.message,
            hint: None,
        })?;
        for suspicion in suspicions(&expression) {
            let code = Code::of(suspicion.kind);
            self.report("rule", &item.name, condition, code, suspicion.offset, suspicion.message, None);
        }
        let expression = self.resolve(expression, usize::MAX).map_err(|unusable| {
            let (code, offset, message, hint) = self.explain(&unusable);
            RuleMistake { code, offset, macro_name: None, message, hint }
        })?;
        refuse_foreign_fields(&expression, source).map_err(condition_mistake)?;
        let kinds = required_kinds(&expression).map_err(condition_mistake)?.intersection(source.kinds());
        let root = compile(&expression, &mut self.plan).map_err(condition_mistake)?;
        let (output, format) = self.output(item, source, options)?;
        let added = added_fields(item, source, options)?;
        if kinds.len() > EVENT_KINDS_MAX && item.warn_event_types {
            let message =
                "Rule matches too many evt.type values. This has a significant performance penalty.".to_owned();
            self.report("rule", &item.name, condition, Code::NoEventType, 0, message, None);
        }
        if let Some(recorded) = options.recorded.as_ref().filter(|_| item.enabled) {
            self.warn_unavailable(item, condition, &expression, &format, recorded);
        }
        if item.enabled && source == EventSource::Syscall {
            collect_paths(&expression, &mut self.literal_paths);
            self.host_names.extend(host_names(&expression).into_iter().map(Text::from));
        }
        let (mut reads_name, mut fields) = (false, BTreeSet::new());
        self.plan.visit_fields(root, &mut |field| {
            reads_name |= depends_on_name(field);
            fields.insert(field.id);
        });
        let printed = added.iter().map(|(_, format)| format).chain([&format]).flat_map(Format::fields);
        fields.extend(printed.map(|field| field.id));
        let mut tags: Vec<Text> = item.tags.iter().map(|tag| tag.as_str().into()).collect();
        tags.sort();
        tags.dedup();
        Ok(Rule {
            name: item.name.value().into(),
            description: item.description.clone(),
            condition: expression.to_string(),
            output,
            priority: item.priority,
            source: item.source.as_str().into(),
            tags: tags.into(),
            enabled: item.enabled,
            kinds,
            examples: item.examples.clone(),
            position: item.name.position(),
            root,
            reads_name,
            fields,
            format,
            added,
            written: written(item),
        })
    }

    fn output(
        &mut self,
        item: &RuleItem,
        source: EventSource,
        options: &LoadOptions,
    ) -> Result<(String, Format), RuleMistake> {
        let mut text = item.output.text().to_owned();
        if text.contains("%container.info") {
            text = text.replace("%container.info", "").trim().to_owned();
            let message = "%container.info is deprecated and no longer useful, and will be dropped".to_owned();
            self.report_output(item, Code::DeprecatedItem, message, None, None);
        }
        if options.append_output && source == EventSource::Syscall {
            text.push_str(SUGGESTED_OUTPUT);
        }
        for addition in additions(item, options).filter(|addition| !addition.text.is_empty()) {
            text.push(' ');
            text.push_str(&addition.text);
        }
        let format = parse_format(&text, source)?;
        for field in format.fields().iter().filter(|field| field.field().flags.has(FieldFlags::DEPRECATED)) {
            let name = field.field().name;
            let message = format!("usage of deprecated field '{name}' has been detected in the rule output");
            self.report_output(item, Code::DeprecatedItem, message, None, Some(name));
        }
        Ok((text, format))
    }

    pub(super) fn report_output(
        &mut self,
        item: &RuleItem,
        code: Code,
        message: String,
        hint: Option<String>,
        deprecated_field: Option<&'static str>,
    ) {
        let (file, place) = item.output.place(0);
        self.push_output(item, &file, place, code, message, hint, deprecated_field);
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of one diagnostic")]
    fn push_output(
        &mut self,
        item: &RuleItem,
        file: &File,
        place: usize,
        code: Code,
        message: String,
        hint: Option<String>,
        deprecated_field: Option<&'static str>,
    ) {
        let location = |item_type, item_name, position| Location { item_type, item_name, position };
        let locations = vec![
            location("rules content", String::new(), file.position(0)),
            location("rule", item.name.value().to_owned(), item.name.position()),
            location("output", String::new(), file.position(place)),
        ];
        let snippet = file.snippet(place);
        self.collector.push(file.number, Diagnostic { code, message, locations, snippet, hint, deprecated_field });
    }

    fn report_rule_mistake(&mut self, item: &RuleItem, condition: &SourceText, mistake: RuleMistake) {
        let unknown = UNKNOWN_MARKS.iter().any(|mark| mistake.message.contains(mark));
        let code = if unknown && item.skip_if_unknown_filter { Code::UnknownFilter } else { mistake.code };
        if mistake.code == Code::CompileOutput {
            let (file, place) = item.output.place(mistake.offset);
            self.push_output(item, &file, place, code, mistake.message, mistake.hint, None);
            return;
        }
        let body = mistake.macro_name.as_ref().and_then(|name| {
            self.collector.macros.iter().find(|item| item.name.value() == &**name).map(|item| item.condition.clone())
        });
        let text = body.as_ref().unwrap_or(condition);
        self.report("rule", &item.name, text, code, mistake.offset, mistake.message, mistake.hint);
    }

    fn warn_unused(&mut self) {
        let macros = self.collector.macros.iter().filter(|item| !self.used_macros.contains(item.name.value()));
        let macros = macros.map(|item| (Code::UnusedMacro, "macro", item.name.clone()));
        let lists = self.collector.lists.iter().filter(|list| !list.used);
        let lists = lists.map(|list| (Code::UnusedList, "list", list.name.clone()));
        for (code, kind, name) in macros.chain(lists).collect::<Vec<_>>() {
            let title = if kind == "macro" { "Macro" } else { "List" };
            let message = format!("{title} not referred to by any other rule/macro/list");
            let position = name.position();
            let location = Location { item_type: kind, item_name: name.value().to_owned(), position: position.clone() };
            self.collector.report(&name.file, position.offset, code, message, None, vec![location]);
        }
    }
}

fn written(item: &RuleItem) -> WrittenRule {
    let exceptions = item.exceptions.iter();
    WrittenRule {
        condition: item.condition.text().to_owned(),
        output: item.output.text().to_owned(),
        capture: item.capture,
        capture_duration_ms: item.capture_duration_ms,
        exceptions: exceptions.map(|it| WrittenException { name: it.name.clone(), tests: it.tests() }).collect(),
    }
}

fn additions<'a>(item: &'a RuleItem, options: &'a LoadOptions) -> impl Iterator<Item = &'a Addition> {
    options.additions.iter().filter(|addition| addition.concerns(item.name.value(), &item.source, &item.tags))
}

fn added_fields(
    item: &RuleItem,
    source: EventSource,
    options: &LoadOptions,
) -> Result<Vec<(Option<Text>, Format)>, RuleMistake> {
    let fields = additions(item, options).flat_map(|addition| &addition.fields);
    let parsed = fields.map(|field| match field {
        AddedField::Plain(name) => Ok((None, parse_format(&format!("%{name}"), source)?)),
        AddedField::Formatted { key, format } => Ok((Some(key.clone()), parse_format(format, source)?)),
    });
    parsed.collect()
}

/// Parses a format that prints `<NA>` for what is missing. It may name only what events of the source have.
fn parse_format(text: &str, source: EventSource) -> Result<Format, RuleMistake> {
    let mistake =
        |offset, message, hint| RuleMistake { code: Code::CompileOutput, offset, macro_name: None, message, hint };
    let format = Format::parse(&format!("*{text}"))
        .map_err(|error| mistake(error.offset.saturating_sub(1), error.message, error.hint))?;
    match format.fields().iter().find(|field| !field.id.is_of(source)) {
        None => Ok(format),
        Some(foreign) => {
            let token = format!("%{foreign}");
            let message = format!("invalid formatting token {foreign}");
            Err(mistake(text.find(&token).unwrap_or(0), message, Some(foreign_hint(source))))
        }
    }
}

fn condition_mistake(error: CompileError) -> RuleMistake {
    // Falco counts an unknown macro among the mistakes of validation, everything else among those of compilation.
    let CompileError { offset, macro_name, message, hint } = error;
    RuleMistake { code: Code::CompileCondition, offset, macro_name, message, hint }
}

/// Whether the value of a field depends on which name of a file the event goes by.
fn depends_on_name(field: &FieldRef) -> bool {
    matches!(
        field.id,
        FieldId::FdName
            | FieldId::FdDirectory
            | FieldId::FdFilename
            | FieldId::FdContainername
            | FieldId::FdContainerdirectory
            | FieldId::EvtArg
    )
}

/// Adds the absolute paths that a condition names.
fn collect_paths(expression: &Expression, paths: &mut BTreeSet<Text>) {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| collect_paths(part, paths)),
        Expression::Not(part) => collect_paths(part, paths),
        Expression::Expanded(_, body) => collect_paths(body, paths),
        Expression::Macro(..) => {}
        Expression::Check(check) => {
            let literals: &[Literal] = match &check.test {
                Test::Compare { right: Right::Literal(literal), .. } => std::slice::from_ref(literal),
                Test::Compare { right: Right::List(items), .. } => items,
                Test::Compare { right: Right::Field(_) | Right::Transformer(_), .. } | Test::Exists => &[],
            };
            paths.extend(literals.iter().map(Literal::text).filter(|text| text.starts_with('/')).map(Text::from));
        }
    }
}
