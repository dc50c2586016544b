//! Falco's own regression cases, run against `tiercel-agent falco`.
//!
//! The cases come from `$TIERCEL_COMPAT_DIR/falco-regression/cases.json`. What a case needs and is not here (a capture
//! that was never published, a plugin) is named; so is every case in which we differ, with the difference.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where it fails, and says what it skips")]

mod case;
mod expectation;
mod run;
mod special;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use case::{Case, Suite};

/// Processes at once.
const PARALLEL: usize = 2;

/// Cases in which we agree; of those that can be run here Falco 0.44.1 passes one less. What differs for both: calls are
/// judged once since 0.44 (nine cases expect the alerts before the call as well) and gVisor is gone. What differs for us
/// alone: we report every mistake of a file and not only the first. What differs for Falco alone: two of its messages.
const AGREED_MIN: usize = 127;

/// What became of a case.
enum Outcome {
    Agreed,
    /// What is different.
    Missed(String),
    /// What it needs and is not here.
    Impossible(String),
}

#[test]
fn falco_regression_cases() {
    let Some(folder) = folder() else {
        println!("SKIPPED: no compatibility data; set TIERCEL_COMPAT_DIR");
        return;
    };
    let suite = Suite::read(&folder);
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while let Some(case) = suite.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = special::judge(&suite, case).unwrap_or_else(|| judge(&suite, case));
                    outcomes.lock().unwrap().insert(&case.test, (case.group(), outcome));
                }
            });
        }
    });
    let agreed = report(&outcomes.into_inner().unwrap());
    assert!(agreed >= AGREED_MIN, "agreed in {agreed} cases; it were {AGREED_MIN}");
}

fn folder() -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("TIERCEL_COMPAT_DIR").map_or_else(default, PathBuf::from);
    folder.join("falco-regression/cases.json").is_file().then_some(folder)
}

/// One run, and everything that is expected of it.
fn judge(suite: &Suite, case: &Case) -> Outcome {
    let invocation = match suite.invocation(case) {
        Ok(invocation) => invocation,
        Err(reason) => return Outcome::Impossible(reason),
    };
    let done = invocation.run();
    let wrong: Vec<String> = expectation::of(case).iter().filter_map(|expected| expected.violation(&done)).collect();
    if wrong.is_empty() { Outcome::Agreed } else { Outcome::Missed(wrong.join("; ")) }
}

fn report(outcomes: &BTreeMap<&String, (&'static str, Outcome)>) -> usize {
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut skipped = 0;
    for (test, (group, outcome)) in outcomes {
        let (agreed, all) = groups.entry(group).or_default();
        match outcome {
            Outcome::Agreed => {
                *agreed += 1;
                *all += 1;
            }
            Outcome::Missed(reason) => {
                *all += 1;
                println!("missed {test}: {reason}");
            }
            Outcome::Impossible(reason) => {
                skipped += 1;
                println!("SKIPPED {test}: {reason}");
            }
        }
    }
    for (group, (agreed, all)) in &groups {
        println!("{group}: agreed {agreed} of {all}");
    }
    let agreed = groups.values().map(|(agreed, _)| agreed).sum();
    println!(
        "falco-regression: SKIPPED {skipped}, agreed {agreed} of {}",
        groups.values().map(|(_, all)| all).sum::<usize>()
    );
    agreed
}
