//! Accepting in groups: whatever is published while one group is being committed is the next
//! group. One transaction and one fsync serve them all, without any delay of our own.

use std::sync::Arc;

use posthaste::clock::Clock;
use posthaste_store::{
    Store, StoreError,
    record::{Acceptance, Accepted, NotAccepted},
};
use tokio::sync::{mpsc, oneshot};

use super::mailbox::Dispatch;
use crate::{live::Live, scheduler::Input, telemetry::Telemetry};

/// Requests that one transaction takes at most; each has at most a batch of events.
const GROUP_REQUESTS: usize = 512;
/// Events above which a group takes no further request.
const GROUP_EVENTS: usize = 10_000;
/// Requests that wait for the next group before publishers are made to wait.
const QUEUE: usize = 4096;

/// What a publisher is told.
pub type Answer = Result<Result<Vec<Accepted>, NotAccepted>, StoreError>;

/// Events that are accepted together or not at all.
struct Request {
    events: Vec<Acceptance>,
    answer: oneshot::Sender<Answer>,
}

/// Where publishers hand in their events.
#[derive(Clone)]
pub struct Intake(mpsc::Sender<Request>);

impl Intake {
    /// With the task that forms groups, which ends when every `Intake` is dropped.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        dispatch: Dispatch,
        telemetry: Arc<Telemetry>,
        live: Arc<Live>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let groups = Groups {
            store,
            clock,
            dispatch,
            telemetry,
            live,
            left_over: None,
        };
        (Self(sender), groups.run(receiver))
    }

    /// A place in the queue, for events whose ids are reserved after it was given: whoever is
    /// dropped while waiting for it leaves no id behind.
    ///
    /// # Errors
    /// The server is stopping.
    pub async fn slot(&self) -> Result<Slot<'_>, StoreError> {
        self.0.reserve().await.map(Slot).map_err(|_| stopped())
    }
}

/// A place in the queue.
pub struct Slot<'a>(mpsc::Permit<'a, Request>);

impl Slot<'_> {
    /// Hands in a request at once; durable when the future is done with `Ok`.
    pub fn accept(self, events: Vec<Acceptance>) -> impl Future<Output = Answer> + Send {
        let (answer, answered) = oneshot::channel();
        self.0.send(Request { events, answer });
        async { answered.await.map_err(|_| stopped())? }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the server is stopping".to_owned())
}

struct Groups {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatch: Dispatch,
    telemetry: Arc<Telemetry>,
    live: Arc<Live>,
    /// A request that was taken from the queue and found its group full.
    left_over: Option<Request>,
}

impl Groups {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(group) = self.next_group(&mut requests).await {
            self.accept(group).await;
        }
    }

    async fn next_group(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<Vec<Request>> {
        let first = match self.left_over.take() {
            Some(request) => request,
            None => requests.recv().await?,
        };
        let mut events = first.events.len();
        let mut group = vec![first];
        while group.len() < GROUP_REQUESTS
            && let Ok(request) = requests.try_recv()
        {
            events += request.events.len();
            if events > GROUP_EVENTS {
                self.left_over = Some(request);
                break;
            }
            group.push(request);
        }
        Some(group)
    }

    async fn accept(&self, group: Vec<Request>) {
        let (batches, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|request| (request.events, request.answer))
            .unzip();
        // Arcs inside: the copy is for the scheduler, once the store has them.
        let copies = batches.clone();
        match self.store.accept(self.clock.now(), batches).await {
            Ok(results) => self.accepted(&copies, results, answers),
            Err(error) => {
                tracing::error!(%error, "event.accept");
                self.live.accepted(std::iter::empty());
                for answer in answers {
                    answer.send(Err(error.clone())).ok();
                }
            }
        }
    }

    /// One message for the whole group, then the publishers' answers.
    fn accepted(
        &self,
        requests: &[Vec<Acceptance>],
        results: Vec<Result<Vec<Accepted>, NotAccepted>>,
        answers: Vec<oneshot::Sender<Answer>>,
    ) {
        let mut fresh = Vec::new();
        for (events, result) in requests.iter().zip(&results) {
            let Ok(accepted) = result else { continue };
            for (event, accepted) in events.iter().zip(accepted) {
                if *accepted == Accepted::New {
                    self.telemetry.event_accepted(event.subscriptions.len());
                    fresh.extend(event.owed());
                }
            }
        }
        self.dispatch.tell(Input::Accepted(fresh));
        // What was replayed is old to its listeners, and costs them a look.
        self.live.accepted(requests.iter().flatten());
        for (answer, result) in answers.into_iter().zip(results) {
            // A publisher that has gone away has its event on disk all the same.
            answer.send(Ok(result)).ok();
        }
    }
}
