//! What the stages promise each other: nothing is lost between the source and detection, whoever is slow, and the end
//! of the agent hands over what is inside.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test, as tests do")]

use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use tiercel_agent::capture::actor::{CaptureActor, LossesCounted, ObservationBatch, StopCapture};
use tiercel_agent::capture::observation::{Act, Entry, Exit};
use tiercel_agent::capture::{
    CapabilityMatrix, Class, ClassLoss, Drained, LossReport, Observation, Progress, Source, SourceError,
};
use tiercel_agent::shutdown::{Stop, Stopper};
use tiercel_agent::status;

/// A machine under load takes this long at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives numbered observations, some at a time, then fails or waits for ever.
struct Numbers {
    next: u64,
    last: u64,
    batch: u64,
    fails: bool,
    capabilities: CapabilityMatrix,
}

impl Numbers {
    fn up_to(last: u64, batch: u64) -> Self {
        Self { next: 1, last, batch, fails: false, capabilities: CapabilityMatrix::default() }
    }
}

impl Source for Numbers {
    fn next_batch(&mut self, batch: &mut Vec<Observation>) -> Result<Drained, SourceError> {
        let end = self.last.min(self.next + self.batch - 1);
        let observations = (self.next..=end).map(observation);
        let before = batch.len();
        batch.extend(observations);
        self.next = end + 1;
        if self.fails && self.next > self.last {
            return Err(SourceError::Read(std::io::Error::other("the ring is gone")));
        }
        let progress = if self.next <= self.last { Progress::More } else { Progress::CaughtUp };
        Ok(Drained { observations: batch.len() - before, progress })
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn losses(&mut self) -> LossReport {
        let row = ClassLoss { class: Class::Bulk, cpu: 0, made: self.last + 3, lost: 3, refused: 0 };
        LossReport { classes: vec![row], ..LossReport::default() }
    }

    fn capabilities(&self) -> &CapabilityMatrix {
        &self.capabilities
    }
}

/// A ring that nobody looks into for an hour unless it rings.
struct Bell {
    made: Arc<AtomicU64>,
    taken: u64,
    bell: UnixStream,
    capabilities: CapabilityMatrix,
}

impl Source for Bell {
    fn next_batch(&mut self, batch: &mut Vec<Observation>) -> Result<Drained, SourceError> {
        let made = self.made.load(Ordering::Acquire);
        batch.extend((self.taken + 1..=made).map(observation));
        let observations = usize::try_from(made - self.taken).unwrap();
        self.taken = made;
        Ok(Drained { observations, progress: Progress::CaughtUp })
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn wake_descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.bell.as_fd()]
    }

    fn losses(&mut self) -> LossReport {
        LossReport::default()
    }

    fn capabilities(&self) -> &CapabilityMatrix {
        &self.capabilities
    }
}

fn observation(sequence: u64) -> Observation {
    Observation {
        boot_ns: sequence,
        cpu: 0,
        class: Class::Bulk,
        sequence,
        pid: 1,
        tid: 1,
        started_boot_ns: 0,
        uid: 0,
        gid: 0,
        entry: Entry::Syscall,
        act: Act::Exit(Exit::default()),
    }
}

/// What a slow detection has seen.
#[derive(Debug, Default, Clone)]
struct Seen(Arc<Mutex<(Vec<u64>, Option<LossReport>)>>);

/// Takes one batch at a time, slowly, and has room for one more.
struct SlowDetect {
    seen: Seen,
    pause: Duration,
}

impl Actor for SlowDetect {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1);
    }
}

impl Handler<ObservationBatch> for SlowDetect {
    type Result = ();

    fn handle(&mut self, ObservationBatch(batch): ObservationBatch, ctx: &mut Self::Context) {
        self.seen.0.lock().unwrap().0.extend(batch.iter().map(|observation| observation.sequence));
        ctx.wait(actix::clock::sleep(self.pause).into_actor(self));
    }
}

impl Handler<LossesCounted> for SlowDetect {
    type Result = ();

    fn handle(&mut self, LossesCounted(report): LossesCounted, _: &mut Self::Context) {
        self.seen.0.lock().unwrap().1 = Some(report);
    }
}

/// Runs a source into a slow detection; `work` gets the capture actor, what was seen, and what waits for failures.
fn with_stages<W, F>(source: impl Source + 'static, work: W)
where
    W: FnOnce(Addr<CaptureActor>, Seen, Stopper) -> F,
    F: Future<Output = ()>,
{
    System::new().block_on(async {
        let (stopper, failure) = Stopper::new().unwrap();
        let seen = Seen::default();
        let detect = SlowDetect { seen: seen.clone(), pause: Duration::from_millis(2) }.start();
        let progress = status::Progress::new("capture");
        let (batches, losses) = (detect.clone().recipient(), detect.clone().recipient());
        let capture = CaptureActor::new(Box::new(source), batches, losses, progress, failure).start();
        work(capture, seen, stopper).await;
    });
}

async fn wait_until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.expect("the condition comes true in time");
}

#[test]
fn a_slow_detection_gets_every_observation_in_order() {
    with_stages(Numbers::up_to(500, 10), |_capture, seen, _stopper| async move {
        wait_until(|| seen.0.lock().unwrap().0.len() == 500).await;
        assert!(seen.0.lock().unwrap().0.iter().copied().eq(1..=500));
    });
}

#[test]
fn stopping_capture_hands_over_what_is_inside_and_the_losses() {
    with_stages(Numbers::up_to(300, 10), |capture, seen, _stopper| async move {
        wait_until(|| !seen.0.lock().unwrap().0.is_empty()).await;
        capture.send(StopCapture).await.unwrap();
        let (numbers, losses) = seen.0.lock().unwrap().clone();
        assert!(numbers.iter().copied().eq(1..=300), "{} observations", numbers.len());
        assert_eq!(losses.map(|report| report.lost()), Some(3));
        wait_until(|| !capture.connected()).await;
    });
}

#[test]
fn a_source_that_fails_ends_the_agent() {
    let source = Numbers { fails: true, ..Numbers::up_to(20, 10) };
    with_stages(source, |_capture, seen, mut stopper| async move {
        let stop = tokio::time::timeout(PATIENCE, stopper.wait()).await.expect("the failure is told in time");
        assert_eq!(stop, Stop::Failure("the source of records failed".to_owned()));
        wait_until(|| seen.0.lock().unwrap().0.len() == 20).await;
    });
}

#[test]
fn a_ring_that_fills_does_not_wait_for_the_timer() {
    let (mut rope, bell) = UnixStream::pair().unwrap();
    let made = Arc::new(AtomicU64::new(0));
    let source = Bell { made: Arc::clone(&made), taken: 0, bell, capabilities: CapabilityMatrix::default() };
    with_stages(source, |_capture, seen, _stopper| async move {
        for (number, expected) in [(2, vec![1, 2]), (3, vec![1, 2, 3])] {
            made.store(number, Ordering::Release);
            rope.write_all(b"!").unwrap();
            wait_until(|| seen.0.lock().unwrap().0 == expected).await;
        }
    });
}
