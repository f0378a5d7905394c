//! Alerts: what the platform tells a tenant of its subscriptions, as events like any other. One is
//! made only where a subscription wants it.

use std::sync::Arc;

use posthaste::{
    clock::{Clock, Timestamp},
    delivery::PauseReason,
    event::{Event, EventDetails, EventType, TenantId},
    filter::{EventDocument, Filter},
    id::SubscriptionId,
    json::RawJson,
};
use posthaste_store::{Store, keeping::Hold, record::Acceptance};
use serde_json::{Value, json};

use crate::{
    scheduler::{Alert, News},
    subscribers::{Subscriber, Subscribers},
};

/// Makes the events.
#[derive(Clone)]
pub struct Alerts {
    pub store: Arc<dyn Store>,
    pub subscribers: Arc<Subscribers>,
    pub clock: Arc<dyn Clock>,
}

/// A pause that is about to cost deliveries.
pub struct Expiring<'a> {
    pub hold: &'a Hold,
    /// All that it holds.
    pub deliveries: u64,
    /// When the first of them is discarded.
    pub expires_at: Timestamp,
    pub now: Timestamp,
}

impl Alerts {
    /// The event of an alert, under a reserved id, if any subscription wants it.
    pub fn event(&self, alert: &Alert) -> Option<Acceptance> {
        let (name, data) = told(alert);
        let tenant = &alert.subscriber.subscription.tenant;
        self.acceptance(self.clock.now(), tenant, name, &data)
    }

    /// The event that tells of it, under a reserved id, if any subscription wants it.
    pub fn expiring(&self, about: &Expiring<'_>) -> Option<Acceptance> {
        let (tenant, id) = (&about.hold.tenant, about.hold.subscription);
        let snapshot = self.subscribers.now();
        let subscriber = snapshot.subscriber(tenant, id)?;
        let data = json!({
            "subscription_id": id,
            "url": subscriber.subscription.url.as_str(),
            "reason": "held",
            "deliveries": about.deliveries,
            "expires_at": about.expires_at,
        });
        let name = "posthaste.subscription.expiring";
        self.acceptance(about.now, tenant, name, &data)
    }

    fn acceptance(
        &self,
        now: Timestamp,
        tenant: &TenantId,
        name: &str,
        data: &Value,
    ) -> Option<Acceptance> {
        let event_type: EventType = name.parse().expect("the platform's types are types");
        let (details, data) = (
            EventDetails::default(),
            RawJson::trusted(data.to_string().into()),
        );
        let snapshot = self.subscribers.now();
        let view = snapshot.tenants.get(tenant)?;
        let mut takers = view.takers(&event_type, None);
        if view.have_filters(&takers) {
            let document = EventDocument::new(Some(&event_type), &details, Some(&data));
            let wants = |filter: &Filter| filter.matches(&document);
            takers.retain(|id| view.filter(*id).is_none_or(wants));
        }
        let fan_out = u32::try_from(takers.len()).ok();
        let fan_out = fan_out.filter(|count| *count > 0)?;
        let id = self.store.reserve(now, &[fan_out])[0];
        let event = Event {
            id,
            tenant: tenant.clone(),
            event_type,
            details,
            data,
        };
        Some(Acceptance {
            event: Arc::new(event),
            subscriptions: takers.into(),
            idempotency: None,
        })
    }
}

/// An alert's type and data.
fn told(alert: &Alert) -> (&'static str, Value) {
    let of = |reason: &str| about(&alert.subscriber, reason);
    match &alert.news {
        News::Paused(reason) => ("posthaste.subscription.paused", of(reason_name(*reason))),
        News::Resumed => ("posthaste.subscription.resumed", of("manual")),
        News::CircuitOpened { reason } => ("posthaste.circuit.opened", of(reason)),
        News::CircuitClosed => ("posthaste.circuit.closed", of("success")),
        News::DeliveryFailed {
            delivery,
            event,
            event_type,
            attempts,
            last_status_code,
            last_error,
        } => {
            let subscription: SubscriptionId = alert.subscriber.subscription.id;
            let data = json!({
                "delivery_id": delivery,
                "event_id": event,
                "event_type": event_type,
                "subscription_id": subscription,
                "attempts": attempts,
                "last_status_code": last_status_code,
                "last_error": last_error,
            });
            ("posthaste.delivery.failed", data)
        }
    }
}

fn about(subscriber: &Subscriber, reason: &str) -> Value {
    let subscription = &subscriber.subscription;
    json!({
        "subscription_id": subscription.id,
        "url": subscription.url.as_str(),
        "reason": reason,
    })
}

fn reason_name(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Manual => "manual",
        PauseReason::ConsecutiveFailures => "consecutive_failures",
        PauseReason::Gone => "gone",
    }
}
