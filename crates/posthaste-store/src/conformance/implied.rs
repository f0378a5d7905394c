//! A delivery shows wherever a row would, whether or not one is written.

use std::sync::Arc;

use posthaste::{
    delivery::{DeliveryState, DeliveryStatus, Tries},
    event::Origin,
    id::DeliveryId,
};

use super::{
    World,
    fixtures::{event_type, ids, owed},
};
use crate::{query::DeliveryQuery, record::Delivery};

pub async fn an_implied_delivery_is_found_by_id_event_subscription_and_status(world: &mut World) {
    let (one, two) = (world.subscribe().await, world.subscribe().await);
    let stored = world.publish(&[one, two]).await;
    world.publish(&[one]).await;
    let owed = owed(&stored);
    let expected = Delivery {
        id: owed[1].id,
        event: stored.event.id,
        subscription: two,
        event_type: stored.event.event_type.clone(),
        state: DeliveryState::Pending,
        tries: Tries::default(),
        last_status_code: None,
        last_error: None,
        origin: Origin::Publish,
        replay: None,
        sent_at: None,
        delivered_at: None,
        format: None,
        link: None,
    };
    assert_eq!(world.delivery(owed[1].id).await, expected);
    let all = DeliveryQuery::default;
    let by_event = DeliveryQuery {
        event: Some(stored.event.id),
        ..all()
    };
    assert_eq!(world.listed(by_event).await, ids(&owed));
    let by_subscription = DeliveryQuery {
        subscription: Some(two),
        ..all()
    };
    assert_eq!(world.list(&by_subscription, 50).await, [expected]);
    let by_status = |status| DeliveryQuery {
        status: Some(status),
        event_type: Some(event_type("memory.created")),
        ..all()
    };
    let pending = world.listed(by_status(DeliveryStatus::Pending)).await;
    assert_eq!(pending.len(), 3);
    let failed = world.listed(by_status(DeliveryStatus::Failed)).await;
    assert!(failed.is_empty());
    assert_eq!(world.counts().await.pending, 3);
}

pub async fn an_id_that_no_event_implies_is_missing(world: &mut World) {
    let to = world.subscribe().await;
    let event = world.publish(&[to]).await.event;
    let next = event.id.place().forward(1);
    let none = [
        event.id.delivery(1),
        DeliveryId::from_u64(event.id.as_u64()),
        DeliveryId::late(next),
        DeliveryId::from_u64(0),
        DeliveryId::from_u64(u64::MAX),
    ];
    for id in none {
        let found = world.store().delivery(&world.tenant, id).await.unwrap();
        assert_eq!(found, None, "{id}");
        let attempts = world.store().attempts(&world.tenant, id).await.unwrap();
        assert!(attempts.is_empty());
    }
}

pub async fn an_implied_delivery_of_a_test_says_so(world: &mut World) {
    let mut draft = world.draft(&[world.subscribe().await]);
    Arc::make_mut(&mut draft.event).details.test = true;
    let id = owed(&world.publish_draft(draft).await)[0].id;
    assert_eq!(world.delivery(id).await.origin, Origin::Test);
    world.crash().await;
    assert_eq!(world.recover(10).await[0].origin, Origin::Test);
}

pub async fn deliveries_beyond_the_first_thousand_are_found_by_id(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&vec![to; 3000]).await;
    let owed = owed(&stored);
    for index in [0, 1022, 1023, 2045, 2046, 2999] {
        assert_eq!(world.delivery(owed[index].id).await.id, owed[index].id);
    }
    let beyond = stored.event.id.delivery(3000);
    let found = world.store().delivery(&world.tenant, beyond).await;
    assert_eq!(found, Ok(None));
    let by_subscription = DeliveryQuery {
        subscription: Some(to),
        ..DeliveryQuery::default()
    };
    let list = world.list(&by_subscription, 700).await;
    let listed: Vec<_> = list.iter().rev().map(|delivery| delivery.id).collect();
    assert_eq!(listed, ids(&owed));
}
