//! What happens, told as it happens to whoever listens: outcomes, and the events that were accepted.
//!
//! Nobody waits for a listener, and what listeners have not taken is bounded. Outcomes are told
//! once, so a listener that is too slow is told how many it missed. Of events only the news is
//! told that there are some: they are read from the store, in the order of their ids, so that none
//! is missed, however slow its listener is and however often it comes back.

mod draining;
mod events;
mod outcomes;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use posthaste::{event::TenantId, id::EventId};
use posthaste_store::record::{Acceptance, Settlement};
use tokio::sync::{broadcast, watch};

pub use draining::Draining;
pub use events::EventFeed;
pub use outcomes::{LiveOutcome, OutcomeFeed, OutcomeNews};

/// Outcomes of a tenant that a listener may be behind.
const OUTCOMES: usize = 4096;

/// Where the engine tells what happened.
#[derive(Default)]
pub struct Live {
    outcomes: Mutex<HashMap<TenantId, broadcast::Sender<Arc<LiveOutcome>>>>,
    /// The newest event of each tenant that somebody listens for.
    events: Mutex<HashMap<TenantId, watch::Sender<EventId>>>,
}

impl Live {
    /// These are on disk.
    pub fn settled(&self, settlements: &[Settlement]) {
        let mut listened = lock(&self.outcomes);
        if listened.is_empty() {
            return;
        }
        listened.retain(|_, listeners| listeners.receiver_count() > 0);
        for settlement in settlements {
            let Some(listeners) = listened.get(&settlement.tenant) else {
                continue;
            };
            if let Some(outcome) = LiveOutcome::of(settlement) {
                listeners.send(Arc::new(outcome)).ok();
            }
        }
    }

    /// These are on disk; or none are, and ids that had been handed out came to nothing. Either
    /// way others may have become readable, so every listener is told.
    pub fn accepted<'a>(&self, accepted: impl Iterator<Item = &'a Acceptance>) {
        let mut listened = lock(&self.events);
        if listened.is_empty() {
            return;
        }
        listened.retain(|_, listeners| listeners.receiver_count() > 0);
        for acceptance in accepted {
            let event = &acceptance.event;
            if let Some(listeners) = listened.get(&event.tenant) {
                listeners.send_modify(|newest| *newest = event.id.max(*newest));
            }
        }
        for listeners in listened.values() {
            listeners.send_modify(|_| ());
        }
    }

    fn listen_for_outcomes(&self, tenant: &TenantId) -> broadcast::Receiver<Arc<LiveOutcome>> {
        let mut listened = lock(&self.outcomes);
        let listeners = listened.entry(tenant.clone());
        let listeners = listeners.or_insert_with(|| broadcast::Sender::new(OUTCOMES));
        listeners.subscribe()
    }

    fn listen_for_events(&self, tenant: &TenantId) -> watch::Receiver<EventId> {
        let mut listened = lock(&self.events);
        let listeners = listened.entry(tenant.clone());
        let listeners = listeners.or_insert_with(|| watch::Sender::new(EventId::from_u64(0)));
        listeners.subscribe()
    }
}

fn lock<T>(listened: &Mutex<T>) -> MutexGuard<'_, T> {
    listened
        .lock()
        .expect("nothing panics while it holds the listeners")
}
