//! A thread and a queue for an output that may be slow, so that it holds up neither detection nor other outputs.
//!
//! Overflow policy: what finds the queue full is not delivered here, and counted.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tiercel_detection::Alert;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::debug;

use super::Output;
use super::line::Style;
use super::tally::Tally;

/// Lines that may wait: about 4 MB, a minute of a busy node while a server restarts.
const QUEUE_LINES_MAX: usize = 4_096;

/// Attempts for one line. With the pauses below a server may be away for half a minute; one line that nobody takes
/// must not stop the others for longer.
const ATTEMPTS_MAX: u32 = 8;

/// The pause after the first failure; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Brings one line to its place.
pub(super) trait Courier: Send + 'static {
    /// Tries once, within a time that it limits itself.
    fn deliver(&mut self, line: &str) -> impl Future<Output = Result<(), Failure>>;

    /// Nothing more will come.
    fn finish(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// Why a line has not arrived.
#[derive(Debug)]
pub(super) enum Failure {
    /// The next attempt may succeed.
    Passing(anyhow::Error),
    /// No attempt will.
    Final(anyhow::Error),
}

/// The end of the queue that the outputs thread holds. When it is dropped, the worker delivers what waits and ends.
pub(super) struct Worker {
    queue: Sender<String>,
    style: Style,
    tally: Tally,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start<C: Courier>(
        output: &'static str,
        target: &str,
        style: Style,
        courier: C,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (queue, lines) = channel(QUEUE_LINES_MAX);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tally = Tally::new(output, target);
        let thread = std::thread::Builder::new()
            .name(format!("output-{output}"))
            .spawn(move || runtime.block_on(deliver_all(lines, courier, tally)))?;
        Ok((Self { queue, style, tally: Tally::new(output, target) }, thread))
    }
}

impl Output for Worker {
    fn write(&mut self, alert: &Alert) {
        if self.queue.try_send(self.style.line(alert)).is_err() {
            self.tally.count_lost("queue_full");
        }
    }
}

async fn deliver_all<C: Courier>(mut lines: Receiver<String>, mut courier: C, mut tally: Tally) {
    while let Some(line) = lines.recv().await {
        match deliver(&mut courier, &line, &mut tally).await {
            Ok(()) => tally.wrote(),
            Err(error) => tally.lost("delivery_failed", &format_args!("{error:#}")),
        }
    }
    courier.finish().await;
}

async fn deliver<C: Courier>(courier: &mut C, line: &str, tally: &mut Tally) -> anyhow::Result<()> {
    let mut pause = PAUSE_FIRST;
    for attempt in 1..ATTEMPTS_MAX {
        match courier.deliver(line).await {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(error)) => {
                debug!(error = format!("{error:#}"), attempt, ?pause, "attempt failed");
                tally.failed(&format_args!("{error:#}"));
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    courier.deliver(line).await.map_err(|failure| match failure {
        Failure::Passing(error) | Failure::Final(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tiercel_detection::alert::JsonKeys;

    use super::super::tests::alert;
    use super::*;
    use crate::config::Format;

    /// Takes no line before it may.
    struct Stalled(std::sync::mpsc::Receiver<()>);

    impl Courier for Stalled {
        async fn deliver(&mut self, _: &str) -> Result<(), Failure> {
            // An error means that it may from now on.
            _ = self.0.recv();
            Ok(())
        }
    }

    #[test]
    fn what_finds_the_queue_full_is_counted() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (may, stalled) = std::sync::mpsc::sync_channel(1);
        metrics::with_local_recorder(&recorder, || {
            let style = Style { format: Format::Text, keys: JsonKeys::default() };
            let (mut worker, thread) = Worker::start("test", "nowhere", style, Stalled(stalled)).unwrap();
            // One line is in the hands of the courier, or still on the way to them.
            (0..QUEUE_LINES_MAX + 11).for_each(|_| worker.write(&alert("line")));
            drop(may);
            drop(worker);
            thread.join().unwrap();
        });
        let metrics = recorder.handle().render();
        let line = "tiercel_agent_output_alerts_lost_total{reason=\"queue_full\",output=\"test\"} ";
        let lost = metrics.lines().find_map(|it| it.strip_prefix(line)).unwrap().parse::<usize>().unwrap();
        assert!((10..=11).contains(&lost), "{lost} lost");
    }
}
