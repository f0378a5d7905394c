//! What is true of the store and not on its disk as rows: implied deliveries, the tails of the
//! lazily fed indexes, and counts that are on their way into the rollups.
//!
//! It changes only together with a commit, under one lock, and a reader begins its snapshot under
//! the same lock: what it reads here and what it reads there are of one moment.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use posthaste::{
    event::{EventType, Origin},
    id::{DeliveryId, EventId, SubscriptionId, places},
};

use crate::{tail::Tail, unfolded::Unfolded};

/// A delivery that its event implies.
#[derive(Clone, Debug)]
pub struct Implied {
    pub event: EventId,
    /// The tenant's number.
    pub tenant: u64,
    pub subscription: SubscriptionId,
    pub event_type: EventType,
    /// Made to try one subscription.
    pub test: bool,
}

impl Implied {
    pub fn origin(&self) -> Origin {
        match self.test {
            true => Origin::Test,
            false => Origin::Publish,
        }
    }
}

/// The places that an event with so many deliveries takes, each by its first id.
pub fn places_of(event: EventId, deliveries: u32) -> impl Iterator<Item = EventId> {
    (0..places(deliveries)).map(move |place| event.place().forward(u64::from(place)).event())
}

#[derive(Debug)]
pub struct State {
    /// The newest event when the store was opened: recovery ends there.
    pub opened_at: EventId,
    pub implied: BTreeMap<DeliveryId, Implied>,
    pub by_subscription: Tail,
    pub by_tenant: Tail,
    pub rollups: Unfolded,
}

#[derive(Debug)]
pub struct Live(RwLock<State>);

impl Live {
    pub fn new(state: State) -> Self {
        Self(RwLock::new(state))
    }

    /// For a reader that begins its snapshot, and for the writer, which alone changes it.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by the writer over a commit and what follows from it.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
