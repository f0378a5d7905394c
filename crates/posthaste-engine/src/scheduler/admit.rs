//! Deliveries come in and go out again: queued, parked, shelved or discarded.

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::{Line, Origin},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Parking, Standing, Waiting};

use crate::config::Bounds;

use super::{
    Effect, Scheduler, ShelfPart,
    class::Class,
    held::{Held, HeldDeliveries},
    lane::Lane,
    lanes::TENANT_SHARE,
    lines::{Arrival, Place},
    parcel::{Parcel, parcels, retry_at},
    park,
};

impl Scheduler {
    pub(super) fn admit(
        &mut self,
        now: Timestamp,
        all: &[Waiting],
        from: Arrival,
        effects: &mut Vec<Effect>,
    ) {
        for deliveries in parcels(all) {
            // Recovery and the due index may name one delivery: the one that is held is as good.
            if deliveries
                .iter()
                .any(|waiting| self.held.contains(waiting.id))
            {
                continue;
            }
            match self.turned_away(now, deliveries) {
                Some(away) => self.turn_away(now, deliveries, away, effects),
                None => self.hold(now, deliveries, from, effects),
            }
        }
    }

    /// What becomes of a delivery that is not to be queued now.
    fn turned_away(&self, now: Timestamp, deliveries: &[Waiting]) -> Option<Away> {
        let waiting = &deliveries[0];
        let Some(lane) = self.lanes.get(waiting.subscription) else {
            return Some(Away::Discard(Discard::Deleted));
        };
        if waiting.origin == Origin::Test {
            return None;
        }
        match lane.status {
            SubscriptionStatus::Disabled => Some(Away::Discard(Discard::Disabled)),
            SubscriptionStatus::Paused(_) => Some(Away::Park(Parking::Shelved)),
            // Where order is kept, what is not due stands in its line all the same.
            SubscriptionStatus::Active if !lane.queue.keeps_order() => {
                let later = retry_at(deliveries).filter(|at| *at > now);
                let later = later.map(Parking::Due);
                let shut = || (!lane.takes_more(now)).then_some(Parking::Shelved);
                later.or_else(shut).map(Away::Park)
            }
            SubscriptionStatus::Active => {
                (!lane.takes_more(now)).then_some(Away::Park(Parking::Shelved))
            }
        }
    }

    fn has_room_for(&self, lane: &Lane, class: Class) -> bool {
        room(&self.bounds, &self.held, self.free(), lane, class)
    }

    fn turn_away(
        &mut self,
        now: Timestamp,
        deliveries: &[Waiting],
        away: Away,
        effects: &mut Vec<Effect>,
    ) {
        if let Away::Park(Parking::Shelved) = away {
            let ids = deliveries.iter().map(|waiting| waiting.id);
            let to = deliveries[0].subscription;
            self.lanes.with(to, now, |lane| lane.queue.shelving(ids));
        }
        for waiting in deliveries {
            let standing = match away {
                Away::Discard(why) => Standing::Discarded(why),
                Away::Park(parking) => park(waiting, parking),
            };
            effects.push(self.settle(waiting, standing, now));
        }
    }

    fn hold(
        &mut self,
        now: Timestamp,
        deliveries: &[Waiting],
        from: Arrival,
        effects: &mut Vec<Effect>,
    ) {
        let (first, parcel) = (&deliveries[0], Parcel::of(deliveries, now));
        let room = self
            .lanes
            .get(first.subscription)
            .is_some_and(|lane| self.has_room_for(lane, from.class()));
        let place = Place {
            settled: self.lanes.is_settled(),
            room,
        };
        for waiting in deliveries {
            self.held
                .insert(now, waiting.clone(), from != Arrival::Fresh);
        }
        let line = self.line_of(first).unwrap_or_default();
        let left = self.lanes.with(first.subscription, now, |lane| {
            if first.origin == Origin::Test {
                lane.push_test(parcel);
                return Vec::new();
            }
            lane.queue.push(parcel, line, from, place)
        });
        self.shelve(now, &left.unwrap_or_default(), effects);
    }

    /// The line of a delivery whose subscription keeps order.
    pub(super) fn line_of(&self, waiting: &Waiting) -> Option<Line> {
        let lane = self.lanes.get(waiting.subscription)?;
        let stands = lane.queue.keeps_order() && waiting.origin != Origin::Test;
        stands.then(|| waiting.event.line())
    }

    /// An answer of the store to a question for a shelf.
    pub(super) fn unshelve(
        &mut self,
        now: Timestamp,
        subscription: SubscriptionId,
        part: &ShelfPart,
        (taken, next): (&[Waiting], Option<u64>),
        effects: &mut Vec<Effect>,
    ) {
        let more = next.is_some();
        let answered = self.lanes.with(subscription, now, |lane| {
            lane.queue.answered(part, taken, more)
        });
        match answered {
            Some(Some(from)) => {
                self.admit(now, taken, from, effects);
                let placed = |lane: &mut Lane| lane.queue.placed(part, next, now);
                let left = self.lanes.with(subscription, now, placed);
                self.shelve(now, &left.unwrap_or_default(), effects);
            }
            Some(None) => {
                for deliveries in parcels(taken) {
                    let away = Away::Park(Parking::Shelved);
                    self.turn_away(now, deliveries, away, effects);
                }
            }
            // Nobody else would fetch what a subscription left that is deleted by now.
            None => {
                self.admit(now, taken, Arrival::Scanned, effects);
                if more {
                    effects.push(self.fetch(subscription, ShelfPart::Any, usize::MAX));
                }
            }
        }
    }

    /// What was queued leaves memory for its subscription's shelf, which expects it.
    pub(super) fn shelve(&mut self, now: Timestamp, queue: &[Parcel], effects: &mut Vec<Effect>) {
        for id in queue.iter().flat_map(Parcel::ids) {
            let held = self.held.remove(id).expect("queued deliveries are held");
            let standing = park(&held.waiting, Parking::Shelved);
            effects.push(self.settle(&held.waiting, standing, now));
        }
    }

    /// What was queued is not wanted any more.
    pub(super) fn discard(
        &mut self,
        now: Timestamp,
        subscription: SubscriptionId,
        queue: &[Parcel],
        why: Discard,
        effects: &mut Vec<Effect>,
    ) {
        let ids: Vec<DeliveryId> = queue.iter().flat_map(Parcel::ids).collect();
        for id in &ids {
            let held = self.held.remove(*id).expect("queued deliveries are held");
            effects.push(self.settle(&held.waiting, Standing::Discarded(why), now));
        }
        self.lanes.shelved(subscription, &ids, now);
    }
}

/// A queue may be as long as what is still free: one that does not drain fills half of the memory,
/// two a third each, and however many there are, some is left for the others. All queues of a tenant
/// together leave the other tenants a ninth.
pub(super) fn room(
    bounds: &Bounds,
    held: &HeldDeliveries,
    free: usize,
    lane: &Lane,
    class: Class,
) -> bool {
    let (count, bytes) = lane.queue.queued_of(class);
    let free_bytes = bounds.bytes.saturating_sub(held.bytes());
    let tenants = held.of_tenant(&lane.subscriber.subscription.tenant);
    count < free
        && bytes + size_of::<Held>() <= free_bytes
        && (count == 0 || tenants < free * TENANT_SHARE)
}

/// Where a delivery goes that is not queued.
#[derive(Clone, Copy)]
enum Away {
    Discard(Discard),
    Park(Parking),
}
