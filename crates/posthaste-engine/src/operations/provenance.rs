//! What a delivery's chain has come to, for those who look at it.

use std::sync::Arc;

use posthaste::{
    event::{Event, TenantId},
    id::EventId,
    provenance::Link,
};
use posthaste_store::record::Delivery;

use super::OperationError;
use crate::{Engine, delivery::chain::first_link};

impl Engine {
    /// The latest link of each delivery. Before the first attempt it is worked out from the body
    /// that would be sent now; none where the subscription was deleted before that, and where the
    /// last attempt was made before there were chains.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn provenance(
        &self,
        tenant: &TenantId,
        deliveries: &[Delivery],
    ) -> Result<Vec<Option<Link>>, OperationError> {
        let mut links = Vec::with_capacity(deliveries.len());
        // Deliveries of one event follow each other.
        let mut last: Option<(EventId, Option<Arc<Event>>)> = None;
        for delivery in deliveries {
            if delivery.tries.made > 0 {
                links.push(delivery.link);
                continue;
            }
            let id = delivery.event;
            let event = match last.take().filter(|(known, _)| *known == id) {
                Some((_, event)) => event,
                None => self.stored_event(tenant, id).await?,
            };
            links.push(self.first_link(tenant, delivery, event.as_deref()));
            last = Some((id, event));
        }
        Ok(links)
    }

    async fn stored_event(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<Arc<Event>>, OperationError> {
        let stored = self.0.store.event(tenant, id).await?;
        Ok(stored.map(|stored| stored.event))
    }

    fn first_link(
        &self,
        tenant: &TenantId,
        delivery: &Delivery,
        event: Option<&Event>,
    ) -> Option<Link> {
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, delivery.subscription);
        let today = || subscriber.map(|subscriber| subscriber.subscription.format);
        let format = delivery.format.or_else(today)?;
        let link = |event| first_link(delivery.event, Some(event), delivery.subscription, format);
        event.map(link)
    }
}
