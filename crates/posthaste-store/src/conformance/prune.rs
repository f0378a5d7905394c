//! What is old goes, whole and for good; what waits stays, whatever its age.

use posthaste::{
    delivery::Discard,
    event::Origin,
    id::{DeliveryId, EventId, SubscriptionId},
};

use super::{
    World,
    fixtures::{
        delivered, discarded, failed, idempotency, ids, late, owed, parked, retrying, subscription,
    },
};
use crate::{
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Acceptance, Accepted, Counts, Parking, StoredEvent},
    store::StoreError,
};

/// Retention in these cases, in seconds.
const DAYS: u64 = 30 * 86_400;

async fn events(world: &World) -> Vec<EventId> {
    let stretch = Stretch {
        before: None,
        limit: 1000,
    };
    let query = EventQuery::default();
    let page = world.store().events(&world.tenant, &query, stretch).await;
    let events = page.unwrap().items;
    events.iter().rev().map(|event| event.id).collect()
}

/// An event with one delivery that was delivered at once.
async fn delivered_one(world: &World, to: SubscriptionId) -> DeliveryId {
    let waiting = world.publish_one(to).await;
    world.settle([delivered(&waiting, world.now)]).await;
    waiting.id
}

/// Nothing that leads to it finds it.
async fn check_gone(world: &World, event: &StoredEvent, deliveries: &[DeliveryId]) {
    let (store, tenant) = (world.store(), &world.tenant);
    let found = store.event(tenant, event.event.id).await.unwrap();
    assert!(found.is_none());
    assert!(!events(world).await.contains(&event.event.id));
    let everything = EventId::from_u64(u64::MAX >> 1);
    let window = store.events_between(tenant, EventId::from_u64(0), everything, 1000);
    let window = window.await.unwrap().items;
    assert!(
        window
            .iter()
            .all(|stored| stored.event.id != event.event.id)
    );
    for &id in deliveries {
        assert_eq!(store.delivery(tenant, id).await, Ok(None));
        assert_eq!(store.attempts(tenant, id).await, Ok(Vec::new()));
    }
    let of_event = DeliveryQuery {
        event: Some(event.event.id),
        ..DeliveryQuery::default()
    };
    assert!(world.listed(of_event).await.is_empty());
    let of_subscription = event.subscriptions.iter().map(|&to| DeliveryQuery {
        subscription: Some(to),
        ..DeliveryQuery::default()
    });
    for query in of_subscription.chain([DeliveryQuery::default()]) {
        let listed = world.listed(query).await;
        assert!(deliveries.iter().all(|id| !listed.contains(id)));
    }
    let reopened = store.reopen(tenant, deliveries.to_vec(), Origin::Redeliver, world.now);
    let missing = reopened.await.unwrap();
    assert!(
        missing
            .iter()
            .all(|one| *one == crate::record::Reopened::Missing)
    );
}

pub async fn an_old_event_goes_with_all_that_belongs_to_it(world: &mut World) {
    let to = world.subscribe().await;
    let other = world.subscribe().await;
    let stored = world.publish(&[to, to, other]).await;
    let all = owed(&stored);
    let again = late(world.fresh_id(), other, &stored);
    let now = world.now;
    world.settle([retrying(&all[0], now, now)]).await;
    let mut second = world.take_due().await.remove(0);
    second.tries.made = 1;
    let rows = [
        failed(&second, now),
        discarded(&all[1], now, Discard::Disabled),
        delivered(&all[2], now),
        delivered(&again, now),
    ];
    world.settle(rows).await;
    assert_eq!(world.prune(now, 1).await, (0, 0), "it is not old yet");
    world.pass(DAYS);
    let fresh = delivered_one(world, to).await;
    let before = world.after(0);
    world.pass(1);
    assert_eq!(world.prune(before, 1).await, (1, 4));
    let mut gone = ids(&all);
    gone.push(again.id);
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        check_gone(world, &stored, &gone).await;
        assert_eq!(world.listed(DeliveryQuery::default()).await, [fresh]);
        let counts = Counts {
            delivered: 1,
            ..Counts::default()
        };
        assert_eq!(world.counts().await, counts);
    }
    assert_eq!(world.prune(before, 1).await, (0, 0));
}

pub async fn a_wide_event_goes_whole_and_an_event_without_deliveries_too(world: &mut World) {
    let to = world.subscribe().await;
    let wide = world.publish(&vec![to; 2000]).await;
    let empty = world.publish(&[]).await;
    let all = owed(&wide);
    let (last, rest) = all.split_last().expect("deliveries");
    let now = world.now;
    world.settle(rest.iter().map(|w| delivered(w, now))).await;
    world.pass(DAYS);
    let late = world.after(0);
    world.settle([delivered(last, late)]).await;
    assert_eq!(world.prune(late, 10).await, (1, 0), "one ended just now");
    check_gone(world, &empty, &[]).await;
    world.pass(1);
    assert_eq!(world.prune(world.now, 10).await, (1, 2000));
    check_gone(world, &wide, &ids(&all)).await;
}

pub async fn what_waits_stays_whatever_its_age_also_after_a_crash(world: &mut World) {
    let (to, held) = (world.subscribe().await, world.subscribe().await);
    world.pause(held).await;
    let now = world.now;
    let mut kept = Vec::new();
    let parkings = [
        Parking::Due(world.after(3 * DAYS)),
        Parking::Shelved,
        Parking::Taken,
    ];
    for parking in parkings {
        let pair = owed(&world.publish(&[to, held]).await);
        world
            .settle([delivered(&pair[0], now), parked(&pair[1], now, parking)])
            .await;
        kept.extend(ids(&pair));
    }
    let reopened = delivered_one(world, to).await;
    let untouched = delivered_one(world, to).await;
    world.pass(DAYS);
    let implied = owed(&world.publish(&[to, held]).await);
    world.settle([delivered(&implied[0], now)]).await;
    kept.push(reopened);
    kept.extend(ids(&implied));
    let store = world.store();
    let opened = store.reopen(&world.tenant, vec![reopened], Origin::Redeliver, world.now);
    opened.await.unwrap();
    world.pass(DAYS);
    assert_eq!(world.prune(world.now, 3).await, (1, 1));
    world.crash().await;
    assert_eq!(world.prune(world.now, 3).await, (0, 0));
    kept.sort_unstable();
    assert_eq!(world.listed(DeliveryQuery::default()).await, kept);
    let gone = world.store().delivery(&world.tenant, untouched).await;
    assert_eq!(gone, Ok(None));
    assert_eq!(ids(&world.recover(10).await), [implied[1].id]);
    let waiting = [world.take_due().await, world.take_shelved(held).await].concat();
    assert_eq!(waiting.len(), 3, "all but the one that is due later");
    let ended = waiting.iter().chain([&implied[1]]);
    world.settle(ended.map(|w| delivered(w, world.now))).await;
    world.pass(1);
    assert_eq!(world.prune(world.now, 3).await, (4, 7));
}

/// What cannot be known to be settled is left.
pub async fn nothing_above_the_settled_mark_goes(world: &mut World) {
    let to = world.subscribe().await;
    let below = delivered_one(world, to).await;
    let first = world.publish_one(to).await;
    let above = delivered_one(world, to).await;
    world.pass(DAYS);
    assert_eq!(world.prune(world.now, 10).await, (1, 1));
    assert_eq!(
        world.listed(DeliveryQuery::default()).await,
        [first.id, above]
    );
    let now = world.now;
    world.settle([delivered(&first, now)]).await;
    assert_eq!(
        world.prune(now, 10).await,
        (1, 1),
        "the first ended just now"
    );
    let found = world.store().delivery(&world.tenant, below).await;
    assert_eq!(found, Ok(None));
    assert_eq!(world.listed(DeliveryQuery::default()).await, [first.id]);
}

pub async fn what_is_sent_again_late_is_kept_from_then_on(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to]).await;
    let first = owed(&stored).remove(0);
    world.settle([delivered(&first, world.now)]).await;
    world.pass(DAYS);
    let again = late(world.fresh_id(), to, &stored);
    world.settle([delivered(&again, world.now)]).await;
    assert_eq!(world.prune(world.now, 10).await, (0, 0));
    world.pass(1);
    assert_eq!(world.prune(world.now, 10).await, (1, 2));
    check_gone(world, &stored, &[first.id, again.id]).await;
}

pub async fn another_tenants_events_stay(world: &mut World) {
    let ours = world.subscribe().await;
    delivered_one(world, ours).await;
    world.become_tenant("acme").await;
    let theirs = world.subscribe().await;
    let kept = delivered_one(world, theirs).await;
    world.pass(DAYS);
    world.become_tenant("default").await;
    assert_eq!(world.prune(world.now, 10).await, (1, 1));
    assert_eq!(world.counts().await, Counts::default());
    world.become_tenant("acme").await;
    assert_eq!(world.listed(DeliveryQuery::default()).await, [kept]);
    let nobody = "nobody".parse().expect("a tenant's id");
    let pruned = world.store().prune(&nobody, world.now, None, 10).await;
    assert_eq!(pruned, Ok(crate::keeping::Pruned::default()));
}

pub async fn pages_of_every_size_lead_past_what_stays_to_all_that_goes(world: &mut World) {
    let to = world.subscribe().await;
    for at_most in [1, 2, 7, 1000] {
        let mut kept = Vec::new();
        for n in 0..12 {
            let waiting = world.publish_one(to).await;
            let settlement = match n % 3 {
                0 => parked(&waiting, world.now, Parking::Shelved),
                _ => delivered(&waiting, world.now),
            };
            kept.extend((n % 3 == 0).then_some(waiting));
            world.settle([settlement]).await;
        }
        world.pass(1);
        assert_eq!(world.prune(world.now, at_most).await, (8, 8), "{at_most}");
        let left = kept.iter().map(|waiting| delivered(waiting, world.now));
        world.settle(left).await;
        world.pass(1);
        assert_eq!(world.prune(world.now, at_most).await, (4, 4), "{at_most}");
    }
    assert_eq!(world.counts().await, Counts::default());
}

pub async fn ids_are_never_given_again_after_all_is_gone_and_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let begun = world.now;
    world.pass(DAYS);
    let wide = world.publish(&vec![to; 1500]).await;
    let all = owed(&wide);
    let again = late(world.fresh_id(), to, &wide);
    let rows = all.iter().chain([&again]).map(|w| delivered(w, world.now));
    world.settle(rows).await;
    world.pass(1);
    assert_eq!(world.prune(world.now, 10).await, (1, 1501));
    assert!(world.listed(DeliveryQuery::default()).await.is_empty());
    for _ in 0..2 {
        world.now = begun;
        world.crash().await;
        let next = world.fresh_id();
        assert!(next.as_u64() > again.id.as_u64(), "{next}");
    }
    let waiting = world.publish_one(to).await;
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [waiting.id]);
}

/// Whether an object has this id: one that is deleted has it for as long as it is known.
async fn is_known(world: &World, id: SubscriptionId) -> bool {
    let same = subscription(id, world.tenant.clone(), world.now);
    match world.store().insert_subscription(same).await {
        Ok(()) => false,
        Err(StoreError::Exists(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

pub async fn a_tombstone_goes_with_its_last_delivery(world: &mut World) {
    let (to, unused) = (world.subscribe().await, world.subscribe().await);
    let stays = world.subscribe().await;
    let first = world.publish_one(to).await;
    let last = world.publish_one(to).await;
    world.settle([delivered(&first, world.now)]).await;
    world.delete(to).await;
    world.delete(unused).await;
    world.pass(DAYS);
    assert_eq!(world.prune(world.now, 10).await, (1, 1));
    assert!(is_known(world, to).await, "it is owed something");
    assert!(!is_known(world, unused).await);
    world.crash().await;
    let why = Discard::Deleted;
    world.settle([discarded(&last, world.now, why)]).await;
    world.prune(world.now, 10).await;
    assert!(is_known(world, to).await, "that ended just now");
    world.pass(1);
    assert_eq!(world.prune(world.now, 10).await, (1, 1));
    assert!(!is_known(world, to).await);
    assert!(is_known(world, stays).await);
}

pub async fn a_young_tombstone_stays(world: &mut World) {
    let to = world.subscribe().await;
    world.pass(DAYS);
    world.delete(to).await;
    world.prune(world.now, 10).await;
    assert!(is_known(world, to).await);
}

pub async fn a_key_answers_as_before_after_its_event_is_gone(world: &mut World) {
    let to = world.subscribe().await;
    let keyed = |key, body| {
        let draft = world.draft(&[to]);
        let mut event = (*draft.event).clone();
        event.details.correlation_id = Some(String::from("c-1"));
        Acceptance {
            idempotency: idempotency(key, body, world.now),
            event: event.into(),
            ..draft
        }
    };
    let (first, again, other) = (keyed(1, 1), keyed(1, 1), keyed(1, 2));
    let waiting = owed(&world.publish_draft(first).await).remove(0);
    world.settle([delivered(&waiting, world.now)]).await;
    let before = world.accept(vec![again]).await.unwrap();
    world.pass(1);
    assert_eq!(world.prune(world.now, 10).await, (1, 1));
    world.crash().await;
    let after = world.accept(vec![keyed_like(world, 1, 1)]).await.unwrap();
    assert_eq!(after, before);
    assert!(matches!(&after[0], Accepted::Replayed(first) if first.id == waiting.event.id));
    world.store().release(&[other.event.id]);
    assert!(world.accept(vec![keyed_like(world, 1, 2)]).await.is_err());
}

fn keyed_like(world: &World, key: u8, body: u8) -> Acceptance {
    Acceptance {
        idempotency: idempotency(key, body, world.now),
        ..world.draft(&[])
    }
}

pub async fn keys_past_their_time_go_in_pages_and_the_others_stay(world: &mut World) {
    for key in 0..10 {
        world.publish_draft(keyed_like(world, key, 1)).await;
    }
    world.pass(86_400);
    for key in 0..3 {
        world.publish_draft(keyed_like(world, key, 2)).await;
    }
    let (store, tenant) = (world.store().clone(), world.tenant.clone());
    let (mut after, mut keys, mut pages) = (None, 0, 0);
    loop {
        let pruned = store
            .prune_keys(&tenant, world.now, after, 4)
            .await
            .unwrap();
        (keys, pages, after) = (keys + pruned.keys, pages + 1, pruned.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((keys, pages), (7, 3));
    world.crash().await;
    for (key, expected) in [(0, Some([2; 32])), (2, Some([2; 32])), (3, None)] {
        let body = world.store().body_of_key(&tenant, [key; 32], super::START);
        assert_eq!(body.await, Ok(expected), "{key}");
    }
}

pub async fn keys_of_another_tenant_stay(world: &mut World) {
    world.become_tenant("acme").await;
    world.publish_draft(keyed_like(world, 1, 1)).await;
    let theirs = world.tenant.clone();
    world.become_tenant("default").await;
    let later = world.after(2 * 86_400);
    let (store, ours) = (world.store(), &world.tenant);
    let pruned = store.prune_keys(ours, later, None, 10).await.unwrap();
    assert_eq!((pruned.keys, pruned.next), (0, None));
    let body = store.body_of_key(&theirs, [1; 32], world.now).await;
    assert_eq!(body, Ok(Some([1; 32])));
    let pruned = store.prune_keys(&theirs, later, None, 10).await.unwrap();
    assert_eq!(pruned.keys, 1);
}
