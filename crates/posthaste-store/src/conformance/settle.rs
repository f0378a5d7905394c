//! Settling: an attempt, its consequence and what it does to its subscription, in one transaction.

use posthaste::{
    body::BodyFormat,
    circuit::Circuit,
    delivery::{DeliveryState, DeliveryStatus, Discard, Health, PauseReason, Tries},
    id::{EventId, SubscriptionId},
    subscription::SubscriptionStatus,
};

use super::{
    World,
    fixtures::{OPEN, delivered, discarded, failed, ids, late, owed, parked, retrying},
};
use crate::record::{
    Acceptance, Accepted, HealthChange, Parking, SettleBatch, Settlement, Waiting,
};

/// The delivery with the tries, format and link that a settlement left it.
pub(super) fn after(waiting: &Waiting, settlement: &Settlement) -> Waiting {
    Waiting {
        tries: settlement.tries,
        format: settlement.format,
        link: settlement
            .attempt
            .as_ref()
            .map_or(waiting.link, |made| made.link),
        ..waiting.clone()
    }
}

pub async fn an_outcome_and_its_attempt_are_there_together_also_after_a_crash(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let settlement = delivered(&waiting, world.now);
    world.settle([settlement.clone()]).await;
    world.crash().await;
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(delivery.state, DeliveryState::Delivered { at: world.now });
    assert_eq!(delivery.tries, Tries { made: 1, spent: 1 });
    assert_eq!(delivery.last_status_code, Some(200));
    assert_eq!(delivery.last_error, None);
    assert_eq!(delivery.sent_at, Some(world.now));
    assert_eq!(delivery.delivered_at, Some(world.now));
    assert_eq!(delivery.format, settlement.format);
    let attempts = world.store().attempts(&world.tenant, waiting.id).await;
    assert_eq!(attempts, Ok(vec![*settlement.attempt.unwrap()]));
}

pub async fn attempts_are_listed_oldest_first_with_the_latest_shown(world: &mut World) {
    let mut waiting = world.publish_one(world.subscribe().await).await;
    let mut attempts = Vec::new();
    for _ in 0..12 {
        world.pass(1);
        let settlement = retrying(&waiting, world.now, world.after(60));
        attempts.push(*settlement.attempt.clone().unwrap());
        waiting = after(&waiting, &settlement);
        world.settle([settlement]).await;
    }
    world.crash().await;
    let found = world.store().attempts(&world.tenant, waiting.id).await;
    assert_eq!(found, Ok(attempts));
    let delivery = world.delivery(waiting.id).await;
    let at = world.after(60);
    assert_eq!(delivery.state, DeliveryState::Retrying { at });
    assert_eq!(delivery.last_error.as_deref(), Some("timeout"));
    assert_eq!(delivery.sent_at, Some(world.now));
    assert_eq!(delivery.tries.made, 12);
}

pub async fn delivered_at_keeps_the_first_success(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let first = delivered(&waiting, world.now);
    let again = after(&waiting, &first);
    let begun = world.now;
    world.settle([first]).await;
    world.pass(10);
    let second = delivered(&again, world.now);
    let failing = after(&again, &second);
    world.settle([second]).await;
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(delivery.delivered_at, Some(begun));
    assert_eq!(delivery.state, DeliveryState::Delivered { at: world.now });
    world.settle([failed(&failing, world.now)]).await;
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(delivery.state, DeliveryState::Failed { at: world.now });
    assert_eq!(delivery.delivered_at, Some(begun));
    assert_eq!(delivery.last_error.as_deref(), Some("http 500"));
}

pub async fn a_discarded_delivery_says_why(world: &mut World) {
    let to = world.subscribe().await;
    for &why in Discard::ALL {
        let waiting = world.publish_one(to).await;
        world.settle([discarded(&waiting, world.now, why)]).await;
        let delivery = world.delivery(waiting.id).await;
        assert_eq!(delivery.state, DeliveryState::Discarded { why });
        assert_eq!(delivery.last_error.as_deref(), Some(why.as_str()));
        assert_eq!(delivery.sent_at, None);
    }
}

pub async fn one_batch_settles_deliveries_of_many_events_and_tenants(world: &mut World) {
    let one = world.publish_one(world.subscribe().await).await;
    let default = world.tenant.clone();
    world.become_tenant("acme").await;
    let two = world.publish_one(world.subscribe().await).await;
    let now = world.now;
    world
        .settle([delivered(&one, now), failed(&two, now)])
        .await;
    assert_eq!(world.status(two.id).await, DeliveryStatus::Failed);
    world.tenant = default;
    assert_eq!(world.status(one.id).await, DeliveryStatus::Delivered);
}

pub async fn settlements_of_one_delivery_in_one_batch_happen_in_order(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to, to]).await;
    let waiting = owed(&stored).remove(0);
    let first = retrying(&waiting, world.now, world.after(5));
    let second = delivered(&after(&waiting, &first), world.after(1));
    world.settle([first, second]).await;
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Delivered);
    assert!(world.store().settled_mark() < stored.event.id);
    world.crash().await;
    let attempts = world.store().attempts(&world.tenant, waiting.id).await;
    assert_eq!(attempts.unwrap().len(), 2);
    assert_eq!(world.recover(10).await.len(), 1, "its other delivery");
    world.pass(10);
    assert!(world.take_due().await.is_empty());
}

pub async fn a_settlement_of_an_unknown_event_is_ignored(world: &mut World) {
    let to = world.subscribe().await;
    let known = world.publish_one(to).await;
    let draft = world.draft(&[to]);
    let unknown = Settlement {
        id: draft.event.id.delivery(0),
        event: draft.event.id,
        ..delivered(&known, world.now)
    };
    let nothing = Settlement {
        id: EventId::from_u64(0).delivery(0),
        event: EventId::from_u64(0),
        ..delivered(&known, world.now)
    };
    let others = Settlement {
        tenant: "acme".parse().expect("a tenant's id"),
        ..delivered(&known, world.now)
    };
    world.settle([unknown, nothing, others]).await;
    assert_eq!(world.status(known.id).await, DeliveryStatus::Pending);
    assert_eq!(world.counts().await.delivered, 0);
    let owed = owed(&world.publish_draft(draft).await);
    assert_eq!(world.status(owed[0].id).await, DeliveryStatus::Pending);
}

pub async fn a_delivery_made_later_has_a_row_of_its_own_and_leaves_the_mark_alone(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to]).await;
    let extra = late(world.fresh_id(), world.subscribe().await, &stored);
    world.settle([retrying(&extra, world.now, world.now)]).await;
    assert!(world.store().settled_mark() < stored.event.id);
    world.crash().await;
    assert!(world.fresh_id().as_u64() > extra.id.as_u64());
    assert_eq!(ids(&world.recover(10).await), ids(&owed(&stored)));
    let delivery = world.delivery(extra.id).await;
    assert_eq!(delivery.event, stored.event.id);
    assert_eq!(delivery.origin, extra.origin);
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), [extra.id]);
    assert_eq!(taken[0].event, stored.event);
    let by_event = crate::query::DeliveryQuery {
        event: Some(stored.event.id),
        ..Default::default()
    };
    let both = world.listed(by_event).await;
    assert_eq!(both, [owed(&stored)[0].id, extra.id]);
    world.settle([delivered(&taken[0], world.now)]).await;
    assert_eq!(world.counts().await.delivered, 1);
}

pub async fn a_settlement_without_an_attempt_keeps_what_the_last_one_left(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    world.settle([failed(&waiting, world.now)]).await;
    let before = world.delivery(waiting.id).await;
    world.pass(10);
    let taken = after(&waiting, &failed(&waiting, world.now));
    let row = parked(&taken, world.now, Parking::Shelved);
    world.settle([row]).await;
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.last_status_code, before.last_status_code);
    assert_eq!(delivery.last_error, before.last_error);
    assert_eq!(delivery.sent_at, before.sent_at);
    let attempts = world.store().attempts(&world.tenant, waiting.id).await;
    assert_eq!(attempts.unwrap().len(), 1);
}

pub async fn the_format_of_the_first_attempt_comes_back_with_the_delivery(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let settlement = Settlement {
        format: Some(BodyFormat::CloudEvents),
        ..retrying(&waiting, world.now, world.now)
    };
    world.settle([settlement]).await;
    world.crash().await;
    let taken = world.take_due().await;
    assert_eq!(taken[0].format, Some(BodyFormat::CloudEvents));
    assert_eq!(taken[0].retry_at, Some(world.now));
}

fn change(world: &World, id: SubscriptionId, pause: Option<PauseReason>) -> HealthChange {
    HealthChange {
        tenant: world.tenant.clone(),
        subscription: id,
        health: Health {
            unhealthy: true,
            consecutive_failures: 5,
            failed_attempts_in_a_row: 30,
            circuit: OPEN,
            wait_until: Some(world.after(90)),
            last_success_at: None,
            last_failure_at: Some(world.now),
        },
        pause,
        at: world.after(7),
    }
}

async fn settle_health(world: &World, health: HealthChange) {
    let batch = SettleBatch {
        settlements: Vec::new(),
        health: vec![health],
        alerts: Vec::new(),
    };
    world.store().settle(batch).await.unwrap();
}

pub async fn health_is_written_and_an_active_subscription_is_paused(world: &mut World) {
    let id = world.subscribe().await;
    let waiting = world.publish_one(id).await;
    let change = change(world, id, Some(PauseReason::Gone));
    settle_health(world, change.clone()).await;
    world.crash().await;
    let found = world.store().subscription(&world.tenant, id).await;
    let found = found.unwrap().expect("the subscription");
    assert_eq!(found.health, change.health);
    assert_eq!(found.status, SubscriptionStatus::Paused(PauseReason::Gone));
    assert_eq!((found.revision, found.updated_at), (2, change.at));
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Held);
}

pub async fn a_subscription_that_is_not_active_keeps_its_status(world: &mut World) {
    let id = world.subscribe().await;
    world.pause(id).await;
    let change = change(world, id, Some(PauseReason::ConsecutiveFailures));
    settle_health(world, change.clone()).await;
    let found = world.store().subscription(&world.tenant, id).await;
    let found = found.unwrap().expect("the subscription");
    assert_eq!(
        found.status,
        SubscriptionStatus::Paused(PauseReason::Manual)
    );
    assert_eq!((found.health, found.revision), (change.health, 2));
}

pub async fn a_circuit_opens_and_closes_and_a_wait_ends_also_after_a_crash(world: &mut World) {
    let id = world.subscribe().await;
    let open = change(world, id, None);
    let mut waits = open.clone();
    waits.health.circuit = Circuit::Closed;
    let mut over = waits.clone();
    over.health.wait_until = None;
    for change in [open, waits, over] {
        settle_health(world, change.clone()).await;
        world.crash().await;
        let found = world.store().subscription(&world.tenant, id).await;
        assert_eq!(found.unwrap().expect("it").health, change.health);
    }
}

pub async fn health_of_a_deleted_or_anothers_subscription_is_ignored(world: &mut World) {
    let id = world.subscribe().await;
    let mut stolen = change(world, id, Some(PauseReason::Gone));
    stolen.tenant = "acme".parse().expect("a tenant's id");
    settle_health(world, stolen).await;
    let found = world.store().subscription(&world.tenant, id).await;
    let found = found.unwrap().expect("the subscription");
    assert_eq!(found.status, SubscriptionStatus::Active);
    assert_eq!(found.health, Health::default());
    world.delete(id).await;
    settle_health(world, change(world, id, Some(PauseReason::Gone))).await;
    let found = world.store().subscription(&world.tenant, id).await;
    assert!(found.unwrap().is_none());
}

pub async fn accepting_and_settling_may_race(world: &mut World) {
    let to = world.subscribe().await;
    let drafts: Vec<Acceptance> = (0..50).map(|_| world.draft(&[to, to])).collect();
    let last = drafts[49].event.id;
    let racing: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let (store, now) = (world.store().clone(), world.now);
            tokio::spawn(async move {
                let stored = crate::record::StoredEvent {
                    event: draft.event.clone(),
                    subscriptions: draft.subscriptions.clone(),
                };
                let answers = store.accept(now, vec![vec![draft]]).await.unwrap();
                assert_eq!(answers, [Ok(vec![Accepted::New])]);
                for waiting in owed(&stored) {
                    assert!(store.settled_mark() < stored.event.id);
                    let batch = SettleBatch {
                        settlements: vec![delivered(&waiting, now)],
                        health: Vec::new(),
                        alerts: Vec::new(),
                    };
                    store.settle(batch).await.unwrap();
                }
            })
        })
        .collect();
    for racer in racing {
        racer.await.unwrap();
    }
    assert_eq!(world.counts().await.delivered, 100);
    assert!(world.store().settled_mark() >= last);
    world.crash().await;
    assert_eq!(world.counts().await.delivered, 100);
    assert!(world.recover(10).await.is_empty());
}
