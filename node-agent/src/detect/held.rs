//! Events of containers whose runtime has not answered yet: they wait a little, so that alerts can name image and pod.
//!
//! Overflow policy: when too many wait, the oldest is judged with what is known. Nothing is dropped.

use std::collections::VecDeque;

use tiercel_detection::event::{Event, Text};

/// Events that may wait at a time, of all containers together: some 50,000 a second of one busy container would fill
/// it in a moment, and then its events are judged as they come.
const EVENTS_MAX: usize = 8_192;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldCounts {
    /// Events that waited.
    pub held: u64,
    /// Events that were judged without what the runtime would have said.
    pub gave_up: u64,
    /// Events that wait now.
    pub waiting: u64,
}

/// Events that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct HeldEvents {
    waiting: VecDeque<Event>,
    /// Containers for which nobody waits any more, with the ticks that are left of the others.
    patience: Vec<(Text, u32)>,
    ticks_max: u32,
    counts: HeldCounts,
}

impl HeldEvents {
    /// Events wait for so many ticks at most; for 0 none does.
    pub(super) fn new(ticks_max: u32) -> Self {
        Self { ticks_max, ..Self::default() }
    }

    /// Takes an event whose container is not described yet, and gives it back when nobody waits for that container any
    /// more.
    pub(super) fn hold(&mut self, event: Event) -> Option<Event> {
        let Some(container) = event.process.container.as_ref().filter(|_| self.ticks_max > 0) else {
            return Some(event);
        };
        match self.patience.iter().find(|(id, _)| *id == container.full_id) {
            Some((_, 0)) => {
                self.counts.gave_up += 1;
                return Some(event);
            }
            Some(_) => {}
            None => self.patience.push((container.full_id.clone(), self.ticks_max)),
        }
        self.counts.held += 1;
        self.waiting.push_back(event);
        None
    }

    /// Events that need not or must not wait any longer, in their order; `is_due` tells whether the runtime of an event
    /// has still to answer.
    pub(super) fn ready(&mut self, is_due: impl Fn(&Event) -> bool) -> Vec<Event> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        let mut over = self.waiting.len().saturating_sub(EVENTS_MAX);
        let (patience, counts) = (&self.patience, &mut self.counts);
        let is_awaited = |event: &Event| {
            let container = event.process.container.as_ref();
            container.is_some_and(|container| patience.iter().any(|(id, ticks)| *id == container.full_id && *ticks > 0))
        };
        for event in std::mem::take(&mut self.waiting) {
            let due = is_due(&event);
            if due && over == 0 && is_awaited(&event) {
                self.waiting.push_back(event);
                continue;
            }
            over = over.saturating_sub(1);
            counts.gave_up += u64::from(due);
            ready.push(event);
        }
        ready
    }

    /// A tick has passed. Containers that are described are forgotten.
    pub(super) fn tick(&mut self, is_due: impl Fn(&Text) -> bool) {
        self.patience.retain_mut(|(id, ticks)| {
            *ticks = ticks.saturating_sub(1);
            is_due(id)
        });
    }

    /// All that wait: the end has come.
    pub(super) fn drain(&mut self) -> Vec<Event> {
        self.counts.gave_up += self.waiting.len() as u64;
        std::mem::take(&mut self.waiting).into()
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> HeldCounts {
        HeldCounts { waiting: self.waiting.len() as u64, ..self.counts }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tiercel_detection::event::{Container, Moment, Parameters, Process, Timestamp, Trust, Via, kinds};

    use super::*;

    fn event(number: u64, id: &str) -> Event {
        let container = Some(Arc::new(Container { full_id: id.into(), ..Container::default() }));
        let process = Arc::new(Process { container, ..Process::default() });
        Event {
            number,
            time: Timestamp(0),
            cpu: 0,
            kind: kinds::OPENAT,
            via: Via::Syscall,
            trust: Trust::Kernel,
            thread_id: 1,
            virtual_thread_id: 1,
            process,
            lineage: Arc::from([]),
            result: None,
            parameters: Parameters::new(),
            fd: None,
            moment: Moment::default(),
            details: None,
        }
    }

    fn numbers(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.number).collect()
    }

    fn is(event: &Event, id: &str) -> bool {
        event.process.container.as_ref().is_some_and(|container| &*container.full_id == id)
    }

    #[test]
    fn events_wait_for_the_answer_and_keep_their_order() {
        let mut held = HeldEvents::new(3);
        for (number, id) in [(1, "a"), (2, "b"), (3, "a")] {
            assert!(held.hold(event(number, id)).is_none());
        }
        assert!(held.ready(|_| true).is_empty());
        assert_eq!(numbers(&held.ready(|event| is(event, "b"))), [1, 3]);
        assert_eq!(held.counts(), HeldCounts { held: 3, gave_up: 0, waiting: 1 });
    }

    #[test]
    fn patience_ends_and_is_not_tried_again() {
        let mut held = HeldEvents::new(2);
        assert!(held.hold(event(1, "a")).is_none());
        held.tick(|_| true);
        assert!(held.ready(|_| true).is_empty());
        held.tick(|_| true);
        assert_eq!(numbers(&held.ready(|_| true)), [1]);
        assert_eq!(held.hold(event(2, "a")).unwrap().number, 2);
        assert_eq!(held.counts(), HeldCounts { held: 1, gave_up: 2, waiting: 0 });
    }

    #[test]
    fn the_oldest_give_way_when_too_many_wait() {
        let mut held = HeldEvents::new(1);
        for number in 0..EVENTS_MAX as u64 + 2 {
            assert!(held.hold(event(number, "a")).is_none());
        }
        assert_eq!(numbers(&held.ready(|_| true)), [0, 1]);
        assert_eq!(held.drain().len(), EVENTS_MAX);
    }

    #[test]
    fn without_patience_and_on_the_host_nothing_waits() {
        assert!(HeldEvents::new(0).hold(event(1, "a")).is_some());
        let on_host = Event { process: Arc::new(Process::default()), ..event(1, "a") };
        assert!(HeldEvents::new(1).hold(on_host).is_some());
    }
}
