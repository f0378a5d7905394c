//! Accepting: a request happens as a whole, durably, or not at all.

use std::sync::Arc;

use posthaste::{clock::Timestamp, event::EventDetails, json::RawJson};

use super::{World, fixtures::owed};
use crate::record::Accepted;

pub async fn what_was_accepted_reads_back_byte_for_byte(world: &mut World) {
    let to = [world.subscribe().await, world.subscribe().await];
    let mut draft = world.draft(&to);
    let event = Arc::make_mut(&mut draft.event);
    event.details = EventDetails {
        version: Some(3),
        source: Some(String::from("a \"source\"\u{0}")),
        correlation_id: Some(String::from("ключ")),
        ordering_key: Some(String::new()),
        occurred_at: Some(Timestamp::from_millis(-1)),
        metadata: Some(RawJson::trusted(br#"{"z":1, "a":-0}"#[..].into())),
        traceparent: Some(String::from("00-1-2-01")),
        hops: 2,
        test: false,
    };
    let stored = world.publish_draft(draft).await;
    let id = stored.event.id;
    let found = world.store().event(&world.tenant, id).await.unwrap();
    let found = found.expect("the event");
    assert_eq!(found.event, stored.event);
    assert_eq!(found.subscriptions, stored.subscriptions);
}

pub async fn one_call_accepts_many_requests_of_many_tenants(world: &mut World) {
    let mine = world.draft(&[world.subscribe().await]);
    let default = world.tenant.clone();
    world.become_tenant("acme").await;
    let theirs = world.draft(&[world.subscribe().await]);
    let (one, two) = (mine.event.id, theirs.event.id);
    let requests = vec![vec![mine], Vec::new(), vec![theirs]];
    let answers = world.store().accept(world.now, requests).await.unwrap();
    let new = || Ok(vec![Accepted::New]);
    assert_eq!(answers, [new(), Ok(Vec::new()), new()]);
    let found = world.store().event(&world.tenant, two).await.unwrap();
    assert!(found.is_some());
    let found = world.store().event(&default, one).await.unwrap();
    assert!(found.is_some());
}

pub async fn an_event_without_subscriptions_is_kept_and_owes_nothing(world: &mut World) {
    let stored = world.publish(&[]).await;
    let id = stored.event.id;
    assert!(world.store().settled_mark() >= id);
    world.crash().await;
    let found = world.store().event(&world.tenant, id).await.unwrap();
    assert_eq!(found.expect("the event").subscriptions.len(), 0);
    assert!(world.recover(10).await.is_empty());
}

pub async fn what_was_accepted_is_there_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let kept = world.publish(&[to]).await;
    let lost = world.draft(&[to]);
    world.crash().await;
    let store = world.store();
    let found = store.event(&world.tenant, kept.event.id).await.unwrap();
    assert_eq!(found.expect("the event").event, kept.event);
    let found = store.event(&world.tenant, lost.event.id).await.unwrap();
    assert!(found.is_none(), "reserved is not accepted");
    assert_eq!(world.counts().await.pending, 1);
}

pub async fn ids_ascend_through_crashes_and_clocks_that_run_backwards(world: &mut World) {
    let to = world.subscribe().await;
    let mut last = world.publish(&[to]).await.event.id;
    for round in 0..200_u32 {
        let back = i64::from(round % 7) * 100;
        world.now = Timestamp::from_millis(world.now.as_millis() - back);
        let next = world.publish(&[to]).await.event.id;
        assert!(next > last, "{next} after {last}");
        last = next;
        if round % 50 == 49 {
            world.crash().await;
        }
    }
    let subscription = world.subscribe().await;
    world.crash().await;
    let next = world.fresh_id();
    assert!(next.as_u64() > subscription.as_u64(), "above all stored");
}

pub async fn an_event_with_three_thousand_subscriptions_keeps_its_places_to_itself(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let wide = world.publish(&vec![to; 3000]).await;
    world.crash().await;
    let next = world.publish_one(to).await;
    let last = owed(&wide).last().expect("a delivery").id;
    assert!(next.event.id.as_u64() > last.as_u64());
    let counts = world.counts().await;
    assert_eq!(counts.pending, 3001);
}
