//! What listeners are told, and that they wait for nothing they will not get.

use std::time::Duration;

use posthaste::{chance::Chance, delivery::DeliveryStatus, event::TenantId, id::EventId};
use posthaste_engine::{
    live::{EventFeed, OutcomeFeed, OutcomeNews},
    operations::{NewEvent, NewSubscription},
};
use posthaste_store::{Store, query::DeliveryQuery};

use super::world::{A_MOMENT, Behaviour, START, URL, World};

/// What comes within a moment, of what is there.
async fn ids(feed: &mut EventFeed) -> Vec<EventId> {
    let mut ids = Vec::new();
    while let Ok(events) = tokio::time::timeout(A_MOMENT, feed.next()).await {
        ids.extend(events.unwrap().iter().map(|stored| stored.event.id));
    }
    ids
}

async fn told(feed: &mut OutcomeFeed) -> Vec<(String, u32, bool)> {
    let mut told = Vec::new();
    while let Ok(Some(news)) = tokio::time::timeout(A_MOMENT, feed.next()).await {
        let OutcomeNews::Outcome(outcome) = news else {
            panic!("{news:?}");
        };
        let delivery = &outcome.delivery;
        let status = delivery.state.status().as_str().to_owned();
        told.push((status, delivery.tries.made, outcome.latency_us.is_some()));
    }
    told
}

fn of_type(world: &World, event_type: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.parse().unwrap(),
        ..world.event()
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_in_the_order_of_their_ids_and_none_before_a_lower_one_that_may_come() {
    let world = World::new().await;
    world.publish().await;
    let mut feed = world.engine.follow_events(&world.tenant, None, None);
    let slow = world.store.reserve(START, &[0]);
    let quick = world.publish().await.id;
    assert!(quick > slow[0]);
    assert_eq!(ids(&mut feed).await, []);
    assert!(feed.place() < slow[0]);
    world.store.release(&slow);
    let next = world.publish().await.id;
    assert_eq!(ids(&mut feed).await, [quick, next]);
    assert_eq!(feed.place(), next);
}

#[tokio::test(start_paused = true)]
async fn a_listener_gets_its_own_tenants_types_and_no_tests() {
    let world = World::new().await;
    let hook = world.subscribe(URL, &[10.0]).await;
    let types = |text: &str| Some(vec![text.parse().unwrap()]);
    let follow = |types| world.engine.follow_events(&world.tenant, types, None);
    let (mut all, mut some) = (follow(None), follow(types("order.*")));
    let mut platforms = follow(types("posthaste.*"));
    let acme: TenantId = "acme".parse().unwrap();
    let mut other = world.engine.follow_events(&acme, None, None);
    let memory = world.publish().await.id;
    let order = vec![of_type(&world, "order.created")];
    let order = world.engine.publish(&world.tenant, order).await.unwrap()[0].id;
    let tried = world
        .engine
        .try_subscription(&world.tenant, hook, None)
        .await;
    tried.unwrap();
    assert_eq!(ids(&mut all).await, [memory, order]);
    assert_eq!(ids(&mut some).await, [order]);
    assert_eq!(ids(&mut platforms).await, []);
    assert_eq!(ids(&mut other).await, []);
    assert_eq!(some.place(), all.place(), "it need not look there again");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_with_the_last_id_gets_every_event_once() {
    let seed = 7;
    println!("seed {seed}");
    let chance = Chance::seeded(seed);
    let world = World::new().await;
    let mut published = Vec::new();
    let mut feed = world.engine.follow_events(&world.tenant, None, None);
    let (mut seen, mut place) = (Vec::new(), feed.place());
    for _ in 0..300 {
        match chance.bits() % 6 {
            0 => {
                feed = world.engine.follow_events(&world.tenant, None, Some(place));
            }
            1 => {
                let held = world.store.reserve(world.engine.now(), &[1]);
                published.push(world.publish().await.id);
                world.store.release(&held);
            }
            2 => {
                let many = (0..300).map(|_| world.event()).collect();
                let many = world.engine.publish(&world.tenant, many).await.unwrap();
                published.extend(many.iter().map(|published| published.id));
            }
            3 => world.pass(Duration::from_millis(chance.bits() % 40)).await,
            _ => {
                // Whoever asks may go away while it waits.
                let wait = Duration::from_millis(chance.bits() % 30);
                if let Ok(events) = tokio::time::timeout(wait, feed.next()).await {
                    seen.extend(events.unwrap().iter().map(|stored| stored.event.id));
                    place = feed.place();
                }
            }
        }
    }
    seen.extend(ids(&mut feed).await);
    assert_eq!(seen, published);
    let world = world.after_crash().await;
    let half = seen[seen.len() / 2];
    let mut feed = world.engine.follow_events(&world.tenant, None, Some(half));
    assert_eq!(ids(&mut feed).await, seen[seen.len() / 2 + 1..]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_told_to_those_who_ask_for_the_platforms_types() {
    let world = World::new().await;
    world.receivers.behave(URL, Behaviour::Answer(410));
    world.subscribe(URL, &[10.0]).await;
    let alerts = NewSubscription {
        events: vec!["posthaste.*".parse().unwrap()],
        ..NewSubscription::to("https://example.com/alerts".parse().unwrap())
    };
    world.engine.subscribe(&world.tenant, alerts).await.unwrap();
    let types = Some(vec!["posthaste.*".parse().unwrap()]);
    let mut feed = world.engine.follow_events(&world.tenant, types, None);
    world.publish().await;
    world.pass(Duration::from_secs(1)).await;
    let events = feed.next().await.unwrap();
    let mut names: Vec<&str> = events.iter().map(|e| e.event.event_type.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names[names.len() - 1], "posthaste.subscription.paused");
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_told_with_what_each_attempt_made_of_the_delivery() {
    let world = World::new().await;
    let hook = world.subscribe(URL, &[10.0]).await;
    let acme: TenantId = "acme".parse().unwrap();
    let follow = |tenant, query| world.engine.follow_outcomes(tenant, query);
    let mut all = follow(&world.tenant, DeliveryQuery::default());
    let mut other = follow(&acme, DeliveryQuery::default());
    let mut failed = follow(
        &world.tenant,
        DeliveryQuery {
            status: Some(DeliveryStatus::Failed),
            subscription: Some(hook),
            ..DeliveryQuery::default()
        },
    );
    world.publish().await;
    assert_eq!(told(&mut all).await, [("delivered".to_owned(), 1, true)]);
    world.receivers.behave(URL, Behaviour::Answer(500));
    let id = world.publish().await.id.delivery(0);
    assert_eq!(told(&mut all).await, [("retrying".to_owned(), 1, true)]);
    world.pass(Duration::from_secs(11)).await;
    let last = ("failed".to_owned(), 2, true);
    assert_eq!(told(&mut all).await, std::slice::from_ref(&last));
    assert_eq!(told(&mut failed).await, [last]);
    assert_eq!(told(&mut other).await, []);
    let shown = world.engine.delivery(&world.tenant, id).await.unwrap();
    let mut feed = follow(&world.tenant, DeliveryQuery::default());
    world.receivers.behave(URL, Behaviour::Answer(200));
    world.engine.redeliver(&world.tenant, id).await.unwrap();
    let Some(OutcomeNews::Outcome(again)) = feed.next().await else {
        panic!("an outcome");
    };
    assert!(shown.delivered_at.is_none() && again.delivery.delivered_at.is_some());
    let shown = world.engine.delivery(&world.tenant, id).await.unwrap();
    assert_eq!(again.delivery, shown, "as the store shows it");
}

#[tokio::test(start_paused = true)]
async fn what_waits_while_its_subscription_is_paused_is_told_as_held() {
    let world = World::new().await;
    let hook = world.subscribe(URL, &[10.0]).await;
    world.receivers.behave(URL, Behaviour::Hang);
    let query = DeliveryQuery::default();
    let mut feed = world.engine.follow_outcomes(&world.tenant, query);
    world.publish().await;
    world.pass(A_MOMENT).await;
    world.engine.pause(&world.tenant, hook).await.unwrap();
    world.pass(Duration::from_secs(11)).await;
    assert_eq!(told(&mut feed).await, [("held".to_owned(), 1, true)]);
}
