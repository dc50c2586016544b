//! The shell of the Detector, on an arbiter of its own.
//!
//! Overflow policy: alerts wait. When the uplink is full this actor stops judging until there is room, and what has to
//! be shed meanwhile is shed as records, in the kernel, and counted there.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use tiercel_detection::{Alert, OutputContext};
use tracing::{debug, error, warn};

use super::detector::{Detector, TICK};
use super::loss_policy::LossPolicy;
use super::losses::{LossLog, LossNotice, LostRecords};
use super::rules::LoadedRules;
use crate::capture::SharedCapabilities;
use crate::capture::actor::{LossesCounted, ObservationBatch, Want};
use crate::clock::now;
use crate::kubernetes_audit::AuditBatch;
use crate::metrics::{DetectMetrics, publish_containers};
use crate::outputs::Outputs;
use crate::shutdown::{Account, Failure};
use crate::status::{HEARTBEAT, Progress};
use crate::uplink::actor::ReportNode;
use crate::uplink::{AlertBatch, NodeReport};

/// Batches that may wait. A batch holds what one drain of the rings gave; while this many wait nothing is taken from
/// the rings, so the memory is bounded and the kernel decides what is shed.
const MAILBOX_BATCHES_MAX: usize = 16;

/// Other rules.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReplaceRules(pub Box<LoadedRules>);

/// An alert that the agent makes about itself.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct InternalAlert(pub Box<Alert>);

/// Everything sent before has been judged when this is answered; outputs are written and closed by the deadline.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Finish {
    /// When to give up on the outputs.
    pub deadline: Instant,
}

/// The uplink as detection sees it.
#[derive(Debug)]
pub struct Upstream {
    /// Where alerts go.
    pub alerts: Recipient<AlertBatch>,
    /// Where the cluster is told how this node is.
    pub reports: Recipient<ReportNode>,
    /// What it is told: the sums are filled in at every heartbeat.
    pub report: NodeReport,
}

/// Where alerts go, and what is counted on the way.
#[derive(Debug)]
pub struct DetectActor {
    detector: Detector,
    context: OutputContext,
    losses: LossLog,
    lost: LostRecords,
    outputs: Outputs,
    uplink: Option<Upstream>,
    failure: Failure,
    account: Arc<Account>,
    capture: Option<FollowWith>,
    /// Capture had no room to hear what the rules need; it is told again at the next heartbeat.
    owes_want: bool,
    metrics: DetectMetrics,
    progress: Arc<Progress>,
}

impl DetectActor {
    /// Wires the detector to its outputs.
    pub fn new(
        detector: Detector,
        context: OutputContext,
        outputs: Outputs,
        uplink: Option<Upstream>,
        progress: Arc<Progress>,
        (policy, failure): (LossPolicy, Failure),
    ) -> Self {
        Self {
            detector,
            context,
            losses: LossLog::new(policy, now()),
            lost: LostRecords::default(),
            outputs,
            uplink,
            failure,
            account: Arc::default(),
            capture: None,
            owes_want: false,
            metrics: DetectMetrics::default(),
            progress,
        }
    }

    /// Keeps its part of the account that is closed when the agent ends.
    #[must_use]
    pub fn with_account(self, account: Arc<Account>) -> Self {
        Self { account, ..self }
    }

    fn deliver(&mut self, alerts: Vec<Alert>, ctx: &mut Context<Self>) {
        if alerts.is_empty() {
            return;
        }
        self.metrics.count(&alerts);
        self.outputs.offer(&alerts);
        let Some(uplink) = &self.uplink else { return };
        self.account.owe(alerts.len());
        match uplink.alerts.try_send(AlertBatch(alerts)) {
            Ok(()) => {}
            Err(SendError::Full(batch)) => self.wait_for_uplink(batch, ctx),
            Err(SendError::Closed(AlertBatch(alerts))) => self.metrics.alerts_lost.increment(alerts.len() as u64),
        }
    }

    fn heartbeat(&mut self) {
        self.progress.beat();
        let counters = self.detector.counters();
        self.metrics.publish(counters);
        let (table, lookups) = self.detector.container_counts();
        publish_containers(counters.containers, self.detector.held_counts(), table, lookups);
        if self.owes_want {
            self.tell_capture();
        }
        let Some(uplink) = &mut self.uplink else { return };
        if let Some(capture) = &self.capture {
            uplink.report.capabilities = capture.capabilities.get().words();
        }
        uplink.report.events_total = counters.judged;
        uplink.report.lost_total = self.lost.total();
        if uplink.reports.try_send(ReportNode(uplink.report.clone())).is_err() {
            debug!("the uplink is full; the node is reported at the next heartbeat");
        }
    }

    /// Tells capture which calls the rules need.
    fn tell_capture(&mut self) {
        let Some(FollowWith { capture, .. }) = &self.capture else { return };
        self.owes_want = match capture.try_send(Want(self.detector.wanted_calls())) {
            Ok(()) => false,
            Err(SendError::Full(_)) => true,
            Err(SendError::Closed(_)) => {
                error!("failed to tell capture which calls the new rules need: it has ended");
                false
            }
        };
    }

    fn act_on(&mut self, notice: LossNotice, ctx: &mut Context<Self>) {
        if let Some(message) = notice.log {
            warn!("{message}");
        }
        self.deliver(notice.alerts, ctx);
        if notice.exit {
            self.failure.report("records were lost, and `capture.losses.actions` says that the agent ends then");
        }
    }

    /// Nothing else is handled until the uplink has taken the batch.
    fn wait_for_uplink(&self, batch: AlertBatch, ctx: &mut Context<Self>) {
        let Some(uplink) = self.uplink.as_ref().map(|uplink| uplink.alerts.clone()) else { return };
        let count = batch.0.len() as u64;
        ctx.wait(async move { uplink.send(batch).await }.into_actor(self).map(move |result, actor, _| {
            if let Err(error) = result {
                error!(%error, alerts = count, "failed to hand alerts to the uplink");
                actor.metrics.alerts_lost.increment(count);
            }
        }));
    }
}

impl Actor for DetectActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_BATCHES_MAX);
        ctx.run_interval(HEARTBEAT, |actor, _| actor.heartbeat());
        ctx.run_interval(TICK, |actor, ctx| {
            let alerts = actor.detector.tick();
            actor.deliver(alerts, ctx);
        });
    }
}

impl Handler<ObservationBatch> for DetectActor {
    type Result = ();

    fn handle(&mut self, ObservationBatch(batch): ObservationBatch, ctx: &mut Self::Context) {
        self.metrics.queued.decrement(1);
        let alerts = self.detector.handle(&batch);
        self.account.judge(batch.len());
        self.deliver(alerts, ctx);
    }
}

impl Handler<AuditBatch> for DetectActor {
    type Result = ();

    fn handle(&mut self, AuditBatch(events): AuditBatch, ctx: &mut Self::Context) {
        let alerts = self.detector.handle_documents(events);
        self.deliver(alerts, ctx);
    }
}

impl Handler<LossesCounted> for DetectActor {
    type Result = ();

    fn handle(&mut self, LossesCounted(report): LossesCounted, ctx: &mut Self::Context) {
        self.lost = LostRecords::of(&report);
        let notice = self.losses.note(report, now(), &self.context);
        self.act_on(notice, ctx);
    }
}

/// Who to tell which calls the rules need, and what it can observe.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FollowWith {
    /// Capture.
    pub capture: Recipient<Want>,
    /// The hooks that are in place.
    pub capabilities: SharedCapabilities,
}

impl Handler<FollowWith> for DetectActor {
    type Result = ();

    fn handle(&mut self, follow: FollowWith, _: &mut Self::Context) {
        self.capture = Some(follow);
    }
}

impl Handler<ReplaceRules> for DetectActor {
    type Result = ();

    fn handle(&mut self, ReplaceRules(loaded): ReplaceRules, _: &mut Self::Context) {
        if let Some(uplink) = &mut self.uplink {
            uplink.report.rules_sha256 = loaded.sha256();
        }
        self.detector.replace_rules(loaded.rules);
        self.metrics.rules_changed();
        self.tell_capture();
    }
}

impl Handler<InternalAlert> for DetectActor {
    type Result = ();

    fn handle(&mut self, InternalAlert(alert): InternalAlert, ctx: &mut Self::Context) {
        self.deliver(vec![*alert], ctx);
    }
}

impl Handler<Finish> for DetectActor {
    type Result = ();

    fn handle(&mut self, Finish { deadline }: Finish, ctx: &mut Self::Context) {
        let alerts = self.detector.finish();
        self.deliver(alerts, ctx);
        let notice = self.losses.finish(now(), &self.context);
        self.act_on(notice, ctx);
        self.metrics.publish(self.detector.counters());
        if !self.outputs.finish(deadline) {
            error!("failed to write all alerts to the local outputs in time");
        }
    }
}
