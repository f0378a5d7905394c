//! Reading events and deliveries, trying a subscription.

use std::sync::Arc;

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{DeliveryState, DeliveryStatus, Health},
    event::{Event, EventDetails, EventType, Origin, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
    json::RawJson,
    subscription::{EventPattern, Subscription},
};
use posthaste_store::{
    Page,
    audit::Action,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Acceptance, Attempt, Backlog, Counts, Delivery, EventSummary, StoredEvent},
};

use super::OperationError;
use crate::{Engine, trail::Details};

/// A test that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    pub delivery: DeliveryId,
    pub event: EventId,
}

impl Engine {
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn event(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<StoredEvent, OperationError> {
        let found = self.0.store.event(tenant, id).await?;
        found.ok_or(OperationError::NotFound("event"))
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        stretch: Stretch,
    ) -> Result<Page<EventSummary>, OperationError> {
        Ok(self.0.store.events(tenant, query, stretch).await?)
    }

    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Delivery, OperationError> {
        let found = self.0.store.delivery(tenant, id).await?;
        found.ok_or(OperationError::NotFound("delivery"))
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        stretch: Stretch,
    ) -> Result<Page<Delivery>, OperationError> {
        Ok(self.0.store.deliveries(tenant, query, stretch).await?)
    }

    /// A delivery's attempts, oldest first.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn attempts(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Vec<Attempt>, OperationError> {
        self.delivery(tenant, id).await?;
        Ok(self.0.store.attempts(tenant, id).await?)
    }

    /// Retries that a delivery still has before it, by its subscription's policy of today.
    #[must_use]
    pub fn retries_left(&self, tenant: &TenantId, delivery: &Delivery) -> u32 {
        let waits = match delivery.state.status() {
            DeliveryStatus::Pending | DeliveryStatus::Retrying | DeliveryStatus::Held => true,
            DeliveryStatus::Delivered | DeliveryStatus::Failed | DeliveryStatus::Discarded => false,
        };
        if !waits || delivery.origin == Origin::Test {
            return 0;
        }
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, delivery.subscription);
        // The attempt that was scheduled is made, although the policy may have been cut short.
        let scheduled = u32::from(delivery.tries.spent > 0);
        subscriber.map_or(0, |s| {
            let left = s.subscription.retry.retries_left(delivery.tries.spent);
            left.max(scheduled)
        })
    }

    /// When a delivery is tried next, at the earliest: its own time, or the one until which its
    /// subscription waits for a `Retry-After` or its circuit's probe.
    #[must_use]
    pub fn next_attempt_at(&self, tenant: &TenantId, delivery: &Delivery) -> Option<Timestamp> {
        let DeliveryState::Retrying { at } = delivery.state else {
            return None;
        };
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, delivery.subscription);
        let until = subscriber.and_then(|s| waits_until(&s.health()));
        Some(at).max(until)
    }

    /// Deliveries by status, exactly; reads them all.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn counts(&self, tenant: &TenantId) -> Result<Counts, OperationError> {
        Ok(self.0.store.counts(tenant).await?)
    }

    /// What waits of a tenant's deliveries, or of one subscription's, and what has failed: cheap,
    /// however many there are.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn backlog(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
    ) -> Result<Backlog, OperationError> {
        Ok(self.0.store.backlog(tenant, subscription).await?)
    }

    /// Sends one attempt to a subscription alone, whatever its status and filters. Its type is the
    /// one given, else the subscription's first exact one, else `posthaste.test`; its data is the
    /// catalogue's example of that type, else `{"test":true}`.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn try_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        event_type: Option<EventType>,
    ) -> Result<Trial, OperationError> {
        let subscription = self.subscription(tenant, id);
        let subscription = subscription.ok_or(OperationError::NotFound("subscription"))?;
        let event_type = event_type.unwrap_or_else(|| type_of_test(&subscription));
        let details = Details::given(&serde_json::json!({"type": event_type}));
        self.note(
            tenant,
            Action::TestSubscription,
            Some(id.to_string()),
            details,
        )
        .await?;
        let (data, version) = self.data_of_test(tenant, &event_type);
        let storage = OperationError::Storage;
        let slot = self.0.intake.slot().await.map_err(storage)?;
        let event = self.0.store.reserve(self.now(), &[1])[0];
        let acceptance = Acceptance {
            event: Arc::new(Event {
                id: event,
                tenant: tenant.clone(),
                event_type,
                details: EventDetails {
                    test: true,
                    version,
                    ..EventDetails::default()
                },
                data,
            }),
            subscriptions: Arc::new([id]),
            idempotency: None,
        };
        let accepted = slot.accept(vec![acceptance]).await.map_err(storage)?;
        // It carries no idempotency key that could be in conflict.
        accepted.map_err(|_| OperationError::NotFound("tenant"))?;
        let delivery = event.delivery(0);
        Ok(Trial { delivery, event })
    }

    /// The catalogue's example, and the version that it is one of where that is not 1.
    fn data_of_test(&self, tenant: &TenantId, event_type: &EventType) -> (RawJson, Option<u32>) {
        let known = self.event_type(tenant, event_type);
        let entry = known.as_deref().map(|known| &known.entry);
        match entry.and_then(|entry| Some((entry.example.clone()?, entry.newest()))) {
            Some((example, newest)) => (example, newest.map(|(v, _)| v).filter(|v| *v > 1)),
            None => (
                RawJson::trusted(bytes::Bytes::from_static(b"{\"test\":true}")),
                None,
            ),
        }
    }
}

/// Until when nothing reaches an endpoint.
fn waits_until(health: &Health) -> Option<Timestamp> {
    let probe_at = match health.circuit {
        Circuit::Closed => None,
        Circuit::Open { probe_at, .. } => Some(probe_at),
    };
    health.wait_until.max(probe_at)
}

fn type_of_test(subscription: &Subscription) -> EventType {
    let exact = subscription
        .events
        .iter()
        .find_map(|pattern| match pattern {
            EventPattern::Exact(event_type) => Some(event_type.clone()),
            EventPattern::Prefix(_) | EventPattern::All => None,
        });
    exact.unwrap_or_else(EventType::test)
}
