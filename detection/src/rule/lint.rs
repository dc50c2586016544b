//! Lints: what is allowed and loads, but is hardly meant.

use super::build::Builder;
use super::item::RuleItem;
use super::report::{Code, Diagnostic, Location, snippet};
use super::source::SourceText;
use super::{Matching, RuleFile, RuleSet};
use crate::condition::ast::Expression;
use crate::condition::{DEPTH_MAX, contradiction, dead_event_types, parse, requirements};
use crate::engine::{Finding, findings};

impl Builder {
    /// Looks at the condition and the exceptions of a rule that has been compiled.
    pub(super) fn lint(&mut self, item: &RuleItem) {
        let condition = self.substitute_lists(item.condition.clone());
        let Ok(written) = parse(condition.text(), DEPTH_MAX) else { return };
        for check in dead_event_types(&written) {
            let hint = Some("'rules list --events' shows the types of events".to_owned());
            let message = format!("no event type satisfies '{check}'");
            self.report("rule", &item.name, &condition, Code::LintEventType, check.offset, message, hint);
        }
        let Some(expression) = self.resolved(written) else { return };
        let required = requirements(&expression);
        if let Some(found) = contradiction(&[], &required) {
            let (offset, message) = (found.offset.unwrap_or(0), format!("the rule cannot fire: {}", found.message));
            self.report("rule", &item.name, &condition, Code::LintNeverTrue, offset, message, None);
            return;
        }
        for exception in &item.exceptions {
            for alternative in exception.alternatives() {
                let text = self.substitute_lists(alternative);
                let Some(excepted) = self.parsed(&text) else { continue };
                if let Some(found) = contradiction(&required, &requirements(&excepted)) {
                    let name = &exception.name;
                    let message = format!("a value of exception '{name}' can never match: {}", found.message);
                    let hint = Some("the rule already leaves these events out, or the value has a mistake".to_owned());
                    self.report("rule", &item.name, &text, Code::LintDeadException, 0, message, hint);
                }
            }
        }
    }

    fn parsed(&mut self, text: &SourceText) -> Option<Expression> {
        parse(text.text(), DEPTH_MAX).ok().and_then(|written| self.resolved(written))
    }

    fn resolved(&mut self, written: Expression) -> Option<Expression> {
        self.resolve(written, usize::MAX).ok()
    }
}

/// Lints that need all rules: what holds always or never, and what an earlier rule forestalls.
pub(super) fn of_all(rules: &RuleSet, files: &[RuleFile]) -> Vec<Diagnostic> {
    let name = |rule: usize| &rules.rules()[rule].name;
    let lints = findings(rules).into_iter().filter_map(|(rule, finding)| {
        let (code, message, hint) = match finding {
            // `evt.num = 0` is how rule files spell "never", on purpose.
            Finding::Never if rules.rules()[rule].condition.contains("evt.num") => return None,
            Finding::Never => (Code::LintNeverTrue, "the rule cannot fire".to_owned(), None),
            Finding::Always => (Code::LintAlwaysTrue, "the rule fires for every event".to_owned(), None),
            Finding::ShadowedBy(_) if rules.matching() == Matching::All => return None,
            Finding::ShadowedBy(by) => (
                Code::LintShadowed,
                format!("the rule cannot fire: whatever satisfies it satisfies '{}', which comes first", name(by)),
                Some("define the narrower rule first, or let all rules match ('rule_matching: all')".to_owned()),
            ),
        };
        Some(about_rule(rules, files, rule, code, message, hint))
    });
    lints.collect()
}

fn about_rule(
    rules: &RuleSet,
    files: &[RuleFile],
    rule: usize,
    code: Code,
    message: String,
    hint: Option<String>,
) -> Diagnostic {
    let rule = &rules.rules()[rule];
    let position = rule.position.clone();
    let text = files.iter().find(|file| file.name == position.file).map(|file| file.text.as_str());
    let snippet = snippet(text.unwrap_or_default(), position.offset);
    let locations = vec![Location { item_type: "rule", item_name: rule.name.to_string(), position }];
    Diagnostic { code, message, locations, snippet, hint, deprecated_field: None }
}
