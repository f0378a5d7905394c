//! The dispatch loop: tells the scheduler what happened, and carries out what it says.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    delivery::{FailureClass, Outcome},
    id::{DeliveryId, EventId, SubscriptionId},
    transport::{Answer, TransportError},
};
use posthaste_engine::{
    delivery::{
        chain::{self, Chains},
        dispatch::take,
        group::{Decided, ENOUGH},
    },
    scheduler::{Assignment, Effect, Finished, Input, ShelfPart},
};
use posthaste_store::{
    Page, Store,
    record::{Attempt, Settlement, Waiting},
};

use crate::{
    bug::Bug,
    disk::ready,
    node::{Recovery, Settling},
    world::{Call, Own, Step, World},
};

/// How long the first outcome of a group waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// The wait before a store that refused is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Deliveries of one page of recovery, about.
const PAGE: usize = 1000;

/// A request on its way.
#[derive(Debug)]
pub struct Flight {
    pub life: u64,
    deliveries: Vec<DeliveryId>,
    subscription: SubscriptionId,
    timeout: Duration,
    /// By the node's clock.
    started: Timestamp,
    number: u32,
    chains: Chains,
    /// What its receiver made of it, once it has heard it.
    pub result: Option<Result<Answer, TransportError>>,
}

impl World {
    pub fn tell(&mut self, mut input: Input) {
        self.trace_input(&input);
        let now = self.node_now();
        self.model.told(now, &input);
        if let Some(bug) = self.bug {
            bug.distort(&mut input);
        }
        let Some(node) = self.node.as_mut() else {
            return;
        };
        let mut effects = std::mem::take(&mut node.effects);
        node.scheduler.handle(now, input, &mut effects);
        let mut decided = Decided::default();
        for effect in effects.drain(..) {
            self.carry_out(now, effect, &mut decided);
        }
        self.keep_together(decided);
        self.node.as_mut().expect("it is still here").effects = effects;
        self.after_turn(now);
    }

    fn after_turn(&mut self, now: Timestamp) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        let load = node.scheduler.load();
        self.model.loaded(&load);
        if load.has_room
            && let Recovery::WantsRoom(after) = node.recovery
        {
            node.recovery = Recovery::Asked;
            self.ask_store(Call::Recover(Some(after)));
        }
        self.gather();
        self.set_alarm(now);
    }

    fn gather(&mut self) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        if node.settling == Settling::Idle && !node.gathered.is_empty() {
            node.settling = Settling::Gathering;
            let enough = node.gathered.len() >= ENOUGH;
            self.soon(if enough { Duration::ZERO } else { GATHER }, Own::Gathered);
        }
    }

    /// The scheduler is told the time when it wants to be.
    fn set_alarm(&mut self, now: Timestamp) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        let wait = node.until_tick(now).max(Duration::from_millis(1));
        let at = self.agenda.now + wait;
        if node.tick_at.is_none_or(|known| at < known) {
            node.tick_at = Some(at);
            self.soon(wait, Own::Tick);
        }
    }

    pub fn tick(&mut self) {
        let now = self.node_now();
        let Some(node) = self.node.as_mut() else {
            return;
        };
        if node.tick_at != Some(self.agenda.now) {
            return;
        }
        node.tick_at = None;
        match node.until_tick(now).is_zero() {
            true => self.tell(Input::Tick),
            // The node's clock is behind the world's stopwatch.
            false => self.set_alarm(now),
        }
    }

    fn carry_out(&mut self, now: Timestamp, effect: Effect, decided: &mut Decided) {
        match effect {
            Effect::Send(assignment) => self.launch(now, &assignment),
            Effect::Settle(settlement) => self.settle(*settlement, decided),
            Effect::Form(settlements) => {
                let first = decided.settlements.len();
                decided.form(self.disk.as_store(), now, settlements);
                self.model.formed(now, &decided.settlements[first..]);
                let batch = decided.settlements[first].batch;
                self.note(format_args!("form {batch:?}"));
            }
            Effect::Health { subscriber, change } => {
                self.model.judged(&change);
                subscriber.set_health(change.health);
                decided.health.push(*change);
            }
            Effect::Alert(alert) => {
                let node = self.node.as_ref().expect("a node decided it");
                decided.alerts.extend(node.alerts.event(&alert));
                self.model.alerted(&alert);
            }
            Effect::TakeDue { at_most } => self.ask_store(Call::TakeDue(at_most)),
            Effect::TakeShelved {
                subscription,
                part,
                at_most,
            } => {
                self.note(format_args!(
                    "ask for {at_most} of {subscription}, {part:?}"
                ));
                self.ask_store(Call::TakeShelved(subscription, part, at_most));
            }
        }
    }

    fn settle(&mut self, settlement: Settlement, decided: &mut Decided) {
        self.model.decided(&settlement);
        let (id, standing) = (settlement.id, settlement.standing);
        self.note(format_args!("settle {id} {standing:?}"));
        if self.bug != Some(Bug::DroppedOnPause) || !self.model.is_held(&settlement) {
            decided.settlements.push(settlement);
        }
    }

    /// What an attempt did to its subscription is written with it.
    fn keep_together(&mut self, decided: Decided) {
        let node = self.node.as_mut().expect("a node decided it");
        if !decided.is_empty() {
            node.gathered.push(decided);
        }
    }

    fn launch(&mut self, now: Timestamp, assignment: &Assignment) {
        self.model.sent(now, assignment);
        self.totals.attempts += 1;
        self.launched += 1;
        let (waiting, number) = (&assignment.waiting, self.launched);
        let rest = assignment.rest.len();
        self.note(format_args!("send {} and {rest} as {number}", waiting.id));
        let all = std::iter::once(waiting).chain(&assignment.rest);
        let flight = Flight {
            life: self.life().expect("a node sends"),
            deliveries: all.map(|waiting| waiting.id).collect(),
            subscription: waiting.subscription,
            timeout: assignment.subscriber.subscription.timeout,
            started: now,
            number: waiting.tries.made + 1,
            chains: Chains::before(assignment, &chain::bodies(assignment)),
            result: None,
        };
        self.flights.insert(number, flight);
        let wait = self.dice.network.millis(1, 40);
        self.agenda.after(wait, Step::Hears(number));
    }

    /// The request reaches its receiver, whether or not its sender is still alive.
    pub fn hear(&mut self, number: u64) -> Result<(), String> {
        let (now, alive) = (self.agenda.now, self.life());
        let Some(flight) = self.flights.get_mut(&number) else {
            return Ok(());
        };
        let receiver = self.receivers.get_mut(&flight.subscription);
        let receiver = receiver.ok_or("a request to nobody")?;
        let reply = receiver.meet(now);
        let (deliveries, life) = (flight.deliveries.clone(), flight.life);
        let alive = alive == Some(life);
        let in_time = reply.after.filter(|after| *after < flight.timeout);
        let wait = in_time.unwrap_or(flight.timeout);
        flight.result = Some(match in_time {
            Some(_) => reply.result,
            None => Err(TransportError {
                class: FailureClass::Timeout,
                detail: String::from("simulated"),
            }),
        });
        for delivery in deliveries {
            let again = self.model.heard(delivery, reply.taken, alive);
            self.totals.repetitions += u64::from(again);
        }
        self.trace.line(
            now.since(crate::world::START),
            format_args!("hear {number} taken {}", reply.taken),
        );
        self.agenda
            .after(wait, Step::In(life, Own::Answered(number)));
        Ok(())
    }

    /// The request's end is known to its sender.
    pub fn land(&mut self, number: u64) {
        let Some(flight) = self.flights.remove(&number) else {
            return;
        };
        let mut result = flight.result.expect("it was heard");
        self.spoil(&mut result);
        let outcome = Outcome::from(&result);
        let now = self.node_now();
        let latency = now.since(flight.started).as_micros();
        let draw = self.dice.jitter.draw();
        let status = result.as_ref().ok().map(|answer| answer.status);
        let refused = status.filter(|status| status / 100 != 2);
        let attempt = Attempt {
            number: flight.number,
            started_at: flight.started,
            latency_us: u64::try_from(latency).unwrap_or(u64::MAX),
            status_code: status,
            error: match result {
                Ok(_) => refused.map(|status| format!("http {status}")),
                Err(error) => Some(error.to_string()),
            },
            ..Attempt::default()
        };
        self.tell(Input::Finished(Box::new(Finished {
            delivery: flight.deliveries[0],
            outcome,
            links: flight.chains.after(&attempt),
            attempt: Box::new(attempt),
            draw,
        })));
    }

    /// What a planted bug makes of an answer, after the model has seen it.
    fn spoil(&mut self, result: &mut Result<Answer, TransportError>) {
        self.model.answered(result);
        match (self.bug, &mut *result) {
            (Some(Bug::RetryAfterIgnored), Ok(answer)) => answer.retry_after = None,
            (Some(Bug::TimeoutIsSuccess), Err(error)) if error.class == FailureClass::Timeout => {
                *result = Ok(Answer {
                    status: 200,
                    ..Answer::default()
                });
            }
            _ => {}
        }
    }

    pub fn take_due(&mut self, at_most: usize) {
        let now = self.node_now();
        let again = Own::Call(Call::TakeDue(at_most));
        if self.bug == Some(Bug::LostWakeUp) && self.dice.trouble.happens(5) {
            return;
        }
        let Some(page) = self.page(again, |store| ready(store.take_due(now, at_most))) else {
            return;
        };
        let mut page = page;
        if self.bug == Some(Bug::BudgetNotSpent) {
            let taken = page.items.iter_mut();
            taken.for_each(|waiting| waiting.tries.spent = 0);
        }
        let next_at = page.next.and_then(|ms| i64::try_from(ms).ok());
        self.store_answers(Own::Tell(Input::Due {
            at_most,
            taken: page.items,
            next_at: next_at.map(Timestamp::from_millis),
        }));
    }

    pub fn take_shelved(&mut self, from: SubscriptionId, part: ShelfPart, at_most: usize) {
        let again = Own::Call(Call::TakeShelved(from, part.clone(), at_most));
        let Some(page) = self.page(again, |store| ready(take(store, from, &part, at_most))) else {
            return;
        };
        self.store_answers(Own::Tell(Input::Shelf {
            subscription: from,
            part,
            at_most,
            next: page.next,
            taken: page.items,
        }));
    }

    pub fn recover(&mut self, after: Option<EventId>) {
        let again = Own::Call(Call::Recover(after));
        let Some(page) = self.page(again, |store| ready(store.recover(after, PAGE))) else {
            return;
        };
        self.store_answers(Own::Recovered(page));
    }

    /// A page of recovery came. The next one is asked for when there is room.
    pub fn recovered(&mut self, page: Page<Waiting>) {
        let node = self.node.as_mut().expect("a node asked");
        node.recovery = match page.next {
            Some(next) => Recovery::WantsRoom(EventId::from_u64(next)),
            None => Recovery::Done,
        };
        self.tell(Input::Accepted(page.items));
        if page.next.is_none() {
            self.tell(Input::Recovered);
        }
    }

    /// What the store hands out, unless it refuses: then it is asked again.
    fn page(
        &mut self,
        again: Own,
        take: impl FnOnce(&dyn Store) -> Result<Page<Waiting>, posthaste_store::StoreError>,
    ) -> Option<Page<Waiting>> {
        if self.disk.refuses(self.agenda.now) {
            self.totals.faults += 1;
            self.soon(ASK_AGAIN, again);
            return None;
        }
        Some(take(self.disk.as_store()).expect("the model in memory answers"))
    }

    fn trace_input(&mut self, input: &Input) {
        match input {
            Input::Accepted(all) => self.note(format_args!("accepted {}", Ids(all))),
            Input::Due { taken, .. } if taken.is_empty() => {}
            Input::Due { taken, .. } => self.note(format_args!("due {}", Ids(taken))),
            Input::Shelf {
                subscription,
                part,
                taken,
                next,
                ..
            } => self.note(format_args!(
                "shelf of {subscription}, {part:?}, next {next:?}: {}",
                Ids(taken)
            )),
            Input::Finished(ended) => {
                self.note(format_args!("end {} {:?}", ended.delivery, ended.outcome));
            }
            Input::Changed {
                subscriber,
                resumed,
            } => {
                let (id, status) = (subscriber.subscription.id, subscriber.subscription.status);
                self.note(format_args!("changed {id} {status:?} resumed {resumed}"));
            }
            Input::Tick => {}
            other => self.note(format_args!("{other:?}")),
        }
    }
}

/// The deliveries of an input, by id.
struct Ids<'a>(&'a [Waiting]);

impl std::fmt::Display for Ids<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, "{} ", one.id))
    }
}
