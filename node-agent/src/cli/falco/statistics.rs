//! What was detected, printed at the end.

use std::collections::BTreeMap;
use std::io::{self, Write};

use tiercel_detection::event::Text;
use tiercel_detection::{Alert, Priority};

/// Counts alerts of rules.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    by_priority: BTreeMap<Priority, u64>,
    /// In order of their first alert.
    by_rule: Vec<(Text, u64)>,
}

impl Statistics {
    /// Counts one alert.
    pub(super) fn count(&mut self, alert: &Alert) {
        *self.by_priority.entry(alert.priority).or_default() += 1;
        match self.by_rule.iter_mut().find(|(name, _)| *name == alert.rule) {
            Some((_, count)) => *count += 1,
            None => self.by_rule.push((alert.rule.clone(), 1)),
        }
    }

    /// Prints it as Falco does.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "Events detected: {}", self.by_priority.values().sum::<u64>())?;
        writeln!(out, "Rule counts by severity:")?;
        for (priority, count) in &self.by_priority {
            writeln!(out, "   {}: {count}", priority.name().to_uppercase())?;
        }
        writeln!(out, "Triggered rules by rule name:")?;
        self.by_rule.iter().try_for_each(|(name, count)| writeln!(out, "   {name}: {count}"))
    }
}
