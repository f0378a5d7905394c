//! Each attempt is a link of its delivery's chain, and an audit works all of them out anew.

use std::time::Duration;

use posthaste::{body::BodyFormat, id::DeliveryId, provenance::Link};
use posthaste_engine::operations::{Audit, SubscriptionPatch};
use posthaste_store::record::Delivery;

use crate::world::*;

async fn shown(world: &World, id: DeliveryId) -> (Delivery, Option<Link>) {
    let delivery = world.engine.delivery(&world.tenant, id).await.unwrap();
    let one = std::slice::from_ref(&delivery);
    let link = world.engine.provenance(&world.tenant, one).await.unwrap()[0];
    (delivery, link)
}

async fn audit(world: &World) -> Audit {
    let audit = world.engine.audit(&world.tenant, (None, None), None).await;
    audit.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_chain_begins_with_the_body_and_each_attempt_adds_its_link() {
    let world = World::new().await;
    let to = world.subscribe(URL, &[60.0]).await;
    world.engine.pause(&world.tenant, to).await.unwrap();
    let id = world.publish_many(1).await[0];
    let (delivery, link) = shown(&world, id).await;
    let event = world.engine.event(&world.tenant, delivery.event).await;
    let event = event.unwrap().event;
    let begins = |format| Link::of_delivery(event.id, to, &posthaste::body::body(format, &event));
    assert_eq!(link, Some(begins(BodyFormat::Envelope)));
    let patch = SubscriptionPatch {
        format: Some(BodyFormat::Raw),
        ..SubscriptionPatch::default()
    };
    let engine = &world.engine;
    let changed = engine.change_subscription(&world.tenant, to, patch, None);
    changed.await.unwrap();
    let (_, link) = shown(&world, id).await;
    assert_eq!(
        link,
        Some(begins(BodyFormat::Raw)),
        "as it would be sent now"
    );
    world.receivers.behave(URL, Behaviour::Answer(500));
    world.engine.resume(&world.tenant, to).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    world.receivers.behave(URL, Behaviour::Answer(200));
    world.pass(Duration::from_secs(90)).await;
    let attempts = world.engine.attempts(&world.tenant, id).await.unwrap();
    let first = begins(BodyFormat::Raw).after(&attempts[0].record());
    let second = first.after(&attempts[1].record());
    let links: Vec<_> = attempts.iter().map(|made| made.link).collect();
    assert_eq!(links, [Some(first), Some(second)]);
    assert_eq!(shown(&world, id).await.1, Some(second));
    let expected = Audit {
        deliveries: 1,
        attempts: 2,
        ..Audit::default()
    };
    assert_eq!(audit(&world).await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_crash_repeats_is_one_link_and_a_chain_goes_on_behind_it() {
    let world = World::new().await;
    world.subscribe(URL, &[30.0]).await;
    world.receivers.behave(URL, Behaviour::Hang);
    let ids = world.publish_many(3).await;
    world.pass(A_MOMENT).await;
    let after = world.after_crash().await;
    after.receivers.behave(URL, Behaviour::Answer(500));
    after.pass(Duration::from_secs(3)).await;
    let again = after.after_crash().await;
    again.pass(Duration::from_secs(60)).await;
    for id in ids {
        let attempts = again.engine.attempts(&again.tenant, id).await.unwrap();
        assert_eq!(attempts.len(), 2, "the one that was cut off left nothing");
    }
    let found = audit(&again).await;
    assert_eq!((found.deliveries, found.attempts, found.without), (3, 6, 0));
    assert_eq!(found.first_mismatch, None);
}
