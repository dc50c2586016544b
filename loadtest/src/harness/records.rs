//! What an agent says about the records of its kernel programs.

use std::time::Duration;

use anyhow::Context;

use super::agent::Agent;
use super::http::metric_sum;
use super::wait::wait_for;

/// Capture and detection publish their sums once a second, not at the same moment.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// Longer than the agent goes without publishing.
const QUIET: Duration = Duration::from_millis(1500);

/// Sums since the agent was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Records {
    /// Made, of the classes critical and normal. What forks and exits are counted as depends on how full the rings are.
    pub made_rare: u64,
    /// Made, of the class bulk.
    pub made_bulk: u64,
    /// Reached detection.
    pub received: u64,
    /// Lost, of the class critical.
    pub lost_critical: u64,
    /// Lost, of the classes normal and bulk, and those that could not be read.
    pub lost_other: u64,
    /// Refused to cgroups that had used up their share.
    pub refused: u64,
}

impl Records {
    fn read(agent: &Agent) -> anyhow::Result<Self> {
        let page = agent.metrics()?;
        let made = |class: &str| metric_sum(&page, &format!("tiercel_agent_records_made_total{{class=\"{class}\"}}"));
        let lost = |class: &str| metric_sum(&page, &format!("tiercel_agent_records_lost_total{{class=\"{class}\"}}"));
        Ok(Self {
            made_rare: made("critical") + made("normal"),
            made_bulk: made("bulk"),
            received: metric_sum(&page, "tiercel_agent_records_received_total"),
            lost_critical: lost("critical"),
            lost_other: lost("normal") + lost("bulk") + lost("malformed"),
            refused: lost("refused"),
        })
    }

    /// Waits until nothing more happens and every record is accounted for.
    ///
    /// # Errors
    /// When the sums never agree; the text shows them.
    pub fn settled(agent: &Agent) -> anyhow::Result<Self> {
        let mut last = None;
        let settled = wait_for("records made = received + lost", SETTLE_LIMIT, || {
            let before = last.replace(Self::read(agent).ok()?);
            std::thread::sleep(QUIET);
            last.filter(|last| before == Some(*last) && last.made() == last.received + last.unseen())
        });
        settled.with_context(|| format!("{last:?}"))
    }

    /// All that were made.
    pub fn made(&self) -> u64 {
        self.made_rare + self.made_bulk
    }

    /// All that were made and did not reach detection.
    pub fn unseen(&self) -> u64 {
        self.lost_critical + self.lost_other + self.refused
    }

    /// What was added since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            made_rare: self.made_rare - earlier.made_rare,
            made_bulk: self.made_bulk - earlier.made_bulk,
            received: self.received - earlier.received,
            lost_critical: self.lost_critical - earlier.lost_critical,
            lost_other: self.lost_other - earlier.lost_other,
            refused: self.refused - earlier.refused,
        }
    }
}
