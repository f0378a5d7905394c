//! Sending again: what exists is opened, what is missing is made, and both or neither.

use posthaste::{
    delivery::{DeliveryState, DeliveryStatus, Discard},
    event::Origin,
    id::{ReplayId, SubscriptionId},
};

use super::{
    World,
    fixtures::{delivered, discarded, failed, ids, late, owed, parked, retrying},
};
use crate::{
    again::{Again, SentAgain},
    query::DeliveryQuery,
    record::{Parking, Reopened, Settlement, Waiting},
    replay::{Progress, ReplayCursor, ReplayStep},
    store::StoreError,
};

use Reopened::{AlreadyWaiting, Missing, Redelivered};

fn again(world: &World, waiting: &[Waiting], origin: Origin) -> Again {
    Again::reopening(world.tenant.clone(), ids(waiting), origin, world.now)
}

async fn send(world: &World, again: Again) -> SentAgain {
    world.store().send_again(again).await.unwrap()
}

/// A late delivery, due now.
fn to_make(world: &World, waiting: &Waiting) -> Settlement {
    parked(waiting, world.now, Parking::Due(world.now))
}

pub async fn a_replay_leaves_what_is_retrying_alone_and_opens_what_has_ended(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let (now, hour) = (world.now, world.after(3600));
    world
        .settle([
            delivered(&owed[0], now),
            failed(&owed[1], now),
            discarded(&owed[2], now, Discard::Discarded),
            retrying(&owed[3], now, hour),
        ])
        .await;
    let sent = send(world, again(world, &owed, Origin::Replay)).await;
    let expected = [Redelivered, Redelivered, Redelivered, AlreadyWaiting];
    assert_eq!(sent.reopened, expected);
    let left = world.delivery(owed[3].id).await;
    assert_eq!(left.state, DeliveryState::Retrying { at: hour });
    assert_eq!(left.origin, Origin::Publish);
    assert_eq!(world.delivery(owed[0].id).await.origin, Origin::Replay);
    world.crash().await;
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), ids(&owed[..3]));
    assert!(taken.iter().all(|one| one.origin == Origin::Replay));
}

pub async fn only_what_has_failed_is_opened_where_that_is_asked(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 5]).await);
    let now = world.now;
    world
        .settle([
            delivered(&owed[0], now),
            failed(&owed[1], now),
            discarded(&owed[2], now, Discard::Discarded),
            retrying(&owed[3], now, world.after(60)),
        ])
        .await;
    let only_failed = Again {
        only_failed: true,
        ..again(world, &owed, Origin::Redeliver)
    };
    let sent = send(world, only_failed).await;
    let left = AlreadyWaiting;
    assert_eq!(sent.reopened, [left, Redelivered, left, left, left]);
    assert_eq!(ids(&world.take_due().await), [owed[1].id]);
}

pub async fn what_is_missing_is_made_under_an_id_of_its_own_and_once(world: &mut World) {
    let (first, second) = (world.subscribe().await, world.subscribe().await);
    let stored = world.publish(&[first]).await;
    let others = [
        late(world.fresh_id(), second, &stored),
        late(world.fresh_id(), second, &stored),
        late(world.fresh_id(), first, &stored),
    ];
    let make = others.iter().map(|one| to_make(world, one)).collect();
    let sent = send(
        world,
        Again {
            make,
            ..again(world, &[], Origin::Replay)
        },
    )
    .await;
    assert_eq!(sent.made, [Redelivered, AlreadyWaiting, AlreadyWaiting]);
    let made = world.delivery(others[0].id).await;
    assert_eq!(made.state, DeliveryState::Pending);
    assert_eq!((made.event, made.origin), (stored.event.id, Origin::Replay));
    world.crash().await;
    let query = DeliveryQuery {
        event: Some(stored.event.id),
        ..DeliveryQuery::default()
    };
    let all = [stored.event.id.delivery(0), others[0].id];
    assert_eq!(world.listed(query).await, all);
    assert_eq!(ids(&world.take_due().await), [others[0].id]);
}

pub async fn what_cannot_be_made_is_missing(world: &mut World) {
    let (to, gone) = (world.subscribe().await, world.subscribe().await);
    let stored = world.publish(&[]).await;
    world.delete(gone).await;
    let mut unknown = late(world.fresh_id(), to, &stored);
    let event = std::sync::Arc::make_mut(&mut unknown.event);
    event.id = posthaste::id::EventId::from_u64(1024);
    let mut to_deleted = unknown.clone();
    (to_deleted.subscription, to_deleted.event) = (gone, stored.event.clone());
    let mut anothers = late(world.fresh_id(), to, &stored);
    std::sync::Arc::make_mut(&mut anothers.event).tenant = "acme".parse().unwrap();
    let all = [&unknown, &to_deleted, &anothers];
    let make = all.map(|one| to_make(world, one)).into();
    let sent = send(
        world,
        Again {
            make,
            ..again(world, &[], Origin::Redeliver)
        },
    )
    .await;
    assert_eq!(sent.made, [Missing; 3]);
    assert!(world.take_due().await.is_empty());
}

pub async fn dead_letters_alone_are_discarded(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let now = world.now;
    world
        .settle([
            failed(&owed[0], now),
            delivered(&owed[1], now),
            retrying(&owed[2], now, world.after(60)),
        ])
        .await;
    let mine = world.tenant.clone();
    for (tenant, expected) in [("acme", 0), (mine.as_str(), 1), (mine.as_str(), 0)] {
        let tenant = tenant.parse().unwrap();
        let discarded = world.store().discard_failed(&tenant, ids(&owed), now);
        assert_eq!(discarded.await, Ok(expected), "{tenant}");
    }
    world.crash().await;
    let discarded = world.delivery(owed[0].id).await;
    let why = Discard::Discarded;
    assert_eq!(discarded.state, DeliveryState::Discarded { why });
    assert_eq!(discarded.last_error.as_deref(), Some("discarded"));
    assert_eq!(discarded.tries.made, 1, "its attempts stay");
    assert_eq!(world.status(owed[1].id).await, DeliveryStatus::Delivered);
    assert_eq!(world.status(owed[2].id).await, DeliveryStatus::Retrying);
    assert_eq!(world.status(owed[3].id).await, DeliveryStatus::Pending);
}

pub async fn the_place_of_what_is_made_is_unsettled_until_it_is_stored_or_refused(
    world: &mut World,
) {
    let (to, other) = (world.subscribe().await, world.subscribe().await);
    let stored = world.publish(&[to]).await;
    let now = world.now;
    world.settle([delivered(&owed(&stored)[0], now)]).await;
    // To one that is owed it already, to one that there is not, to one that wants it.
    for to in [to, SubscriptionId::from_u64(7), other] {
        let place = world.store().reserve(now, &[1])[0];
        assert!(world.store().settled_mark() < place);
        let again = Again {
            make: vec![to_make(world, &late(place, to, &stored))],
            ..again(world, &[], Origin::Replay)
        };
        send(world, again).await;
        assert!(world.store().settled_mark() >= place, "to {to}");
    }
    let place = world.store().reserve(now, &[1])[0];
    let nowhere = ReplayCursor {
        after: place,
        within: None,
    };
    let stale = Again {
        make: vec![to_make(world, &late(place, other, &stored))],
        step: Some(ReplayStep {
            id: ReplayId::at(place.place()),
            from: nowhere,
            to: nowhere,
            seen: Progress::default(),
            last: false,
        }),
        ..again(world, &[], Origin::Replay)
    };
    let refused = world.store().send_again(stale).await;
    assert_eq!(refused, Err(StoreError::Stale));
    assert!(world.store().settled_mark() >= place);
}
