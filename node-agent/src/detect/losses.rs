//! Losses as findings: what was not seen is said, with exact counts and the interval, and who made more than this node
//! can take.

use std::collections::BTreeMap;

use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority};

use super::internal;
use super::loss_policy::{Allowance, LossAction, LossPolicy};
use crate::capture::{CgroupLoss, Class, LossReport};
use crate::enrich::container_id_in_path;

/// Name of the alert that tells what was lost.
const RULE: &str = "Tiercel internal: events lost";

/// Name of the alert that tells who caused it.
const FLOOD_RULE: &str = "Tiercel internal: flood";

/// A cgroup floods when so many of its records were lost or refused between two alerts; fewer are the hiccups of a
/// busy machine.
const FLOOD_RECORDS_MIN: u64 = 1_000;

/// Records that were made and not judged, by class and reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostRecords {
    /// exec, fork, exit, credentials ...
    pub critical: u64,
    /// Network, names of files ...
    pub normal: u64,
    /// open and other floods.
    pub bulk: u64,
    /// Of the bulk class, beyond the share of their cgroup.
    pub refused: u64,
    /// Arrived but could not be read.
    pub malformed: u64,
    /// Processes, not records, that the scope should follow and cannot.
    pub unfollowed: u64,
}

impl LostRecords {
    /// The sums of a report.
    pub fn of(report: &LossReport) -> Self {
        let (malformed, unfollowed, refused) = (report.malformed, report.unfollowed, report.refused());
        let mut lost = Self { malformed, unfollowed, refused, ..Self::default() };
        for row in &report.classes {
            match row.class {
                Class::Critical => lost.critical += row.lost,
                Class::Normal => lost.normal += row.lost,
                Class::Bulk => lost.bulk += row.lost,
            }
        }
        lost
    }

    /// All records together.
    pub fn total(self) -> u64 {
        self.critical + self.normal + self.bulk + self.refused + self.malformed
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            critical: self.critical.saturating_sub(earlier.critical),
            normal: self.normal.saturating_sub(earlier.normal),
            bulk: self.bulk.saturating_sub(earlier.bulk),
            refused: self.refused.saturating_sub(earlier.refused),
            malformed: self.malformed.saturating_sub(earlier.malformed),
            unfollowed: self.unfollowed.saturating_sub(earlier.unfollowed),
        }
    }
}

/// What is due about losses.
#[derive(Debug, Default)]
pub(super) struct LossNotice {
    /// For the outputs.
    pub(super) alerts: Vec<Alert>,
    /// For the log.
    pub(super) log: Option<String>,
    /// The agent is to end.
    pub(super) exit: bool,
}

/// Remembers which losses were told already.
#[derive(Debug)]
pub(super) struct LossLog {
    actions: Vec<LossAction>,
    threshold: f64,
    allowance: Allowance,
    /// What has been told, or was below the threshold.
    told: LossReport,
    latest: LossReport,
    clean_until: Timestamp,
}

impl LossLog {
    /// Starts at the moment when capture began.
    pub(super) fn new(policy: LossPolicy, now: Timestamp) -> Self {
        Self {
            actions: policy.actions,
            threshold: policy.threshold,
            allowance: Allowance::new(policy.rate, policy.max_burst),
            told: LossReport::default(),
            latest: LossReport::default(),
            clean_until: now,
        }
    }

    /// Takes the counts as they are now; returns what is due.
    pub(super) fn note(&mut self, report: LossReport, now: Timestamp, context: &OutputContext) -> LossNotice {
        self.latest = report;
        let interval = self.untold();
        if interval == LostRecords::default() {
            self.forget(now);
            return LossNotice::default();
        }
        let made = self.latest.made().saturating_sub(self.told.made());
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than the precision of f64")]
        let ratio = interval.total() as f64 / made.max(1) as f64;
        if interval.unfollowed == 0 && ratio <= self.threshold {
            self.forget(now);
            return LossNotice::default();
        }
        if !self.allowance.take(now) {
            return LossNotice::default();
        }
        self.tell(now, context)
    }

    /// Tells what is still untold, at the end.
    pub(super) fn finish(&mut self, now: Timestamp, context: &OutputContext) -> LossNotice {
        if self.untold() == LostRecords::default() { LossNotice::default() } else { self.tell(now, context) }
    }

    fn untold(&self) -> LostRecords {
        LostRecords::of(&self.latest).since(LostRecords::of(&self.told))
    }

    fn forget(&mut self, now: Timestamp) {
        self.told = self.latest.clone();
        self.clean_until = now;
    }

    fn tell(&mut self, now: Timestamp, context: &OutputContext) -> LossNotice {
        let lost = self.untold();
        let told = std::mem::replace(&mut self.told, self.latest.clone());
        let interval = Interval {
            lost,
            since_start: LostRecords::of(&self.latest).total(),
            culprits: culprits(&told.cgroups, &self.latest.cgroups),
            start: std::mem::replace(&mut self.clean_until, now),
            end: now,
        };
        let mut notice = LossNotice::default();
        for action in &self.actions {
            match action {
                LossAction::Ignore => {}
                LossAction::Log => notice.log = Some(interval.message()),
                LossAction::Alert => {
                    notice.alerts.push(interval.loss_alert(context));
                    notice.alerts.extend(interval.flood_alert(context));
                }
                LossAction::Exit => notice.exit = true,
            }
        }
        notice
    }
}

/// What a cgroup lost between two reports.
struct Culprit<'a> {
    cgroup: &'a CgroupLoss,
    lost: u64,
    refused: u64,
}

/// Those who lost something, most first. A count that went down began anew.
fn culprits<'a>(before: &[CgroupLoss], after: &'a [CgroupLoss]) -> Vec<Culprit<'a>> {
    let before: BTreeMap<u64, &CgroupLoss> = before.iter().map(|row| (row.id, row)).collect();
    let grown = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
    let of = |cgroup: &'a CgroupLoss| {
        let earlier = before.get(&cgroup.id);
        Culprit {
            cgroup,
            lost: grown(cgroup.lost, earlier.map_or(0, |row| row.lost)),
            refused: grown(cgroup.refused, earlier.map_or(0, |row| row.refused)),
        }
    };
    let mut culprits: Vec<_> = after.iter().map(of).filter(|culprit| culprit.lost + culprit.refused > 0).collect();
    culprits.sort_by_key(|culprit| std::cmp::Reverse(culprit.lost + culprit.refused));
    culprits
}

impl Culprit<'_> {
    fn fields(&self) -> Vec<(Text, FieldValue)> {
        let text = |key: &str, value: &str| (Text::from(key), FieldValue::Text(value.into()));
        let mut fields = vec![(Text::from("cgroup.id"), FieldValue::Unsigned(self.cgroup.id))];
        if let Some(path) = &self.cgroup.path {
            fields.push(text("cgroup.path", path));
            fields.extend(container_id_in_path(path).map(|id| text("container.id", &id)));
        }
        fields
    }

    fn name(&self) -> String {
        self.cgroup.path.as_ref().map_or_else(|| format!("with the id {}", self.cgroup.id), ToString::to_string)
    }
}

fn number(key: &str, value: u64) -> (Text, FieldValue) {
    (Text::from(key), FieldValue::Unsigned(value))
}

/// A time in which records were lost.
struct Interval<'a> {
    lost: LostRecords,
    since_start: u64,
    culprits: Vec<Culprit<'a>>,
    start: Timestamp,
    end: Timestamp,
}

impl Interval<'_> {
    fn seconds(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0).div_ceil(1_000_000_000)
    }

    fn message(&self) -> String {
        let mut message = format!("{RULE}. {} records lost in the last {} s.", self.lost.total(), self.seconds());
        if self.lost.unfollowed > 0 {
            message +=
                &format!(" {} processes are not followed: the table of the scope is full.", self.lost.unfollowed);
        }
        message
    }

    fn loss_alert(&self, context: &OutputContext) -> Alert {
        let lost = self.lost;
        let mut fields = vec![
            number("n_drops", lost.total()),
            number("n_drops_critical", lost.critical),
            number("n_drops_normal", lost.normal),
            number("n_drops_bulk", lost.bulk),
            number("n_drops_refused", lost.refused),
            number("n_drops_malformed", lost.malformed),
            number("n_drops_since_start", self.since_start),
            number("n_processes_unfollowed", lost.unfollowed),
            number("interval_start_ns", self.start.0),
            number("interval_end_ns", self.end.0),
        ];
        if let Some(first) = self.culprits.first() {
            fields.push(number("n_drops_cgroup", first.lost + first.refused));
            fields.extend(first.fields());
        }
        // Without execs, forks and credentials the process table is no longer the truth.
        let priority = if lost.critical > 0 { Priority::Critical } else { Priority::Warning };
        internal::alert(context, RULE, priority, &self.message(), fields, self.end)
    }

    /// Names the cgroup that lost most, when that was a flood.
    fn flood_alert(&self, context: &OutputContext) -> Option<Alert> {
        let first = self.culprits.first().filter(|first| first.lost + first.refused >= FLOOD_RECORDS_MIN)?;
        let mut fields = first.fields();
        fields.extend([
            number("n_drops", first.lost + first.refused),
            number("n_drops_refused", first.refused),
            number("n_cgroups", self.culprits.len() as u64),
            number("interval_start_ns", self.start.0),
            number("interval_end_ns", self.end.0),
        ]);
        let message = format!(
            "{FLOOD_RULE}. The cgroup {} makes more records than this node can take: {} lost, {} beyond its share.",
            first.name(),
            first.lost,
            first.refused,
        );
        Some(internal::alert(context, FLOOD_RULE, Priority::Warning, &message, fields, self.end))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::tz::TimeZone;
    use tiercel_detection::TimeFormat;

    use super::*;
    use crate::capture::ClassLoss;

    /// What the kernel programs have counted: lost critical, lost bulk, refused.
    fn report(critical: u64, bulk: u64, refused: u64) -> LossReport {
        let row = |class, lost, refused| ClassLoss { class, cpu: 0, made: 1000 + lost + refused, lost, refused };
        LossReport {
            classes: vec![row(Class::Critical, critical, 0), row(Class::Bulk, bulk, refused)],
            cgroups: vec![
                CgroupLoss { id: 7, path: Some("/system.slice/db.service".into()), lost: critical, refused: 0 },
                CgroupLoss { id: 9, path: None, lost: bulk, refused },
            ],
            ..LossReport::default()
        }
    }

    /// Each step: second, lost critical, lost bulk, refused.
    #[track_caller]
    fn check(policy: LossPolicy, steps: &[(u64, u64, u64, u64)], expected: Expect) {
        let context =
            OutputContext { hostname: "web-1".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() };
        let mut log = LossLog::new(policy, Timestamp(0));
        let mut text = String::new();
        let mut end = Timestamp(0);
        let mut print = |head: &str, notice: LossNotice| {
            text.extend(notice.alerts.iter().map(|alert| format!("{head}{}\n", alert.output)));
            text.extend(notice.exit.then(|| format!("{head}exit\n")));
        };
        for &(second, critical, bulk, refused) in steps {
            end = Timestamp(second * 1_000_000_000);
            print("", log.note(report(critical, bulk, refused), end, &context));
        }
        print("end ", log.finish(end, &context));
        expected.assert_eq(&text);
    }

    #[test]
    fn no_loss_gives_no_alert() {
        check(LossPolicy::default(), &[(1, 0, 0, 0), (2, 0, 0, 0)], expect![[""]]);
    }

    #[test]
    fn every_loss_is_told_once_with_its_interval() {
        check(
            LossPolicy::default(),
            &[(1, 0, 0, 0), (2, 0, 5, 0), (3, 0, 9, 0), (4, 1, 9, 0), (13, 1, 9, 0), (14, 1, 10, 0), (20, 1, 11, 0)],
            expect![[r#"
                00:00:02.000000000: Warning Tiercel internal: events lost. 5 records lost in the last 1 s. (cgroup.id=9 interval_end_ns=2000000000 interval_start_ns=1000000000 n_drops=5 n_drops_bulk=5 n_drops_cgroup=5 n_drops_critical=0 n_drops_malformed=0 n_drops_normal=0 n_drops_refused=0 n_drops_since_start=5 n_processes_unfollowed=0)
                00:00:13.000000000: Critical Tiercel internal: events lost. 5 records lost in the last 11 s. (cgroup.id=9 interval_end_ns=13000000000 interval_start_ns=2000000000 n_drops=5 n_drops_bulk=4 n_drops_cgroup=4 n_drops_critical=1 n_drops_malformed=0 n_drops_normal=0 n_drops_refused=0 n_drops_since_start=10 n_processes_unfollowed=0)
                end 00:00:20.000000000: Warning Tiercel internal: events lost. 2 records lost in the last 7 s. (cgroup.id=9 interval_end_ns=20000000000 interval_start_ns=13000000000 n_drops=2 n_drops_bulk=2 n_drops_cgroup=2 n_drops_critical=0 n_drops_malformed=0 n_drops_normal=0 n_drops_refused=0 n_drops_since_start=12 n_processes_unfollowed=0)
            "#]],
        );
    }

    #[test]
    fn a_flood_names_its_cgroup() {
        check(
            LossPolicy::default(),
            &[(1, 0, 0, 0), (2, 0, 600, 500)],
            expect![[r#"
            00:00:02.000000000: Warning Tiercel internal: events lost. 1100 records lost in the last 1 s. (cgroup.id=9 interval_end_ns=2000000000 interval_start_ns=1000000000 n_drops=1100 n_drops_bulk=600 n_drops_cgroup=1100 n_drops_critical=0 n_drops_malformed=0 n_drops_normal=0 n_drops_refused=500 n_drops_since_start=1100 n_processes_unfollowed=0)
            00:00:02.000000000: Warning Tiercel internal: flood. The cgroup with the id 9 makes more records than this node can take: 600 lost, 500 beyond its share. (cgroup.id=9 interval_end_ns=2000000000 interval_start_ns=1000000000 n_cgroups=1 n_drops=1100 n_drops_refused=500)
        "#]],
        );
    }

    #[test]
    fn what_is_below_the_threshold_is_not_told_and_exit_ends_the_agent() {
        let policy = LossPolicy { threshold: 0.1, actions: vec![LossAction::Exit], ..LossPolicy::default() };
        check(
            policy,
            &[(1, 0, 100, 0), (2, 0, 100, 0), (3, 0, 2000, 0)],
            expect![[r#"
            exit
        "#]],
        );
    }
}
