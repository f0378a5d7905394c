//! Replays: what they send and how far they are is one transaction.

use posthaste::{
    clock::Timestamp,
    delivery::DeliveryStatus,
    event::Origin,
    id::{EventId, ReplayId},
};

use super::{
    World,
    fixtures::{failed, ids, late, owed, parked},
};
use crate::{
    again::{Again, SentAgain},
    query::Stretch,
    record::{Parking, Reopened, Waiting},
    replay::{
        Only, Progress, Replay, ReplayClaim, ReplayCursor, ReplayPlan, ReplayStatus, ReplayStep,
    },
    store::StoreError,
};

pub(super) fn fresh(world: &World, key: Option<u8>) -> Replay {
    let plan = ReplayPlan {
        since: Timestamp::from_millis(world.now.as_millis() - 60_000),
        until: world.after(60),
        types: vec!["memory.*".parse().unwrap()],
        subscriptions: Vec::new(),
        only: Only::Failed,
        rate_per_s: 0.1,
    };
    Replay {
        id: ReplayId::at(world.fresh_id().place()),
        tenant: world.tenant.clone(),
        status: ReplayStatus::Running,
        cursor: Replay::begin(&plan),
        plan,
        progress: Progress::default(),
        claim: key.map(|key| ReplayClaim {
            key: [key; 32],
            body: [7; 32],
        }),
    }
}

async fn begun(world: &World) -> Replay {
    let replay = fresh(world, None);
    let kept = world
        .store()
        .insert_replay(replay.clone(), None)
        .await
        .unwrap();
    assert_eq!(kept, replay);
    replay
}

async fn read(world: &World, id: ReplayId) -> Option<Replay> {
    world.store().replay(&world.tenant, id).await.unwrap()
}

/// A step past an event.
fn step(replay: &Replay, to: EventId) -> ReplayStep {
    ReplayStep {
        id: replay.id,
        from: replay.cursor,
        to: ReplayCursor {
            after: to,
            within: None,
        },
        seen: Progress {
            events: 1,
            skipped: 2,
            ..Progress::default()
        },
        last: false,
    }
}

fn again(world: &World, waiting: &[Waiting], step: ReplayStep) -> Again {
    let tenant = world.tenant.clone();
    Again {
        step: Some(step),
        ..Again::reopening(tenant, ids(waiting), Origin::Replay, world.now)
    }
}

async fn send(world: &World, again: Again) -> Result<SentAgain, StoreError> {
    world.store().send_again(again).await
}

pub async fn a_step_and_its_cursor_are_there_together_also_after_a_crash(world: &mut World) {
    let (to, other) = (world.subscribe().await, world.subscribe().await);
    let stored = world.publish(&[to; 3]).await;
    let owed = owed(&stored);
    world
        .settle([failed(&owed[0], world.now), failed(&owed[1], world.now)])
        .await;
    let extra = late(world.fresh_id(), other, &stored);
    world.pass(1);
    let replay = begun(world).await;
    let mut again = again(world, &owed, step(&replay, stored.event.id));
    again.make = vec![parked(&extra, world.now, Parking::Due(world.now))];
    let sent = send(world, again).await.unwrap();
    use Reopened::{AlreadyWaiting, Redelivered};
    assert_eq!(sent.reopened, [Redelivered, Redelivered, AlreadyWaiting]);
    assert_eq!(sent.made, [Redelivered]);
    world.crash().await;
    let now = read(world, replay.id).await.expect("the replay");
    let expected = Progress {
        events: 1,
        redelivered: 2,
        already_waiting: 1,
        created: 1,
        skipped: 2,
        expired: 0,
    };
    assert_eq!(
        (now.progress, now.status),
        (expected, ReplayStatus::Running)
    );
    assert_eq!(now.cursor.after, stored.event.id);
    assert_eq!(now.plan, replay.plan);
    for id in [owed[0].id, owed[1].id, extra.id] {
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.origin, Origin::Replay);
        assert_eq!(delivery.replay, Some(replay.id));
    }
    assert_eq!(world.delivery(owed[2].id).await.replay, None);
}

pub async fn a_step_is_made_once_and_not_after_the_replay_was_stopped(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    world.settle([failed(&waiting, world.now)]).await;
    let replay = begun(world).await;
    let one = std::slice::from_ref(&waiting);
    let again = |to| again(world, one, step(&replay, EventId::from_u64(to)));
    send(world, again(1)).await.unwrap();
    world.settle([failed(&waiting, world.now)]).await;
    assert_eq!(send(world, again(2)).await, Err(StoreError::Stale));
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Failed);
    let moved = read(world, replay.id).await.expect("the replay");
    let stopped = world
        .store()
        .stop_replay(&world.tenant, replay.id, world.now, None);
    let at = world.now;
    assert_eq!(stopped.await.unwrap().status, ReplayStatus::Stopped { at });
    let on = super::replays::again(world, one, step(&moved, EventId::from_u64(3)));
    assert_eq!(send(world, on).await, Err(StoreError::Stale));
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Failed);
    world.pass(5);
    let again = world
        .store()
        .stop_replay(&world.tenant, replay.id, world.now, None);
    assert_eq!(again.await.unwrap().status, ReplayStatus::Stopped { at });
}

pub async fn the_last_step_completes_and_what_has_ended_does_not_run_again(world: &mut World) {
    let (first, second) = (begun(world).await, begun(world).await);
    let mine = world.tenant.clone();
    world.become_tenant("acme").await;
    let third = begun(world).await;
    world.tenant = mine;
    let last = ReplayStep {
        last: true,
        ..step(&first, EventId::from_u64(9))
    };
    send(world, again(world, &[], last)).await.unwrap();
    world.crash().await;
    let done = read(world, first.id).await.expect("the replay");
    assert_eq!(done.status, ReplayStatus::Completed { at: world.now });
    let stop = world
        .store()
        .stop_replay(&world.tenant, first.id, world.after(9), None);
    assert_eq!(stop.await, Ok(done));
    let running = world.store().running_replays().await.unwrap();
    assert_eq!(running, [second, third]);
}

pub async fn one_key_makes_one_replay_in_its_tenant(world: &mut World) {
    let first = fresh(world, Some(1));
    let store = |replay: Replay| world.store().insert_replay(replay, None);
    assert_eq!(store(first.clone()).await.unwrap(), first);
    assert_eq!(store(fresh(world, Some(1))).await.unwrap(), first);
    let other = fresh(world, Some(2));
    assert_eq!(store(other.clone()).await.unwrap(), other);
    world.become_tenant("acme").await;
    world.crash().await;
    let anothers = fresh(world, Some(1));
    let kept = world.store().insert_replay(anothers.clone(), None).await;
    assert_eq!(kept, Ok(anothers));
}

pub async fn replays_are_listed_newest_first_to_their_tenant_alone(world: &mut World) {
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(begun(world).await.id);
    }
    all.reverse();
    for limit in 1..=6 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let stretch = Stretch { before, limit };
            let page = world.store().replays(&world.tenant, stretch).await.unwrap();
            seen.extend(page.items.iter().map(|replay| replay.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
    world.become_tenant("acme").await;
    let stretch = Stretch {
        before: None,
        limit: 9,
    };
    let none = world.store().replays(&world.tenant, stretch).await.unwrap();
    assert_eq!(none.items, []);
    assert_eq!(read(world, all[0]).await, None);
    let stop = world
        .store()
        .stop_replay(&world.tenant, all[0], world.now, None);
    assert_eq!(stop.await, Err(StoreError::Missing));
}

pub async fn another_reason_takes_the_replay_off_a_delivery(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    world.settle([failed(&waiting, world.now)]).await;
    let replay = begun(world).await;
    let one = std::slice::from_ref(&waiting);
    let sent = send(world, again(world, one, step(&replay, waiting.event.id))).await;
    assert_eq!(sent.unwrap().reopened, [Reopened::Redelivered]);
    let taken = world.take_due().await;
    world.settle([failed(&taken[0], world.now)]).await;
    assert_eq!(world.delivery(waiting.id).await.replay, Some(replay.id));
    let tenant = world.tenant.clone();
    let redeliver = Again::reopening(tenant, ids(one), Origin::Redeliver, world.now);
    send(world, redeliver).await.unwrap();
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(
        (delivery.replay, delivery.origin),
        (None, Origin::Redeliver)
    );
}

pub async fn all_deliveries_of_some_events_are_read_together(world: &mut World) {
    let (to, other) = (world.subscribe().await, world.subscribe().await);
    let first = world.publish(&[to; 2]).await;
    let second = world.publish(&[to]).await;
    let third = world.publish(&vec![to; 1030]).await;
    let extra = late(world.fresh_id(), other, &first);
    let done = owed(&third);
    world
        .settle([
            failed(&owed(&first)[0], world.now),
            parked(&extra, world.now, Parking::Shelved),
            failed(&done[0], world.now),
            failed(&done[1029], world.now),
        ])
        .await;
    let of = async |events: &[EventId]| {
        let found = world.store().deliveries_of(&world.tenant, events.to_vec());
        let found = found.await.unwrap();
        found.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let mut expected = ids(&owed(&first));
    expected.push(extra.id);
    assert_eq!(of(&[first.event.id]).await, expected);
    assert_eq!(of(&[third.event.id]).await, ids(&done));
    expected.extend(ids(&owed(&second)));
    expected.sort_unstable();
    assert_eq!(of(&[second.event.id, first.event.id]).await, expected);
    assert_eq!(of(&[EventId::from_u64(1024)]).await, []);
    let stranger = "acme".parse().unwrap();
    let none = world.store().deliveries_of(&stranger, vec![first.event.id]);
    assert_eq!(none.await, Ok(Vec::new()));
}
