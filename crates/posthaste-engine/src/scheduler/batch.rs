//! Batches are committed before their first request: what was gathered is written as one, and sent
//! once that is on disk.

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::Origin,
    id::{BatchId, DeliveryId},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Parking, Standing, Waiting};

use super::{Assignment, Effect, Scheduler, held::Flight, parcel::Parcel, park};

impl Scheduler {
    /// These become one batch. They hold their slot meanwhile.
    pub(super) fn form(
        &mut self,
        now: Timestamp,
        parcels: &[Parcel],
        flight: Flight,
        effects: &mut Vec<Effect>,
    ) {
        let mut ids: Vec<DeliveryId> = parcels.iter().flat_map(Parcel::ids).collect();
        // As the store hands them out: a repetition has the very same body.
        ids.sort_unstable();
        let mut settlements = Vec::with_capacity(ids.len());
        for id in &ids {
            self.held.set_rowed(*id);
            let held = self.held.get_mut(*id).expect("queued deliveries are held");
            // Part of what is repeated: another format would be another body under the same id.
            held.waiting
                .format
                .get_or_insert(flight.subscriber.subscription.format);
            let held = self.held.get(*id).expect("queued deliveries are held");
            let standing = park(&held.waiting, Parking::Taken);
            settlements.push(self.settlement(&held.waiting, standing, now));
        }
        effects.push(Effect::Form(settlements));
        self.take_off(ids[0], ids[1..].to_vec(), flight);
    }

    /// The batch is on disk: it leaves, unless its subscription changed its mind meanwhile.
    pub(super) fn formed(
        &mut self,
        now: Timestamp,
        leader: DeliveryId,
        batch: BatchId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(flight) = self
            .held
            .get(leader)
            .and_then(|held| held.in_flight.clone())
        else {
            return;
        };
        let rest = self.together.get(&leader).cloned().unwrap_or_default();
        for id in std::iter::once(leader).chain(rest.iter().copied()) {
            if let Some(held) = self.held.get_mut(id) {
                held.waiting.batch = Some(batch);
            }
        }
        match self.grounded(now, leader) {
            Some(grounded) => self.put_back(now, leader, grounded, effects),
            None => self.depart(leader, &rest, &flight, effects),
        }
    }

    /// Why a batch that was committed does not leave now.
    fn grounded(&self, now: Timestamp, leader: DeliveryId) -> Option<Grounded> {
        let waiting = &self.held.get(leader)?.waiting;
        if self.draining {
            return Some(Grounded::Stays);
        }
        let Some(lane) = self.lanes.get(waiting.subscription) else {
            return Some(Grounded::Discarded(Discard::Deleted));
        };
        if waiting.origin == Origin::Test {
            return None;
        }
        match lane.status {
            SubscriptionStatus::Disabled => Some(Grounded::Discarded(Discard::Disabled)),
            SubscriptionStatus::Paused(_) => Some(Grounded::Shelved),
            SubscriptionStatus::Active => lane.shut_until(now).map(|_| Grounded::Shelved),
        }
    }

    fn put_back(
        &mut self,
        now: Timestamp,
        leader: DeliveryId,
        grounded: Grounded,
        effects: &mut Vec<Effect>,
    ) {
        let Some((_, deliveries)) = self.land(leader) else {
            return;
        };
        let subscription = deliveries[0].subscription;
        let line = self.line_of(&deliveries[0]);
        let ids: Vec<DeliveryId> = deliveries.iter().map(|waiting| waiting.id).collect();
        self.lanes.with(subscription, now, |lane| {
            if matches!(grounded, Grounded::Shelved) {
                lane.queue.shelving(ids.into_iter());
            }
            lane.ended(line, now);
            lane.grounded();
        });
        for waiting in &deliveries {
            let standing = match grounded {
                Grounded::Stays => continue,
                Grounded::Shelved => park(waiting, Parking::Shelved),
                Grounded::Discarded(why) => Standing::Discarded(why),
            };
            effects.push(self.settle(waiting, standing, now));
        }
    }

    /// One request, with all of a batch.
    pub(super) fn depart(
        &self,
        first: DeliveryId,
        rest: &[DeliveryId],
        flight: &Flight,
        effects: &mut Vec<Effect>,
    ) {
        let waiting = |id: DeliveryId| -> Waiting {
            let held = self.held.get(id).expect("queued deliveries are held");
            held.waiting.clone()
        };
        effects.push(Effect::Send(Assignment {
            waiting: waiting(first),
            rest: rest.iter().copied().map(waiting).collect(),
            subscriber: flight.subscriber.clone(),
        }));
    }
}

/// What becomes of a committed batch that does not leave now.
#[derive(Clone, Copy)]
enum Grounded {
    /// The server stops: the store has it, as if it had been sent.
    Stays,
    Shelved,
    Discarded(Discard),
}
