//! The worker: one thread that owns the spool and carries out the decisions. Nothing else touches the disk.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tiercel_detection::Alert;
use tiercel_proto::v1::{self, forward_request, forward_response};
use tiercel_proto::{Generation, Lane, Sequence, SpoolId};
use tokio::sync::{mpsc, oneshot};

use super::config::UplinkConfig;
use super::decisions::{Chance, Command, Input, Uplink};
use super::link::{Attempt, FromLink, ToLink};
use super::metrics::{LinkState, NodeReport, UplinkMetrics};
use super::spool::{Batch, BatchLimits, Spool, StreamId};

/// Orders that may wait for the worker. With the batches of the detector this is some ten thousand alerts; when it is
/// full, the actor waits and its mailbox fills.
pub(super) const ORDERS_MAX: usize = 256;

/// Size of a batch: large enough that a fsync of the cluster carries many alerts, far below the limit of a message.
const BATCH_LIMITS: BatchLimits = BatchLimits { items_max: 256, bytes_max: 512 * 1024 };

/// How long alerts below critical may lie in the page cache only; what a power cut may take of them.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// What the worker is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Spool these, and send them.
    Alerts(Vec<Alert>),
    /// Tell the cluster this with the next heartbeat.
    Report(NodeReport),
    /// Something happened to a connection.
    News { attempt: Attempt, news: FromLink },
    /// Put everything on disk; answer when the cluster has it all, or at the deadline, with how many alerts wait.
    Flush { deadline: Instant, done: oneshot::Sender<u64> },
}

/// Shared with everyone who wants to know how it goes.
pub(super) type SharedMetrics = Arc<Mutex<UplinkMetrics>>;

#[derive(Debug)]
pub(super) struct Worker {
    spool: Spool,
    uplink: Uplink,
    orders: mpsc::Receiver<Order>,
    link: mpsc::Sender<ToLink>,
    metrics: SharedMetrics,
    attempt: Attempt,
    report: NodeReport,
    flushes: Vec<(Instant, oneshot::Sender<u64>)>,
    sync_at: Instant,
    critical_unsynced: bool,
    refusal_reported: Option<String>,
    agent_version: String,
    boot_id: String,
    sums: Sums,
}

/// What the worker itself counts.
#[derive(Debug)]
struct Sums {
    sent: u64,
    resent: u64,
    connections: u64,
    refusals: u64,
    link: LinkState,
    acknowledged_at: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        spool: Spool,
        config: &UplinkConfig,
        orders: mpsc::Receiver<Order>,
        link: mpsc::Sender<ToLink>,
    ) -> Self {
        let now = Instant::now();
        let link_state = LinkState::Waiting { reason: None };
        let sums = Sums { sent: 0, resent: 0, connections: 0, refusals: 0, link: link_state, acknowledged_at: None };
        let metrics = Arc::new(Mutex::new(sums.metrics(&spool, now)));
        Self {
            spool,
            uplink: Uplink::new(config.aggregators.clone(), now),
            orders,
            link,
            metrics,
            attempt: Attempt(0),
            report: NodeReport::default(),
            flushes: Vec::new(),
            sync_at: now + SYNC_INTERVAL,
            critical_unsynced: false,
            refusal_reported: None,
            agent_version: config.agent_version.clone(),
            boot_id: config.boot_id.clone(),
            sums,
        }
    }

    pub(super) fn metrics(&self) -> SharedMetrics {
        Arc::clone(&self.metrics)
    }

    /// Works until nobody can give orders any more; then everything is put on disk.
    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            let wake_at = self.wake_at(now);
            match tokio::time::timeout_at(wake_at.into(), self.orders.recv()).await {
                Ok(Some(order)) => self.take_all(order),
                Ok(None) => break,
                Err(_) => {}
            }
            let now = Instant::now();
            self.sync(now);
            self.act(now);
            self.answer_flushes(now);
            self.publish(now);
        }
        self.put_everything_on_disk();
        let counts = self.spool.counts();
        tracing::info!(waiting = counts.waiting, acknowledged = counts.acknowledged, "closed spool");
    }

    fn wake_at(&self, now: Instant) -> Instant {
        let flush = self.flushes.iter().map(|(deadline, _)| *deadline).min();
        let wake_at = self.sync_at.min(self.uplink.next_tick(now));
        flush.map_or(wake_at, |flush| flush.min(wake_at))
    }

    /// Takes all that is ready, so that one fsync serves every critical alert among it.
    fn take_all(&mut self, first: Order) {
        self.take(first);
        for _ in 1..ORDERS_MAX {
            let Ok(order) = self.orders.try_recv() else { break };
            self.take(order);
        }
    }

    fn take(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Alerts(alerts) => {
                self.critical_unsynced |= alerts.iter().any(|alert| Lane::of(alert.priority) == Lane::Critical);
                self.spool.append(&alerts, now);
            }
            Order::Report(report) => self.report = report,
            Order::News { attempt, news } if attempt == self.attempt => self.hear(news, now),
            Order::News { .. } => {}
            Order::Flush { deadline, done } => {
                self.put_everything_on_disk();
                self.flushes.push((deadline, done));
            }
        }
    }

    fn hear(&mut self, news: FromLink, now: Instant) {
        match news {
            FromLink::Connected => {
                self.sums.connections += 1;
                if let LinkState::Connecting { address } = &self.sums.link {
                    tracing::info!(%address, "connected to aggregator");
                    self.sums.link = LinkState::Connected { address: address.clone() };
                }
                self.decide(Input::Connected, now);
            }
            FromLink::Disconnected { reason } => {
                tracing::warn!(%reason, "no connection to aggregator, alerts wait in the spool");
                self.sums.link = LinkState::Waiting { reason: Some(reason) };
                self.decide(Input::Disconnected { chance: Chance::from_bits(rand::random()) }, now);
            }
            FromLink::Response(response) => {
                if let Some(input) = self.understand(response, now) {
                    self.decide(input, now);
                }
            }
        }
    }

    /// Turns a message of the aggregator into an input; what makes no sense is logged and passed over.
    fn understand(&mut self, response: v1::ForwardResponse, now: Instant) -> Option<Input> {
        match response.kind? {
            forward_response::Kind::Ack(ack) => {
                let Some(stream) = stream_of(&ack.spool_id, ack.generation, ack.lane) else {
                    tracing::warn!(?ack, "aggregator acknowledged a stream that cannot be");
                    return None;
                };
                self.sums.acknowledged_at = Some(now);
                self.refusal_reported = None;
                Some(Input::Acknowledged { stream, through: Sequence(ack.sequence) })
            }
            forward_response::Kind::Retry(retry) => {
                self.sums.refusals += 1;
                self.report_refusal(&retry);
                Some(Input::Refused {
                    lane: Lane::from_number(retry.lane)?,
                    stream: stream_of(&retry.spool_id, retry.generation, retry.lane),
                    after: Duration::from_millis(retry.after_milliseconds),
                    expected: (retry.expected_sequence > 0).then_some(Sequence(retry.expected_sequence)),
                })
            }
        }
    }

    /// A busy cluster refuses many times a second; the log hears of each reason once until there is progress.
    fn report_refusal(&mut self, retry: &v1::Retry) {
        let (lane, reason, expected) = (retry.lane, &retry.reason, retry.expected_sequence);
        if self.refusal_reported.as_ref() == Some(reason) {
            tracing::debug!(lane, %reason, expected, "aggregator did not take a batch");
        } else {
            tracing::warn!(lane, %reason, expected, "aggregator did not take a batch");
            self.refusal_reported = Some(reason.clone());
        }
    }

    /// Critical alerts are on disk before they are sent, the others within the interval.
    fn sync(&mut self, now: Instant) {
        if std::mem::take(&mut self.critical_unsynced) {
            self.spool.sync(Lane::Critical, now);
        }
        if now >= self.sync_at {
            self.sync_at = now + SYNC_INTERVAL;
            self.spool.sync(Lane::Important, now);
            self.spool.sync(Lane::Rest, now);
            self.spool.checkpoint();
        }
    }

    fn put_everything_on_disk(&mut self) {
        let now = Instant::now();
        Lane::ALL.into_iter().for_each(|lane| self.spool.sync(lane, now));
        self.critical_unsynced = false;
        self.spool.checkpoint();
    }

    /// Does what there is to do, until every window is full or every lane empty.
    fn act(&mut self, now: Instant) {
        loop {
            let unsent = Lane::ALL.map(|lane| self.spool.has_unsent(lane));
            if !self.decide(Input::Tick { unsent }, now) {
                return;
            }
        }
    }

    /// Returns whether there may be more to do at once.
    fn decide(&mut self, input: Input, now: Instant) -> bool {
        let commands = self.uplink.handle(input, now);
        let has_sent = commands.iter().any(|command| matches!(command, Command::Send(_)));
        commands.into_iter().for_each(|command| self.carry_out(command, now));
        has_sent
    }

    fn carry_out(&mut self, command: Command, now: Instant) {
        match command {
            Command::Connect { address } => {
                self.attempt = Attempt(self.attempt.0 + 1);
                self.sums.link = LinkState::Connecting { address: address.clone() };
                let hello = self.hello();
                self.tell_link(ToLink::Connect { attempt: self.attempt, address, hello });
            }
            Command::Disconnect { reason } => {
                tracing::warn!(%reason, "leaving aggregator");
                self.tell_link(ToLink::Disconnect { attempt: self.attempt });
            }
            Command::Send(lane) => {
                if let Some(batch) = self.spool.next_batch(lane, BATCH_LIMITS) {
                    self.send(batch, now);
                }
            }
            Command::SendHeartbeat => {
                let heartbeat = self.heartbeat();
                self.request(forward_request::Kind::Heartbeat(heartbeat));
            }
            Command::Acknowledge { stream, through } => {
                self.spool.acknowledge(stream, through);
            }
            Command::Expect { stream, sequence } => self.spool.expect(stream, sequence),
            Command::Rewind(lane) => self.spool.rewind(lane),
        }
    }

    fn send(&mut self, batch: Batch, now: Instant) {
        self.sums.sent += batch.alerts;
        self.sums.resent += batch.resent;
        self.uplink.handle(Input::Sent { stream: batch.stream, end: batch.end }, now);
        self.request(forward_request::Kind::Batch(v1::Batch {
            spool_id: batch.stream.spool.0.to_vec().into(),
            generation: batch.stream.generation.0,
            lane: batch.stream.lane.number(),
            first_sequence: batch.first.0,
            items: batch.items,
        }));
    }

    fn request(&mut self, kind: forward_request::Kind) {
        let request = Box::new(v1::ForwardRequest { kind: Some(kind) });
        self.tell_link(ToLink::Request { attempt: self.attempt, request });
    }

    fn tell_link(&mut self, message: ToLink) {
        // The windows keep below the capacity. Were it ever full, the stall timeout would clear the matter up.
        if let Err(error) = self.link.try_send(message) {
            tracing::error!(%error, "failed to hand a message to the connection");
        }
    }

    fn hello(&self) -> v1::Hello {
        v1::Hello {
            agent_version: self.agent_version.clone(),
            boot_id: self.boot_id.clone(),
            spool_id: self.spool.id().0.to_vec().into(),
            generation: self.spool.generation().0,
        }
    }

    fn heartbeat(&self) -> v1::Heartbeat {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        v1::Heartbeat {
            time_unix_nanos: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
            events_total: self.report.events_total,
            lost_total: self.report.lost_total,
            alerts_total: self.spool.counts().spooled,
            capabilities: self.report.capabilities.clone(),
            rules_sha256: self.report.rules_sha256.clone(),
        }
    }

    fn answer_flushes(&mut self, now: Instant) {
        if self.flushes.is_empty() {
            return;
        }
        let waiting = self.spool.counts().waiting;
        let (done, open): (Vec<_>, Vec<_>) =
            self.flushes.drain(..).partition(|(deadline, _)| waiting == 0 || now >= *deadline);
        self.flushes = open;
        if done.is_empty() {
            return;
        }
        // Nothing follows a flush but the end of the process, which memory does not survive.
        self.spool.give_up_memory();
        let waiting = self.spool.counts().waiting;
        for (_, answer) in done {
            // Whoever asked may have stopped waiting.
            answer.send(waiting).unwrap_or_default();
        }
    }

    fn publish(&self, now: Instant) {
        let fresh = self.sums.metrics(&self.spool, now);
        *self.metrics.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
    }
}

impl Sums {
    fn metrics(&self, spool: &Spool, now: Instant) -> UplinkMetrics {
        UplinkMetrics {
            spool: spool.counts(),
            sent: self.sent,
            resent: self.resent,
            reconnects: self.connections.saturating_sub(1),
            refusals: self.refusals,
            link: self.link.clone(),
            acknowledged_at: self.acknowledged_at,
            progress_at: now,
        }
    }
}

fn stream_of(spool: &[u8], generation: u32, lane: u32) -> Option<StreamId> {
    Some(StreamId {
        spool: SpoolId::from_slice(spool).ok()?,
        generation: Generation(generation),
        lane: Lane::from_number(lane)?,
    })
}
