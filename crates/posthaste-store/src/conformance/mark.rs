//! The settled mark: below it recovery does not look, so nothing owed may ever be below it.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    id::{DeliveryId, EventId},
};

use super::{
    World,
    fixtures::{delivered, idempotency, ids, owed},
};
use crate::record::Acceptance;

pub async fn the_mark_never_passes_an_id_that_was_handed_out_and_is_not_yet_committed(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let slow = world.draft(&[to]);
    let quick = world.publish_one(to).await;
    world.settle([delivered(&quick, world.now)]).await;
    assert!(world.store().settled_mark() < slow.event.id);
    let slow = owed(&world.publish_draft(slow).await);
    assert!(world.store().settled_mark() < slow[0].event.id);
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), ids(&slow));
}

pub async fn what_is_accepted_and_has_no_row_is_counted_also_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    assert_eq!(world.store().unparked(), 0);
    let first = world.publish_one(to).await;
    world.publish_one(to).await;
    let _reserved = world.draft(&[to]);
    assert_eq!(world.store().unparked(), 2);
    world.settle([delivered(&first, world.now)]).await;
    assert_eq!(world.store().unparked(), 1);
    world.crash().await;
    assert_eq!(world.store().unparked(), 1);
}

pub async fn the_mark_passes_released_replayed_and_refused_ids(world: &mut World) {
    let to = world.subscribe().await;
    let keyed = |body| Acceptance {
        idempotency: idempotency(1, body, world.now),
        ..world.draft(&[to])
    };
    let first = owed(&world.publish_draft(keyed(1)).await);
    let released = world.draft(&[to]);
    let (replayed, refused) = (keyed(1), keyed(2));
    let last = refused.event.id;
    world.store().release(&[released.event.id]);
    world.accept(vec![replayed]).await.unwrap();
    world.accept(vec![refused]).await.unwrap_err();
    assert!(world.store().settled_mark() < first[0].event.id);
    world.settle([delivered(&first[0], world.now)]).await;
    assert!(world.store().settled_mark() >= last);
}

pub async fn the_mark_waits_for_the_last_delivery_of_an_event(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&vec![to; 2000]).await;
    let owed = owed(&stored);
    let (last, rest) = owed.split_last().expect("deliveries");
    world
        .settle(rest.iter().map(|w| delivered(w, world.now)))
        .await;
    assert!(world.store().settled_mark() < stored.event.id);
    world.settle([delivered(last, world.now)]).await;
    assert!(world.store().settled_mark() >= stored.event.id);
}

pub async fn an_event_is_recovered_although_later_ones_were_settled(world: &mut World) {
    let to = world.subscribe().await;
    let first = world.publish_one(to).await;
    let middle = world.publish_one(to).await;
    let last = world.publish_one(to).await;
    let settled = [&last, &first].map(|waiting| delivered(waiting, world.now));
    world.settle(settled).await;
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [middle.id]);
    world.settle([delivered(&middle, world.now)]).await;
    world.crash().await;
    let none: [DeliveryId; 0] = [];
    assert_eq!(ids(&world.recover(10).await), none);
    assert!(world.store().settled_mark() >= last.event.id);
}

pub async fn an_event_accepted_after_a_crash_with_a_clock_behind_the_mark_is_recovered(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let before = world.now;
    let settled = world.publish_one(to).await;
    world.now = before + Duration::from_secs(60);
    let released = world.draft(&[to]);
    world.store().release(&[released.event.id]);
    world.settle([delivered(&settled, world.now)]).await;
    world.now = Timestamp::from_millis(before.as_millis() + 1);
    world.crash().await;
    let late = world.publish_one(to).await;
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [late.id]);
}

pub async fn nothing_is_ever_accepted_at_or_below_the_horizon(world: &mut World) {
    let (slow, quick) = (world.draft(&[]), world.draft(&[]));
    let (slow_id, quick) = (slow.event.id, world.publish_draft(quick).await.event.id);
    let seen = world.store().horizon();
    assert!(seen.complete < slow_id && seen.newest == quick, "{seen:?}");
    world.publish_draft(slow).await;
    assert_eq!(world.store().horizon().complete, quick);
    let before = world.now;
    world.now = before + Duration::from_secs(60);
    let released = world.draft(&[]);
    world.store().release(&[released.event.id]);
    let complete = world.store().horizon().complete;
    let until = EventId::from_u64(complete.as_u64() + 1);
    let from = EventId::from_u64(0);
    let store = world.store();
    let page = store.events_between(&world.tenant, from, until, 10).await;
    let found: Vec<EventId> = page.unwrap().items.iter().map(|s| s.event.id).collect();
    assert_eq!(found, [slow_id, quick]);
    world.now = Timestamp::from_millis(before.as_millis() + 1);
    world.crash().await;
    assert!(world.store().horizon().complete >= quick);
    assert!(world.publish(&[]).await.event.id > complete);
}
