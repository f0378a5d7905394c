//! Deliveries come in and go out again: queued, parked, shelved or discarded.

use std::collections::VecDeque;

use posthaste::{
    clock::Timestamp, delivery::Discard, event::Origin, id::DeliveryId,
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Parking, Standing, Waiting};

use super::{
    Effect, Scheduler,
    held::{Held, HeldDeliveries},
    lane::Lane,
    park, settle,
};

impl Scheduler {
    /// `rowed`: whether they have rows in the store.
    pub(super) fn admit(
        &mut self,
        now: Timestamp,
        all: Vec<Waiting>,
        rowed: bool,
        effects: &mut Vec<Effect>,
    ) {
        for waiting in all {
            // Recovery and the due index may name one delivery: the one that is held is as good.
            if self.held.contains(waiting.id) {
                continue;
            }
            match self.turned_away(now, &waiting, rowed) {
                Some(standing) => self.turn_away(now, &waiting, standing, effects),
                None => self.hold(now, waiting, rowed),
            }
        }
    }

    /// What becomes of a delivery that is not to be queued now.
    fn turned_away(&self, now: Timestamp, waiting: &Waiting, rowed: bool) -> Option<Standing> {
        let Some(lane) = self.lanes.get(waiting.subscription) else {
            return Some(Standing::Discarded(Discard::Deleted));
        };
        if waiting.origin == Origin::Test {
            return None;
        }
        match lane.status {
            SubscriptionStatus::Disabled => Some(Standing::Discarded(Discard::Disabled)),
            SubscriptionStatus::Paused(_) => Some(park(waiting, Parking::Shelved)),
            SubscriptionStatus::Active => {
                let parking = self.crowded_out(now, lane, waiting, rowed)?;
                Some(park(waiting, parking))
            }
        }
    }

    /// Where a delivery waits that is not due yet or finds no room.
    fn crowded_out(
        &self,
        now: Timestamp,
        lane: &Lane,
        waiting: &Waiting,
        rowed: bool,
    ) -> Option<Parking> {
        let behind_shelf = !rowed && lane.has_shelf();
        if let Some(at) = waiting.retry_at.filter(|at| *at > now) {
            return Some(Parking::Due(at));
        }
        let crowded = behind_shelf || !self.has_room_for(lane);
        crowded.then_some(Parking::Shelved)
    }

    /// A queue may be as long as what is still free: one that does not drain fills half of the
    /// memory, two a third each, and however many there are, some is left for the others.
    fn has_room_for(&self, lane: &Lane) -> bool {
        let (count, bytes) = lane.queued();
        let free_bytes = self.bounds.bytes.saturating_sub(self.held.bytes());
        count < self.free() && bytes + size_of::<Held>() <= free_bytes
    }

    fn turn_away(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        standing: Standing,
        effects: &mut Vec<Effect>,
    ) {
        let shelved = Parking::Shelved;
        if matches!(standing, Standing::Waiting { parking, .. } if parking == shelved) {
            self.lanes.shelving(waiting.subscription);
        }
        effects.push(settle(waiting, standing, now));
    }

    fn hold(&mut self, now: Timestamp, waiting: Waiting, rowed: bool) {
        let (id, subscription) = (waiting.id, waiting.subscription);
        match waiting.origin {
            Origin::Test => self.lanes.push_test(subscription, id),
            Origin::Publish | Origin::Redeliver | Origin::Replay => {
                let bytes = HeldDeliveries::bytes_of(&waiting);
                self.lanes.push(subscription, id, bytes);
            }
        }
        self.held.insert(now, waiting, rowed);
    }

    /// What was queued leaves memory for its subscription's shelf.
    pub(super) fn shelve(
        &mut self,
        now: Timestamp,
        queue: VecDeque<DeliveryId>,
        effects: &mut Vec<Effect>,
    ) {
        for id in queue {
            let held = self.held.remove(id).expect("queued deliveries are held");
            let standing = park(&held.waiting, Parking::Shelved);
            self.turn_away(now, &held.waiting, standing, effects);
        }
    }

    /// What was queued is not wanted any more.
    pub(super) fn discard(
        &mut self,
        now: Timestamp,
        queue: VecDeque<DeliveryId>,
        why: Discard,
        effects: &mut Vec<Effect>,
    ) {
        for id in queue {
            let held = self.held.remove(id).expect("queued deliveries are held");
            effects.push(settle(&held.waiting, Standing::Discarded(why), now));
        }
    }
}
