//! Warnings of what rules ask for and the source of events never tells.

use std::sync::Arc;

use super::build::Builder;
use super::item::RuleItem;
use super::report::Code;
use super::source::SourceText;
use crate::condition::ast::Expression;
use crate::condition::{Need, Needed, needs};
use crate::event::{EventKind, KindSet};
use crate::field::{FieldFlags, FieldId};
use crate::output::Format;

/// A place in a macro that has been warned of, so that it is not warned of for every rule that uses the macro.
pub(super) type KnownPlace = (Arc<str>, usize);

impl Builder {
    /// Warns of fields that no event has and of kinds of events that are never recorded. `recorded` are the kinds that
    /// are.
    pub(super) fn warn_unavailable(
        &mut self,
        item: &RuleItem,
        condition: &SourceText,
        expression: &Expression,
        format: &Format,
        recorded: &KindSet,
    ) {
        for need in needs(expression) {
            let found = match need.what {
                Needed::Field(id) => unfilled(id, "makes every comparison with it false"),
                Needed::Kind(kind) if recorded.contains(kind) => None,
                Needed::Kind(kind) => Some(unrecorded(kind)),
            };
            if let Some((code, message, hint)) = found {
                self.warn_at(item, condition, need, code, message, hint);
            }
        }
        for field in format.fields() {
            if let Some((code, message, hint)) = unfilled(field.id, "prints <NA>") {
                self.report_output(item, code, message, Some(hint), None);
            }
        }
    }

    fn warn_at(
        &mut self,
        item: &RuleItem,
        condition: &SourceText,
        need: Need,
        code: Code,
        message: String,
        hint: String,
    ) {
        let Some(name) = need.macro_name else {
            self.report("rule", &item.name, condition, code, need.offset, message, Some(hint));
            return;
        };
        let Some(body) = self.collector.macros.iter().find(|item| item.name.value() == &*name) else { return };
        let (title, text) = (body.name.clone(), body.condition.clone());
        if self.warned_places.insert((name, need.offset)) {
            let text = self.substitute_lists(text);
            self.report("macro", &title, &text, code, need.offset, message, Some(hint));
        }
    }
}

/// Why a field has no value, if it never has one.
fn unfilled(id: FieldId, consequence: &str) -> Option<(Code, String, String)> {
    let field = id.field();
    let name = field.name;
    if field.flags.has(FieldFlags::NEVER) {
        let message = format!("no event has field '{name}', which {consequence}");
        let hint = format!("Falco does not set it either ({}); leave it out", field.description);
        return Some((Code::UnfilledField, message, hint));
    }
    field.flags.has(FieldFlags::UNSET).then(|| {
        let message = format!("live events do not have field '{name}' yet, which {consequence}");
        (Code::UnfilledField, message, "'rules list --fields' shows what live events have".to_owned())
    })
}

fn unrecorded(kind: EventKind) -> (Code, String, String) {
    let message =
        format!("events of type '{}' are never recorded: this part of the condition cannot hold", kind.name());
    (Code::UnrecordedEvent, message, "'rules list --events' shows which types are recorded".to_owned())
}
