//! The Detector: what the kernel said becomes what a rule says about it.

use std::time::Duration;

use tiercel_detection::event::{Document, Event};
use tiercel_detection::field::FieldFlags;
use tiercel_detection::{Alert, Engine, OutputContext, RuleSet};

use super::held::{HeldCounts, HeldEvents};
use crate::capture::{Observation, WantedCalls};
use crate::enrich::{Enricher, LookupCounts, TableCounts};

/// How often events that wait for a container runtime are looked at when nothing else happens.
pub(super) const TICK: Duration = Duration::from_millis(25);

/// Where every record went. `received = judged + out_of_scope + state_only`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageCounters {
    /// Records that came in.
    pub received: u64,
    /// Events that the rules were asked about.
    pub judged: u64,
    /// Events of processes outside the scope.
    pub out_of_scope: u64,
    /// Records that changed the state and are no event, or none that a rule reads.
    pub state_only: u64,
    /// Processes that live now.
    pub processes: u64,
    /// Containers that are remembered now.
    pub containers: u64,
    /// Requests to an API server that the rules were asked about; they are no records.
    pub documents: u64,
}

/// Enrichment and rules. Reads no clock: time comes with the observations.
#[derive(Debug)]
pub struct Detector {
    enricher: Enricher,
    engine: Engine,
    context: OutputContext,
    received: u64,
    judged: u64,
    documents: u64,
    held: HeldEvents,
}

impl Detector {
    /// Puts rules to work on what the enricher describes.
    pub fn new(mut enricher: Enricher, rules: RuleSet, context: OutputContext) -> Self {
        prepare(&mut enricher, &rules);
        let engine = Engine::new(rules, context.clone());
        Self { enricher, engine, context, received: 0, judged: 0, documents: 0, held: HeldEvents::new(0) }
    }

    /// Judges observations in the order of their time stamps.
    pub fn handle(&mut self, batch: &[Observation]) -> Vec<Alert> {
        let mut alerts = Vec::new();
        self.received += batch.len() as u64;
        for observation in batch {
            if let Some(event) = self.enricher.handle(observation) {
                self.judged += 1;
                self.judge(event, &mut alerts);
            }
        }
        self.judge_ready(&mut alerts);
        alerts
    }

    /// Lets the first events of a container wait for what its runtime says, in steps of a tick.
    pub fn wait_for_runtimes(&mut self, wait: Duration) {
        let ticks = wait.as_nanos().div_ceil(TICK.as_nanos());
        self.held = HeldEvents::new(u32::try_from(ticks).unwrap_or(u32::MAX));
    }

    /// A tick has passed: judges events that have waited long enough.
    pub fn tick(&mut self) -> Vec<Alert> {
        let mut alerts = Vec::new();
        self.enricher.take_container_news();
        self.held.tick(|id| self.enricher.awaits_runtime_of(id));
        self.judge_ready(&mut alerts);
        alerts
    }

    /// Judges all that waits.
    pub fn finish(&mut self) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for event in self.held.drain() {
            self.judge_now(event, &mut alerts);
        }
        alerts
    }

    /// What became of events that waited.
    pub fn held_counts(&self) -> HeldCounts {
        self.held.counts()
    }

    /// What was counted about containers.
    pub fn container_counts(&self) -> (TableCounts, LookupCounts) {
        self.enricher.container_counts()
    }

    fn judge(&mut self, event: Event, alerts: &mut Vec<Alert>) {
        if !self.enricher.awaits_runtime(&event) {
            return self.engine.evaluate(&event, alerts);
        }
        if let Some(event) = self.held.hold(event) {
            self.engine.evaluate(&event, alerts);
        }
    }

    fn judge_ready(&mut self, alerts: &mut Vec<Alert>) {
        let ready = self.held.ready(|event| self.enricher.awaits_runtime(event));
        for event in ready {
            self.judge_now(event, alerts);
        }
    }

    /// Judges an event that has waited, with what is known by now.
    fn judge_now(&mut self, mut event: Event, alerts: &mut Vec<Alert>) {
        self.enricher.complete(&mut event);
        self.engine.evaluate(&event, alerts);
    }

    /// Judges requests to an API server in their order.
    pub fn handle_documents(&mut self, documents: Vec<Document>) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for mut document in documents {
            self.documents += 1;
            document.number = self.documents;
            self.engine.evaluate_document(&document, &mut alerts);
        }
        alerts
    }

    /// Puts other rules in the place of the present ones; what is known of processes stays.
    pub fn replace_rules(&mut self, rules: RuleSet) {
        prepare(&mut self.enricher, &rules);
        self.engine = Engine::new(rules, self.context.clone());
    }

    /// The calls that the rules need to be recorded.
    pub fn wanted_calls(&self) -> WantedCalls {
        WantedCalls::for_kinds(&self.engine.rules().required_kinds())
    }

    /// Where every record went until now.
    pub fn counters(&self) -> StageCounters {
        let enriched = self.enricher.counters();
        StageCounters {
            received: self.received,
            judged: self.judged,
            out_of_scope: enriched.out_of_scope,
            state_only: self.received - self.judged - enriched.out_of_scope,
            processes: enriched.processes,
            containers: enriched.containers,
            documents: self.documents,
        }
    }
}

/// Tells enrichment what the rules will ask.
fn prepare(enricher: &mut Enricher, rules: &RuleSet) {
    enricher.want(rules.required_kinds());
    enricher.follow_paths(rules.literal_paths());
    let asks = rules.reads(|field| field.field().flags.has(FieldFlags::LATE));
    enricher.expect_questions(asks, rules.host_names());
}
