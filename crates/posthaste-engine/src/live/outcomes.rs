//! Outcomes as they come: what each attempt made of its delivery, as far as its settlement knows.

use std::sync::Arc;

use posthaste::{
    delivery::{DeliveryState, DeliveryStatus},
    event::TenantId,
    subscription::SubscriptionStatus,
};
use posthaste_store::{
    query::DeliveryQuery,
    record::{Delivery, Settlement, Standing},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::Engine;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOutcome {
    /// Of one that was sent again, `delivered_at` is this success, which need not be its first, and
    /// the replay that asked for it is in its record alone.
    pub delivery: Delivery,
    /// Of the attempt; none where it ended without one.
    pub latency_us: Option<u64>,
}

impl LiveOutcome {
    /// None where nothing came of anything: the delivery was parked.
    pub(super) fn of(settlement: &Settlement) -> Option<Self> {
        let attempt = settlement.attempt.as_deref();
        let state = state(settlement);
        let error = match (state, attempt) {
            (DeliveryState::Discarded { why }, _) => Some(why.to_string()),
            (DeliveryState::Failed { .. }, None) => None,
            (_, attempt) => attempt?.error.clone(),
        };
        Some(Self {
            delivery: Delivery {
                id: settlement.id,
                event: settlement.event,
                subscription: settlement.subscription,
                event_type: settlement.event_type.clone(),
                state,
                tries: settlement.tries,
                last_status_code: attempt.and_then(|attempt| attempt.status_code),
                last_error: error,
                origin: settlement.origin,
                replay: None,
                format: settlement.format,
                link: attempt.and_then(|attempt| attempt.link),
                sent_at: attempt.map(|attempt| attempt.started_at),
                delivered_at: match state {
                    DeliveryState::Delivered { at } => Some(at),
                    _ => None,
                },
            },
            latency_us: attempt.map(|attempt| attempt.latency_us),
        })
    }

    /// While its subscription is paused, what waits is held.
    fn held(&self) -> Self {
        let mut held = self.clone();
        let waits = matches!(
            held.delivery.state.status(),
            DeliveryStatus::Pending | DeliveryStatus::Retrying
        );
        if waits {
            held.delivery.state = DeliveryState::Held;
        }
        held
    }
}

fn state(settlement: &Settlement) -> DeliveryState {
    let at = settlement.at;
    match settlement.standing {
        Standing::Delivered => DeliveryState::Delivered { at },
        Standing::Failed => DeliveryState::Failed { at },
        Standing::Discarded(why) => DeliveryState::Discarded { why },
        Standing::Waiting {
            retry_at: Some(at), ..
        } => DeliveryState::Retrying { at },
        Standing::Waiting { retry_at: None, .. } => DeliveryState::Pending,
    }
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeNews {
    Outcome(Box<LiveOutcome>),
    /// It was too slow for so many outcomes of its tenant, wanted or not.
    Missed(u64),
}

/// The outcomes of a tenant from now on.
pub struct OutcomeFeed {
    engine: Engine,
    tenant: TenantId,
    query: DeliveryQuery,
    told: Receiver<Arc<LiveOutcome>>,
}

impl Engine {
    /// Listens to the outcomes that a query wants.
    #[must_use]
    pub fn follow_outcomes(&self, tenant: &TenantId, query: DeliveryQuery) -> OutcomeFeed {
        OutcomeFeed {
            engine: self.clone(),
            tenant: tenant.clone(),
            query,
            told: self.0.live.listen_for_outcomes(tenant),
        }
    }
}

impl OutcomeFeed {
    /// Waits for the next; none once the engine is gone. May be dropped at any moment.
    pub async fn next(&mut self) -> Option<OutcomeNews> {
        loop {
            match self.told.recv().await {
                Ok(outcome) => {
                    let shown = self.shown(&outcome);
                    if self.query.wants(&shown.delivery) {
                        return Some(OutcomeNews::Outcome(Box::new(shown)));
                    }
                }
                Err(RecvError::Lagged(missed)) => return Some(OutcomeNews::Missed(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn shown(&self, outcome: &LiveOutcome) -> LiveOutcome {
        let snapshot = self.engine.snapshot();
        let subscriber = snapshot.subscriber(&self.tenant, outcome.delivery.subscription);
        let status = subscriber.map(|subscriber| subscriber.subscription.status);
        match status {
            Some(SubscriptionStatus::Paused(_)) => outcome.held(),
            _ => outcome.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use posthaste::{
        clock::Timestamp,
        delivery::{Discard, Tries},
        event::Origin,
        id::{DeliveryId, EventId, SubscriptionId},
    };
    use posthaste_store::record::{Attempt, Parking};

    use super::*;
    use crate::live::Live;

    const AT: Timestamp = Timestamp::from_millis(1_795_293_360_000);

    fn settlement(n: u64, standing: Standing, status: Option<u16>) -> Settlement {
        let attempt = status.map(|status| Attempt {
            number: 1,
            latency_us: 1500,
            status_code: Some(status),
            error: (status >= 300).then(|| format!("http {status}")),
            ..Attempt::default()
        });
        Settlement {
            id: DeliveryId::from_u64(n),
            tenant: TenantId::default_tenant(),
            event: EventId::from_u64(n),
            event_type: "a.b".parse().unwrap(),
            subscription: SubscriptionId::from_u64(7),
            origin: Origin::Publish,
            format: None,
            line: None,
            batch: None,
            tries: Tries::default(),
            standing,
            at: AT,
            attempt: attempt.map(Box::new),
        }
    }

    fn waits(retry_at: Option<Timestamp>) -> Standing {
        let parking = Parking::Due(AT);
        Standing::Waiting { retry_at, parking }
    }

    #[test]
    fn an_outcome_is_what_an_attempt_or_an_end_made_of_a_delivery() {
        #[track_caller]
        fn check(standing: Standing, status: Option<u16>, told: Option<(&str, Option<&str>)>) {
            let outcome = LiveOutcome::of(&settlement(1, standing, status));
            let seen = outcome.as_ref().map(|outcome| {
                let delivery = &outcome.delivery;
                let error = delivery.last_error.as_deref();
                (delivery.state.status().as_str(), error)
            });
            assert_eq!(seen, told);
        }
        check(Standing::Delivered, Some(200), Some(("delivered", None)));
        let refused = Some("http 500");
        check(Standing::Failed, Some(500), Some(("failed", refused)));
        check(waits(Some(AT)), Some(500), Some(("retrying", refused)));
        check(waits(Some(AT)), None, None);
        check(waits(None), None, None);
        let discarded = Standing::Discarded(Discard::Disabled);
        check(discarded, None, Some(("discarded", Some("disabled"))));
    }

    #[test]
    fn nothing_is_kept_where_nobody_listens_and_a_slow_listener_is_told_what_it_missed() {
        let (live, tenant) = (Live::default(), TenantId::default_tenant());
        let many = |from: u64, count: u64| {
            let outcomes = (from..from + count).map(|n| settlement(n, Standing::Delivered, None));
            outcomes
                .map(|settlement| Settlement {
                    attempt: Some(Box::default()),
                    ..settlement
                })
                .collect::<Vec<_>>()
        };
        live.settled(&many(0, 10));
        let mut slow = live.listen_for_outcomes(&tenant);
        let other = live.listen_for_outcomes(&"acme".parse().unwrap());
        live.settled(&many(10, 5000));
        let missed = slow.blocking_recv().unwrap_err();
        assert_eq!(missed, RecvError::Lagged(5000 - 4096));
        let next = slow.blocking_recv().unwrap();
        assert_eq!(next.delivery.id.as_u64(), 10 + 5000 - 4096);
        assert!(other.is_empty(), "another tenant's");
        drop((slow, other));
        live.settled(&many(0, 1));
        assert!(crate::live::lock(&live.outcomes).is_empty());
    }
}
