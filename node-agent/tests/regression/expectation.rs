//! What a case expects: the structured part of the file, and those assertions in Go that say more.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;

use super::case::{Case, Detection, literal};
use super::run::Done;

/// One expectation.
pub(super) enum Expectation {
    ExitCode(i32),
    Alerts(Detection),
    /// At least one error (or warning) with these properties.
    Diagnostic(HashMap<String, String>),
    /// A number of errors or warnings.
    DiagnosticCount {
        kind: &'static str,
        count: usize,
    },
    Text {
        on_stderr: bool,
        pattern: Regex,
        present: bool,
    },
    /// The first file of `-V` is fine.
    FirstFileIsFine,
}

/// Everything that a case expects and that can be told from its assertions.
pub(super) fn of(case: &Case) -> Vec<Expectation> {
    let mut expected: Vec<_> = case.exit_code.map(Expectation::ExitCode).into_iter().collect();
    // A rule whose name is a raw literal came over without its name; the assertion still has it.
    let raw_name = case.expect.iter().any(|text| text.contains(".OfRule(`"));
    let detections = case.detections.iter().filter(|detection| {
        !(raw_name && detection.rule.is_none() && detection.priority.is_none() && !detection.count.starts_with('>'))
    });
    expected.extend(detections.cloned().map(Expectation::Alerts));
    expected.extend(case.validation.iter().filter(|it| it.len() > 1).cloned().map(Expectation::Diagnostic));
    expected.extend(case.expect.iter().filter_map(|text| assertion(text)));
    expected
}

/// An assertion in Go, if it says more than the structured part.
fn assertion(text: &str) -> Option<Expectation> {
    let (verb, rest) = text.split_once('(')?;
    match verb {
        "Regexp" | "NotRegexp" | "Contains" => {
            let (argument, stream) = match verb {
                "Contains" => {
                    let (stream, argument) = rest.strip_suffix(')')?.split_once(", ")?;
                    (argument, stream)
                }
                _ => {
                    let (argument, stream) = rest.strip_suffix(')')?.rsplit_once(", ")?;
                    (argument, stream)
                }
            };
            let written = pieces(argument);
            let pattern = if verb == "Contains" { regex::escape(&written) } else { written };
            let pattern = Regex::new(&pattern).ok().filter(|pattern| !pattern.as_str().is_empty())?;
            Some(Expectation::Text { on_stderr: stream.contains("Stderr"), pattern, present: verb != "NotRegexp" })
        }
        "True" if text.contains("At(0).Successful") => Some(Expectation::FirstFileIsFine),
        "Equal" if text.contains(".OfRule(`") => {
            let (count, of) = rest.split_once(", ")?;
            let detection = Detection { rule: Some(pieces(of)), priority: None, count: count.to_owned() };
            Some(Expectation::Alerts(detection))
        }
        "Equal" => {
            let (count, of) = rest.split_once(", ")?;
            let kind = kind(of).filter(|_| of.ends_with(".Count())"))?;
            Some(Expectation::DiagnosticCount { kind, count: count.parse().ok()? })
        }
        "NotNil" if rest.contains("OfItemName") && !rest.contains("All") => {
            Some(Expectation::Diagnostic(filters(rest)))
        }
        _ => None,
    }
}

fn kind(text: &str) -> Option<&'static str> {
    let kinds = [("AllErrors", "errors"), ("AllWarnings", "warnings")];
    kinds.into_iter().find(|(name, _)| text.contains(name)).map(|(_, kind)| kind)
}

/// The texts of a sum of Go literals.
fn pieces(expression: &str) -> String {
    let literals = Regex::new(r#"`[^`]*`|"(?:[^"\\]|\\.)*""#).unwrap();
    literals.find_iter(expression).filter_map(|found| literal(found.as_str())).collect()
}

/// `warnings. OfItemName("x"). OfMessage("y")`.
fn filters(text: &str) -> HashMap<String, String> {
    let calls = Regex::new(r#"(Of[A-Za-z]+)\(("(?:[^"\\]|\\.)*")\)"#).unwrap();
    let calls = calls.captures_iter(text).filter_map(|call| Some((call[1].to_owned(), literal(&call[2])?)));
    calls.chain([("kind".to_owned(), "AllWarnings".to_owned())]).collect()
}

impl Expectation {
    /// How a run violates it.
    pub(super) fn violation(&self, done: &Done) -> Option<String> {
        match self {
            Self::ExitCode(expected) => (done.exit_code != Some(*expected)).then(|| {
                let code = done.exit_code;
                format!("exit code {code:?} instead of {expected}: {}", done.stderr.lines().last().unwrap_or_default())
            }),
            Self::Alerts(detection) => wrong_count(detection, done),
            Self::Diagnostic(wanted) => {
                let found = done.diagnostics(kind(&wanted["kind"]).unwrap());
                let missing = !found.iter().any(|diagnostic| matches(diagnostic, wanted));
                let shown = || found.iter().map(|it| format!("{} {}", it["code"], it["message"])).collect::<Vec<_>>();
                missing.then(|| format!("no diagnostic {wanted:?}; there are {:?}", shown()))
            }
            Self::DiagnosticCount { kind, count } => {
                let found = done.diagnostics(kind).len();
                (found != *count).then(|| format!("{found} {kind} instead of {count}"))
            }
            Self::Text { on_stderr, pattern, present } => {
                let (name, text) = if *on_stderr { ("stderr", &done.stderr) } else { ("stdout", &done.stdout) };
                let verb = if *present { "lacks" } else { "has" };
                (pattern.is_match(text) != *present).then(|| format!("{name} {verb} `{pattern}`"))
            }
            Self::FirstFileIsFine => {
                let fine = done.load_results().first().is_some_and(|result| result["successful"] == true);
                (!fine).then(|| "the first file is not fine".to_owned())
            }
        }
    }
}

fn wrong_count(detection: &Detection, done: &Done) -> Option<String> {
    let Detection { rule, priority, count } = detection;
    let chosen = |alert: &&Value| {
        let priority_of = alert["priority"].as_str().unwrap_or_default().to_lowercase();
        rule.as_ref().is_none_or(|rule| alert["rule"] == rule.as_str())
            // INFO stands for INFORMATIONAL.
            && priority.as_ref().is_none_or(|priority| priority_of.contains(&priority.to_lowercase()))
    };
    let found = done.alerts().iter().filter(chosen).count();
    let fits = match count.strip_prefix(">=") {
        Some(least) => found >= least.parse::<usize>().unwrap(),
        None => found == count.parse::<usize>().unwrap(),
    };
    (!fits).then(|| format!("{found} alerts of rule {rule:?}, priority {priority:?} instead of {count}"))
}

fn matches(diagnostic: &Value, wanted: &HashMap<String, String>) -> bool {
    let locations = diagnostic["context"]["locations"].as_array().map_or(&[][..], Vec::as_slice);
    wanted.iter().all(|(key, value)| match key.as_str() {
        "OfCode" => diagnostic["code"] == value.as_str(),
        "OfMessage" => diagnostic["message"].as_str().is_some_and(|message| message.contains(value.as_str())),
        "OfItemType" => locations.iter().any(|location| location["item_type"] == value.as_str()),
        "OfItemName" => locations.iter().any(|location| location["item_name"] == value.as_str()),
        _ => true,
    })
}
