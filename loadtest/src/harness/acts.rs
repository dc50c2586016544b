//! Scripts of suspicious acts, and telling which alert belongs to which act.
//!
//! After every act the script opens a file named after it in a directory of marks. A rule of the harness, loaded before
//! all others, turns that into an alert, so the stream of alerts is cut into the acts that caused them.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// Name of the directory of marks, wherever it lies.
pub const MARKS_DIRECTORY: &str = "tiercel-marks";

/// The rule that answers to marks; it must be loaded first.
pub const MARK_RULE: &str = r"
- rule: Mark
  desc: Cuts the stream of alerts into the acts of a test.
  condition: evt.type in (open, openat) and evt.is_open_write = true and fd.directory endswith /tiercel-marks
  output: Mark | name=%fd.filename
  priority: DEBUG
";

/// The mark after the last act.
pub const LAST_MARK: &str = "end";

/// What an act is given before its mark, so that the sensor has seen all of it.
const SETTLE_SECONDS: &str = "0.3";

/// One thing that an intruder might do.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// A short name without blanks.
    pub name: &'static str,
    /// What it is, for readers.
    pub what: &'static str,
    /// Lines of bash. `$T` is a scratch directory.
    pub script: &'static str,
}

/// Writes the acts as one bash script that takes its scratch directory as its argument.
///
/// # Errors
/// When the file cannot be written.
pub fn write_script<'a>(path: &Path, acts: impl IntoIterator<Item = &'a Act>) -> anyhow::Result<()> {
    let mut script = format!(
        "#!/bin/bash\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nT=$1\nmkdir -p \"$T/{MARKS_DIRECTORY}\"\n\
         mark() {{ sleep {SETTLE_SECONDS}; : > \"$T/{MARKS_DIRECTORY}/$1\"; }}\ncd \"$T\"\nmark start\n"
    );
    for act in acts {
        writeln!(script, "{}\nmark {}", act.script, act.name).context("failed to write the script")?;
    }
    writeln!(script, "mark {LAST_MARK}").context("failed to write the script")?;
    std::fs::write(path, script).with_context(|| format!("failed to write {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .context("failed to make the script executable")
}

/// Whether the script has come to its end.
pub fn is_complete(alerts: &[Value]) -> bool {
    alerts.iter().any(|alert| mark(alert) == Some(LAST_MARK))
}

/// The alerts of each act, in the order in which they came. What came before the first mark belongs to none.
pub fn by_act(alerts: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut acts = Vec::new();
    let mut current = Vec::new();
    for alert in alerts.iter().filter(|alert| alert["source"] == "syscall") {
        match mark(alert) {
            Some("start") => current.clear(),
            Some(name) => acts.push((name.to_owned(), std::mem::take(&mut current))),
            None => current.push(alert.clone()),
        }
    }
    acts
}

/// The names of the rules of some alerts, sorted, each as often as it fired.
pub fn rule_names(alerts: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = alerts.iter().filter_map(|alert| alert["rule"].as_str()).map(str::to_owned).collect();
    names.sort();
    names
}

fn mark(alert: &Value) -> Option<&str> {
    (alert["rule"] == "Mark").then(|| alert["output_fields"]["fd.filename"].as_str()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn alerts_go_to_the_act_whose_mark_follows_them() {
        let alert = |rule: &str| json!({ "rule": rule, "source": "syscall" });
        let mark =
            |name: &str| json!({ "rule": "Mark", "source": "syscall", "output_fields": { "fd.filename": name } });
        let stream = [alert("early"), mark("start"), alert("b"), alert("a"), mark("A1"), mark("A2"), mark("end")];
        assert!(is_complete(&stream) && !is_complete(&stream[..6]));
        let acts: Vec<_> = by_act(&stream).into_iter().map(|(name, alerts)| (name, rule_names(&alerts))).collect();
        let expected = [("A1", vec!["a", "b"]), ("A2", vec![]), ("end", vec![])];
        assert_eq!(
            acts,
            expected.map(|(name, rules)| (name.to_owned(), rules.into_iter().map(str::to_owned).collect()))
        );
    }
}
