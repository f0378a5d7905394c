//! One transaction under way, and what it will change in memory once it is committed.

use std::{collections::HashSet, sync::Arc, time::Duration};

use posthaste::{
    event::Event,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_store::ledger::Ledger;
use rusqlite::Connection;

use super::{
    fold::{self, Folded},
    index_feed::feed,
    taken::Taken,
    tenants::Tenants,
    used_keys::{self, Keys},
};
use crate::{
    fault::Result,
    live::{Implied, Live, State, places_of},
    row::place_of,
    spoilt::Spoils,
    tail::Entry,
    unfolded::Deltas,
    vault::Vault,
};

pub struct Group<'a> {
    pub connection: &'a Connection,
    pub live: &'a Live,
    pub ledger: &'a Ledger,
    pub vault: &'a Vault,
    pub spoils: &'a Spoils,
    pub tenants: &'a mut Tenants,
    pub taken: &'a mut Taken,
    /// The writer's stopwatch.
    pub elapsed: Duration,
    /// Nobody waits for this transaction.
    pub idle: bool,
    pub changes: Changes,
}

#[derive(Default)]
pub struct Changes {
    pub accepted: Vec<Owed>,
    /// Reserved ids that came to nothing.
    pub released: Vec<EventId>,
    /// Implied deliveries that have a row now.
    pub rowed: HashSet<DeliveryId>,
    /// Implied deliveries that are not to be any more, each with its event.
    pub unowed: Vec<(DeliveryId, EventId)>,
    /// Rows of deliveries that no event implied.
    pub late: Vec<Late>,
    /// Idempotency keys that it used up, by tenant and key; written sorted.
    pub keys: Keys,
    /// Entries fed to the index by subscription, and by tenant.
    pub fed: [usize; 2],
    /// Entries of these indexes whose rows it deleted, and that may not be fed yet.
    pub gone: [HashSet<Entry>; 2],
    /// What its outcomes add to the rollups.
    pub counted: Deltas,
    pub folded: Folded,
}

/// An event that is on disk now.
pub struct Owed {
    pub event: Arc<Event>,
    pub tenant: u64,
    pub subscriptions: Arc<[SubscriptionId]>,
}

pub struct Late {
    pub id: DeliveryId,
    pub tenant: u64,
    pub subscription: SubscriptionId,
}

impl Group<'_> {
    /// All of it durable, then all of it seen: readers begin before both or after both.
    pub fn commit(mut self) -> Result<()> {
        used_keys::write(self.connection, &self.changes.keys)?;
        feed(&mut self)?;
        fold::log_and_fold(&mut self)?;
        let mut state = self.live.write();
        self.connection.execute_batch("COMMIT")?;
        self.changes.apply(&mut state, self.ledger);
        state.rollups.close_if_due(self.elapsed);
        Ok(())
    }
}

impl Changes {
    fn apply(self, state: &mut State, ledger: &Ledger) {
        self.folded.apply(&mut state.rollups);
        state.rollups.logged(self.counted, self.folded.logged_bytes);
        state.by_subscription.fed(self.fed[0]);
        state.by_tenant.fed(self.fed[1]);
        state.by_subscription.forget(&self.gone[0]);
        state.by_tenant.forget(&self.gone[1]);
        for owed in &self.accepted {
            owed.apply(state, ledger);
        }
        ledger.release(self.released);
        for id in self.rowed {
            if let Some(implied) = state.implied.remove(&id) {
                state
                    .by_subscription
                    .push(implied.subscription.as_u64(), id.as_u64());
                ledger.rowed(implied.event);
            }
        }
        for (id, event) in self.unowed {
            if state.implied.remove(&id).is_some() {
                ledger.rowed(event);
            }
        }
        for late in self.late {
            let id = late.id.as_u64();
            state.by_subscription.push(late.subscription.as_u64(), id);
            state.by_tenant.push(late.tenant, place_of(id));
        }
        state.by_subscription.sort();
        state.by_tenant.sort();
    }
}

impl Owed {
    fn apply(&self, state: &mut State, ledger: &Ledger) {
        let event = &self.event;
        let count = u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX);
        for (index, &subscription) in (0..).zip(self.subscriptions.iter()) {
            let implied = Implied {
                event: event.id,
                tenant: self.tenant,
                subscription,
                event_type: event.event_type.clone(),
                test: event.details.test,
            };
            state.implied.insert(event.id.delivery(index), implied);
        }
        for place in places_of(event.id, count) {
            state.by_tenant.push(self.tenant, place.as_u64());
        }
        ledger.committed(event.id, count);
    }
}
