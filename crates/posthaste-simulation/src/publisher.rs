//! Publishers, and the node's intake: what is published while a group is being committed is the
//! next group, as in the engine's own intake.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{
    event::{Event, EventDetails, EventType},
    id::SubscriptionId,
    json::RawJson,
};
use posthaste_engine::scheduler::Input;
use posthaste_store::{
    Store,
    record::{Acceptance, Accepted, EventSummary, Idempotency, NotAccepted},
};

use crate::{
    bug::Bug,
    disk::ready,
    node::Request,
    world::{Call, Own, Step, World},
};

/// How long a key is remembered.
const DEDUP_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// A publish that is not answered yet.
#[derive(Clone, Debug)]
pub struct Publishing {
    pub tenant: usize,
    /// The ordering key of each of its events.
    lines: Vec<Option<u64>>,
    /// With a key, it may be repeated whatever became of it.
    key: Option<u64>,
    /// What is published under the key.
    body: u64,
    /// In the hands of a node.
    pub handed_in: bool,
}

impl World {
    pub fn publish(&mut self, producer: usize) {
        if self.healed {
            return;
        }
        let interval = self.scenario.producers[producer].interval;
        let next = interval.mul_f64(2.0 * self.dice.producers.draw());
        self.agenda.after(next, Step::Publish(producer));
        let quiet = self.scenario.quiet.is_some() && producer == 0;
        let burst = self.scenario.classes.bursts && !quiet && self.dice.producers.happens(6);
        let count = match burst {
            true => self.dice.producers.between(50, 250),
            false => 1,
        };
        for _ in 0..count {
            let wait = self.dice.producers.millis(0, if burst { 300 } else { 0 });
            let publishing = self.begin(producer);
            self.agenda.after(wait, Step::PublishAgain(publishing));
        }
    }

    /// Thinks of a publish, and with a key, now and then of another that races it.
    fn begin(&mut self, producer: usize) -> u64 {
        let dice = &mut self.dice.producers;
        let producer = self.scenario.producers[producer];
        let events = if dice.happens(50) {
            dice.between(2, 12)
        } else {
            1
        };
        let lines = (0..events).map(|_| (producer.lines > 0).then(|| dice.below(producer.lines)));
        let lines = lines.collect();
        self.asked += 1;
        let keyed = self.scenario.classes.idempotency && dice.happens(700);
        // Small numbers, so that tenants come upon each other's.
        let key = keyed.then(|| match dice.happens(100) {
            true => dice.below(1 + self.asked),
            false => self.asked / self.scenario.tenants.len() as u64,
        });
        let publishing = Publishing {
            tenant: producer.tenant,
            lines,
            key,
            body: events * 2 + u64::from(dice.happens(30)),
            handed_in: false,
        };
        let number = self.asked;
        if keyed && dice.happens(60) {
            let wait = dice.millis(0, 30);
            self.asked += 1;
            self.publishing.insert(self.asked, publishing.clone());
            self.agenda.after(wait, Step::PublishAgain(self.asked));
        }
        self.publishing.insert(number, publishing);
        number
    }

    pub fn publish_again(&mut self, number: u64) {
        let Some(publishing) = self.publishing.get_mut(&number) else {
            return;
        };
        if publishing.handed_in {
            return;
        }
        if self.node.is_none() || self.is_overloaded() {
            return self.again_later(number);
        }
        self.publishing
            .get_mut(&number)
            .expect("it is here")
            .handed_in = true;
        let events = self.acceptances(number);
        if self.bug == Some(Bug::AckBeforeCommit) {
            for event in &events {
                self.model.acked(event.event.id);
            }
        }
        self.hand_in(Request {
            publishing: number,
            events,
        });
    }

    pub fn hand_in(&mut self, request: Request) {
        let node = self.node.as_mut().expect("there is one");
        node.intake.push_back(request);
        self.next_group();
    }

    pub fn again_later(&mut self, number: u64) {
        let wait = self.dice.producers.seconds(1, 5);
        self.agenda.after(wait, Step::PublishAgain(number));
    }

    /// As the engine refuses publishers while too much has no row yet.
    fn is_overloaded(&self) -> bool {
        let bound = self.scenario.bounds.deliveries as u64;
        self.disk.store.unparked() > bound * 2
    }

    fn acceptances(&mut self, number: u64) -> Vec<Acceptance> {
        let now = self.node_now();
        let publishing = self.publishing[&number].clone();
        let tenant = self.tenant(publishing.tenant);
        let event_type: EventType = "memory.created".parse().expect("a type");
        let node = self.node.as_ref().expect("there is one");
        let snapshot = node.subscribers.now();
        let view = &snapshot.tenants[&tenant];
        let takers: Arc<[SubscriptionId]> = view.takers(&event_type, None).into();
        let owed = u32::try_from(takers.len()).expect("a few");
        let owed = vec![owed; publishing.lines.len()];
        let ids = self.disk.store.reserve(now, &owed);
        let events = ids.into_iter().zip(&publishing.lines).zip(0..);
        let made = events.map(|((id, line), index)| Acceptance {
            event: Arc::new(Event {
                id,
                tenant: tenant.clone(),
                event_type: event_type.clone(),
                details: EventDetails {
                    ordering_key: line.map(|line| format!("line-{line}")),
                    ..EventDetails::default()
                },
                data: RawJson::trusted(Bytes::from(format!("{{\"n\":{number}}}"))),
            }),
            subscriptions: takers.clone(),
            idempotency: publishing.key.map(|key| Idempotency {
                key: bytes_of(key, index),
                body: bytes_of(publishing.body, index),
                expires_at: now + DEDUP_WINDOW,
            }),
        });
        made.collect()
    }

    /// Commits what was handed in, unless a group is under way.
    fn next_group(&mut self) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        if node.committing || node.intake.is_empty() {
            return;
        }
        node.committing = true;
        let group = node.intake.drain(..).collect();
        self.ask_store(Call::Accept(group));
    }

    pub fn commit_publishes(&mut self, requests: Vec<Request>) {
        if self.disk.refuses(self.agenda.now) {
            return self.refuse_publishes(requests);
        }
        let now = self.node_now();
        let batches: Vec<_> = requests.iter().map(|r| r.events.clone()).collect();
        self.note(format_args!("store accepts {} requests", batches.len()));
        let results = self.accept(now, batches);
        let mut answers = Vec::with_capacity(results.len());
        for (request, result) in requests.iter().zip(results) {
            answers.push(self.judge(now, request, result));
        }
        self.store_answers(Own::Accepted(requests, answers));
    }

    fn accept(
        &mut self,
        now: posthaste::clock::Timestamp,
        batches: Vec<Vec<Acceptance>>,
    ) -> Vec<Result<Vec<Accepted>, NotAccepted>> {
        let copies = batches.clone();
        let accepted = ready(self.disk.store.accept(now, batches));
        let mut accepted = accepted.expect("the model in memory accepts");
        if self.bug == Some(Bug::KeyNotScopedByTenant) {
            self.share_keys(&copies, &mut accepted);
        }
        accepted
    }

    /// Answers with what the same key made before, whosever it was.
    fn share_keys(
        &mut self,
        batches: &[Vec<Acceptance>],
        results: &mut [Result<Vec<Accepted>, NotAccepted>],
    ) {
        for (batch, result) in batches.iter().zip(results) {
            for (item, answer) in batch.iter().zip(result.iter_mut().flatten()) {
                let Some(used) = &item.idempotency else {
                    continue;
                };
                let first = EventSummary {
                    id: item.event.id,
                    event_type: item.event.event_type.clone(),
                    details: item.event.details.clone(),
                    deliveries: 0,
                };
                let first = self.shared_keys.entry(used.key).or_insert(first);
                if first.id != item.event.id {
                    *answer = Accepted::Replayed(first.clone());
                }
            }
        }
    }

    fn judge(
        &mut self,
        now: posthaste::clock::Timestamp,
        request: &Request,
        result: Result<Vec<Accepted>, NotAccepted>,
    ) -> Option<Vec<Accepted>> {
        let accepted = match result {
            Ok(accepted) => accepted,
            Err(NotAccepted::IdempotencyConflict { index }) => {
                self.model.conflicted(now, &request.events, index);
                return None;
            }
            Err(NotAccepted::NoTenant) => unreachable!("no tenant of a world is deleted"),
        };
        for (event, accepted) in request.events.iter().zip(&accepted) {
            match accepted {
                Accepted::New => self.model.committed(now, event),
                Accepted::Replayed(first) => self.model.replayed(now, event, first.id),
            }
        }
        Some(accepted)
    }

    fn refuse_publishes(&mut self, requests: Vec<Request>) {
        self.totals.faults += 1;
        self.note(format_args!("store refuses {} requests", requests.len()));
        for request in requests {
            let ids: Vec<_> = request.events.iter().map(|e| e.event.id).collect();
            self.disk.store.release(&ids);
            if let Some(publishing) = self.publishing.get_mut(&request.publishing) {
                publishing.handed_in = false;
                self.again_later(request.publishing);
            }
        }
        self.group_is_done();
    }

    fn group_is_done(&mut self) {
        if let Some(node) = self.node.as_mut() {
            node.committing = false;
        }
        self.next_group();
    }

    /// The node hears that a group is on disk: the scheduler first, then the publishers.
    pub fn accepted(&mut self, requests: &[Request], answers: Vec<Option<Vec<Accepted>>>) {
        let mut fresh = Vec::new();
        for (request, answer) in requests.iter().zip(answers) {
            for (event, accepted) in request.events.iter().zip(answer.iter().flatten()) {
                if *accepted == Accepted::New {
                    fresh.extend(event.owed());
                }
            }
            self.answer(request, answer.unwrap_or_default());
        }
        if !fresh.is_empty() {
            self.soon(Duration::ZERO, Own::Tell(Input::Accepted(fresh)));
        }
        self.group_is_done();
    }

    /// The publisher gets its 2xx, or its answer is lost and it asks again under its key.
    fn answer(&mut self, request: &Request, accepted: Vec<Accepted>) {
        let lost = self.dice.producers.happens(10);
        let keyed = request.events.iter().any(|e| e.idempotency.is_some());
        if lost && keyed {
            if let Some(publishing) = self.publishing.get_mut(&request.publishing) {
                publishing.handed_in = false;
                self.again_later(request.publishing);
            }
            return;
        }
        for (event, accepted) in request.events.iter().zip(accepted) {
            let id = match accepted {
                Accepted::New => event.event.id,
                Accepted::Replayed(first) => first.id,
            };
            self.model.acked(id);
            self.totals.events += 1;
        }
        self.publishing.remove(&request.publishing);
    }

    /// What a crash does to publishers: those with a key repeat, the others never know.
    pub fn hang_up(&mut self) {
        let waiting = self.publishing.iter().filter(|(_, p)| p.handed_in);
        let numbers: Vec<u64> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            let publishing = self.publishing.get_mut(&number).expect("it is here");
            if publishing.key.is_none() {
                self.publishing.remove(&number);
                continue;
            }
            publishing.handed_in = false;
            self.again_later(number);
        }
    }
}

/// Stands for a hash.
fn bytes_of(number: u64, index: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..16].copy_from_slice(&index.to_le_bytes());
    bytes
}
