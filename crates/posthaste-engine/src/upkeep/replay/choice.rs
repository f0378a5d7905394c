//! What a replay does with one event, by what is configured and stored now. Pure.

use std::collections::BTreeMap;

use posthaste::{
    delivery::DeliveryStatus,
    event::Event,
    id::{DeliveryId, SubscriptionId},
};
use posthaste_store::{
    record::{Delivery, StoredEvent},
    replay::{Only, ReplayPlan},
};

use crate::subscribers::TenantView;

/// What becomes of an event's delivery to one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is opened again.
    Open(DeliveryId),
    /// There is none: it is made.
    Make,
    /// It waits anyway.
    Waits,
    /// Its subscription is disabled or deleted.
    Skip,
}

impl Choice {
    /// Whether something is sent.
    pub fn sends(self) -> bool {
        match self {
            Self::Open(_) | Self::Make => true,
            Self::Waits | Self::Skip => false,
        }
    }
}

/// Whether a replay is about events like this one. Tests are for one subscription and one moment.
pub fn is_wanted(plan: &ReplayPlan, event: &Event) -> bool {
    let mut types = plan.types.iter();
    let typed = plan.types.is_empty() || types.any(|pattern| pattern.matches(&event.event_type));
    typed && !event.details.test
}

/// What it does with an event that it is about, by subscription.
pub fn choices(
    plan: &ReplayPlan,
    view: &TenantView,
    stored: &StoredEvent,
    deliveries: &[Delivery],
) -> BTreeMap<SubscriptionId, Choice> {
    let mut chosen = match plan.only {
        Only::All => existing(view, deliveries, |_| true),
        Only::Failed => existing(view, deliveries, |one| {
            one.state.status() == DeliveryStatus::Failed
        }),
        Only::Missing => missing(view, stored, deliveries),
    };
    let narrowed = &plan.subscriptions;
    chosen.retain(|id, _| narrowed.is_empty() || narrowed.contains(id));
    chosen
}

fn existing(
    view: &TenantView,
    deliveries: &[Delivery],
    wanted: impl Fn(&Delivery) -> bool,
) -> BTreeMap<SubscriptionId, Choice> {
    let wanted = deliveries.iter().filter(|one| wanted(one));
    wanted
        .map(|one| (one.subscription, choice(view, one)))
        .collect()
}

fn choice(view: &TenantView, delivery: &Delivery) -> Choice {
    use DeliveryStatus::{Delivered, Discarded, Failed, Held, Pending, Retrying};
    match delivery.state.status() {
        _ if !view.is_open(delivery.subscription) => Choice::Skip,
        Pending | Retrying | Held => Choice::Waits,
        Delivered | Failed | Discarded => Choice::Open(delivery.id),
    }
}

fn missing(
    view: &TenantView,
    stored: &StoredEvent,
    deliveries: &[Delivery],
) -> BTreeMap<SubscriptionId, Choice> {
    let has = |id: &SubscriptionId| deliveries.iter().any(|one| one.subscription == *id);
    let wanting = view.wanting(stored).into_iter();
    wanting
        .filter(|id| !has(id))
        .map(|id| (id, Choice::Make))
        .collect()
}
