//! The cases of `$TIERCEL_COMPAT_DIR/cases/*.jsonl`: conditions with what Falco makes of them.
//!
//! Every line of every file is run; what a line asks for follows from what it has. A file of further cases in the same
//! form needs nothing but to be there. The other files have tables of what the cases do not reach.

#![expect(clippy::unwrap_used, reason = "what is missing in the data of a test ends the test")]
#![expect(clippy::print_stdout, reason = "the scores are what these tests are run for")]

#[path = "../../src/compatibility.rs"]
mod compatibility;
mod context;
mod describe;
mod events;
mod loader;
mod positions;
mod semantics;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;
use tiercel_detection::condition::{Condition, parse, required_kinds};
use tiercel_detection::{EventKind, KindSet};

/// How deep conditions nest outside of rules, in Falco.
const DEPTH_MAX: usize = 100;

/// One line of a file.
#[derive(Debug, Deserialize)]
struct Case {
    /// The condition.
    input: String,
    /// What must come of it.
    expect: Json,
    /// What is done with it; only parsing, when nothing is said.
    kind: Option<String>,
    /// The event for which it is evaluated.
    ctx: Option<String>,
    /// Part of the message of the error.
    msg: Option<String>,
    /// How many warnings it gives.
    warnings: Option<usize>,
}

impl Case {
    /// The reason of a disagreement.
    fn run(&self) -> Result<(), String> {
        let input = context::without_mocks(&self.input);
        match self.kind.as_deref() {
            None => self.parsing(),
            Some("compile") => self.compilation(&input),
            Some("eval") => self.evaluation(&input),
            Some("evttype_set") => self.event_types(&input),
            Some(other) => Err(format!("cases of kind '{other}' are not known here")),
        }
    }

    fn parsing(&self) -> Result<(), String> {
        let parsed = parse(&self.input, DEPTH_MAX);
        self.outcome(parsed.map(drop).map_err(|error| error.message), "accept", "reject")
    }

    fn compilation(&self, input: &str) -> Result<(), String> {
        let compiled = Condition::compile(input, DEPTH_MAX);
        if let (Ok(condition), Some(wanted)) = (&compiled, self.warnings)
            && condition.warnings().len() != wanted
        {
            return Err(format!("expected {wanted} warnings, found {:?}", condition.warnings()));
        }
        self.outcome(compiled.map(drop).map_err(|error| error.message), "ok", "error")
    }

    fn outcome(&self, found: Result<(), String>, good: &str, bad: &str) -> Result<(), String> {
        let wanted = self.expect.as_str().ok_or_else(|| format!("expected {}, which is no outcome", self.expect))?;
        match found {
            Ok(()) if wanted == good => Ok(()),
            Ok(()) => Err(format!("expected {wanted}, found {good}")),
            Err(message) if wanted != bad => Err(format!("expected {wanted}, found {bad}: {message}")),
            Err(message) => match &self.msg {
                Some(part) if !message.contains(part.as_str()) => {
                    Err(format!("expected the message '{part}', found '{message}'"))
                }
                Some(_) | None => Ok(()),
            },
        }
    }

    fn evaluation(&self, input: &str) -> Result<(), String> {
        let name = self.ctx.as_deref().ok_or("no event is named")?;
        let event = context::named(name).ok_or_else(|| format!("event {name} is not known here"))?;
        let wanted = self.expect.as_bool().ok_or_else(|| format!("expected {}, which is no verdict", self.expect))?;
        let mut condition = Condition::compile(input, DEPTH_MAX).map_err(|error| error.message)?;
        match condition.holds(&event) == wanted {
            true => Ok(()),
            false => Err(format!("expected {wanted} for event {name}")),
        }
    }

    fn event_types(&self, input: &str) -> Result<(), String> {
        let wanted = self.expect.as_str().unwrap_or_default();
        let found = event_types(input);
        let expected = match wanted.strip_prefix("= ") {
            Some(other) => event_types(&context::without_mocks(other))?,
            None if wanted == "error" => return found.err().map(drop).ok_or_else(|| "expected an error".to_owned()),
            None => set_of(wanted).ok_or_else(|| format!("the set '{wanted}' is not known here"))?,
        };
        let found = found?;
        match found == expected {
            true => Ok(()),
            false => Err(format!("expected {wanted}, found {} of {} types", found.len(), KindSet::all().len())),
        }
    }
}

fn event_types(condition: &str) -> Result<KindSet, String> {
    let parsed = parse(condition, DEPTH_MAX).map_err(|error| error.message)?;
    required_kinds(&parsed).map_err(|error| error.message)
}

/// The set that a name stands for: `all_events`, `openat_close_only`, `not_openat`.
fn set_of(name: &str) -> Option<KindSet> {
    match name {
        "all_events" => Some(KindSet::all()),
        "no_events" => Some(KindSet::EMPTY),
        _ => match name.strip_prefix("not_") {
            Some(types) => types_of(types).map(KindSet::complement),
            None => types_of(name.strip_suffix("_only")?),
        },
    }
}

/// Names of event types with underscores between them, which they may have within them as well.
fn types_of(names: &str) -> Option<KindSet> {
    if let Some(kind) = EventKind::from_name(names) {
        return Some([kind].into_iter().collect());
    }
    names.match_indices('_').find_map(|(at, _)| {
        let first: KindSet = [EventKind::from_name(&names[..at])?].into_iter().collect();
        types_of(&names[at + 1..]).map(|rest| first.union(rest))
    })
}

/// The misses of one file, and how many cases it has.
fn misses_of(path: &Path) -> (Vec<String>, usize) {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<(usize, &str)> = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    let misses = lines.iter().filter_map(|(number, line)| {
        let place = format!("{file}:{}", number + 1);
        match serde_json::from_str::<Case>(line) {
            Ok(case) => case.run().err().map(|reason| format!("{place}: {:?}: {reason}", case.input)),
            Err(error) => Some(format!("{place}: not a case: {error}")),
        }
    });
    (misses.collect(), lines.len())
}

#[test]
fn compat_every_case_of_every_file_agrees() {
    let Some(folder) = compatibility::directory() else { return };
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let (mut misses, mut total) = (Vec::new(), 0);
    for path in &paths {
        let (missed, count) = misses_of(path);
        println!("{}: {} of {count}", path.display(), count - missed.len());
        total += count;
        misses.extend(missed);
    }
    misses.iter().for_each(|miss| println!("missed {miss}"));
    println!("agreed {} of {total}", total - misses.len());
    assert!(total > 0, "{} has no cases", folder.display());
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
