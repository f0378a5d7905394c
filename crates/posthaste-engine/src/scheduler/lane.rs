//! One subscription as the scheduler sees it, and what keeps it from being sent.

use std::{collections::VecDeque, sync::Arc};

use posthaste::{
    circuit::{Admission, Circuit},
    clock::Timestamp,
    delivery::Health,
    event::Line,
    subscription::{Subscription, SubscriptionStatus},
};

use super::{
    class::Class,
    pace::{Pace, Ramp},
    parcel::Parcel,
    queue::Queue,
};
use crate::subscribers::Subscriber;

/// Deliveries that are fetched for a probe where order is kept: the first ones may not be due.
const PROBE_FETCH: usize = 16;

/// What a lane lets go.
#[derive(Debug)]
pub enum Outgoing {
    Send(Parcel),
    /// To be committed as a batch before it is sent.
    Form(Vec<Parcel>),
}

#[derive(Debug)]
pub struct Lane {
    pub subscriber: Arc<Subscriber>,
    /// As the scheduler sees it: a pause that it decided holds before the configuration says so.
    pub status: SubscriptionStatus,
    pub health: Health,
    pub queue: Queue,
    /// Sent whatever the status, and before the others.
    tests: VecDeque<Parcel>,
    in_flight: u32,
    /// A probe is under way.
    probe_out: bool,
    pace: Pace,
    ramp: Ramp,
    /// Its circuit is open or its receiver asked to wait: what waits is on the shelf.
    shut: bool,
    /// In which rings it stands: of new deliveries, of older ones.
    pub listed: [bool; 2],
    /// It stands among those whose shelf is to be fetched.
    pub wants_listed: bool,
    /// When it is to be looked at again.
    pub wakes_at: Option<Timestamp>,
}

impl Lane {
    pub fn new(subscriber: Arc<Subscriber>, shelved: bool, now: Timestamp) -> Self {
        let health = subscriber.health().restored(now);
        let mut lane = Self {
            status: subscriber.subscription.status,
            health,
            queue: Queue::of(&subscriber.subscription, shelved),
            tests: VecDeque::new(),
            in_flight: 0,
            probe_out: false,
            pace: Pace::default(),
            ramp: if shelved {
                Ramp::begin()
            } else {
                Ramp::default()
            },
            shut: false,
            listed: [false; 2],
            wants_listed: false,
            wakes_at: None,
            subscriber,
        };
        lane.shut = lane.shut_until(now).is_some();
        lane
    }

    fn subscription(&self) -> &Subscription {
        &self.subscriber.subscription
    }

    pub fn is_active(&self) -> bool {
        self.status == SubscriptionStatus::Active
    }

    /// Whether it has fewer than `low` that may leave, or than it is worth to have, and less than
    /// `free` in all.
    pub fn is_low(&self, low: usize, free: usize) -> bool {
        self.queue.is_low(low.min(self.appetite()), free)
    }

    /// Until when nothing is sent: the receiver asked for it, or the circuit is open.
    pub fn shut_until(&self, now: Timestamp) -> Option<Timestamp> {
        let asked = self.health.wait_until.filter(|until| *until > now);
        let open = match self.health.circuit.admits(now) {
            Admission::NothingUntil(probe_at) => Some(probe_at),
            Admission::All | Admission::Probe => None,
        };
        asked.max(open)
    }

    /// One attempt asks whether the endpoint is back.
    fn is_probing(&self) -> bool {
        matches!(self.health.circuit, Circuit::Open { .. })
    }

    /// Whether a delivery may be queued beside those that are: for a probe, one is enough.
    pub fn takes_more(&self, now: Timestamp) -> bool {
        let enough = self.probe_out || self.queue.queued().0 > 0;
        let probed = self.is_probing() && !self.queue.keeps_order() && enough;
        self.shut_until(now).is_none() && !probed
    }

    fn window(&self) -> u32 {
        self.ramp.window(self.subscription().max_in_flight)
    }

    /// Whether a slot of its own is free: for a probe, whatever began before the circuit opened.
    fn has_slot(&self) -> bool {
        match self.is_probing() {
            true => !self.probe_out,
            false => self.in_flight < self.window(),
        }
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight as usize
    }

    /// Deliveries that are worth fetching at once.
    pub fn appetite(&self) -> usize {
        match (self.is_probing(), self.queue.keeps_order()) {
            (true, false) => 1,
            (true, true) => PROBE_FETCH,
            (false, _) if self.ramp.is_over() => usize::MAX,
            (false, _) => PROBE_FETCH.max(4 * self.window() as usize),
        }
    }

    pub fn push_test(&mut self, parcel: Parcel) {
        self.tests.push_back(parcel);
    }

    /// Takes all out for good, tests too.
    pub fn empty(&mut self) -> Vec<Parcel> {
        let mut all = self.queue.drain();
        all.extend(self.tests.drain(..));
        all
    }

    /// Its subscription is another than before. What was queued comes back if it may not be sent,
    /// or not as it was queued. `under_way`: the lines of its requests under way.
    pub fn change(
        &mut self,
        subscriber: Arc<Subscriber>,
        under_way: impl FnOnce() -> Vec<Line>,
        now: Timestamp,
    ) -> Vec<Parcel> {
        let before = self.subscription();
        let after = &subscriber.subscription;
        let requeued = before.ordering != after.ordering || before.batch != after.batch;
        if before.rate_limit != after.rate_limit {
            self.pace = Pace::default();
        }
        self.status = after.status;
        self.subscriber = subscriber;
        if !requeued {
            return self.drain_unless_open(now);
        }
        let drained = self.queue.drain();
        self.queue
            .change(&self.subscriber.subscription, under_way());
        self.shut = self.shut_until(now).is_some();
        drained
    }

    /// Failures are forgiven.
    pub fn forgive(&mut self) {
        self.health = self.health.resumed();
        self.probe_out = false;
        self.ramp = Ramp::begin();
    }

    /// Takes all out where nothing may be sent now.
    pub fn drain_unless_open(&mut self, now: Timestamp) -> Vec<Parcel> {
        self.shut = self.shut_until(now).is_some();
        match self.is_active() && !self.shut {
            true => Vec::new(),
            false => self.queue.drain(),
        }
    }

    /// Time has passed: what was shut may be open again.
    pub fn wake(&mut self, now: Timestamp) {
        if self.shut && self.shut_until(now).is_none() {
            self.opened();
        }
        self.queue.wake(now);
    }

    /// When it is to be looked at again, with nothing happening before.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let paced = self.subscription().rate_limit.map(|_| self.pace.next_at());
        let queued = self.queue.wakes_at(self.subscription().batch.as_ref());
        let times = [self.shut_until(now), paced, queued];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Whether something of this class may leave now.
    pub fn may_send(&self, class: Class, now: Timestamp) -> bool {
        let tests = class == Class::Light && !self.tests.is_empty();
        tests || (self.is_open(now) && self.offers(class, now))
    }

    fn is_open(&self, now: Timestamp) -> bool {
        let paced = self.subscription().rate_limit.is_some() && self.pace.next_at() > now;
        self.is_active() && self.has_slot() && !paced && self.shut_until(now).is_none()
    }

    fn offers(&self, class: Class, now: Timestamp) -> bool {
        match (&self.queue, &self.subscription().batch) {
            (Queue::Fifo(lines), _) => class == self.one_class() && lines.has_ready(),
            (Queue::Loose(loose, _), Some(limits)) => {
                let ripe = loose.ripe_at(limits).is_some_and(|at| at <= now);
                class == self.one_class() && (ripe || loose.has_formed())
            }
            (Queue::Loose(loose, _), None) if self.health.unhealthy => {
                class == Class::Heavy && !loose.is_empty()
            }
            (Queue::Loose(loose, _), None) => loose.has(class),
        }
    }

    /// The class of all it has, where new and old are not told apart. What fails is no better than
    /// a backlog.
    fn one_class(&self) -> Class {
        let behind = match &self.queue {
            Queue::Fifo(lines) => lines.is_catching_up(),
            Queue::Loose(loose, _) => loose.has(Class::Heavy),
        };
        match self.health.unhealthy || behind {
            true => Class::Heavy,
            false => Class::Light,
        }
    }

    /// Lets the next one of a class go; it is under way from now on.
    pub fn take(&mut self, class: Class, now: Timestamp) -> Option<Outgoing> {
        let probing = self.is_probing();
        let (outgoing, is_test) = self.next(class, now)?;
        self.in_flight += 1;
        self.probe_out |= probing && !is_test;
        if let Some(limit) = self.subscription().rate_limit {
            self.pace.sent(now, limit);
        }
        Some(outgoing)
    }

    /// The next one, and whether it is a test.
    fn next(&mut self, class: Class, now: Timestamp) -> Option<(Outgoing, bool)> {
        let batches = self.subscription().batch.is_some();
        if class == Class::Light
            && let Some(test) = self.tests.pop_front()
        {
            return Some((outgoing(vec![test], batches), true));
        }
        let queued = self.is_open(now).then(|| self.next_queued(class, now));
        Some((queued.flatten()?, false))
    }

    fn next_queued(&mut self, class: Class, now: Timestamp) -> Option<Outgoing> {
        let batch = self.subscription().batch;
        let unhealthy = self.health.unhealthy;
        match (&mut self.queue, batch) {
            (Queue::Fifo(lines), batch) => {
                let taken = lines.take(now, batch.as_ref())?;
                Some(outgoing(taken, batch.is_some()))
            }
            (Queue::Loose(loose, _), Some(limits)) => {
                let formed = loose.take_formed().map(Outgoing::Send);
                formed.or_else(|| Some(outgoing(loose.gather(&limits), true)))
            }
            (Queue::Loose(loose, _), None) if unhealthy => loose.take_any().map(Outgoing::Send),
            (Queue::Loose(loose, _), None) => loose.take(class).map(Outgoing::Send),
        }
    }

    /// A request of it ended; `line` where order is kept.
    pub fn ended(&mut self, line: Option<Line>, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(line) = line {
            self.queue.ended(line, now);
        }
    }

    /// A probe did not leave after all.
    pub fn grounded(&mut self) {
        self.probe_out = false;
    }

    /// Its health after an attempt. What is queued comes back where nothing is sent from now on.
    pub fn fared(&mut self, health: Health, success: bool, now: Timestamp) -> Vec<Parcel> {
        let closed = self.is_probing() && health.circuit == Circuit::Closed;
        self.probe_out &= self.health.circuit == health.circuit;
        self.health = health;
        if closed {
            self.ramp = Ramp::begin();
        } else if success {
            self.ramp = self.ramp.after_success(self.subscription().max_in_flight);
        }
        match (self.shut, self.shut_until(now).is_some()) {
            (false, true) => self.drain_unless_open(now),
            (true, false) => {
                self.opened();
                Vec::new()
            }
            (false, false) | (true, true) => Vec::new(),
        }
    }

    /// What was shut is open again, and begins slowly.
    fn opened(&mut self) {
        self.shut = false;
        self.ramp = Ramp::begin();
    }

    pub fn pause(&mut self, status: SubscriptionStatus, now: Timestamp) -> Vec<Parcel> {
        self.status = status;
        self.drain_unless_open(now)
    }

    /// Whether what is on the shelf is to be fetched: to be sent, or to be discarded.
    pub fn wants_shelf(&self) -> bool {
        let paused = matches!(self.status, SubscriptionStatus::Paused(_));
        let wants = self.queue.wants_shelf(self.is_probing(), self.probe_out);
        wants && !paused && !self.shut
    }
}

/// One delivery, or a batch that exists, is sent; others are made a batch first.
fn outgoing(mut parcels: Vec<Parcel>, batches: bool) -> Outgoing {
    if parcels.len() == 1 && (!batches || parcels[0].batch.is_some()) {
        return Outgoing::Send(parcels.remove(0));
    }
    Outgoing::Form(parcels)
}
