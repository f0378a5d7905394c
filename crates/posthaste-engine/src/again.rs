//! What redeliveries and replays share: late deliveries, and the word to the scheduler.

use posthaste::{
    clock::Timestamp,
    delivery::Tries,
    event::{Event, Origin},
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::{Ordering, Subscription},
};
use posthaste_store::{
    Store,
    again::{Again, SentAgain},
    record::{Parking, Reopened, Settlement, Standing},
};

use crate::scheduler::Input;

/// A delivery that is to be opened again, and where it leads.
pub type Target = (DeliveryId, SubscriptionId);

/// Places for late deliveries. Those that are not handed over to the store are given back when it is
/// dropped.
pub struct Places<'a> {
    store: &'a dyn Store,
    ids: Vec<EventId>,
}

impl<'a> Places<'a> {
    pub fn reserve(store: &'a dyn Store, now: Timestamp, count: usize) -> Self {
        let ids = store.reserve(now, &vec![1; count]);
        Self { store, ids }
    }

    pub fn deliveries(&self) -> impl Iterator<Item = DeliveryId> {
        self.ids.iter().map(|id| DeliveryId::late(id.place()))
    }

    /// The store is asked to make these: from now on their places are its own to give back, whoever
    /// waits for its answer or does not.
    pub fn hand_over(&mut self, make: &[Settlement]) {
        let made = |id: &EventId| {
            let id = DeliveryId::late(id.place());
            make.iter().any(|late| late.id == id)
        };
        self.ids.retain(|id| !made(id));
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.store.release(&self.ids);
    }
}

/// The first row of a late delivery: due at once, or in its place in line.
pub fn late(
    id: DeliveryId,
    event: &Event,
    to: &Subscription,
    origin: Origin,
    now: Timestamp,
) -> Settlement {
    let line = (to.ordering == Ordering::Fifo).then(|| event.line());
    let parking = match line {
        Some(_) => Parking::Shelved,
        None => Parking::Due(now),
    };
    Settlement {
        id,
        tenant: event.tenant.clone(),
        event: event.id,
        event_type: event.event_type.clone(),
        subscription: to.id,
        origin,
        format: None,
        line,
        batch: None,
        tries: Tries::default(),
        standing: Standing::Waiting {
            retry_at: None,
            parking,
        },
        at: now,
        attempt: None,
    }
}

/// All that it may change, in the order in which it is answered.
pub fn targets(reopen: &[Target], again: &Again) -> Vec<Target> {
    let late = again.make.iter().map(|late| (late.id, late.subscription));
    reopen.iter().copied().chain(late).collect()
}

/// What the scheduler is told of: what is due, or back in its line.
pub fn told(targets: &[Target], sent: &SentAgain) -> impl Iterator<Item = Input> {
    let came = sent.reopened.iter().chain(&sent.made);
    let sent = targets.iter().zip(came);
    let sent = sent.filter(|(_, came)| **came == Reopened::Redelivered);
    sent.map(|(&(delivery, subscription), _)| Input::Reopened {
        subscription,
        delivery,
    })
}
