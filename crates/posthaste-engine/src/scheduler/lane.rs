//! A lane for each subscription, and the ring in which those that may send take turns.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use posthaste::{
    delivery::{Health, PauseReason},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};

use crate::subscribers::Subscriber;

/// What the store has on the shelf for a subscription, as far as is known.
#[derive(Clone, Copy, Debug, Default)]
struct Shelf {
    /// Deliveries on their way there: decided, and not written yet.
    on_the_way: usize,
    /// Something is there that was not asked for.
    filled: bool,
    asked: bool,
}

#[derive(Debug)]
pub struct Lane {
    pub subscriber: Arc<Subscriber>,
    /// As the scheduler sees it: a pause that it decided holds before the configuration says so.
    pub status: SubscriptionStatus,
    pub health: Health,
    queue: VecDeque<(DeliveryId, usize)>,
    /// Bytes of the events in the queue.
    bytes: usize,
    /// Sent whatever the status, and before the others.
    tests: VecDeque<DeliveryId>,
    in_flight: u32,
    shelf: Shelf,
    in_ring: bool,
}

impl Lane {
    fn new(subscriber: Arc<Subscriber>, shelved: bool) -> Self {
        Self {
            status: subscriber.subscription.status,
            health: subscriber.health(),
            queue: VecDeque::new(),
            bytes: 0,
            tests: VecDeque::new(),
            in_flight: 0,
            shelf: Shelf {
                filled: shelved,
                ..Shelf::default()
            },
            in_ring: false,
            subscriber,
        }
    }

    /// Deliveries in its queue, and the bytes of their events.
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.len(), self.bytes)
    }

    /// Whether older deliveries wait on the shelf, behind which new ones stand.
    pub fn has_shelf(&self) -> bool {
        self.shelf.on_the_way > 0 || self.shelf.filled || self.shelf.asked
    }

    fn take(&mut self) -> Option<DeliveryId> {
        if let Some(test) = self.tests.pop_front() {
            return Some(test);
        }
        let (delivery, bytes) = self.queue.pop_front()?;
        self.bytes -= bytes;
        Some(delivery)
    }

    fn empty(&mut self) -> VecDeque<DeliveryId> {
        self.bytes = 0;
        self.queue.drain(..).map(|(delivery, _)| delivery).collect()
    }

    fn is_active(&self) -> bool {
        self.status == SubscriptionStatus::Active
    }

    fn may_send(&self) -> bool {
        let slot = self.in_flight < self.subscriber.subscription.max_in_flight;
        !self.tests.is_empty() || (slot && self.is_active() && !self.queue.is_empty())
    }

    /// Whether what is there is to be fetched: to be sent, or to be discarded.
    fn wants_shelf(&self) -> bool {
        let paused = matches!(self.status, SubscriptionStatus::Paused(_));
        self.shelf.filled && !self.shelf.asked && !paused
    }
}

/// All lanes, and whose turn it is.
#[derive(Debug, Default)]
pub struct Lanes {
    by_subscription: HashMap<SubscriptionId, Lane>,
    /// Those that may send, each once.
    ring: VecDeque<SubscriptionId>,
    /// Those whose shelf is to be fetched.
    shelves: BTreeSet<SubscriptionId>,
}

impl Lanes {
    pub fn get(&self, id: SubscriptionId) -> Option<&Lane> {
        self.by_subscription.get(&id)
    }

    pub fn add(&mut self, subscriber: Arc<Subscriber>, shelved: bool) {
        let id = subscriber.subscription.id;
        self.by_subscription
            .insert(id, Lane::new(subscriber, shelved));
        self.turn(id);
    }

    /// The subscription is new or another. What was queued comes back if it may not be sent now.
    pub fn change(&mut self, subscriber: Arc<Subscriber>, resumed: bool) -> VecDeque<DeliveryId> {
        let id = subscriber.subscription.id;
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            self.add(subscriber, false);
            return VecDeque::new();
        };
        lane.status = subscriber.subscription.status;
        lane.subscriber = subscriber;
        if resumed {
            lane.health = lane.health.resumed();
        }
        self.emptied(id)
    }

    /// Nothing of it is sent from now on; what was queued comes back.
    pub fn pause(&mut self, id: SubscriptionId, reason: PauseReason) -> VecDeque<DeliveryId> {
        if let Some(lane) = self.by_subscription.get_mut(&id) {
            lane.status = SubscriptionStatus::Paused(reason);
        }
        self.emptied(id)
    }

    fn emptied(&mut self, id: SubscriptionId) -> VecDeque<DeliveryId> {
        self.turn(id);
        match self.by_subscription.get_mut(&id) {
            Some(lane) if !lane.is_active() => lane.empty(),
            _ => VecDeque::new(),
        }
    }

    pub fn remove(&mut self, id: SubscriptionId) -> VecDeque<DeliveryId> {
        self.shelves.remove(&id);
        let Some(mut lane) = self.by_subscription.remove(&id) else {
            return VecDeque::new();
        };
        let queue = lane.empty();
        lane.tests.extend(queue);
        lane.tests
    }

    pub fn push(&mut self, id: SubscriptionId, delivery: DeliveryId, bytes: usize) {
        if let Some(lane) = self.by_subscription.get_mut(&id) {
            lane.queue.push_back((delivery, bytes));
            lane.bytes += bytes;
        }
        self.turn(id);
    }

    pub fn push_test(&mut self, id: SubscriptionId, delivery: DeliveryId) {
        if let Some(lane) = self.by_subscription.get_mut(&id) {
            lane.tests.push_back(delivery);
        }
        self.turn(id);
    }

    /// The next delivery to send: one of each lane in turn.
    pub fn next(&mut self) -> Option<(DeliveryId, Arc<Subscriber>)> {
        while let Some(id) = self.ring.pop_front() {
            let Some(lane) = self.by_subscription.get_mut(&id) else {
                continue;
            };
            lane.in_ring = false;
            if !lane.may_send() {
                continue;
            }
            let delivery = lane.take()?;
            lane.in_flight += 1;
            let subscriber = lane.subscriber.clone();
            self.turn(id);
            return Some((delivery, subscriber));
        }
        None
    }

    /// An attempt of it ended, with this health after it.
    pub fn ended(&mut self, id: SubscriptionId, health: Option<Health>) {
        if let Some(lane) = self.by_subscription.get_mut(&id) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            lane.health = health.unwrap_or(lane.health);
        }
        self.turn(id);
    }

    /// A delivery of it is on its way to the shelf.
    pub fn shelving(&mut self, id: SubscriptionId) {
        if let Some(lane) = self.by_subscription.get_mut(&id) {
            lane.shelf.on_the_way += 1;
        }
    }

    /// So many of them are there. Says whether there is such a lane.
    pub fn shelved(&mut self, id: SubscriptionId, count: usize) -> bool {
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            return false;
        };
        lane.shelf.on_the_way = lane.shelf.on_the_way.saturating_sub(count);
        lane.shelf.filled = true;
        self.turn(id);
        true
    }

    /// The answer to a question for its shelf came. Says whether there is such a lane.
    pub fn unshelved(&mut self, id: SubscriptionId, more: bool) -> bool {
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            return false;
        };
        lane.shelf.asked = false;
        lane.shelf.filled |= more;
        self.turn(id);
        true
    }

    /// The lane whose queue measures most.
    pub fn longest(
        &self,
        measure: impl Fn((usize, usize)) -> usize,
    ) -> Option<(SubscriptionId, usize)> {
        let lanes = self.by_subscription.iter();
        let measured = lanes.map(|(id, lane)| (*id, measure(lane.queued())));
        // By id where two are equal, so that no hash order decides.
        measured.max_by_key(|(id, share)| (*share, *id))
    }

    /// Takes the later half out of a queue.
    pub fn cut_in_half(&mut self, id: SubscriptionId) -> VecDeque<DeliveryId> {
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            return VecDeque::new();
        };
        let tail = lane.queue.split_off(lane.queue.len() / 2);
        lane.bytes -= tail.iter().map(|(_, bytes)| bytes).sum::<usize>();
        tail.into_iter().map(|(delivery, _)| delivery).collect()
    }

    /// The next lane with a filled shelf and less than `low` in its queue; it counts as asked for.
    pub fn next_shelf(&mut self, low: usize) -> Option<SubscriptionId> {
        let lanes = &mut self.by_subscription;
        let id = *self.shelves.iter().find(|id| {
            let lane = lanes.get(id);
            lane.is_some_and(|lane| lane.queue.len() < low)
        })?;
        self.shelves.remove(&id);
        let lane = lanes.get_mut(&id)?;
        lane.shelf.asked = true;
        lane.shelf.filled = false;
        Some(id)
    }

    /// Puts the lane where it belongs now: into the ring, and among those whose shelf is wanted.
    fn turn(&mut self, id: SubscriptionId) {
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            return;
        };
        if lane.may_send() && !lane.in_ring {
            lane.in_ring = true;
            self.ring.push_back(id);
        }
        if lane.wants_shelf() {
            self.shelves.insert(id);
        } else if !self.shelves.is_empty() {
            self.shelves.remove(&id);
        }
    }
}
