//! Replays as jobs: gone on with after a crash, at their rate, each delivery once.

use std::{collections::HashMap, time::Duration};

use posthaste::{event::Origin, id::ReplayId};
use posthaste_engine::operations::OperationError;
use posthaste_store::{
    query::{DeliveryQuery, Stretch},
    record::Delivery,
    replay::{Only, Replay, ReplayPlan, ReplayStatus},
};

use crate::world::*;

const RATE: f64 = 1000.0;

/// Everything until now, and some time before.
fn all(world: &World) -> ReplayPlan {
    ReplayPlan {
        since: START,
        until: world.engine.now() + Duration::from_secs(3600),
        types: Vec::new(),
        subscriptions: Vec::new(),
        only: Only::All,
        rate_per_s: RATE,
    }
}

async fn start(world: &World, plan: ReplayPlan) -> ReplayId {
    let started = world.engine.start_replay(&world.tenant, plan, None).await;
    started.unwrap().replay.id
}

async fn read(world: &World, id: ReplayId) -> Replay {
    world.engine.replay(&world.tenant, id).await.unwrap()
}

async fn deliveries(world: &World) -> Vec<Delivery> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let stretch = Stretch {
            before,
            limit: 1000,
        };
        let query = DeliveryQuery::default();
        let page = world
            .engine
            .deliveries(&world.tenant, &query, stretch)
            .await
            .unwrap();
        all.extend(page.items);
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_on_where_it_was_after_a_crash_and_sends_each_delivery_once() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.subscribe("https://example.com/other", &[1.0]).await;
    world.publish_many(1000).await;
    world.pass(A_MOMENT).await;
    let id = start(&world, all(&world)).await;
    world.pass(Duration::from_millis(750)).await;
    let before = read(&world, id).await;
    assert_eq!(before.status, ReplayStatus::Running);
    let sent = before.progress.redelivered;
    assert!((600..=1000).contains(&sent), "at its rate: {sent}");
    let world = world.after_crash().await;
    world.pass(Duration::from_secs(5)).await;
    let after = read(&world, id).await;
    assert!(matches!(after.status, ReplayStatus::Completed { .. }));
    assert_eq!(
        (after.progress.events, after.progress.redelivered),
        (1000, 2000)
    );
    let all = deliveries(&world).await;
    assert!(
        all.iter()
            .all(|one| one.replay == Some(id) && one.origin == Origin::Replay)
    );
    assert_eq!(world.counts().await.delivered, 2000);
    // What was under way at the crash may have come a third time, and nothing else.
    let thrice = all.iter().filter(|one| one.tries.made > 2).count();
    assert!(thrice <= 64, "{thrice}");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_replayed_in_the_order_of_events_and_a_crash_within_one_repeats_nothing() {
    let world = World::new().await;
    for n in 0..250 {
        world
            .subscribe(&format!("https://example.com/{n}"), &[1.0])
            .await;
    }
    world.publish_many(3).await;
    world.pass(A_MOMENT).await;
    let plan = ReplayPlan {
        rate_per_s: 100.0,
        ..all(&world)
    };
    let id = start(&world, plan).await;
    world.pass(Duration::from_millis(3550)).await;
    let before = read(&world, id).await;
    assert!(before.cursor.within.is_some(), "in the middle of an event");
    assert_eq!(before.progress.events, 1);
    let world = world.after_crash().await;
    world.pass(Duration::from_secs(10)).await;
    let after = read(&world, id).await.progress;
    assert_eq!(
        (after.events, after.redelivered, after.already_waiting),
        (3, 750, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn replays_of_many_take_turns_and_each_keeps_its_rate() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.publish_many(200).await;
    world.pass(A_MOMENT).await;
    let mut ids = HashMap::new();
    for rate_per_s in [10.0, 20.0, 40.0] {
        let plan = ReplayPlan {
            rate_per_s,
            ..all(&world)
        };
        ids.insert(start(&world, plan).await, rate_per_s);
    }
    world.pass(Duration::from_millis(2050)).await;
    for (id, rate_per_s) in ids {
        let progress = read(&world, id).await.progress;
        // What another has sent and is under way is passed over, and takes no time.
        let (sent, all) = (
            progress.redelivered,
            progress.redelivered + progress.already_waiting,
        );
        let (sent, all) = (sent as f64, all as f64);
        let expected = rate_per_s * 2.0;
        assert!(
            sent <= expected + 5.0 && all >= expected,
            "{rate_per_s}: {sent} of {all}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_ends_before_what_is_published_after_it() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.publish_many(150).await;
    world.pass(A_MOMENT).await;
    let id = start(&world, all(&world)).await;
    world.publish_many(50).await;
    world.pass(Duration::from_secs(5)).await;
    let progress = read(&world, id).await.progress;
    assert_eq!((progress.events, progress.redelivered), (150, 150));
}

#[tokio::test(start_paused = true)]
async fn a_drained_engine_makes_no_further_step() {
    let world = World::new().await;
    world.subscribe(URL, &[1.0]).await;
    world.publish_many(50).await;
    world.pass(A_MOMENT).await;
    let plan = ReplayPlan {
        rate_per_s: 10.0,
        ..all(&world)
    };
    let id = start(&world, plan).await;
    world.pass(A_MOMENT).await;
    assert!(world.engine.drain(Duration::from_secs(5)).await);
    let drained = read(&world, id).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(read(&world, id).await, drained);
    assert_eq!(drained.status, ReplayStatus::Running, "for the next start");
}

#[tokio::test(start_paused = true)]
async fn an_empty_window_is_refused() {
    let world = World::new().await;
    let plan = ReplayPlan {
        since: world.engine.now() + Duration::from_secs(60),
        ..all(&world)
    };
    let refused = world.engine.start_replay(&world.tenant, plan, None).await;
    assert_eq!(refused.err(), Some(OperationError::EmptyWindow));
}
