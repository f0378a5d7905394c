//! Lists: newest first, page by page, each entry once, whatever is asked for.

use std::sync::Arc;

use posthaste::{
    delivery::{DeliveryStatus, Discard},
    event::EventDetails,
    id::EventId,
};

use super::{
    World,
    fixtures::{delivered, discarded, event_type, failed, ids, owed, retrying},
};
use crate::{
    dead_letter::DeadLetters,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{EventSummary, StoredEvent},
};

async fn publish_as(world: &World, name: &str, correlation_id: &str) -> StoredEvent {
    let mut draft = world.draft(&[world.subscribe().await]);
    let event = Arc::make_mut(&mut draft.event);
    event.event_type = event_type(name);
    event.details = EventDetails {
        correlation_id: Some(correlation_id.to_owned()),
        ..EventDetails::default()
    };
    world.publish_draft(draft).await
}

/// All pages of a list of events, newest first.
async fn events(world: &World, query: &EventQuery, limit: usize) -> Vec<EventSummary> {
    let (mut all, mut before) = (Vec::<EventSummary>::new(), None);
    loop {
        let stretch = Stretch { before, limit };
        let page = world.store().events(&world.tenant, query, stretch).await;
        let page = page.unwrap();
        assert!(page.items.len() <= limit, "at most the limit");
        all.extend(page.items);
        assert!(all.is_sorted_by(|a, b| a.id > b.id), "newest first, once");
        let Some(next) = page.next else { return all };
        assert!(before.is_none_or(|before| next < before), "it leads on");
        before = Some(next);
    }
}

pub async fn events_are_listed_newest_first_by_type_time_and_correlation(world: &mut World) {
    let mut published = Vec::new();
    for name in ["a.b", "a", "a.b", "a.b.c", "a.b"] {
        published.push(publish_as(world, name, &format!("of {name}")).await);
        world.pass(10);
    }
    let time = |n: usize| Some(published[n].event.created_at());
    let check = async |query: EventQuery, expected: &[usize]| {
        for limit in [1, 2, 100] {
            let found = events(world, &query, limit).await;
            let found: Vec<EventId> = found.iter().map(|event| event.id).collect();
            let expected = expected.iter().rev().map(|&n| published[n].event.id);
            assert_eq!(found, expected.collect::<Vec<_>>(), "{query:?}");
        }
    };
    let all = EventQuery::default;
    check(all(), &[0, 1, 2, 3, 4]).await;
    let event_type = Some(event_type("a.b"));
    let (since, until) = (time(1), time(3));
    let by_type = EventQuery {
        event_type: event_type.clone(),
        ..all()
    };
    check(by_type, &[0, 2, 4]).await;
    let window = EventQuery {
        since,
        until,
        ..all()
    };
    check(window, &[1, 2]).await;
    let correlation_id = Some(String::from("of a.b"));
    let by_correlation = EventQuery {
        correlation_id: correlation_id.clone(),
        ..all()
    };
    check(by_correlation, &[0, 2, 4]).await;
    let everything = EventQuery {
        event_type,
        since,
        until,
        correlation_id,
    };
    check(everything, &[2]).await;
    let summary = events(world, &all(), 1).await.remove(4);
    assert_eq!(summary.details, published[0].event.details);
    assert_eq!(summary.event_type, published[0].event.event_type);
    assert_eq!(summary.deliveries, 1);
}

pub async fn deliveries_are_listed_by_everything_that_can_be_asked_for(world: &mut World) {
    let (one, two) = (world.subscribe().await, world.subscribe().await);
    let begun = world.now;
    let first = owed(&world.publish(&[one, two, one]).await);
    world.pass(10);
    let second = owed(&world.publish(&[two, one]).await);
    world.pass(10);
    let third = owed(&publish_as(world, "tag.added", "x").await);
    let now = world.now;
    world
        .settle([
            delivered(&first[0], now),
            failed(&first[1], now),
            retrying(&second[0], now, world.after(60)),
            discarded(&third[0], now, Discard::Discarded),
        ])
        .await;
    let all = [&first[..], &second, &third].concat();
    let check = async |query: DeliveryQuery, expected: &[usize]| {
        for limit in [1, 2, 100] {
            let found = world.list(&query, limit).await;
            let found: Vec<_> = found.iter().rev().map(|d| d.id).collect();
            let expected: Vec<_> = expected.iter().map(|&n| all[n].id).collect();
            assert_eq!(found, expected, "{query:?}");
        }
    };
    let any = DeliveryQuery::default;
    check(any(), &[0, 1, 2, 3, 4, 5]).await;
    let by_status = |status| DeliveryQuery {
        status: Some(status),
        ..any()
    };
    check(by_status(DeliveryStatus::Pending), &[2, 4]).await;
    check(by_status(DeliveryStatus::Delivered), &[0]).await;
    check(by_status(DeliveryStatus::Failed), &[1]).await;
    check(by_status(DeliveryStatus::Retrying), &[3]).await;
    check(by_status(DeliveryStatus::Discarded), &[5]).await;
    check(by_status(DeliveryStatus::Held), &[]).await;
    let to_one = DeliveryQuery {
        subscription: Some(one),
        ..any()
    };
    check(to_one.clone(), &[0, 2, 4]).await;
    let of_first = DeliveryQuery {
        event: Some(first[0].event.id),
        ..to_one.clone()
    };
    check(of_first, &[0, 2]).await;
    let pending_to_one = DeliveryQuery {
        status: Some(DeliveryStatus::Pending),
        ..to_one
    };
    check(pending_to_one, &[2, 4]).await;
    let by_type = DeliveryQuery {
        event_type: Some(event_type("tag.added")),
        ..any()
    };
    check(by_type, &[5]).await;
    let window = DeliveryQuery {
        since: Some(begun + std::time::Duration::from_secs(10)),
        until: Some(now),
        ..any()
    };
    check(window, &[3, 4]).await;
    let outcomes = |since, until| DeliveryQuery {
        outcome_since: Some(since),
        outcome_until: Some(until),
        ..any()
    };
    check(outcomes(now, world.after(1)), &[0, 1, 3]).await;
    check(outcomes(begun, now), &[]).await;
    let nothing_since = DeliveryQuery {
        outcome_until: Some(now),
        ..any()
    };
    check(nothing_since, &[2, 4, 5]).await;
    check(any().as_of(begun), &[2]).await;
    check(any().as_of(now), &[0, 1, 2, 3, 4, 5]).await;
    let by_error = |error: &str| DeliveryQuery {
        error: Some(error.to_owned()),
        ..any()
    };
    check(by_error("http"), &[1]).await;
    check(by_error("http 5"), &[1]).await;
    check(by_error("timeout"), &[3]).await;
    check(by_error("discarded"), &[5]).await;
    for no_pattern in ["%", "h__p", "HTTP", "http 5*"] {
        check(by_error(no_pattern), &[]).await;
    }
}

pub async fn events_of_a_window_are_read_oldest_first_in_pages_of_every_size(world: &mut World) {
    let to = world.subscribe().await;
    let mut published = Vec::new();
    for n in 0..100 {
        published.push(world.publish(&[to, to][..n % 3]).await);
        if n % 7 == 0 {
            world.pass(1);
        }
    }
    let ids: Vec<EventId> = published.iter().map(|stored| stored.event.id).collect();
    world.become_tenant("acme").await;
    world.publish(&[]).await;
    world.become_tenant("default").await;
    let last = EventId::from_u64(u64::MAX >> 1);
    for (after, until) in [
        (EventId::from_u64(0), last),
        (ids[3], ids[90]),
        (ids[99], last),
    ] {
        for at_most in [1, 7, 1000] {
            let (mut found, mut from) = (Vec::new(), after);
            loop {
                let store = world.store();
                let page = store
                    .events_between(&world.tenant, from, until, at_most)
                    .await;
                let page = page.unwrap();
                assert!(page.items.len() <= at_most, "at most the limit");
                found.extend(page.items);
                let Some(next) = page.next else { break };
                assert!(next > from.as_u64(), "it leads on");
                from = EventId::from_u64(next);
            }
            let wanted = published.iter();
            let wanted = wanted.filter(|one| one.event.id > after && one.event.id < until);
            let wanted: Vec<_> = wanted.map(|one| (&one.event, &one.subscriptions)).collect();
            let found: Vec<_> = found
                .iter()
                .map(|one| (&one.event, &one.subscriptions))
                .collect();
            assert_eq!(found, wanted);
        }
    }
}

pub async fn windows_and_cursors_may_lie_beyond_all_there_is(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let time = |text: &str| Some(text.parse().expect("a time"));
    let (first, last) = (time("0001-01-01T00:00:00Z"), time("9999-12-30T00:00:00Z"));
    for (since, until, expected) in [
        (first, last, 1),
        (None, last, 1),
        (first, None, 1),
        (last, None, 0),
        (None, first, 0),
        (last, first, 0),
    ] {
        let window = DeliveryQuery {
            since,
            until,
            ..DeliveryQuery::default()
        };
        assert_eq!(world.list(&window, 10).await.len(), expected, "{window:?}");
        let window = EventQuery {
            since,
            until,
            ..EventQuery::default()
        };
        let found = events(world, &window, 10).await;
        assert_eq!(found.len(), expected, "{window:?}");
    }
    for (before, expected) in [(0, 0), (waiting.id.as_u64(), 0), (u64::MAX >> 1, 1)] {
        let stretch = Stretch {
            before: Some(before),
            limit: 1000,
        };
        let query = DeliveryQuery::default();
        let page = world.store().deliveries(&world.tenant, &query, stretch);
        assert_eq!(page.await.unwrap().items.len(), expected, "{before}");
    }
}

pub async fn a_long_list_of_mixed_deliveries_is_read_in_pages_of_every_size(world: &mut World) {
    let to = world.subscribe().await;
    let mut all = Vec::new();
    for fan_out in [1, 1500, 0, 3, 40] {
        all.extend(owed(&world.publish(&vec![to; fan_out]).await));
    }
    let every_third = all.iter().step_by(3);
    world
        .settle(every_third.map(|w| delivered(w, world.now)))
        .await;
    let query = DeliveryQuery {
        subscription: Some(to),
        ..DeliveryQuery::default()
    };
    for limit in [7, 1000, 999] {
        if limit == 999 {
            world.crash().await;
        }
        let list = world.list(&query, limit).await;
        let found: Vec<_> = list.iter().rev().map(|d| d.id).collect();
        assert_eq!(found, ids(&all));
        let delivered = list.iter().filter(|d| d.delivered_at.is_some()).count();
        assert_eq!(delivered, all.len().div_ceil(3));
    }
}

pub async fn a_list_that_is_read_while_it_grows_shows_each_entry_once(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let query = DeliveryQuery::default();
    let page = async |before| {
        let stretch = Stretch { before, limit: 2 };
        let store = world.store();
        let page = store.deliveries(&world.tenant, &query, stretch).await;
        page.unwrap()
    };
    let first = page(None).await;
    world.publish(&[to]).await;
    world.settle([delivered(&owed[1], world.now)]).await;
    let second = page(first.next).await;
    let both = first.items.iter().chain(&second.items);
    let found: Vec<_> = both.map(|delivery| delivery.id).collect();
    let expected: Vec<_> = ids(&owed).into_iter().rev().collect();
    assert_eq!(found, expected);
}

pub async fn events_are_read_together_in_the_order_asked_for(world: &mut World) {
    let to = world.subscribe().await;
    let mut stored = Vec::new();
    for _ in 0..5 {
        stored.push(world.publish(&[to]).await);
    }
    let nowhere = world.fresh_id();
    let ids: Vec<EventId> = [4, 0, 2, 2, 1].map(|n: usize| stored[n].event.id).into();
    let mut left = [&ids[..2], &[nowhere], &ids[2..]].concat();
    let mut found = Vec::new();
    while !left.is_empty() {
        let page = world.store().events_of(&world.tenant, left.clone()).await;
        let page = page.unwrap();
        found.extend(page.items.iter().map(|stored| stored.event.clone()));
        let looked_at = page.next.map_or(left.len(), |next| next as usize);
        assert!(looked_at > 0, "it leads on");
        left.drain(..looked_at);
    }
    let expected = [4, 0, 2, 2, 1].map(|n: usize| stored[n].event.clone());
    assert_eq!(found, expected);
}

/// All stretches of the dead letters.
async fn dead_letters(world: &World, limit: usize) -> DeadLetters {
    let mut all = DeadLetters::default();
    loop {
        let before = all.next;
        let stretch = Stretch { before, limit };
        let more = world.store().dead_letters(&world.tenant, stretch).await;
        let more = more.unwrap();
        assert!(more.counted <= limit as u64, "at most the limit");
        assert!(
            more.next
                .is_none_or(|next| before.is_none_or(|before| next < before))
        );
        all = all.and(more);
        if all.next.is_none() {
            return all;
        }
    }
}

pub async fn dead_letters_are_counted_by_subscription_and_reason_a_stretch_at_a_time(
    world: &mut World,
) {
    let (one, two) = (world.subscribe().await, world.subscribe().await);
    let (mut settled, mut dead) = (Vec::new(), Vec::new());
    for n in 0..9_u16 {
        let owed = owed(&world.publish(&[one, two, one]).await);
        for (waiting, reason) in owed.iter().zip(["http 500", "timeout", "http 404"]) {
            let mut settlement = failed(waiting, world.now);
            let attempt = settlement.attempt.as_mut().expect("an attempt");
            attempt.error = Some(match reason {
                "timeout" => format!("timeout: no answer within {n} ms"),
                status => status.to_owned(),
            });
            settled.push(settlement);
        }
        dead.push(owed);
        world.pass(1);
    }
    settled.push(delivered(&dead[8][2], world.now));
    world.settle(settled).await;
    for limit in [1, 2, 7, 5000] {
        let found = dead_letters(world, limit).await;
        let groups = found.groups.iter().map(|((to, reason), group)| {
            let range = (group.oldest, group.newest);
            (*to, reason.to_string(), group.count, range)
        });
        let of = |n: usize, count: usize| (dead[0][n].id, dead[count - 1][n].id);
        let expected = [
            (one, String::from("http 404"), 8, of(2, 8)),
            (one, String::from("http 500"), 9, of(0, 9)),
            (two, String::from("timeout"), 9, of(1, 9)),
        ];
        assert_eq!(groups.collect::<Vec<_>>(), expected, "{limit} at a time");
        assert_eq!(found.counted, 26);
    }
    world.crash().await;
    assert_eq!(dead_letters(world, 9).await.counted, 26);
}
