//! Local outputs: alerts as lines on stdout, in a file, in the system log, to a program and to an HTTP server. A thread
//! of their own writes them, so that a slow disk or a stopped pipe never holds up detection; program and server have
//! each one more, so that they hold up nobody else.

mod http;
mod line;
mod program;
mod sink;
mod syslog;
mod tally;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use tiercel_detection::Alert;

use anyhow::Context as _;
pub use line::{Style, line};

use self::http::Http;
use self::program::Program;
use self::sink::Sink;
use self::syslog::Syslog;
use self::worker::Worker;
use crate::config::{Format, OutputsConfig};

/// Alerts that may wait for the disk: some seconds of a storm, about 8 MB. Beyond it alerts are not written here (the
/// uplink still has them) and are counted.
const QUEUE_ALERTS_MAX: usize = 8_192;

/// How often a waiting shutdown looks whether the thread is done.
const FINISH_POLL: Duration = Duration::from_millis(5);

/// One place that alerts go to. None of these waits for anybody; what may have to has a [`Worker`].
trait Output: Send {
    fn write(&mut self, alert: &Alert);

    /// Everything that was ready has been written.
    fn flush(&mut self) {}

    /// What has a name is to be opened under it anew.
    fn reopen(&mut self) {}
}

/// The local outputs of one agent.
#[derive(Debug)]
pub struct Outputs {
    queue: Option<SyncSender<Alert>>,
    /// The one that writes, then those of workers, which end after it.
    threads: Vec<JoinHandle<()>>,
    reopen: Arc<AtomicBool>,
    lost: Counter,
    falco_lost: Counter,
}

impl Outputs {
    /// Opens what is configured.
    ///
    /// # Errors
    /// When a file or the system log cannot be opened or a thread cannot be started.
    pub fn start(config: &OutputsConfig) -> anyhow::Result<Self> {
        let Opened { mut outputs, workers } = Opened::open(config)?;
        let reopen = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let queue = if outputs.is_empty() {
            None
        } else {
            let (sender, receiver) = sync_channel(QUEUE_ALERTS_MAX);
            let asked = Arc::clone(&reopen);
            let body = move || write_all(&receiver, &mut outputs, &asked);
            threads.push(std::thread::Builder::new().name("outputs".to_owned()).spawn(body)?);
            Some(sender)
        };
        threads.extend(workers);
        let lost = counter!("tiercel_agent_output_alerts_lost_total", "reason" => "queue_full");
        Ok(Self {
            queue,
            threads,
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

    /// Queues an alert for writing; waits for room, for those whose events wait meanwhile.
    pub fn hand_over(&self, alert: Alert) {
        if self.queue.as_ref().is_some_and(|queue| queue.send(alert).is_err()) {
            self.lost.increment(1);
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
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(FINISH_POLL);
        }
        self.threads.drain(..).all(|thread| thread.join().is_ok())
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

/// Outputs ready to be written to.
#[derive(Default)]
struct Opened {
    outputs: Vec<Box<dyn Output>>,
    workers: Vec<JoinHandle<()>>,
}

impl Opened {
    fn open(config: &OutputsConfig) -> anyhow::Result<Self> {
        let style = |format: Format| Style { format, keys: config.json_keys };
        let mut opened = Self::default();
        if let Some(format) = config.stdout {
            opened.outputs.push(Box::new(Sink::stdout(style(format))));
        }
        if let Some(file) = &config.file {
            let sink = Sink::file(&file.path, style(file.format));
            opened.outputs.push(Box::new(sink.with_context(|| format!("failed to open {}", file.path.display()))?));
        }
        if let Some(syslog) = &config.syslog {
            let output = Syslog::open(&syslog.socket, style(syslog.format));
            let output = output.with_context(|| format!("failed to open {}", syslog.socket.display()))?;
            opened.outputs.push(Box::new(output));
        }
        if let Some(program) = &config.program {
            let started = Worker::start("program", &program.command, style(program.format), Program::new(program));
            opened.add(started?);
        }
        if let Some(http) = &config.http {
            let started = Worker::start("http", &Http::target(&http.url), style(http.format), Http::new(http)?);
            opened.add(started?);
        }
        Ok(opened)
    }

    fn add(&mut self, (worker, thread): (Worker, JoinHandle<()>)) {
        self.outputs.push(Box::new(worker));
        self.workers.push(thread);
    }
}

fn write_all(queue: &Receiver<Alert>, outputs: &mut [Box<dyn Output>], reopen: &AtomicBool) {
    while let Ok(first) = queue.recv() {
        if reopen.swap(false, Ordering::AcqRel) {
            outputs.iter_mut().for_each(|output| output.reopen());
        }
        for alert in std::iter::once(first).chain(queue.try_iter().take(QUEUE_ALERTS_MAX)) {
            outputs.iter_mut().for_each(|output| output.write(&alert));
        }
        outputs.iter_mut().for_each(|output| output.flush());
    }
}

#[cfg(test)]
mod tests;
