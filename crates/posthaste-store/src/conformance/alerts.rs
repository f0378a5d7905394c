//! Alerts: events that settlements cause, accepted with them or not at all.

use posthaste::delivery::DeliveryStatus;

use super::{
    World,
    fixtures::{delivered, failed, ids, owed},
};
use crate::{
    query::DeliveryQuery,
    record::{Acceptance, SettleBatch, Settlement, StoredEvent},
};

fn stored(alert: &Acceptance) -> StoredEvent {
    StoredEvent {
        event: alert.event.clone(),
        subscriptions: alert.subscriptions.clone(),
    }
}

async fn settle(world: &World, settlements: Vec<Settlement>, alerts: Vec<Acceptance>) {
    let batch = SettleBatch {
        settlements,
        alerts,
        ..SettleBatch::default()
    };
    world.store().settle(batch).await.unwrap();
}

pub async fn an_alert_is_an_event_like_any_other_with_deliveries_like_any_other(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let alert = world.draft(&[to, to]);
    let settlement = failed(&waiting, world.now);
    settle(world, vec![settlement], vec![alert.clone()]).await;
    for _ in 0..2 {
        let found = world.store().event(&world.tenant, alert.event.id).await;
        let found = found.unwrap().expect("the alert");
        assert_eq!(found.event, alert.event);
        assert_eq!(found.subscriptions, alert.subscriptions);
        let of_it = DeliveryQuery {
            event: Some(alert.event.id),
            ..DeliveryQuery::default()
        };
        assert_eq!(world.listed(of_it).await, ids(&owed(&stored(&alert))));
        assert_eq!(world.store().unparked(), 2);
        let counts = world.counts().await;
        assert_eq!((counts.pending, counts.failed), (2, 1));
        world.crash().await;
    }
}

pub async fn an_alert_is_recovered_after_a_crash_with_the_settlement_that_caused_it(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let alert = world.draft(&[to, to]);
    let settlement = failed(&waiting, world.now);
    settle(world, vec![settlement], vec![alert.clone()]).await;
    let expected = owed(&stored(&alert));
    world.crash().await;
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Failed);
    let recovered = world.recover(10).await;
    assert_eq!(format!("{recovered:?}"), format!("{expected:?}"));
    world.settle([delivered(&expected[0], world.now)]).await;
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [expected[1].id]);
}

pub async fn the_mark_stays_below_an_alert_until_its_deliveries_are_settled(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let alert = world.draft(&[to]);
    let later = world.publish_one(to).await;
    world.settle([delivered(&later, world.now)]).await;
    let below = |world: &World| world.store().settled_mark() < alert.event.id;
    assert!(below(world), "it is reserved");
    let settlement = failed(&waiting, world.now);
    settle(world, vec![settlement], vec![alert.clone()]).await;
    assert!(below(world), "it is owed a row");
    let alerts = owed(&stored(&alert));
    world.settle([delivered(&alerts[0], world.now)]).await;
    assert!(world.store().settled_mark() >= later.event.id);
    assert_eq!(world.store().unparked(), 0);
}

pub async fn one_batch_brings_alerts_of_many_tenants_each_to_its_own(world: &mut World) {
    let quiet = world.draft(&[]);
    let default = world.tenant.clone();
    world.become_tenant("acme").await;
    let alert = world.draft(&[world.subscribe().await]);
    let id = owed(&stored(&alert))[0].id;
    let last = world.draft(&[]);
    let alerts = vec![quiet.clone(), alert.clone(), last.clone()];
    settle(world, Vec::new(), alerts).await;
    assert_eq!(world.status(id).await, DeliveryStatus::Pending);
    let found = world.store().event(&world.tenant, quiet.event.id).await;
    assert!(found.unwrap().is_none(), "another's");
    let found = world.store().event(&default, alert.event.id).await;
    assert!(found.unwrap().is_none(), "another's");
    let mark = world.store().settled_mark();
    assert!((quiet.event.id..alert.event.id).contains(&mark));
    world.tenant = default;
    let found = world.store().event(&world.tenant, quiet.event.id).await;
    assert!(found.unwrap().expect("the alert").subscriptions.is_empty());
}
