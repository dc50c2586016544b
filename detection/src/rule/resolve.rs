//! Lists and macros: what stands behind their names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::build::Builder;
use super::list;
use super::report::Code;
use super::source::SourceText;
use crate::condition::ast::Expression;
use crate::condition::{DEPTH_MAX, parse, suspicions};

/// Most comparisons of a condition with its macros put in. Macros that use each other twice double with each level: some
/// forty lines would compile for years. The largest of Falco's own rules has some hundreds.
const COMPARISONS_MAX: usize = 100_000;

/// What an expression is with its macros put in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// How deep it nests.
    depth: usize,
    /// How many comparisons it has, each use of a macro counted.
    comparisons: usize,
}

/// A macro on its way to a condition.
#[derive(Debug, Clone)]
pub(super) enum MacroState {
    Parsed(Expression),
    Resolving,
    Resolved(Arc<Expression>, Extent),
    Broken,
}

/// Why a macro cannot be used at a place.
pub(super) enum Unusable {
    Undefined(String, usize),
    Broken(String, usize),
    Loop(String, usize),
    TooDeep(usize),
    TooLarge(usize),
}

impl Builder {
    /// Items that name an earlier list are replaced by what that list holds as it is written: one level, no more.
    pub(super) fn resolve_lists(&mut self) {
        let lists = &self.collector.lists;
        let place: FxHashMap<&str, usize> =
            lists.iter().enumerate().map(|(at, list)| (list.name.value(), at)).collect();
        let mut used = Vec::new();
        self.lists = lists
            .iter()
            .map(|list| {
                let mut items = Vec::new();
                for item in &list.items {
                    match place.get(item.as_str()).filter(|at| lists[**at].order.index < list.order.visibility) {
                        Some(at) => {
                            used.push(*at);
                            items.extend(lists[*at].items.iter().cloned());
                        }
                        None => items.push(item.clone()),
                    }
                }
                (list.name.value().to_owned(), items)
            })
            .collect();
        used.into_iter().for_each(|at| self.collector.lists[at].used = true);
    }

    pub(super) fn substitute_lists(&mut self, mut text: SourceText) -> SourceText {
        for (index, (name, items)) in self.lists.iter().enumerate() {
            if let Some(substituted) = list::substitute(&text, name, items) {
                text = substituted;
                self.collector.lists[index].used = true;
            }
        }
        text
    }

    pub(super) fn parse_macros(&mut self) {
        for index in 0..self.collector.macros.len() {
            self.written_macros.push(self.collector.macros[index].condition.text().to_owned());
            let text = self.substitute_lists(self.collector.macros[index].condition.clone());
            let name: Arc<str> = self.collector.macros[index].name.value().into();
            let state = match parse(text.text(), DEPTH_MAX) {
                Ok(expression) => MacroState::Parsed(expression),
                Err(error) => {
                    self.report_macro(index, &text, Code::CompileCondition, error.offset, error.message);
                    MacroState::Broken
                }
            };
            if let MacroState::Parsed(expression) = &state {
                for suspicion in suspicions(expression) {
                    let code = Code::of(suspicion.kind);
                    self.report_macro(index, &text, code, suspicion.offset, suspicion.message);
                }
            }
            self.collector.macros[index].condition = text;
            self.macros.insert(name, state);
        }
    }

    /// Puts the conditions of macros in the places of their names. A macro sees only macros that were defined before it.
    pub(super) fn resolve(&mut self, expression: Expression, visibility: usize) -> Result<Expression, Unusable> {
        self.resolve_within_limit(expression, visibility).map(|(expression, _)| expression)
    }

    /// Macros within macros could nest and multiply without end; what is compiled and evaluated by recursion may not.
    fn resolve_within_limit(
        &mut self,
        expression: Expression,
        visibility: usize,
    ) -> Result<(Expression, Extent), Unusable> {
        let (expression, extent) = self.resolve_part(expression, visibility)?;
        if extent.depth > DEPTH_MAX {
            return Err(Unusable::TooDeep(0));
        }
        if extent.comparisons > COMPARISONS_MAX {
            return Err(Unusable::TooLarge(0));
        }
        Ok((expression, extent))
    }

    /// The part with its macros, and what it is then.
    fn resolve_part(&mut self, part: Expression, visibility: usize) -> Result<(Expression, Extent), Unusable> {
        Ok(match part {
            Expression::And(parts) => {
                let (parts, extent) = self.resolve_all(parts, visibility)?;
                (Expression::And(parts), extent)
            }
            Expression::Or(parts) => {
                let (parts, extent) = self.resolve_all(parts, visibility)?;
                (Expression::Or(parts), extent)
            }
            Expression::Not(part) => {
                let (part, extent) = self.resolve_part(*part, visibility)?;
                (Expression::Not(Box::new(part)), extent)
            }
            Expression::Macro(name, offset) => {
                let name: Arc<str> = name.into();
                let (body, extent) = self.resolve_macro(&name, offset, visibility)?;
                (Expression::Expanded(name, body), extent)
            }
            other @ (Expression::Expanded(..) | Expression::Check(_)) => (other, Extent { depth: 1, comparisons: 1 }),
        })
    }

    /// Resolves the macros that no rule has asked for: a mistake in one of them is a mistake all the same.
    pub(super) fn resolve_rest(&mut self) {
        let names: Vec<Arc<str>> = self.collector.macros.iter().map(|item| item.name.value().into()).collect();
        for name in names {
            if !matches!(self.macros.get(&name), Some(MacroState::Parsed(_))) {
                continue;
            }
            let asked_for = self.used_macros.contains(&name);
            // What is wrong with it has been reported where it was found.
            drop(self.resolve_macro(&name, 0, usize::MAX));
            if !asked_for {
                self.used_macros.remove(&name);
            }
        }
    }

    /// The parts of a group, and what the group is then.
    fn resolve_all(
        &mut self,
        parts: Vec<Expression>,
        visibility: usize,
    ) -> Result<(Vec<Expression>, Extent), Unusable> {
        let mut group = Extent { depth: 1, comparisons: 0 };
        let resolved = parts.into_iter().map(|part| {
            let (part, extent) = self.resolve_part(part, visibility)?;
            group.depth = group.depth.max(extent.depth + 1);
            group.comparisons = group.comparisons.saturating_add(extent.comparisons);
            Ok(part)
        });
        let resolved = resolved.collect::<Result<_, _>>()?;
        Ok((resolved, group))
    }

    fn resolve_macro(
        &mut self,
        name: &Arc<str>,
        offset: usize,
        visibility: usize,
    ) -> Result<(Arc<Expression>, Extent), Unusable> {
        self.used_macros.insert(name.clone());
        let item = self.collector.macros.iter().find(|item| item.name.value() == &**name);
        let order = item.map(|item| item.order);
        let state = self.macros.get(name).cloned();
        match (state, order) {
            (Some(MacroState::Resolved(body, extent)), Some(order)) if order.index < visibility => Ok((body, extent)),
            (Some(MacroState::Broken), _) => Err(Unusable::Broken(name.to_string(), offset)),
            (Some(MacroState::Resolving), _) => Err(Unusable::Loop(name.to_string(), offset)),
            (Some(MacroState::Parsed(body)), Some(order)) if order.index < visibility => {
                self.macros.insert(name.clone(), MacroState::Resolving);
                match self.resolve_within_limit(body, order.visibility) {
                    Ok((body, extent)) => {
                        let body = Arc::new(body);
                        self.macros.insert(name.clone(), MacroState::Resolved(body.clone(), extent));
                        Ok((body, extent))
                    }
                    Err(unusable) => {
                        self.report_unusable(name, &unusable);
                        self.macros.insert(name.clone(), MacroState::Broken);
                        Err(Unusable::Broken(name.to_string(), offset))
                    }
                }
            }
            _ => Err(Unusable::Undefined(name.to_string(), offset)),
        }
    }

    fn report_unusable(&mut self, name: &str, unusable: &Unusable) {
        let Some(index) = self.collector.macros.iter().position(|item| item.name.value() == name) else { return };
        let text = self.collector.macros[index].condition.clone();
        let (code, offset, message, _) = self.explain(unusable);
        self.report_macro(index, &text, code, offset, message);
    }

    pub(super) fn explain(&self, unusable: &Unusable) -> (Code, usize, String, Option<String>) {
        match unusable {
            Unusable::Undefined(name, offset) => {
                let names: Vec<&str> = self.collector.macros.iter().map(|item| item.name.value()).collect();
                let hint = super::decode::closest(name, &names).map(|name| format!("did you mean '{name}'?"));
                (Code::Validate, *offset, format!("Undefined macro '{name}' used in filter."), hint)
            }
            Unusable::Broken(name, offset) => {
                let hint = Some("the mistake in the macro is reported above".to_owned());
                (Code::CompileCondition, *offset, format!("macro '{name}' has a mistake and cannot be used"), hint)
            }
            Unusable::Loop(name, offset) => {
                (Code::Validate, *offset, format!("reference loop in macro '{name}'"), None)
            }
            Unusable::TooDeep(offset) => {
                let hint = Some("the groups of macros count with those that they are used in".to_owned());
                (Code::CompileCondition, *offset, format!("exceeded max depth limit of {DEPTH_MAX}"), hint)
            }
            Unusable::TooLarge(offset) => {
                let hint =
                    Some("each use of a macro counts with all that the macro has; lists hold many values".to_owned());
                let message = format!("more than {COMPARISONS_MAX} comparisons with its macros put in");
                (Code::CompileCondition, *offset, message, hint)
            }
        }
    }
}
