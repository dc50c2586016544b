//! Losses as findings: what was not seen is said, with exact counts and the interval.

use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority};

use super::internal;
use crate::capture::{Class, LossReport};

/// Name of the alert.
const RULE: &str = "Tiercel internal: events lost";

/// Losses within this time become one alert: a flood that makes us lose records must not make a flood of alerts.
const ALERT_INTERVAL_NS: u64 = 10_000_000_000;

/// Records lost so far, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostRecords {
    /// exec, fork, exit, credentials ...
    pub critical: u64,
    /// Network, names of files ...
    pub normal: u64,
    /// open and other floods.
    pub bulk: u64,
    /// Arrived but could not be read.
    pub malformed: u64,
}

impl LostRecords {
    /// The sums of a report.
    pub fn of(report: &LossReport) -> Self {
        let mut lost = Self { malformed: report.malformed, ..Self::default() };
        for row in &report.classes {
            match row.class {
                Class::Critical => lost.critical += row.lost,
                Class::Normal => lost.normal += row.lost,
                Class::Bulk => lost.bulk += row.lost,
            }
        }
        lost
    }

    /// All classes together.
    pub fn total(self) -> u64 {
        self.critical + self.normal + self.bulk + self.malformed
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            critical: self.critical.saturating_sub(earlier.critical),
            normal: self.normal.saturating_sub(earlier.normal),
            bulk: self.bulk.saturating_sub(earlier.bulk),
            malformed: self.malformed.saturating_sub(earlier.malformed),
        }
    }
}

/// Remembers which losses an alert has told already.
#[derive(Debug)]
pub(super) struct LossLog {
    told: LostRecords,
    told_at: Option<Timestamp>,
    clean_until: Timestamp,
}

impl LossLog {
    /// Starts at the moment when capture began.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { told: LostRecords::default(), told_at: None, clean_until: now }
    }

    /// Takes the counts as they are now; returns the alert that is due.
    pub(super) fn note(&mut self, lost: LostRecords, now: Timestamp, context: &OutputContext) -> Option<Alert> {
        if lost == self.told {
            self.clean_until = now;
            return None;
        }
        if self.told_at.is_some_and(|at| now.0.saturating_sub(at.0) < ALERT_INTERVAL_NS) {
            return None;
        }
        self.tell(lost, now, context)
    }

    /// Tells what is still untold, at the end.
    pub(super) fn finish(&mut self, lost: LostRecords, now: Timestamp, context: &OutputContext) -> Option<Alert> {
        (lost != self.told).then(|| self.tell(lost, now, context)).flatten()
    }

    fn tell(&mut self, lost: LostRecords, now: Timestamp, context: &OutputContext) -> Option<Alert> {
        let interval = lost.since(self.told);
        let since = self.clean_until;
        self.told = lost;
        self.told_at = Some(now);
        self.clean_until = now;
        let number = |key: &str, value: u64| (Text::from(key), FieldValue::Unsigned(value));
        let fields = vec![
            number("n_drops", interval.total()),
            number("n_drops_critical", interval.critical),
            number("n_drops_normal", interval.normal),
            number("n_drops_bulk", interval.bulk),
            number("n_drops_malformed", interval.malformed),
            number("n_drops_since_start", lost.total()),
            number("interval_start_ns", since.0),
            number("interval_end_ns", now.0),
        ];
        // Without execs, forks and credentials the process table is no longer the truth.
        let priority = if interval.critical > 0 { Priority::Critical } else { Priority::Warning };
        let seconds = now.0.saturating_sub(since.0).div_ceil(1_000_000_000);
        let message = format!("{RULE}. {} records lost in the last {seconds} s.", interval.total());
        Some(internal::alert(context, RULE, priority, &message, fields, now))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::tz::TimeZone;
    use tiercel_detection::TimeFormat;

    use super::*;

    /// Each step: second, lost critical, lost bulk.
    #[track_caller]
    fn check(steps: &[(u64, u64, u64)], expected: Expect) {
        let context =
            OutputContext { hostname: "web-1".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() };
        let mut log = LossLog::new(Timestamp(0));
        let mut last = (LostRecords::default(), Timestamp(0));
        let mut text = String::new();
        for &(second, critical, bulk) in steps {
            last = (LostRecords { critical, bulk, ..LostRecords::default() }, Timestamp(second * 1_000_000_000));
            text.extend(log.note(last.0, last.1, &context).map(|alert| format!("{}\n", alert.output)));
        }
        text.extend(log.finish(last.0, last.1, &context).map(|alert| format!("end {}\n", alert.output)));
        expected.assert_eq(&text);
    }

    #[test]
    fn no_loss_gives_no_alert() {
        check(&[(1, 0, 0), (2, 0, 0)], expect![[""]]);
    }

    #[test]
    fn every_loss_is_told_once_with_its_interval() {
        check(
            &[(1, 0, 0), (2, 0, 5), (3, 0, 9), (4, 1, 9), (13, 1, 9), (14, 1, 10), (20, 1, 11)],
            expect![[r#"
            00:00:02.000000000: Warning Tiercel internal: events lost. 5 records lost in the last 1 s. (interval_end_ns=2000000000 interval_start_ns=1000000000 n_drops=5 n_drops_bulk=5 n_drops_critical=0 n_drops_malformed=0 n_drops_normal=0 n_drops_since_start=5)
            00:00:13.000000000: Critical Tiercel internal: events lost. 5 records lost in the last 11 s. (interval_end_ns=13000000000 interval_start_ns=2000000000 n_drops=5 n_drops_bulk=4 n_drops_critical=1 n_drops_malformed=0 n_drops_normal=0 n_drops_since_start=10)
            end 00:00:20.000000000: Warning Tiercel internal: events lost. 2 records lost in the last 7 s. (interval_end_ns=20000000000 interval_start_ns=13000000000 n_drops=2 n_drops_bulk=2 n_drops_critical=0 n_drops_malformed=0 n_drops_normal=0 n_drops_since_start=12)
        "#]],
        );
    }
}
