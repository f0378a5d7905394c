//! Why a delivery waits: all that holds it back now, as far as its subscription tells.

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{DeliveryState, PauseReason},
    event::{Origin, TenantId},
    subscription::{Ordering, RateLimit, Subscription, SubscriptionStatus},
};
use posthaste_store::record::Delivery;

use crate::Engine;

/// Something that holds a delivery back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    /// Its subscription is paused.
    Paused(PauseReason),
    /// Its subscription's circuit is open: the oldest delivery goes out as a probe then.
    Circuit { probe_at: Timestamp },
    /// The receiver asked for time, until then.
    Asked { until: Timestamp },
    /// Its last attempt failed, and it is due again then.
    Retry { at: Timestamp },
    /// It leaves after those before it with its ordering key.
    Line,
    /// It gathers with others for one request.
    Batch,
    /// No more requests than these leave a second.
    Rate(RateLimit),
}

impl Engine {
    /// What holds a delivery back, the weightiest first; nothing where it has ended, or only awaits
    /// its turn.
    #[must_use]
    pub fn waits(&self, tenant: &TenantId, delivery: &Delivery) -> Vec<Wait> {
        let to = self.subscription(tenant, delivery.subscription);
        to.map_or_else(Vec::new, |to| waits(&to, delivery, self.now()))
    }
}

fn waits(to: &Subscription, delivery: &Delivery, now: Timestamp) -> Vec<Wait> {
    let retry_at = match delivery.state {
        DeliveryState::Retrying { at } => Some(at),
        DeliveryState::Pending | DeliveryState::Held => None,
        DeliveryState::Delivered { .. }
        | DeliveryState::Failed { .. }
        | DeliveryState::Discarded { .. } => return Vec::new(),
    };
    // A test leaves whatever stands in the way of others.
    if delivery.origin == Origin::Test {
        return Vec::new();
    }
    let asked = to.health.wait_until.filter(|until| *until > now);
    let all = [
        paused(to.status),
        circuit(to.health.circuit),
        asked.map(|until| Wait::Asked { until }),
        retry_at.filter(|at| *at > now).map(|at| Wait::Retry { at }),
        (to.ordering == Ordering::Fifo).then_some(Wait::Line),
        to.batch.is_some().then_some(Wait::Batch),
        to.rate_limit.map(Wait::Rate),
    ];
    all.into_iter().flatten().collect()
}

const fn paused(status: SubscriptionStatus) -> Option<Wait> {
    match status {
        SubscriptionStatus::Paused(why) => Some(Wait::Paused(why)),
        SubscriptionStatus::Active | SubscriptionStatus::Disabled => None,
    }
}

const fn circuit(circuit: Circuit) -> Option<Wait> {
    match circuit {
        Circuit::Open { probe_at, .. } => Some(Wait::Circuit { probe_at }),
        Circuit::Closed => None,
    }
}
