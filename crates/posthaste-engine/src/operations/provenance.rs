//! What a delivery's chain has come to, for those who look at it.

use std::sync::Arc;

use posthaste::{
    body::BodyFormat,
    event::{Event, TenantId},
    id::EventId,
    provenance::Link,
};
use posthaste_store::record::Delivery;

use super::OperationError;
use crate::{
    Engine,
    delivery::chain::{first_link, own_body},
};

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

    /// The body that a delivery is sent with, in the format that it was first sent in, else in that
    /// of today; of one that leaves in a batch its own element. None where its event is gone, or
    /// its subscription was before anything was sent.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn body_of(
        &self,
        tenant: &TenantId,
        delivery: &Delivery,
    ) -> Result<Option<Vec<u8>>, OperationError> {
        let event = self.stored_event(tenant, delivery.event).await?;
        let format = self.format(tenant, delivery);
        let known = event.zip(format);
        Ok(known.and_then(|(event, format)| own_body(format, &event)))
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
        let format = self.format(tenant, delivery)?;
        let link = |event| first_link(delivery.event, Some(event), delivery.subscription, format);
        event.map(link)
    }

    /// The one that a delivery is sent in.
    fn format(&self, tenant: &TenantId, delivery: &Delivery) -> Option<BodyFormat> {
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, delivery.subscription);
        let today = || subscriber.map(|subscriber| subscriber.subscription.format);
        delivery.format.or_else(today)
    }
}
