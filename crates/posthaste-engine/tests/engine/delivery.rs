//! From publish to settled: retries, pauses, crashes.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use posthaste::{
    circuit::Circuit,
    delivery::{DeliveryState, DeliveryStatus, Discard, PauseReason},
    event::EventDetails,
    id::DeliveryId,
    json::RawJson,
    retry::RetryPolicy,
    subscription::SubscriptionStatus,
};
use posthaste_engine::{
    Bounds,
    operations::{NewEvent, NewSubscription, OperationError, Redelivered, Wait},
};
use posthaste_store::Store;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn an_event_is_delivered_to_every_subscription_that_wants_it() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.subscribe("https://example.com/other", &[1.0]).await;
    let published = world.publish().await;
    assert_eq!(published.deliveries, 2);
    world.pass(A_MOMENT).await;
    let mut arrived = world.receivers.arrived();
    arrived.sort();
    let ids: Vec<String> = published.delivery_ids().map(|id| id.to_string()).collect();
    assert_eq!(arrived, ids);
    for id in published.delivery_ids() {
        assert!(matches!(
            world.state(id).await,
            DeliveryState::Delivered { .. }
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_delivery_is_retried_on_schedule_and_then_a_dead_letter() {
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0, 10.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    let id = world.publish_many(1).await[0];
    world.pass(A_MOMENT).await;
    let waiting = world.engine.delivery(&world.tenant, id).await.unwrap();
    assert_eq!(waiting.state.status(), DeliveryStatus::Retrying);
    assert_eq!(waiting.last_error.as_deref(), Some("http 500"));
    assert_eq!(world.engine.retries_left(&world.tenant, &waiting), 2);
    world.pass(Duration::from_secs(30)).await;
    assert!(matches!(
        world.state(id).await,
        DeliveryState::Failed { .. }
    ));
    let times = world.receivers.times();
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        (1000..1100).contains(&waits[0]) && (10_000..10_100).contains(&waits[1]),
        "{waits:?}"
    );
    let attempts = world.engine.attempts(&world.tenant, id).await.unwrap();
    assert_eq!(
        attempts.iter().map(|a| a.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let health = world
        .engine
        .subscription(&world.tenant, subscription)
        .unwrap()
        .health;
    assert_eq!(
        (health.consecutive_failures, health.failed_attempts_in_a_row),
        (1, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_sent_again_has_a_fresh_budget_and_goes_on_counting() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    let id = world.publish_many(1).await[0];
    world.pass(Duration::from_secs(5)).await;
    assert!(matches!(
        world.state(id).await,
        DeliveryState::Failed { .. }
    ));
    world.receivers.behave(URL, Behaviour::Answer(204));
    let again = world.engine.redeliver(&world.tenant, id).await.unwrap();
    let expected = Redelivered {
        redelivered: 1,
        ..Redelivered::default()
    };
    assert_eq!(again, expected);
    world.pass(A_MOMENT).await;
    assert!(matches!(
        world.state(id).await,
        DeliveryState::Delivered { .. }
    ));
    let attempts = world.engine.attempts(&world.tenant, id).await.unwrap();
    assert_eq!(
        attempts.last().map(|a| (a.number, a.status_code)),
        Some((3, Some(204)))
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_and_not_settled_is_delivered_after_a_crash() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Hang);
    let ids = world.publish_many(100).await;
    world.pass(Duration::from_millis(20)).await;
    let after = world.after_crash().await;
    after.pass(A_MOMENT).await;
    assert!(after.engine.is_ready());
    let mut arrived = after.receivers.arrived();
    arrived.sort();
    assert_eq!(
        arrived,
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(after.counts().await.delivered, 100);
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_and_a_retry_under_way_survive_a_crash() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0, 1.0]).await;
    world.receivers.behave(URL, Behaviour::Hang);
    let id = world.publish_many(1).await[0];
    // Five seconds give it a row; eleven have it under way for the second time.
    for wait in [6, 6] {
        world.pass(Duration::from_secs(wait)).await;
        let after = world.after_crash().await;
        after.pass(A_MOMENT).await;
        assert_eq!(after.receivers.arrived(), [id.to_string()]);
        assert!(matches!(
            after.state(id).await,
            DeliveryState::Delivered { .. }
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_subscription_holds_its_deliveries_and_a_resumed_one_gets_them_in_order() {
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0]).await;
    world
        .engine
        .pause(&world.tenant, subscription)
        .await
        .unwrap();
    let ids = world.publish_many(50).await;
    world.pass(Duration::from_secs(10)).await;
    assert!(world.receivers.arrived().is_empty());
    assert_eq!(world.counts().await.held, 50);
    world
        .engine
        .resume(&world.tenant, subscription)
        .await
        .unwrap();
    world.pass(A_MOMENT).await;
    let expected: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(world.receivers.arrived(), expected);
    assert_eq!(world.counts().await.delivered, 50);
}

#[tokio::test(start_paused = true)]
async fn five_spent_deliveries_in_a_row_pause_a_subscription_and_hold_the_rest() {
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(503));
    world.publish_many(5).await;
    world.pass(Duration::from_secs(5)).await;
    let paused = SubscriptionStatus::Paused(PauseReason::ConsecutiveFailures);
    assert_eq!(world.status(subscription).await, paused);
    let after = world.publish_many(1).await[0];
    world.pass(A_MOMENT).await;
    assert_eq!(world.state(after).await, DeliveryState::Held);
    assert_eq!(world.counts().await.failed, 5);
    world.receivers.behave(URL, Behaviour::Answer(200));
    let resumed = world
        .engine
        .resume(&world.tenant, subscription)
        .await
        .unwrap();
    assert_eq!(resumed.health.consecutive_failures, 0);
    world.pass(A_MOMENT).await;
    assert!(matches!(
        world.state(after).await,
        DeliveryState::Delivered { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_attempts_caused_is_there_after_a_crash() {
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(410));
    let id = world.publish_many(1).await[0];
    world.pass(A_MOMENT).await;
    let after = world.after_crash().await;
    let gone = SubscriptionStatus::Paused(PauseReason::Gone);
    assert_eq!(after.status(subscription).await, gone);
    assert!(matches!(
        after.state(id).await,
        DeliveryState::Failed { .. }
    ));
    let held = after.publish_many(1).await[0];
    after.pass(A_MOMENT).await;
    assert_eq!(after.state(held).await, DeliveryState::Held);
}

#[tokio::test(start_paused = true)]
async fn a_test_goes_to_a_paused_subscription_and_leaves_its_health_alone() {
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0]).await;
    world
        .engine
        .pause(&world.tenant, subscription)
        .await
        .unwrap();
    world.receivers.behave(URL, Behaviour::Answer(500));
    let trial = world
        .engine
        .try_subscription(&world.tenant, subscription, None)
        .await
        .unwrap();
    world.pass(A_MOMENT).await;
    assert!(matches!(
        world.state(trial.delivery).await,
        DeliveryState::Failed { .. }
    ));
    let shown = world
        .engine
        .subscription(&world.tenant, subscription)
        .unwrap();
    assert!(!shown.health.unhealthy);
    let event = world
        .engine
        .event(&world.tenant, trial.event)
        .await
        .unwrap()
        .event;
    assert_eq!(event.event_type.as_str(), "posthaste.test");
    assert_eq!(event.data.as_str(), r#"{"test":true}"#);
}

#[tokio::test(start_paused = true)]
async fn what_a_deleted_or_disabled_subscription_was_owed_is_discarded() {
    let world = World::new().await;
    let deleted = world.subscribe(URL, &[60.0]).await;
    let disabled = world.subscribe("https://example.com/other", &[60.0]).await;
    for subscription in [deleted, disabled] {
        world
            .engine
            .pause(&world.tenant, subscription)
            .await
            .unwrap();
    }
    let ids = world.publish_many(3).await;
    world.pass(A_MOMENT).await;
    world
        .engine
        .unsubscribe(&world.tenant, deleted)
        .await
        .unwrap();
    let patch = posthaste_engine::operations::SubscriptionPatch {
        status: Some(posthaste_engine::operations::RequestedStatus::Disabled),
        ..Default::default()
    };
    world
        .engine
        .change_subscription(&world.tenant, disabled, patch, None)
        .await
        .unwrap();
    world.pass(A_MOMENT).await;
    let discarded = |why| DeliveryState::Discarded { why };
    assert_eq!(world.state(ids[0]).await, discarded(Discard::Deleted));
    assert_eq!(world.state(ids[1]).await, discarded(Discard::Disabled));
    assert_eq!(world.counts().await.discarded, 6);
    let gone = world.engine.redeliver(&world.tenant, ids[0]).await;
    assert_eq!(gone, Err(OperationError::NotFound("subscription")));
    let off = world.engine.redeliver(&world.tenant, ids[1]).await;
    assert_eq!(off, Err(OperationError::Disabled));
    assert_eq!(world.publish().await.deliveries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_attempt_and_not_an_outage() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.subscribe("https://example.com/other", &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Panic);
    let published = world.publish().await;
    let ids: Vec<DeliveryId> = published.delivery_ids().collect();
    world.pass(Duration::from_secs(5)).await;
    let failed = world.engine.delivery(&world.tenant, ids[0]).await.unwrap();
    assert_eq!(failed.state.status(), DeliveryStatus::Failed);
    assert!(failed.last_error.unwrap().starts_with("internal"));
    assert!(matches!(
        world.state(ids[1]).await,
        DeliveryState::Delivered { .. }
    ));
}

/// Slots, circuit and retries are as after any other failure: what comes when the bug is gone goes
/// out, and nothing is left under way.
#[tokio::test(start_paused = true)]
async fn panics_give_their_slots_back_open_the_circuit_and_end() {
    let world = World::new().await;
    let broken = NewSubscription {
        retry: RetryPolicy::schedule(&[1.0], 0.0).unwrap(),
        auto_pause_after: Some(0),
        ..NewSubscription::to(URL.parse().unwrap())
    };
    let broken = world.engine.subscribe(&world.tenant, broken).await.unwrap();
    world.subscribe("https://example.com/other", &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Panic);
    world.publish_many(60).await;
    world.pass(Duration::from_secs(5)).await;
    let known = world.engine.subscription(&world.tenant, broken.id).unwrap();
    assert!(
        matches!(known.health.circuit, Circuit::Open { .. }),
        "{:?}",
        known.health
    );
    world.receivers.behave(URL, Behaviour::Answer(200));
    world.pass(Duration::from_secs(600)).await;
    let counts = world.counts().await;
    assert_eq!(counts.pending + counts.retrying, 0, "{counts:?}");
    assert_eq!(counts.delivered + counts.failed, 120);
    assert!(
        counts.delivered > 60,
        "what was held back by the circuit left"
    );
    assert!(world.engine.metrics().contains("attempts_in_flight 0"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_made_is_a_dead_letter_in_the_end_and_no_ones_else() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.clock.poisoned.store(true, Relaxed);
    let poisoned = world.publish_many(1).await[0];
    world.pass(Duration::from_secs(5)).await;
    let failed = world.engine.delivery(&world.tenant, poisoned).await;
    let failed = failed.unwrap();
    assert_eq!(failed.state.status(), DeliveryStatus::Failed);
    assert_eq!(failed.tries.made, 2);
    assert!(failed.last_error.unwrap().starts_with("poison"));
    assert!(world.receivers.arrived().is_empty());
    world.clock.poisoned.store(false, Relaxed);
    let next = world.publish_many(1).await[0];
    world.pass(Duration::from_secs(1)).await;
    assert!(matches!(
        world.state(next).await,
        DeliveryState::Delivered { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_attempts_under_way_and_leaves_the_rest_to_the_next_start() {
    let world = World::new().await;
    world.subscribe(URL, &[60.0]).await;
    world.receivers.behave(URL, Behaviour::Hang);
    world.publish_many(40).await;
    world.pass(Duration::from_millis(20)).await;
    assert!(world.engine.drain(Duration::from_secs(30)).await);
    assert_eq!(
        world.receivers.arrived().len(),
        32,
        "as many as one subscription may have"
    );
    let after = world.after_crash().await;
    after.pass(A_MOMENT).await;
    assert_eq!(after.receivers.arrived().len(), 8);
    let counts = after.counts().await;
    assert_eq!((counts.delivered, counts.retrying), (8, 32));
}

#[tokio::test(start_paused = true)]
async fn one_key_makes_one_event_and_another_body_is_refused() {
    use posthaste_engine::operations::{IdempotencyClaim, PublishError};
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    let publish = |body: u8| {
        let event = NewEvent {
            event_type: "memory.created".parse().unwrap(),
            data: RawJson::parse("1", 1).unwrap(),
            details: EventDetails::default(),
            subscriptions: None,
            idempotency: Some(IdempotencyClaim {
                key: "k".to_owned(),
                body: [body; 32],
            }),
        };
        world.engine.publish(&world.tenant, vec![event])
    };
    let first = publish(1).await.unwrap().remove(0);
    let second = publish(1).await.unwrap().remove(0);
    assert_eq!(
        (first.id, false, true),
        (second.id, first.replayed, second.replayed)
    );
    let conflict = PublishError::IdempotencyConflict { index: 0 };
    assert_eq!(publish(2).await, Err(conflict));
    world.pass(A_MOMENT).await;
    assert_eq!(world.receivers.arrived().len(), 1);
    assert_eq!(
        world.store.settled_mark(),
        world.store.settled_mark().max(first.id)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_and_not_yet_written_is_bounded() {
    use posthaste_engine::operations::PublishError;
    let bounds = Bounds {
        deliveries: 4,
        ..Bounds::default()
    };
    let world = World::with_bounds(bounds).await;
    world.subscribe(URL, &[1.0]).await;
    let publish = |count| {
        let events = vec![world.event(); count];
        world.engine.publish(&world.tenant, events)
    };
    let too_many = PublishError::TooManyDeliveries {
        owed: 41,
        at_most: 40,
    };
    assert_eq!(publish(41).await, Err(too_many));
    assert_eq!(publish(40).await.unwrap().len(), 40);
    assert!(matches!(
        publish(1).await,
        Err(PublishError::Overloaded { .. })
    ));
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(publish(1).await.unwrap().len(), 1);
    world.pass(A_MOMENT).await;
    assert_eq!(
        world.counts().await.delivered,
        41,
        "what was over the bound is sent too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeated_publish_is_answered_as_the_first_although_its_subscription_is_gone() {
    use posthaste_engine::operations::{IdempotencyClaim, PublishError, Refusal};
    let world = World::new().await;
    let subscription = world.subscribe(URL, &[1.0]).await;
    let publish = |key: &str| {
        let event = NewEvent {
            subscriptions: Some(vec![subscription]),
            idempotency: Some(IdempotencyClaim {
                key: key.to_owned(),
                body: [1; 32],
            }),
            ..world.event()
        };
        world.engine.publish(&world.tenant, vec![event])
    };
    let first = publish("k").await.unwrap().remove(0);
    world
        .engine
        .unsubscribe(&world.tenant, subscription)
        .await
        .unwrap();
    let again = publish("k").await.unwrap().remove(0);
    assert_eq!(
        (again.id, again.deliveries, again.replayed),
        (first.id, 1, true)
    );
    let unknown = PublishError::Refused(vec![(0, Refusal::UnknownSubscription(subscription))]);
    assert_eq!(publish("another").await, Err(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_says_what_it_waits_for_while_it_waits() {
    let world = World::new().await;
    let to = world.subscribe(URL, &[3600.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(500));
    let ids = world.publish_many(60).await;
    world.pass(Duration::from_secs(5)).await;
    let (engine, tenant) = (&world.engine, &world.tenant);
    let waits = async || {
        let delivery = engine.delivery(tenant, ids[0]).await.unwrap();
        engine.waits(tenant, &delivery)
    };
    let found = waits().await;
    assert!(
        matches!(found[..], [Wait::Circuit { .. }, Wait::Retry { .. }]),
        "{found:?}"
    );
    engine.pause(tenant, to).await.unwrap();
    let found = waits().await;
    assert_eq!(found.first(), Some(&Wait::Paused(PauseReason::Manual)));
    world.receivers.behave(URL, Behaviour::Answer(200));
    engine.resume(tenant, to).await.unwrap();
    engine.redeliver(tenant, ids[0]).await.unwrap();
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(waits().await, []);
}
