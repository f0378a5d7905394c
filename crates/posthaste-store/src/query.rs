//! What lists are asked for. A filter without an index is scanned a bounded stretch at a time, so
//! a page may be empty and still lead on.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    delivery::DeliveryStatus,
    event::EventType,
    id::{EventId, SubscriptionId},
};

/// A stretch of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Only ids below this one: where the page before ended.
    pub before: Option<u64>,
    /// 1 to 1,000.
    pub limit: usize,
}

/// Which events; absent is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    pub event_type: Option<EventType>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
    pub correlation_id: Option<String>,
}

/// Which deliveries; absent is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub status: Option<DeliveryStatus>,
    pub subscription: Option<SubscriptionId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// [`Delivery::outcome_at`](crate::record::Delivery::outcome_at) at or after.
    pub outcome_since: Option<Timestamp>,
    /// It has come to nothing at or after.
    pub outcome_until: Option<Timestamp>,
    /// What `last_error` begins with.
    pub error: Option<String>,
}

impl EventQuery {
    /// Whether an event is one of those asked for.
    #[must_use]
    pub fn wants(&self, event: &crate::record::EventSummary) -> bool {
        let created_at = event.id.time();
        let correlation_id = &event.details.correlation_id;
        self.event_type
            .as_ref()
            .is_none_or(|t| event.event_type == *t)
            && self.since.is_none_or(|since| created_at >= since)
            && self.until.is_none_or(|until| created_at < until)
            && (self.correlation_id.is_none() || self.correlation_id == *correlation_id)
    }
}

impl DeliveryQuery {
    /// Of these, what stood so at a time already: neither made nor come to anything later.
    #[must_use]
    pub fn as_of(self, at: Timestamp) -> Self {
        let after = at + Duration::from_millis(1);
        let before = |until: Option<Timestamp>| Some(until.map_or(after, |until| until.min(after)));
        Self {
            until: before(self.until),
            outcome_until: before(self.outcome_until),
            ..self
        }
    }

    /// Whether a delivery is one of those asked for.
    #[must_use]
    pub fn wants(&self, delivery: &crate::record::Delivery) -> bool {
        let created_at = delivery.created_at();
        let error = |prefix: &String| {
            let last = delivery.last_error.as_ref();
            last.is_some_and(|last| last.starts_with(prefix.as_str()))
        };
        self.status
            .is_none_or(|status| delivery.state.status() == status)
            && self
                .subscription
                .is_none_or(|id| delivery.subscription == id)
            && self.event.is_none_or(|id| delivery.event == id)
            && self
                .event_type
                .as_ref()
                .is_none_or(|t| delivery.event_type == *t)
            && self.since.is_none_or(|since| created_at >= since)
            && self.until.is_none_or(|until| created_at < until)
            && self.wants_outcome(delivery.outcome_at())
            && self.error.as_ref().is_none_or(error)
    }

    fn wants_outcome(&self, at: Option<Timestamp>) -> bool {
        self.outcome_since.is_none_or(|since| at >= Some(since))
            && self.outcome_until.is_none_or(|until| at < Some(until))
    }
}
