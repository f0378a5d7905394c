//! Accepted events, in the order of their ids and without a hole, from any place on.
//!
//! Ids are handed out before they are committed, so a lower one may come after a higher one. A feed
//! goes no further than the store's horizon, below which nothing comes any more: so the last id
//! that a listener has seen is all that it needs to go on from, on this connection or the next.

use std::{sync::Arc, time::Duration};

use posthaste::{event::TenantId, id::EventId, subscription::EventPattern};
use posthaste_store::{Store, StoreError, record::StoredEvent};
use tokio::sync::watch;

use crate::Engine;

/// Events that are read at once.
const PAGE: usize = 200;
/// How long the first news waits for more.
const GATHER: Duration = Duration::from_millis(10);

/// The events of a tenant that a listener wants.
pub struct EventFeed {
    store: Arc<dyn Store>,
    tenant: TenantId,
    /// None: all of the tenant's own types.
    types: Option<Vec<EventPattern>>,
    news: watch::Receiver<EventId>,
    /// The listener has everything at or below it.
    place: EventId,
    /// There is something to read up to here.
    until: EventId,
}

impl Engine {
    /// Listens to the events of these types that were accepted after one, or from now on.
    #[must_use]
    pub fn follow_events(
        &self,
        tenant: &TenantId,
        types: Option<Vec<EventPattern>>,
        after: Option<EventId>,
    ) -> EventFeed {
        let news = self.0.live.listen_for_events(tenant);
        let complete = self.0.store.horizon().complete;
        EventFeed {
            store: self.0.store.clone(),
            tenant: tenant.clone(),
            types,
            news,
            place: after.map_or(complete, |after| after.min(complete)),
            until: complete,
        }
    }
}

impl EventFeed {
    /// What to go on from: the listener has every event at or below it that it was given.
    #[must_use]
    pub fn place(&self) -> EventId {
        self.place
    }

    /// Waits for the next ones. May be dropped at any moment; each call looks once whatever it was
    /// told, so that lost news costs a listener no more than the time to its next call.
    ///
    /// # Errors
    /// The store cannot be read; nothing was skipped.
    pub async fn next(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        self.until = self.until.max(self.store.horizon().newest);
        loop {
            let complete = self.store.horizon().complete;
            if self.place < self.until.min(complete) {
                let found = self.read(complete).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
            } else {
                self.hear().await;
            }
        }
    }

    /// The next page, of what is wanted.
    async fn read(&mut self, complete: EventId) -> Result<Vec<StoredEvent>, StoreError> {
        let below = EventId::from_u64(complete.as_u64() + 1);
        let page = self
            .store
            .events_between(&self.tenant, self.place, below, PAGE)
            .await?;
        self.place = page.next.map_or(complete, EventId::from_u64);
        let found = page.items.into_iter();
        Ok(found.filter(|stored| self.wants(stored)).collect())
    }

    /// Events that were made to try one subscription are nobody else's.
    fn wants(&self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        let listed = match &self.types {
            None => !event.event_type.is_platforms(),
            Some(types) => types.iter().any(|types| types.matches(&event.event_type)),
        };
        listed && !event.details.test
    }

    async fn hear(&mut self) {
        if self.news.changed().await.is_err() {
            // The engine is gone, and with it whoever would accept anything.
            std::future::pending::<()>().await;
        }
        if *self.news.borrow_and_update() > self.place {
            tokio::time::sleep(GATHER).await;
        }
        self.until = self.until.max(*self.news.borrow_and_update());
    }
}
