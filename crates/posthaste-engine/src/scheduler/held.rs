//! The deliveries in memory, and which of them have no row in the store yet.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
    time::Duration,
};

use posthaste::{
    clock::Timestamp,
    event::{Line, Origin, TenantId},
    id::{DeliveryId, SubscriptionId},
};
use posthaste_store::record::Waiting;

use super::class::Class;
use crate::subscribers::Subscriber;

/// An attempt under way.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The subscription as it was when the attempt began.
    pub subscriber: Arc<Subscriber>,
    pub class: Class,
}

#[derive(Debug)]
pub struct Held {
    pub waiting: Waiting,
    pub in_flight: Option<Flight>,
    rowed: bool,
    bytes: usize,
}

#[derive(Debug, Default)]
pub struct HeldDeliveries {
    by_id: HashMap<DeliveryId, Held, BuildHasherDefault<IdHasher>>,
    /// When each came that had no row, oldest first; some of them are gone by now.
    arrivals: VecDeque<(Timestamp, DeliveryId)>,
    without_row: usize,
    bytes: usize,
    by_tenant: HashMap<TenantId, usize>,
}

impl HeldDeliveries {
    pub fn insert(&mut self, now: Timestamp, waiting: Waiting, rowed: bool) {
        let id = waiting.id;
        let bytes = Self::bytes_of(&waiting);
        self.bytes += bytes;
        match self.by_tenant.get_mut(&waiting.event.tenant) {
            Some(count) => *count += 1,
            None => drop(self.by_tenant.insert(waiting.event.tenant.clone(), 1)),
        }
        if !rowed {
            self.without_row += 1;
            self.arrivals.push_back((now, id));
        }
        let held = Held {
            waiting,
            in_flight: None,
            rowed,
            bytes,
        };
        self.by_id.insert(id, held);
    }

    pub fn remove(&mut self, id: DeliveryId) -> Option<Held> {
        let held = self.by_id.remove(&id)?;
        self.bytes -= held.bytes;
        self.without_row -= usize::from(!held.rowed);
        if let Some(count) = self.by_tenant.get_mut(&held.waiting.event.tenant) {
            *count -= 1;
        }
        self.forget_gone();
        Some(held)
    }

    /// The first arrival is always one that is here without a row. One further back may have left,
    /// or have left and come back with a row; most leave in the order they came.
    fn forget_gone(&mut self) {
        while let Some((_, oldest)) = self.arrivals.front() {
            if self.by_id.get(oldest).is_some_and(|held| !held.rowed) {
                return;
            }
            self.arrivals.pop_front();
        }
    }

    pub fn contains(&self, id: DeliveryId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Deliveries of a tenant.
    pub fn of_tenant(&self, tenant: &TenantId) -> usize {
        self.by_tenant.get(tenant).copied().unwrap_or(0)
    }

    /// The lines of a subscription's deliveries with an attempt under way, one for each request.
    pub fn lines_under_way(&self, subscription: SubscriptionId) -> Vec<Line> {
        // A test stands in no line.
        let under_way = self.by_id.values().filter(|held| {
            held.in_flight.is_some()
                && held.waiting.subscription == subscription
                && held.waiting.origin != Origin::Test
        });
        under_way.map(|held| held.waiting.event.line()).collect()
    }

    /// It is about to have a row.
    pub fn set_rowed(&mut self, id: DeliveryId) {
        if let Some(held) = self.by_id.get_mut(&id)
            && !held.rowed
        {
            held.rowed = true;
            self.without_row -= 1;
            self.forget_gone();
        }
    }

    /// Bytes that it counts for while it is held.
    pub fn bytes_of(waiting: &Waiting) -> usize {
        waiting.event.size() + size_of::<Held>()
    }

    pub fn get(&self, id: DeliveryId) -> Option<&Held> {
        self.by_id.get(&id)
    }

    pub fn get_mut(&mut self, id: DeliveryId) -> Option<&mut Held> {
        self.by_id.get_mut(&id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    #[cfg(test)]
    pub fn in_flight(&self) -> Vec<DeliveryId> {
        let held = self
            .by_id
            .iter()
            .filter(|(_, held)| held.in_flight.is_some());
        let mut ids: Vec<_> = held.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Bytes of the events held, counted once for each delivery.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn without_row(&self) -> usize {
        self.without_row
    }

    /// When the one came that has waited longest for a row.
    pub fn oldest_arrival(&self) -> Option<Timestamp> {
        self.arrivals.front().map(|(since, _)| *since)
    }

    /// The next one that has had no row for `age`; it counts as having one from now on.
    pub fn give_row(&mut self, now: Timestamp, age: Duration) -> Option<Waiting> {
        let (since, id) = *self.arrivals.front()?;
        if since + age > now {
            return None;
        }
        let first = self.by_id.get_mut(&id);
        first.expect("the first arrival is here").rowed = true;
        self.without_row -= 1;
        self.forget_gone();
        self.by_id.get(&id).map(|held| held.waiting.clone())
    }
}

/// Ids grow with time and nobody chooses them: one multiplication spreads them well enough.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        let mixed = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
