//! All lanes, and whose turn it is: tenants take turns, and within a tenant its subscriptions.
//!
//! The two classes of attempts take turns too, and heavy ones never hold more than two thirds of the
//! slots, so that a backlog leaves new events their share. No tenant holds more than eight times the
//! slots that it leaves free, of either class, and no subscription more than twice what its tenant
//! may still take, so that however many hang, some are left for the others.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use posthaste::{
    clock::Timestamp,
    event::{Line, TenantId},
    id::{DeliveryId, SubscriptionId},
    subscription::Ordering,
};

use super::{
    ShelfPart,
    class::Class,
    lane::{Lane, Outgoing},
    parcel::Parcel,
};
use crate::subscribers::Subscriber;

/// A tenant may hold so many times what is still free, of slots and of memory.
pub const TENANT_SHARE: usize = 8;
/// A subscription may hold so many times the slots that its tenant may still take.
const LANE_SHARE: usize = 2;
/// Lanes or shelves that are passed over before others are looked at, at the next occasion.
const PASSED_OVER_MAX: usize = 32;

/// Slots for attempts that are free now.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    pub free: usize,
    /// Of these, for heavy ones.
    pub heavy: usize,
}

/// A tenant's lanes that may send, and what is under way.
#[derive(Debug, Default)]
struct Turns {
    in_flight: usize,
    heavy: usize,
    /// By class, each lane once.
    rings: [VecDeque<SubscriptionId>; 2],
    /// Whether it stands in the ring of tenants, by class.
    listed: [bool; 2],
}

impl Turns {
    /// Slots that the tenant may still take for attempts of this class.
    fn left(&self, class: Class, slots: Slots) -> usize {
        let share = |free: usize, held: usize| (free * TENANT_SHARE).saturating_sub(held);
        let all = share(slots.free, self.in_flight);
        match class {
            Class::Light => all,
            Class::Heavy => all.min(share(slots.heavy, self.heavy)),
        }
    }
}

#[derive(Debug, Default)]
pub struct Lanes {
    by_subscription: HashMap<SubscriptionId, Lane>,
    by_tenant: HashMap<TenantId, Turns>,
    /// Tenants with a lane that may send, by class.
    rings: [VecDeque<TenantId>; 2],
    turn: Option<Class>,
    /// Those whose shelf is to be fetched.
    shelves: VecDeque<SubscriptionId>,
    timers: BTreeSet<(Timestamp, SubscriptionId)>,
    /// All that was accepted before the start is known.
    settled: bool,
}

impl Lanes {
    pub fn get(&self, id: SubscriptionId) -> Option<&Lane> {
        self.by_subscription.get(&id)
    }

    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// All that was accepted before the start is known: where order is kept, sending begins.
    pub fn settle(&mut self, now: Timestamp) {
        self.settled = true;
        let mut ids: Vec<_> = self.by_subscription.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.turn(id, now));
    }

    pub fn add(&mut self, subscriber: Arc<Subscriber>, shelved: bool, now: Timestamp) {
        let id = subscriber.subscription.id;
        // Where order is kept, what is recovered goes through the shelf.
        let ordered = subscriber.subscription.ordering == Ordering::Fifo;
        let expected = ordered && !self.settled;
        let lane = Lane::new(subscriber, shelved || expected, now);
        self.by_subscription.insert(id, lane);
        self.turn(id, now);
    }

    /// Changes a lane, and puts it where it belongs then. None where there is no such lane.
    pub fn with<T>(
        &mut self,
        id: SubscriptionId,
        now: Timestamp,
        change: impl FnOnce(&mut Lane) -> T,
    ) -> Option<T> {
        let lane = self.by_subscription.get_mut(&id)?;
        let changed = change(lane);
        self.turn(id, now);
        Some(changed)
    }

    /// The subscription is new or another. What was queued comes back if it may not be sent so.
    pub fn change(
        &mut self,
        subscriber: Arc<Subscriber>,
        resumed: bool,
        under_way: impl FnOnce() -> Vec<Line>,
        now: Timestamp,
    ) -> Vec<Parcel> {
        let id = subscriber.subscription.id;
        if !self.by_subscription.contains_key(&id) {
            self.add(subscriber, false, now);
            return Vec::new();
        }
        let changed = self.with(id, now, |lane| {
            if resumed {
                lane.forgive();
            }
            lane.change(subscriber, under_way, now)
        });
        changed.unwrap_or_default()
    }

    pub fn remove(&mut self, id: SubscriptionId) -> Vec<Parcel> {
        let lane = self.by_subscription.remove(&id);
        lane.map_or_else(Vec::new, |mut lane| lane.empty())
    }

    /// The next request, of the class whose turn it is: one of each tenant, and of each of its
    /// lanes, in turn.
    pub fn next(
        &mut self,
        now: Timestamp,
        slots: Slots,
    ) -> Option<(Outgoing, Arc<Subscriber>, Class)> {
        let class = self.turn.map_or(Class::Light, Class::other);
        let (class, outgoing, subscriber) = [class, class.other()]
            .into_iter()
            .filter(|class| *class == Class::Light || slots.heavy > 0)
            .find_map(|class| {
                let (outgoing, subscriber) = self.next_of(class, now, slots)?;
                Some((class, outgoing, subscriber))
            })?;
        self.turn = Some(class);
        Some((outgoing, subscriber, class))
    }

    fn next_of(
        &mut self,
        class: Class,
        now: Timestamp,
        slots: Slots,
    ) -> Option<(Outgoing, Arc<Subscriber>)> {
        let ring = class as usize;
        for _ in 0..self.rings[ring].len() {
            let tenant = self.rings[ring].pop_front()?;
            let turns = self.by_tenant.get_mut(&tenant)?;
            let left = turns.left(class, slots);
            if left == 0 {
                self.rings[ring].push_back(tenant);
                continue;
            }
            turns.listed[ring] = false;
            let taken = self.next_of_tenant(&tenant, class, left, now);
            self.list_tenant(&tenant, ring);
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    fn next_of_tenant(
        &mut self,
        tenant: &TenantId,
        class: Class,
        left: usize,
        now: Timestamp,
    ) -> Option<(Outgoing, Arc<Subscriber>)> {
        let turns = self.by_tenant.get_mut(tenant)?;
        let mut passed_over = 0;
        while passed_over < PASSED_OVER_MAX
            && let Some(id) = turns.rings[class as usize].pop_front()
        {
            let Some(lane) = self.by_subscription.get_mut(&id) else {
                continue;
            };
            if lane.in_flight() >= left * LANE_SHARE {
                turns.rings[class as usize].push_back(id);
                passed_over += 1;
                continue;
            }
            lane.listed[class as usize] = false;
            if !lane.may_send(class, now) {
                continue;
            }
            let taken = lane.take(class, now);
            let subscriber = lane.subscriber.clone();
            if let Some(outgoing) = taken {
                turns.in_flight += 1;
                turns.heavy += usize::from(class == Class::Heavy);
                self.turn(id, now);
                return Some((outgoing, subscriber));
            }
            schedule(&mut self.timers, lane, now);
        }
        None
    }

    fn list_tenant(&mut self, tenant: &TenantId, ring: usize) {
        if let Some(turns) = self.by_tenant.get_mut(tenant)
            && !turns.listed[ring]
            && !turns.rings[ring].is_empty()
        {
            turns.listed[ring] = true;
            self.rings[ring].push_back(tenant.clone());
        }
    }

    /// A slot that a tenant held is free.
    pub fn slot_freed(&mut self, tenant: &TenantId, class: Class) {
        if let Some(turns) = self.by_tenant.get_mut(tenant) {
            turns.in_flight -= 1;
            turns.heavy -= usize::from(class == Class::Heavy);
        }
    }

    /// The lane whose queue measures most.
    pub fn longest(
        &self,
        measure: impl Fn((usize, usize)) -> usize,
    ) -> Option<(SubscriptionId, usize)> {
        let lanes = self.by_subscription.iter();
        let measured = lanes.map(|(id, lane)| (*id, measure(lane.queue.queued())));
        // By id where two are equal, so that no hash order decides.
        measured.max_by_key(|(id, share)| (*share, *id))
    }

    /// The next shelf to fetch, of a lane that is low and finds room; it counts as asked for. And how
    /// many deliveries are worth fetching.
    pub fn next_shelf(
        &mut self,
        low: usize,
        free: usize,
        now: Timestamp,
        has_room: impl Fn(&Lane) -> bool,
    ) -> Option<(SubscriptionId, ShelfPart, usize)> {
        for _ in 0..self.shelves.len().min(PASSED_OVER_MAX) {
            let id = self.shelves.pop_front()?;
            let Some(lane) = self.by_subscription.get_mut(&id) else {
                continue;
            };
            lane.wants_listed = false;
            let asked = match lane.is_low(low, free) && lane.wants_shelf() && has_room(lane) {
                true => lane.queue.ask(),
                false => None,
            };
            let appetite = lane.appetite();
            self.turn(id, now);
            if let Some(part) = asked {
                return Some((id, part, appetite));
            }
        }
        None
    }

    /// Lanes whose time has come are looked at again.
    pub fn wake(&mut self, now: Timestamp) {
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let woken = |lane: &mut Lane| {
                lane.wakes_at = lane.wakes_at.filter(|wakes_at| *wakes_at != at);
                lane.wake(now);
            };
            self.with(id, now, woken);
        }
    }

    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Puts the lane where it belongs now: into the rings, among those whose shelf is wanted, and
    /// among the timers.
    fn turn(&mut self, id: SubscriptionId, now: Timestamp) {
        let Some(lane) = self.by_subscription.get_mut(&id) else {
            return;
        };
        let settled = self.settled || !lane.queue.keeps_order();
        let low = lane.is_low(usize::MAX, usize::MAX);
        if settled && low && !lane.wants_listed && lane.wants_shelf() {
            lane.wants_listed = true;
            self.shelves.push_back(id);
        }
        schedule(&mut self.timers, lane, now);
        for class in [Class::Light, Class::Heavy] {
            let ring = class as usize;
            let Some(lane) = self.by_subscription.get_mut(&id) else {
                return;
            };
            if lane.listed[ring] || !lane.may_send(class, now) {
                continue;
            }
            lane.listed[ring] = true;
            let tenant = lane.subscriber.subscription.tenant.clone();
            let turns = self.by_tenant.entry(tenant.clone()).or_default();
            turns.rings[ring].push_back(id);
            self.list_tenant(&tenant, ring);
        }
    }

    /// These deliveries of it are on the shelf, or gone for good. Says whether there is such a lane.
    pub fn shelved(&mut self, id: SubscriptionId, ids: &[DeliveryId], now: Timestamp) -> bool {
        self.with(id, now, |lane| lane.queue.shelved(ids, now))
            .is_some()
    }
}

/// A lane has one timer at most.
fn schedule(timers: &mut BTreeSet<(Timestamp, SubscriptionId)>, lane: &mut Lane, now: Timestamp) {
    let id = lane.subscriber.subscription.id;
    let wakes_at = lane.next_wake(now);
    if wakes_at == lane.wakes_at {
        return;
    }
    if let Some(before) = lane.wakes_at.take() {
        timers.remove(&(before, id));
    }
    lane.wakes_at = wakes_at;
    timers.extend(wakes_at.map(|at| (at, id)));
}
