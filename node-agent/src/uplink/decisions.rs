//! What to do next: when to connect and where to, which lane may send, when to wait, when to give up a connection.
//!
//! Pure: time and chance are arguments, and what has to be done comes back as commands.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tiercel_proto::{Lane, Sequence};

use super::spool::StreamId;

/// Batches of one lane that may be on their way. Four hide the latency of a quorum behind the sending, and bound what
/// has to be repeated after a failure to a thousand alerts a lane.
pub(super) const WINDOW_BATCHES_MAX: usize = 4;

/// Shortest wait before another connection; short enough that a fail-over goes unnoticed by people.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(250);

/// Longest wait before another connection. Ten thousand agents that wait so long make 300 attempts a second.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(30);

/// How long a connection may go without an acknowledgement while there is something to acknowledge. An election of
/// the cluster takes a few seconds; after this, another member is worth a try.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest pause that an aggregator can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Shortest pause after a refusal, so that batches that were on their way do not cause a repeat each.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// How often the cluster hears of an agent that has nothing to say.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Everything that can happen to the uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time has passed, or the spool has changed: which lanes have something unsent.
    Tick {
        /// By lane.
        unsent: [bool; 3],
    },
    /// The connection that was asked for stands.
    Connected,
    /// The connection that was asked for is gone, or did not come about.
    Disconnected {
        /// Between 0 and 1: where in the range of waiting times.
        chance: Chance,
    },
    /// A batch was handed to the connection.
    Sent {
        /// Whose.
        stream: StreamId,
        /// The sequence after its last item.
        end: Sequence,
    },
    /// The cluster has everything of the stream up to the sequence.
    Acknowledged {
        /// Whose.
        stream: StreamId,
        /// The last one.
        through: Sequence,
    },
    /// The cluster did not take a batch, nor what was sent after it in that lane.
    Refused {
        /// The lane.
        lane: Lane,
        /// Whose; `None` means that of the oldest batch on its way.
        stream: Option<StreamId>,
        /// How long to leave the lane alone.
        after: Duration,
        /// The sequence that the cluster waits for, if that is the trouble.
        expected: Option<Sequence>,
    },
}

/// A random number from 0 to 1, drawn by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u16);

impl Chance {
    /// Makes one of 16 random bits.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    fn between(self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low) * u32::from(self.0) / u32::from(u16::MAX)
    }
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Connect to this aggregator.
    Connect {
        /// Its address.
        address: String,
    },
    /// Give up the connection.
    Disconnect {
        /// Why.
        reason: &'static str,
    },
    /// Take the next batch of the lane from the spool and send it; then say [`Input::Sent`].
    Send(Lane),
    /// Tell the cluster that we live.
    SendHeartbeat,
    /// Tell the spool what is safe.
    Acknowledge {
        /// Whose.
        stream: StreamId,
        /// The last one.
        through: Sequence,
    },
    /// Tell the spool what the cluster waits for.
    Expect {
        /// Whose.
        stream: StreamId,
        /// The sequence.
        sequence: Sequence,
    },
    /// Make the spool begin the lane again at the first alert that is not acknowledged.
    Rewind(Lane),
}

/// The decisions of one agent.
#[derive(Debug)]
pub struct Uplink {
    addresses: Vec<String>,
    /// Which address is, or will be, used.
    current: usize,
    link: Link,
    reconnect_delay: Duration,
    lanes: [Window; 3],
}

#[derive(Debug, Clone, Copy)]
enum Link {
    Down {
        retry_at: Instant,
    },
    Connecting,
    Up {
        progress_at: Instant,
        heartbeat_at: Instant,
    },
    /// We asked for the end of the connection and wait for the news of it.
    Closing,
}

/// The batches of one lane that are on their way.
#[derive(Debug, Default)]
struct Window {
    sent: VecDeque<(StreamId, Sequence)>,
    paused_until: Option<Instant>,
}

impl Window {
    fn may_send(&self, now: Instant) -> bool {
        self.sent.len() < WINDOW_BATCHES_MAX && self.paused_until.is_none_or(|until| now >= until)
    }
}

impl Uplink {
    /// Makes the decisions of an agent that may connect from `now` on to any of the addresses, of which there must be
    /// at least one.
    pub fn new(addresses: Vec<String>, now: Instant) -> Self {
        assert!(!addresses.is_empty(), "an uplink without an address is not started");
        Self {
            addresses,
            current: 0,
            link: Link::Down { retry_at: now },
            reconnect_delay: RECONNECT_DELAY_MIN,
            lanes: Default::default(),
        }
    }

    /// Decides.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Command> {
        match input {
            Input::Tick { unsent } => self.tick(unsent, now),
            Input::Connected => {
                self.link = Link::Up { progress_at: now, heartbeat_at: now };
                Vec::new()
            }
            Input::Disconnected { chance } => self.disconnected(chance, now),
            Input::Sent { stream, end } => {
                self.lanes[stream.lane.index()].sent.push_back((stream, end));
                Vec::new()
            }
            Input::Acknowledged { stream, through } => self.acknowledged(stream, through, now),
            Input::Refused { lane, stream, after, expected } => self.refused(lane, stream, after, expected, now),
        }
    }

    /// When to say [`Input::Tick`] at the latest, if nothing else happens.
    pub fn next_tick(&self, now: Instant) -> Instant {
        let pauses = self.lanes.iter().filter_map(|window| window.paused_until).filter(|until| *until > now);
        let link = match self.link {
            Link::Down { retry_at } => Some(retry_at),
            Link::Up { heartbeat_at, .. } => Some(heartbeat_at),
            Link::Connecting | Link::Closing => None,
        };
        pauses.chain(link).min().unwrap_or(now + HEARTBEAT_INTERVAL)
    }

    fn tick(&mut self, unsent: [bool; 3], now: Instant) -> Vec<Command> {
        match self.link {
            Link::Down { retry_at } if now >= retry_at => {
                self.link = Link::Connecting;
                vec![Command::Connect { address: self.addresses[self.current].clone() }]
            }
            Link::Down { .. } | Link::Connecting | Link::Closing => Vec::new(),
            Link::Up { progress_at, heartbeat_at } => self.tick_connected(unsent, progress_at, heartbeat_at, now),
        }
    }

    fn tick_connected(
        &mut self,
        unsent: [bool; 3],
        progress_at: Instant,
        heartbeat_at: Instant,
        now: Instant,
    ) -> Vec<Command> {
        let is_idle = self.lanes.iter().all(|window| window.sent.is_empty()) && unsent == [false; 3];
        let progress_at = if is_idle { now } else { progress_at };
        if now >= progress_at + STALL_TIMEOUT {
            self.link = Link::Closing;
            return vec![Command::Disconnect { reason: "no acknowledgement within 20s" }];
        }
        let mut commands = Vec::new();
        let heartbeat_due = now >= heartbeat_at;
        if heartbeat_due {
            commands.push(Command::SendHeartbeat);
        }
        let heartbeat_at = if heartbeat_due { now + HEARTBEAT_INTERVAL } else { heartbeat_at };
        self.link = Link::Up { progress_at, heartbeat_at };
        // The most urgent lane that has something to send and may; the caller comes back after each batch.
        let lane = Lane::ALL.into_iter().find(|lane| unsent[lane.index()] && self.lanes[lane.index()].may_send(now));
        commands.extend(lane.map(Command::Send));
        commands
    }

    fn disconnected(&mut self, chance: Chance, now: Instant) -> Vec<Command> {
        // Decorrelated jitter: agents that lost the same aggregator together do not come back together.
        self.reconnect_delay = chance.between(RECONNECT_DELAY_MIN, self.reconnect_delay * 3).min(RECONNECT_DELAY_MAX);
        self.current = (self.current + 1) % self.addresses.len();
        self.link = Link::Down { retry_at: now + self.reconnect_delay };
        self.lanes = Default::default();
        Lane::ALL.map(Command::Rewind).into()
    }

    fn acknowledged(&mut self, stream: StreamId, through: Sequence, now: Instant) -> Vec<Command> {
        self.progress(now);
        let sent = &mut self.lanes[stream.lane.index()].sent;
        while sent.front().is_some_and(|(front, end)| *front == stream && *end <= through.plus(1)) {
            sent.pop_front();
        }
        vec![Command::Acknowledge { stream, through }]
    }

    /// An acknowledgement is the only sign that a connection is good for anything.
    fn progress(&mut self, now: Instant) {
        self.reconnect_delay = RECONNECT_DELAY_MIN;
        if let Link::Up { progress_at, .. } = &mut self.link {
            *progress_at = now;
        }
    }

    fn refused(
        &mut self,
        lane: Lane,
        stream: Option<StreamId>,
        after: Duration,
        expected: Option<Sequence>,
        now: Instant,
    ) -> Vec<Command> {
        let window = &mut self.lanes[lane.index()];
        // The refusals of batches that were sent before the first refusal arrived say nothing new.
        let Some((oldest, _)) = window.sent.front().copied() else {
            return Vec::new();
        };
        window.sent.clear();
        window.paused_until = Some(now + after.clamp(PAUSE_MIN, PAUSE_MAX));
        let mut commands = Vec::new();
        if let Some(sequence) = expected {
            commands.push(Command::Expect { stream: stream.unwrap_or(oldest), sequence });
        }
        commands.push(Command::Rewind(lane));
        commands
    }
}
