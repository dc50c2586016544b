//! Whether changed rule files may take the place of the present rules: a good set may, a bad one is reported.

use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{KindSet, Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority};
use tracing::error;

use super::internal;
use super::rules::{self, FileDigest, LoadedRules};
use crate::config::RulesConfig;

/// Name of the alert that tells of a reload that was refused.
const RULE: &str = "Tiercel internal: rules not reloaded";

/// Errors that the alert quotes; the log has all of them.
const ERRORS_QUOTED_MAX: usize = 5;

/// What the files are worth.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The files are the same as before.
    Unchanged,
    /// These rules are good.
    Loaded(Box<LoadedRules>),
    /// The old rules stay; the alert says why.
    Refused(Box<Alert>),
}

/// Reads the configured rules and judges them as a whole.
pub(super) fn judge(
    config: &RulesConfig,
    recorded: Option<KindSet>,
    present: &[FileDigest],
    context: &OutputContext,
    now: Timestamp,
) -> Verdict {
    let refused = |count: usize, reason: String| Verdict::Refused(Box::new(alert(context, count, &reason, now)));
    let files = match rules::read_configured(config) {
        Ok(files) => files,
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::new(error));
            error!(error = reason, "rules not loaded anew, the old ones stay");
            return refused(1, reason);
        }
    };
    if rules::digests(&files) == present {
        return Verdict::Unchanged;
    }
    let loaded = rules::compile(&files, config, recorded);
    if loaded.report.is_ok() {
        return Verdict::Loaded(Box::new(loaded));
    }
    let errors: Vec<_> = loaded.report.errors().map(one_line).collect();
    for error in &errors {
        error!(error, "rules not loaded anew, the old ones stay");
    }
    refused(errors.len(), errors[..errors.len().min(ERRORS_QUOTED_MAX)].join("; "))
}

/// A mistake in a rule as one line with its place.
pub fn one_line(diagnostic: &tiercel_detection::rule::Diagnostic) -> String {
    let place = diagnostic.locations.last().map(|location| {
        let position = &location.position;
        format!("{}:{}:{}: {} ", position.file, position.line, position.column, location.item_name)
    });
    format!("{}{}: {}", place.unwrap_or_default(), diagnostic.code.name(), diagnostic.message)
}

fn alert(context: &OutputContext, errors: usize, reason: &str, now: Timestamp) -> Alert {
    let fields = vec![
        (Text::from("errors"), FieldValue::Unsigned(errors as u64)),
        (Text::from("reason"), FieldValue::Text(reason.into())),
    ];
    internal::alert(context, RULE, Priority::Critical, &format!("{RULE}, the old ones stay."), fields, now)
}
