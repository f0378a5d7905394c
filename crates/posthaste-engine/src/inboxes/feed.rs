//! What comes to an inbox, as it comes: told that there is something, read from the store, so that a
//! listener misses nothing however slow it is.

use std::sync::Arc;

use posthaste::{event::TenantId, id::InboxId};
use posthaste_store::{Store, StoreError, inbox::InboxRequest, query::Stretch};
use tokio::sync::watch;

use crate::{Engine, operations::OperationError};

/// Requests that are read at once.
const PAGE: usize = 20;

/// The requests of an inbox above a number.
pub struct InboxFeed {
    store: Arc<dyn Store>,
    tenant: TenantId,
    inbox: InboxId,
    news: watch::Receiver<u64>,
    /// The listener has everything at or below it.
    place: u64,
}

impl Engine {
    /// Listens to what came to an inbox after the request of this number, or comes from now on.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn follow_inbox(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        after: Option<u64>,
    ) -> Result<InboxFeed, OperationError> {
        let known = self.0.reception.inboxes.get(tenant, inbox);
        let known = known.ok_or(OperationError::NotFound("inbox"))?;
        let (store, news) = (self.0.store.clone(), known.gate.newest.subscribe());
        let first = Stretch {
            before: None,
            limit: 1,
        };
        let newest = store.inbox_requests(tenant, inbox, first).await?;
        let newest = newest.items.first().map_or(0, |request| request.number);
        Ok(InboxFeed {
            store,
            tenant: tenant.clone(),
            inbox,
            news,
            place: after.map_or(newest, |after| after.min(newest)),
        })
    }
}

impl InboxFeed {
    /// The number to go on from.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Waits for the next ones; none at all once the inbox is gone. May be dropped at any moment.
    ///
    /// # Errors
    /// The store cannot be read; nothing was skipped.
    pub async fn next(&mut self) -> Result<Vec<InboxRequest>, StoreError> {
        loop {
            self.news.mark_unchanged();
            let store = &self.store;
            let newer = store.inbox_requests_after(&self.tenant, self.inbox, self.place, PAGE);
            let newer = newer.await?;
            if let Some(last) = newer.last() {
                self.place = last.number;
                return Ok(newer);
            }
            if self.news.changed().await.is_err() {
                return Ok(Vec::new());
            }
        }
    }
}
