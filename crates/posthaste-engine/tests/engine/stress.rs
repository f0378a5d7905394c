//! Order, batches, circuits and alerts, across crashes.

use std::time::Duration;

use posthaste::{
    circuit::Circuit,
    delivery::{DeliveryState, DeliveryStatus},
    event::EventDetails,
    id::{DeliveryId, SubscriptionId},
    retry::{Preset, RetryPolicy},
    subscription::{BatchLimits, Ordering, SubscriptionStatus},
};
use posthaste_engine::operations::{NewEvent, NewSubscription, SubscriptionPatch};
use posthaste_store::{
    query::{EventQuery, Stretch},
    record::StoredEvent,
};

use crate::world::*;

fn to(url: &str) -> NewSubscription {
    NewSubscription {
        retry: RetryPolicy::schedule(&[1.0, 1.0], 0.0).unwrap(),
        ..NewSubscription::to(url.parse().unwrap())
    }
}

impl World {
    async fn add(&self, new: NewSubscription) -> SubscriptionId {
        let made = self.engine.subscribe(&self.tenant, new).await;
        made.unwrap().id
    }

    async fn publish_keyed(&self, key: &str) -> DeliveryId {
        let event = NewEvent {
            details: EventDetails {
                ordering_key: Some(key.to_owned()),
                ..EventDetails::default()
            },
            ..self.event()
        };
        let published = self.engine.publish(&self.tenant, vec![event]).await;
        published.unwrap()[0].delivery_ids().next().unwrap()
    }

    async fn status_of(&self, id: DeliveryId) -> DeliveryStatus {
        self.state(id).await.status()
    }

    /// The platform's own events, oldest first.
    async fn alerts(&self) -> Vec<StoredEvent> {
        let all = Stretch {
            before: None,
            limit: 1000,
        };
        let query = EventQuery::default();
        let page = self.engine.events(&self.tenant, &query, all).await;
        let mut alerts = Vec::new();
        for summary in page.unwrap().items.iter().rev() {
            if summary.event_type.is_platforms() {
                alerts.push(self.engine.event(&self.tenant, summary.id).await.unwrap());
            }
        }
        alerts
    }
}

fn types(alerts: &[StoredEvent]) -> Vec<String> {
    let types = alerts
        .iter()
        .map(|alert| alert.event.event_type.to_string());
    types.collect()
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_across_failures_and_crashes_and_other_keys_flow() {
    let mut world = World::new().await;
    let ordered = NewSubscription {
        ordering: Ordering::Fifo,
        ..to(URL)
    };
    world.add(ordered).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(world.publish_keyed("a").await);
    }
    world.pass(A_MOMENT).await;
    assert_eq!(world.receivers.arrived(), [first[0].to_string()]);
    world = world.after_crash().await;
    world.pass(A_MOMENT).await;
    let other = world.publish_keyed("b").await;
    first.push(world.publish_keyed("a").await);
    world.pass(Duration::from_secs(3)).await;
    let arrived = world.receivers.arrived();
    let of_a: Vec<String> = arrived
        .into_iter()
        .filter(|id| *id != other.to_string())
        .collect();
    let expected: Vec<String> = first.iter().map(DeliveryId::to_string).collect();
    assert_eq!(of_a, expected);
    assert_eq!(world.status_of(other).await, DeliveryStatus::Delivered);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_sent_again_takes_its_old_place_in_line() {
    let world = World::new().await;
    let ordered = NewSubscription {
        ordering: Ordering::Fifo,
        ..to(URL)
    };
    let id = world.add(ordered).await;
    let first = world.publish_keyed("a").await;
    world.pass(A_MOMENT).await;
    world.engine.pause(&world.tenant, id).await.unwrap();
    let second = world.publish_keyed("a").await;
    world.engine.redeliver(&world.tenant, first).await.unwrap();
    world.pass(A_MOMENT).await;
    world.engine.resume(&world.tenant, id).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    let expected = [first, first, second].map(|id| id.to_string());
    assert_eq!(world.receivers.arrived(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_a_crash_cuts_off_is_repeated_as_it_was() {
    let mut world = World::new().await;
    let batching = NewSubscription {
        batch: Some(BatchLimits {
            max_events: 3,
            ..BatchLimits::default()
        }),
        ..to(URL)
    };
    world.add(batching).await;
    world.receivers.behave(URL, Behaviour::Hang);
    let deliveries = world.publish_many(3).await;
    world.pass(A_MOMENT).await;
    let batch = world.receivers.arrived();
    assert_eq!(batch.len(), 1);
    assert!(batch[0].starts_with("bat_"));
    world = world.after_crash().await;
    let late = world.publish_many(1).await[0];
    world.pass(Duration::from_secs(3)).await;
    let arrived = world.receivers.arrived();
    assert_eq!(arrived[0], batch[0], "the very same");
    assert_eq!(arrived.len(), 2, "and the late one in another");
    for id in deliveries.into_iter().chain([late]) {
        assert_eq!(world.status_of(id).await, DeliveryStatus::Delivered);
        let attempts = world.engine.attempts(&world.tenant, id).await.unwrap();
        assert_eq!(attempts.len(), 1, "each has its own record");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_survives_a_crash_and_its_probe_closes_it() {
    let mut world = World::new().await;
    let fragile = NewSubscription {
        retry: RetryPolicy::preset(Preset::None),
        auto_pause_after: Some(0),
        ..to(URL)
    };
    let id = world.add(fragile).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    let first = world.publish_many(60).await;
    world.pass(Duration::from_secs(1)).await;
    let shown = |world: &World| world.engine.subscription(&world.tenant, id).unwrap();
    assert!(matches!(shown(&world).health.circuit, Circuit::Open { .. }));
    world = world.after_crash().await;
    assert!(matches!(shown(&world).health.circuit, Circuit::Open { .. }));
    let waiting = world.publish_many(20).await;
    world.pass(Duration::from_secs(28)).await;
    assert!(
        world.receivers.arrived().is_empty(),
        "nothing before the probe"
    );
    assert_eq!(world.status_of(waiting[0]).await, DeliveryStatus::Pending);
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(shown(&world).health.circuit, Circuit::Closed);
    let waited = first[50..].iter().chain(&waiting);
    let expected: Vec<String> = waited.map(DeliveryId::to_string).collect();
    assert_eq!(world.receivers.arrived(), expected, "the oldest first");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_receiver_asked_for_survives_a_crash_and_spends_nothing() {
    let mut world = World::new().await;
    world.add(to(URL)).await;
    world.receivers.behave(URL, Behaviour::Busy(60));
    let first = world.publish_many(1).await[0];
    world.pass(A_MOMENT).await;
    let second = world.publish_many(1).await[0];
    world.pass(A_MOMENT).await;
    world = world.after_crash().await;
    world.pass(Duration::from_secs(58)).await;
    assert!(world.receivers.arrived().is_empty());
    world.pass(Duration::from_secs(5)).await;
    for (id, attempts) in [(first, 2), (second, 1)] {
        let delivery = world.engine.delivery(&world.tenant, id).await.unwrap();
        assert!(matches!(delivery.state, DeliveryState::Delivered { .. }));
        assert_eq!(delivery.tries.made, attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_a_subscription_is_told_to_those_who_want_it_and_causes_no_more() {
    let world = World::new().await;
    let fragile = NewSubscription {
        events: vec!["memory.*".parse().unwrap()],
        retry: RetryPolicy::preset(Preset::None),
        auto_pause_after: Some(2),
        ..to(URL)
    };
    let id = world.add(fragile).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    world.publish_many(1).await;
    world.pass(A_MOMENT).await;
    assert!(world.alerts().await.is_empty(), "nobody wants them");
    let dead = "https://example.com/alerts";
    world.receivers.behave(dead, Behaviour::Answer(500));
    world
        .add(NewSubscription {
            events: vec!["posthaste.*".parse().unwrap()],
            retry: RetryPolicy::preset(Preset::None),
            auto_pause_after: Some(1),
            ..to(dead)
        })
        .await;
    let failed = world.publish_many(1).await[0];
    world.pass(Duration::from_secs(2)).await;
    world.engine.resume(&world.tenant, id).await.unwrap();
    world.pass(Duration::from_secs(2)).await;
    let alerts = world.alerts().await;
    let names = [
        "posthaste.subscription.paused",
        "posthaste.delivery.failed",
        "posthaste.subscription.resumed",
    ];
    let mut told = types(&alerts);
    told.sort_by_key(|name| names.iter().position(|known| known == name));
    assert_eq!(told, names, "and none of their own failures");
    let data = |name: &str| -> serde_json::Value {
        let alert = alerts
            .iter()
            .find(|alert| alert.event.event_type.as_str() == name);
        serde_json::from_slice(alert.unwrap().event.data.as_bytes()).unwrap()
    };
    assert_eq!(
        data(names[0]),
        serde_json::json!({"subscription_id": id, "url": URL, "reason": "consecutive_failures"})
    );
    assert_eq!(data(names[1])["delivery_id"], serde_json::json!(failed));
    assert_eq!(data(names[1])["last_error"], "http 500");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_begins_to_keep_order_keeps_it_from_then_on() {
    let world = World::new().await;
    let id = world.add(to(URL)).await;
    world.receivers.behave(URL, Behaviour::Hang);
    world.publish_keyed("a").await;
    world.publish_keyed("a").await;
    world.pass(A_MOMENT).await;
    assert_eq!(world.receivers.arrived().len(), 2, "side by side");
    let patch = SubscriptionPatch {
        ordering: Some(Ordering::Fifo),
        ..SubscriptionPatch::default()
    };
    let changed = world
        .engine
        .change_subscription(&world.tenant, id, patch, None);
    changed.await.unwrap();
    world.receivers.behave(URL, Behaviour::Answer(200));
    let third = world.publish_keyed("a").await;
    world.pass(A_MOMENT).await;
    assert_eq!(world.receivers.arrived().len(), 2, "behind both of them");
    world.pass(Duration::from_secs(15)).await;
    let arrived = world.receivers.arrived();
    assert_eq!(arrived.len(), 5, "both again, then the third");
    assert_eq!(arrived[4], third.to_string());
    assert_eq!(world.status(id).await, SubscriptionStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_a_ramp_allows_after_a_resume() {
    let world = World::new().await;
    let id = world.add(to(URL)).await;
    world.engine.pause(&world.tenant, id).await.unwrap();
    world.publish_many(200).await;
    world.pass(A_MOMENT).await;
    world.receivers.behave(URL, Behaviour::Slow(100));
    world.engine.resume(&world.tenant, id).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        let before = world.receivers.arrived().len();
        world.pass(Duration::from_millis(100)).await;
        seen.push(world.receivers.arrived().len() - before);
    }
    assert!(seen[0] <= 4, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen[5] >= 24, "{seen:?}");
    world.pass(Duration::from_secs(5)).await;
    let mut arrived = world.receivers.arrived();
    arrived.dedup();
    assert_eq!(arrived.len(), 200);
}
