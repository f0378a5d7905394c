//! Why a subscription did or did not want an event, judged by what is configured today.

use std::collections::HashMap;

use posthaste::{
    event::{Event, TenantId},
    filter::{Clause, EventDocument, Explanation, FILTER_STEPS_MAX},
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::{Subscription, SubscriptionStatus},
};
use posthaste_store::{
    Page,
    query::{DeliveryQuery, Stretch},
    record::StoredEvent,
};

use super::OperationError;
use crate::Engine;

/// Deliveries that are read at once.
const PAGE: usize = 1000;
/// What the filters of one page may look at, before it ends early.
const STEPS: u64 = 16 * FILTER_STEPS_MAX;

/// What decides first whether a subscription wants an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchReason {
    /// It wants it.
    Matches,
    /// It is disabled: new events skip it.
    Disabled,
    /// Its types are others.
    Type,
    /// It has pinned another version of the type.
    Version,
    /// Its filter does not match.
    Filter,
}

impl MatchReason {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Disabled => "disabled",
            Self::Type => "type",
            Self::Version => "version",
            Self::Filter => "filter",
        }
    }
}

/// One subscription beside one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub subscription: SubscriptionId,
    pub reason: MatchReason,
    /// Its filter's, whatever the reason; empty where it has none.
    pub clauses: Vec<Clause>,
    /// The delivery of this event to it, where there is one, whatever today's judgement.
    pub delivery: Option<DeliveryId>,
}

impl Match {
    #[must_use]
    pub fn matches(&self) -> bool {
        self.reason == MatchReason::Matches
    }
}

impl Engine {
    /// The subscriptions that a tenant has today, newest first, beside one of its events.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn matches(
        &self,
        tenant: &TenantId,
        event: EventId,
        stretch: Stretch,
    ) -> Result<Page<Match>, OperationError> {
        let stored = self.event(tenant, event).await?;
        let deliveries = self.deliveries_of(tenant, &stored).await?;
        let document = EventDocument::of(&stored.event);
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let subscribers = view.into_iter().flat_map(|v| v.subscribers.values().rev());
        let left: Vec<&Subscription> = subscribers
            .map(|subscriber| &subscriber.subscription)
            .filter(|one| stretch.before.is_none_or(|id| one.id.as_u64() < id))
            .take(stretch.limit.saturating_add(1))
            .collect();
        let (mut items, mut steps) = (Vec::new(), 0);
        for subscription in left.iter().take(stretch.limit) {
            if steps >= STEPS {
                break;
            }
            let explanation = subscription.filter.as_ref().map(|f| f.explain(&document));
            steps += explanation.as_ref().map_or(0, |found| found.steps);
            let delivery = deliveries.get(&subscription.id).copied();
            items.push(judged(subscription, &stored.event, explanation, delivery));
            tokio::task::yield_now().await;
        }
        let more = items.len() < left.len();
        let last = items.last().filter(|_| more);
        let next = last.map(|last| last.subscription.as_u64());
        Ok(Page { items, next })
    }

    /// By subscription; of several the newest.
    pub(super) async fn deliveries_of(
        &self,
        tenant: &TenantId,
        stored: &StoredEvent,
    ) -> Result<HashMap<SubscriptionId, DeliveryId>, OperationError> {
        let query = DeliveryQuery {
            event: Some(stored.event.id),
            ..DeliveryQuery::default()
        };
        let (mut found, mut before) = (HashMap::new(), None);
        loop {
            let stretch = Stretch {
                before,
                limit: PAGE,
            };
            let page = self.deliveries(tenant, &query, stretch).await?;
            for delivery in page.items {
                found.entry(delivery.subscription).or_insert(delivery.id);
            }
            before = page.next;
            if before.is_none() {
                return Ok(found);
            }
        }
    }
}

fn judged(
    subscription: &Subscription,
    event: &Event,
    explanation: Option<Explanation>,
    delivery: Option<DeliveryId>,
) -> Match {
    Match {
        subscription: subscription.id,
        reason: reason(subscription, event, explanation.as_ref()),
        clauses: explanation.map_or_else(Vec::new, |found| found.clauses),
        delivery,
    }
}

fn reason(
    subscription: &Subscription,
    event: &Event,
    explanation: Option<&Explanation>,
) -> MatchReason {
    if subscription.status == SubscriptionStatus::Disabled {
        MatchReason::Disabled
    } else if !subscription.wants(&event.event_type) {
        MatchReason::Type
    } else if !subscription.takes_version(&event.event_type, event.details.version) {
        MatchReason::Version
    } else if explanation.is_some_and(|found| !found.matches) {
        MatchReason::Filter
    } else {
        MatchReason::Matches
    }
}
