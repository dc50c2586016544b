//! The door of the room: whoever has alerts hands them in here and waits for the quorum.

use std::sync::Arc;

use actix::{Actor as _, Addr, Arbiter};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tiercel_detection::Alert;
use tokio::sync::oneshot;

use super::actor::{BatcherActor, Drain, Submit, Ticket};
use super::batcher::Submission;
use super::figures::{Counts, IngestFigures, add};
use super::parse::Parser;
use crate::http_input;
use crate::raft::{Admitted, Cluster, Handover, Leadership, ProposeError};
use crate::triage::{Admission, Batch, BatchReply, Command, Policy, Reply};

/// Where alerts are handed in. Clones share it.
#[derive(Debug, Clone)]
pub struct Intake {
    batcher: Addr<BatcherActor>,
    pub(super) parser: Arc<Parser>,
    pub(super) counts: Arc<Counts>,
}

/// Starts the batcher on a thread of its own.
pub fn start(cluster: Cluster, parser: Parser, policy: Policy) -> Intake {
    let counts = Arc::new(Counts::default());
    let actor = BatcherActor::new(Proposer { cluster, policy }, counts.clone());
    let batcher = BatcherActor::start_in_arbiter(&Arbiter::new().handle(), |_| actor);
    Intake { batcher, parser: Arc::new(parser), counts }
}

impl Intake {
    /// What this process has taken in so far.
    pub fn figures(&self) -> IngestFigures {
        self.counts.figures()
    }

    /// Returns when everything handed in before has its answer.
    pub async fn drain(&self) {
        let (drained, is_drained) = oneshot::channel();
        if self.batcher.send(Drain(drained)).await.is_ok() {
            // If the actor is gone there is nothing to wait for.
            drop(is_drained.await);
        }
    }

    pub(super) fn submit(
        &self,
        batches: Vec<Batch>,
        handed_over: bool,
    ) -> impl Future<Output = Result<Admitted, ProposeError>> + Send + use<> {
        add(&self.counts.batches, batches.len());
        let (answer, answered) = oneshot::channel();
        let submit = Submit { batches, ticket: Ticket { answer, handed_over } };
        let sent = self.batcher.try_send(submit).map_err(|error| match error {
            actix::prelude::SendError::Full(_) => ProposeError::Busy,
            actix::prelude::SendError::Closed(_) => ProposeError::Stopping,
        });
        async move {
            sent?;
            answered.await.unwrap_or(Err(ProposeError::Stopping))
        }
    }
}

impl Handover for Intake {
    fn admit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Result<Admitted, ProposeError>> {
        self.submit(batches, true).boxed()
    }
}

impl http_input::Intake for Intake {
    /// The alert has no number of its own. If the outcome is unknown and it is handed in again, it may be counted twice.
    fn admit(&self, alert: Alert) -> BoxFuture<'_, Result<(), http_input::IntakeError>> {
        match self.parser.direct(&alert) {
            Ok(batch) => self.submit(vec![batch], false).map(|admitted| Ok(admitted.map(drop)?)).boxed(),
            Err(unfit) => std::future::ready(Err(unfit.into())).boxed(),
        }
    }
}

/// Proposes what the batcher collected, here or at the leader.
#[derive(Clone)]
pub(super) struct Proposer {
    cluster: Cluster,
    policy: Policy,
}

impl Proposer {
    pub(super) fn leads(&self) -> bool {
        matches!(*self.cluster.leadership().borrow(), Leadership::Here { .. })
    }

    /// Proposes the submissions together and answers each. The proposal is on its way to the consensus core when the
    /// future has been polled once: proposals keep the order in which they are made.
    pub(super) async fn propose(self, mut taken: Vec<Submission<Ticket>>) {
        let leader = match self.cluster.leads() {
            Ok(_) => None,
            Err(ProposeError::NotLeader { leader: Some(leader) }) => {
                let error = ProposeError::NotLeader { leader: Some(leader.clone()) };
                send_back(&mut taken, |ticket| ticket.handed_over, &error);
                Some(leader)
            }
            Err(error) => return send_back(&mut taken, |_| true, &error),
        };
        if taken.is_empty() {
            return;
        }
        let mut batches = Vec::new();
        let mut tickets = Vec::new();
        for submission in taken {
            tickets.push((submission.ticket, submission.batches.len()));
            batches.extend(submission.batches);
        }
        let result = match leader {
            None => self.admit(batches).await,
            Some(leader) => self.cluster.hand_over(leader, &batches).await,
        };
        answer(tickets, result);
    }

    async fn admit(&self, batches: Vec<Batch>) -> Result<Admitted, ProposeError> {
        let command = Command::Admit(Admission { received_at: self.cluster.now(), policy: self.policy, batches });
        match self.cluster.propose(command).await? {
            (log_index, Reply::Admitted(replies)) => Ok(Admitted { log_index, replies }),
            // The state answers an admission with an admission; anything else would be another entry's reply.
            (_, Reply::Claimed(_) | Reply::Done) => Err(ProposeError::Unknown),
        }
    }
}

/// Answers some submissions with an error, and removes them.
fn send_back(taken: &mut Vec<Submission<Ticket>>, which: impl Fn(&Ticket) -> bool, error: &ProposeError) {
    for submission in taken.extract_if(.., |submission| which(&submission.ticket)) {
        drop(submission.ticket.answer.send(Err(error.clone())));
    }
}

/// Gives each submission its part of the result. Who is gone meanwhile will ask again.
fn answer(tickets: Vec<(Ticket, usize)>, result: Result<Admitted, ProposeError>) {
    match result {
        Ok(admitted) => {
            let mut replies = admitted.replies.into_iter();
            for (ticket, count) in tickets {
                let replies: Vec<BatchReply> = replies.by_ref().take(count).collect();
                let admitted = Admitted { log_index: admitted.log_index, replies };
                drop(ticket.answer.send(Ok(admitted)));
            }
        }
        Err(error) => {
            for (ticket, _) in tickets {
                drop(ticket.answer.send(Err(error.clone())));
            }
        }
    }
}
