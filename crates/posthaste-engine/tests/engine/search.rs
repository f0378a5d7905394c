//! What no index answers: text in payloads, dead letters by reason, how many match.

use std::time::Duration;

use posthaste::{delivery::DeliveryStatus, json::RawJson};
use posthaste_engine::operations::{NewEvent, Searched};
use posthaste_store::query::{DeliveryQuery, EventQuery, Stretch};

use crate::world::*;

impl World {
    /// Events with these payloads, in this order.
    async fn publish_data(&self, data: impl Iterator<Item = String>) {
        let event = |data: String| NewEvent {
            data: RawJson::parse(data, 8).unwrap(),
            ..self.event()
        };
        let events: Vec<NewEvent> = data.map(event).collect();
        self.engine.publish(&self.tenant, events).await.unwrap();
    }

    async fn search(&self, text: &str, before: Option<u64>, limit: usize) -> Searched {
        let (query, stretch) = (EventQuery::default(), Stretch { before, limit });
        let found = self
            .engine
            .search_events(&self.tenant, &query, text, stretch);
        found.await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_ends_after_two_thousand_events_and_goes_on_from_there() {
    let world = World::new().await;
    let data = |n: u32| match n {
        0 | 2_600 | 4_999 => format!("\"needle {n}\""),
        _ => n.to_string(),
    };
    world.publish_data((0..5_000).map(data)).await;
    let (mut before, mut steps) = (None, Vec::new());
    loop {
        let found = world.search("NEEDLE", before, 50).await;
        steps.push((found.scanned, found.items.len(), found.back_to().is_some()));
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    let expected = [(2_000, 1, true), (2_000, 1, true), (1_000, 1, false)];
    assert_eq!(steps, expected);
}

#[tokio::test(start_paused = true)]
async fn a_search_ends_after_sixteen_megabytes_of_payload() {
    let world = World::new().await;
    let long = format!("\"{}\"", "x".repeat(250_000));
    world.publish_data((0..80).map(|_| long.clone())).await;
    let found = world.search("y", None, 50).await;
    assert_eq!(found.scanned, (16 << 20) / 250_002 + 1);
    let rest = world.search("y", found.next, 50).await;
    assert_eq!((rest.scanned + found.scanned, rest.next), (80, None));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_what_was_found_leads_on_to_the_rest() {
    let world = World::new().await;
    world
        .publish_data((0..10).map(|n| format!("\"order {n}\"")))
        .await;
    let (mut before, mut sizes) = (None, Vec::new());
    loop {
        let found = world.search("order", before, 4).await;
        sizes.push(found.items.len());
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [4, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_grouped_counted_and_discarded_one_by_one() {
    let world = World::new().await;
    let to = world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(404));
    let ids = world.publish_many(3).await;
    world.pass(Duration::from_secs(5)).await;
    let (engine, tenant) = (&world.engine, &world.tenant);
    let dead = engine.dead_letters(tenant, None).await.unwrap();
    let groups = dead.groups.iter();
    let groups = groups.map(|((to, reason), group)| (*to, reason.to_string(), group.count));
    assert_eq!(
        groups.collect::<Vec<_>>(),
        [(to, String::from("http 404"), 3)]
    );
    let failed = DeliveryQuery {
        status: Some(DeliveryStatus::Failed),
        error: Some(String::from("http 404")),
        ..DeliveryQuery::default()
    };
    let counted = engine.count_discardable(tenant, failed.clone()).await;
    let counted = counted.unwrap();
    assert_eq!((counted.count, counted.more), (3, false));
    let discarded = DeliveryQuery {
        status: Some(DeliveryStatus::Discarded),
        ..failed
    };
    let none = engine.count_discardable(tenant, discarded).await.unwrap();
    assert_eq!(none.count, 0, "only dead letters are let go");
    assert_eq!(engine.discard_each(tenant, &ids[..2]).await, Ok(2));
    assert_eq!(engine.discard(tenant, ids[0]).await, Ok(false));
    world.receivers.behave(URL, Behaviour::Answer(200));
    let again = engine.redeliver_each(tenant, &ids[1..]).await.unwrap();
    assert_eq!(again.redelivered, 2);
    world.pass(A_MOMENT).await;
    assert_eq!(world.counts().await.delivered, 2);
    assert_eq!(engine.dead_letters(tenant, None).await.unwrap().counted, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_what_was_counted_and_what_waits_or_is_closed_is_not() {
    let world = World::new().await;
    let to = world.subscribe(URL, &[1.0]).await;
    world.receivers.behave(URL, Behaviour::Answer(404));
    world.publish_many(3).await;
    world.pass(Duration::from_secs(5)).await;
    let (engine, tenant) = (&world.engine, &world.tenant);
    let to_it = DeliveryQuery {
        subscription: Some(to),
        ..DeliveryQuery::default()
    };
    let counted = engine.count_redeliverable(tenant, &to_it).await.unwrap();
    assert_eq!((counted.count, counted.held), (3, 0));
    world.pass(A_MOMENT).await;
    world.publish_many(2).await;
    world.pass(Duration::from_secs(5)).await;
    let as_of = to_it.clone().as_of(counted.at);
    let discarded = engine.discard_all(tenant, as_of.clone()).await.unwrap();
    assert_eq!(discarded, 3, "those that came later were not counted");
    engine.pause(tenant, to).await.unwrap();
    let counted = engine.count_redeliverable(tenant, &to_it).await.unwrap();
    assert_eq!((counted.count, counted.held), (5, 5));
    let sent = engine.redeliver_all(tenant, as_of).await.unwrap();
    assert_eq!((sent.redelivered, sent.held), (3, 3));
    let counted = engine.count_redeliverable(tenant, &to_it).await.unwrap();
    assert_eq!((counted.count, counted.already_waiting), (2, 3));
    engine.unsubscribe(tenant, to).await.unwrap();
    let counted = engine.count_redeliverable(tenant, &to_it).await.unwrap();
    assert_eq!((counted.count, counted.skipped), (0, 5));
    let sent = engine.redeliver_all(tenant, to_it).await.unwrap();
    assert_eq!((sent.redelivered, sent.skipped), (0, 5));
}
