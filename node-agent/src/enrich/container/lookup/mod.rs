//! Asks runtimes about containers, away from the way of events: a thread of its own, a bounded number of questions,
//! and answers that are fetched when there is time for them.

mod cri;
pub mod cri_messages;
mod docker;
mod image;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, thread};

use tiercel_detection::event::Text;
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, warn};

pub(super) use super::cgroup::is_id;
use super::describe::{ContainerDetails, ContainerNews, Labels};
use super::sockets::{ContainerOptions, Engine, Socket};

/// Questions that may wait. A node runs some hundreds of containers; when the agent starts, all are asked about.
const QUESTIONS_MAX: usize = 4_096;

/// Questions under way at a time: runtimes are busiest when many containers start.
const AT_A_TIME: usize = 8;

/// How long one request to a runtime may take.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// How long after each failed attempt the next one is made. The first ones are for runtimes that write a container
/// down only after its cgroup, the later ones for runtimes that are being restarted.
const RETRY_AFTER: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];

/// What was counted. `asked = refused + found + unknown + failed`, but for questions that are under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LookupCounts {
    /// Containers that were asked about.
    pub asked: u64,
    /// Questions that found too many others waiting.
    pub refused: u64,
    /// Containers that a runtime described.
    pub found: u64,
    /// Containers that no runtime knows.
    pub unknown: u64,
    /// Containers that no runtime could be asked about to the end.
    pub failed: u64,
    /// Attempts beyond the first one.
    pub retries: u64,
}

#[derive(Debug, Default)]
struct Counters {
    asked: AtomicU64,
    refused: AtomicU64,
    found: AtomicU64,
    unknown: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Debug)]
struct Question {
    id: Text,
    engine: Text,
}

/// What one socket says.
enum Found {
    Known(Box<ContainerDetails>),
    Unknown,
}

/// What all sockets say.
enum Outcome {
    Known(Box<ContainerDetails>),
    /// Every runtime that may know it was asked and does not.
    Unknown,
    /// One of them could not be asked.
    Failed,
}

/// A program that speaks at a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// As it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The way to ask runtimes. Dropping it ends the thread.
#[derive(Debug)]
pub struct Lookups {
    questions: mpsc::Sender<Question>,
    news: mpsc::Receiver<ContainerNews>,
    counters: Arc<Counters>,
}

impl Lookups {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(options: ContainerOptions) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        // Every question has one answer, and no more than this many are open.
        let (answers, news) = mpsc::channel(QUESTIONS_MAX + AT_A_TIME);
        let counters = Arc::new(Counters::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&counters);
        thread::Builder::new()
            .name("containers".to_owned())
            .spawn(move || runtime.block_on(answer_all(asked, answers, Arc::new(options), shared)))?;
        Ok(Self { questions, news, counters })
    }

    /// Asks about a container by its whole id; whether there will be an answer.
    pub fn ask(&self, id: &Text, engine: &Text) -> bool {
        add(&self.counters.asked);
        let taken = self.questions.try_send(Question { id: id.clone(), engine: engine.clone() }).is_ok();
        if !taken {
            add(&self.counters.refused);
        }
        taken
    }

    /// The answers since the last call.
    pub fn news(&mut self) -> Vec<ContainerNews> {
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }

    /// What was counted so far.
    pub fn counts(&self) -> LookupCounts {
        let Counters { asked, refused, found, unknown, failed, retries } = &*self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LookupCounts {
            asked: get(asked),
            refused: get(refused),
            found: get(found),
            unknown: get(unknown),
            failed: get(failed),
            retries: get(retries),
        }
    }
}

/// Which program speaks at a socket, found out by asking.
fn probe(socket: &Socket) -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match socket.engine {
            Engine::Docker | Engine::Podman => docker::version(&socket.path).await,
            Engine::Cri => cri::version(&socket.path).await,
        }
    })
}

async fn answer_all(
    mut asked: mpsc::Receiver<Question>,
    answers: mpsc::Sender<ContainerNews>,
    options: Arc<ContainerOptions>,
    counters: Arc<Counters>,
) {
    let slots = Arc::new(Semaphore::new(AT_A_TIME));
    while let Some(question) = asked.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (answers, options, counters) = (answers.clone(), Arc::clone(&options), Arc::clone(&counters));
        tokio::spawn(async move {
            let details = answer(&question, &options, &counters).await;
            drop(slot);
            if answers.send(ContainerNews { id: question.id, details }).await.is_err() {
                debug!("nobody waits for what runtimes say any more");
            }
        });
    }
}

async fn answer(question: &Question, options: &ContainerOptions, counters: &Counters) -> Option<Box<ContainerDetails>> {
    for attempt in 0..=RETRY_AFTER.len() {
        let sockets = options.sockets.for_engine(&question.engine);
        let outcome = if sockets.is_empty() { Outcome::Unknown } else { ask_all(question, &sockets).await };
        match (outcome, RETRY_AFTER.get(attempt)) {
            (Outcome::Known(mut details), _) => {
                add(&counters.found);
                shorten(&mut details, options.label_bytes_max);
                return Some(details);
            }
            // A socket that is not there will not tell more in a moment.
            (Outcome::Unknown, _) if sockets.is_empty() => {
                add(&counters.unknown);
                return None;
            }
            (Outcome::Unknown | Outcome::Failed, Some(pause)) => {
                add(&counters.retries);
                tokio::time::sleep(*pause).await;
            }
            (Outcome::Unknown, None) => add(&counters.unknown),
            (Outcome::Failed, None) => {
                add(&counters.failed);
                warn!(container = &*question.id, engine = &*question.engine, "no runtime could be asked");
            }
        }
    }
    None
}

async fn ask_all(question: &Question, sockets: &[Socket]) -> Outcome {
    let mut outcome = Outcome::Unknown;
    for Socket { engine, path } in sockets {
        let found = match engine {
            Engine::Docker | Engine::Podman => docker::inspect(*engine, path, &question.id).await,
            Engine::Cri => cri::inspect(path, &question.id).await,
        };
        match found {
            Ok(Found::Known(details)) => return Outcome::Known(details),
            Ok(Found::Unknown) => {}
            Err(error) => {
                debug!(socket = %path.display(), error = format!("{error:#}"), "failed to ask a runtime");
                outcome = Outcome::Failed;
            }
        }
    }
    outcome
}

/// Leaves long labels out.
fn shorten(details: &mut ContainerDetails, bytes_max: usize) {
    let is_short = |(_, value): &(Text, Text)| value.len() <= bytes_max;
    details.labels.retain(is_short);
    if let Some(labels) = &mut details.pod_labels {
        labels.retain(is_short);
    }
}

/// In the order of their keys.
fn sorted(labels: BTreeMap<String, String>) -> Labels {
    labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// Asks what speaks at every socket that exists.
pub fn runtimes(options: &ContainerOptions) -> Vec<(Socket, anyhow::Result<Runtime>)> {
    let existing = options.sockets.existing();
    existing.into_iter().map(|socket| (socket.clone(), probe(&socket))).collect()
}
