//! Local outputs: alerts as lines on stdout and in a file, written by a thread of their own so that a slow disk or a
//! stopped pipe never holds up detection.

mod line;
mod sink;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tiercel_detection::Alert;

pub use line::line;
use sink::Sink;

use crate::config::OutputsConfig;

/// Alerts that may wait for the disk: some seconds of a storm, about 8 MB. Beyond it alerts are not written here (the
/// uplink still has them) and are counted.
const QUEUE_ALERTS_MAX: usize = 8_192;

/// How often a waiting shutdown looks whether the thread is done.
const FINISH_POLL: Duration = Duration::from_millis(5);

/// The local outputs of one agent.
#[derive(Debug)]
pub struct Outputs {
    queue: Option<SyncSender<Alert>>,
    thread: Option<JoinHandle<()>>,
    reopen: Arc<AtomicBool>,
    lost: Counter,
    falco_lost: Counter,
}

impl Outputs {
    /// Opens what is configured.
    ///
    /// # Errors
    /// When the file cannot be opened for appending or the thread cannot be started.
    pub fn start(config: &OutputsConfig) -> io::Result<Self> {
        let mut sinks = Vec::new();
        if let Some(format) = config.stdout {
            sinks.push(Sink::stdout(format));
        }
        if let Some(file) = &config.file {
            sinks.push(Sink::file(file)?);
        }
        let reopen = Arc::new(AtomicBool::new(false));
        let (queue, thread) = if sinks.is_empty() {
            (None, None)
        } else {
            let (sender, receiver) = sync_channel(QUEUE_ALERTS_MAX);
            let asked = Arc::clone(&reopen);
            let body = move || write_all(&receiver, &mut sinks, &asked);
            (Some(sender), Some(std::thread::Builder::new().name("outputs".to_owned()).spawn(body)?))
        };
        let lost = counter!("tiercel_agent_output_alerts_lost_total", "reason" => "queue_full");
        Ok(Self {
            queue,
            thread,
            reopen,
            lost,
            falco_lost: counter!("falcosecurity_falco_outputs_queue_num_drops_total"),
        })
    }

    /// Queues alerts for writing; never waits.
    pub fn offer(&self, alerts: &[Alert]) {
        let Some(queue) = &self.queue else { return };
        for alert in alerts {
            match queue.try_send(alert.clone()) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    self.lost.increment(1);
                    self.falco_lost.increment(1);
                }
            }
        }
    }

    /// Opens the file anew before the next line, for log rotation.
    pub fn reopener(&self) -> Reopener {
        Reopener(Arc::clone(&self.reopen))
    }

    /// Writes what is queued and closes; gives up at the deadline, because a stopped reader of stdout may never let
    /// the last line go.
    pub fn finish(&mut self, deadline: Instant) -> bool {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return true };
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(FINISH_POLL);
        }
        thread.join().is_ok()
    }
}

/// Asks for the output file to be opened anew.
#[derive(Debug, Clone)]
pub struct Reopener(Arc<AtomicBool>);

impl Reopener {
    /// Takes effect before the next line is written.
    pub fn reopen(&self) {
        self.0.store(true, Ordering::Release);
    }
}

fn write_all(queue: &Receiver<Alert>, sinks: &mut [Sink], reopen: &AtomicBool) {
    while let Ok(first) = queue.recv() {
        if reopen.swap(false, Ordering::AcqRel) {
            sinks.iter_mut().for_each(Sink::reopen);
        }
        for alert in std::iter::once(first).chain(queue.try_iter().take(QUEUE_ALERTS_MAX)) {
            sinks.iter_mut().for_each(|sink| sink.write(&alert));
        }
        sinks.iter_mut().for_each(Sink::flush);
    }
}

#[cfg(test)]
mod tests;
