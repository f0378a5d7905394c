//! One key of one tenant makes one event, whoever asks, however often, at whatever moment.

use std::time::Duration;

use posthaste::id::EventId;

use super::{World, fixtures::idempotency};
use crate::{
    query::{EventQuery, Stretch},
    record::{Acceptance, Accepted, NotAccepted},
};

fn keyed(world: &World, key: u8, body: u8) -> Acceptance {
    Acceptance {
        idempotency: idempotency(key, body, world.now),
        ..world.draft(&[])
    }
}

async fn events(world: &World) -> usize {
    let stretch = Stretch {
        before: None,
        limit: 1000,
    };
    let query = EventQuery::default();
    let page = world.store().events(&world.tenant, &query, stretch).await;
    page.unwrap().items.len()
}

#[track_caller]
fn check_replayed(accepted: &Accepted, first: EventId) {
    match accepted {
        Accepted::Replayed(event) => assert_eq!(event.id, first),
        Accepted::New => panic!("a second event"),
    }
}

pub async fn one_key_and_one_body_make_one_event(world: &mut World) {
    let to = world.subscribe().await;
    let first = Acceptance {
        idempotency: idempotency(1, 1, world.now),
        ..world.draft(&[to])
    };
    let id = first.event.id;
    world.publish_draft(first).await;
    let answer = world.accept(vec![keyed(world, 1, 1)]).await.unwrap();
    check_replayed(&answer[0], id);
    let Accepted::Replayed(summary) = &answer[0] else {
        return;
    };
    assert_eq!(summary.deliveries, 1, "as when it was accepted");
    assert_eq!(summary.event_type.as_str(), "memory.created");
    assert_eq!(events(world).await, 1);
}

pub async fn one_key_with_another_body_refuses_its_request_alone(world: &mut World) {
    world.publish_draft(keyed(world, 1, 1)).await;
    let refused = vec![keyed(world, 2, 2), keyed(world, 1, 9), keyed(world, 3, 3)];
    let requests = vec![vec![keyed(world, 4, 4)], refused, vec![keyed(world, 5, 5)]];
    let answers = world.store().accept(world.now, requests).await.unwrap();
    let conflict = NotAccepted::IdempotencyConflict { index: 1 };
    let new = || Ok(vec![Accepted::New]);
    assert_eq!(answers, [new(), Err(conflict), new()]);
    assert_eq!(events(world).await, 3, "nothing of the refused request");
}

pub async fn one_key_twice_in_a_request_makes_one_event(world: &mut World) {
    let request = vec![keyed(world, 1, 1), keyed(world, 1, 1)];
    let first = request[0].event.id;
    let answers = world.accept(request).await.unwrap();
    assert_eq!(answers[0], Accepted::New);
    check_replayed(&answers[1], first);
    assert_eq!(events(world).await, 1);
}

pub async fn one_key_in_two_requests_of_a_call_makes_one_event(world: &mut World) {
    let first = keyed(world, 1, 1);
    let id = first.event.id;
    let requests = vec![
        vec![first],
        vec![keyed(world, 1, 1)],
        vec![keyed(world, 1, 2)],
    ];
    let answers = world.store().accept(world.now, requests).await.unwrap();
    assert_eq!(answers[0], Ok(vec![Accepted::New]));
    check_replayed(&answers[1].as_ref().unwrap()[0], id);
    assert_eq!(
        answers[2],
        Err(NotAccepted::IdempotencyConflict { index: 0 })
    );
    assert_eq!(events(world).await, 1);
}

pub async fn a_conflict_within_a_request_names_the_second_of_the_two(world: &mut World) {
    let request = vec![keyed(world, 1, 1), keyed(world, 2, 2), keyed(world, 1, 3)];
    let refused = world.accept(request).await;
    assert_eq!(refused, Err(NotAccepted::IdempotencyConflict { index: 2 }));
    assert_eq!(events(world).await, 0);
}

pub async fn a_refused_request_uses_up_no_key(world: &mut World) {
    let refused = vec![keyed(world, 1, 1), keyed(world, 1, 2)];
    let later = vec![keyed(world, 1, 3)];
    let requests = vec![refused, later];
    let answers = world.store().accept(world.now, requests).await.unwrap();
    assert_eq!(
        answers[0],
        Err(NotAccepted::IdempotencyConflict { index: 1 })
    );
    assert_eq!(answers[1], Ok(vec![Accepted::New]), "also in one call");
}

pub async fn one_key_makes_one_event_however_many_requests_race(world: &mut World) {
    let drafts: Vec<Acceptance> = (0..100).map(|_| keyed(world, 1, 1)).collect();
    let racing: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let (store, now) = (world.store().clone(), world.now);
            tokio::spawn(async move { store.accept(now, vec![vec![draft]]).await })
        })
        .collect();
    let mut made = 0;
    for racer in racing {
        let answers = racer.await.unwrap().unwrap();
        made += usize::from(answers[0] == Ok(vec![Accepted::New]));
        assert!(answers[0].is_ok());
    }
    assert_eq!((made, events(world).await), (1, 1));
}

pub async fn a_key_is_remembered_after_a_crash(world: &mut World) {
    let first = keyed(world, 1, 1);
    let id = first.event.id;
    world.publish_draft(first).await;
    world.crash().await;
    let answer = world.accept(vec![keyed(world, 1, 1)]).await.unwrap();
    check_replayed(&answer[0], id);
    let refused = world.accept(vec![keyed(world, 1, 2)]).await;
    assert_eq!(refused, Err(NotAccepted::IdempotencyConflict { index: 0 }));
}

pub async fn a_key_that_has_expired_makes_a_new_event(world: &mut World) {
    world.publish_draft(keyed(world, 1, 1)).await;
    let day = Duration::from_secs(24 * 3600);
    let begun = world.now;
    world.now = begun + (day - Duration::from_millis(1));
    let answer = world.accept(vec![keyed(world, 1, 1)]).await.unwrap();
    assert_ne!(answer, [Accepted::New], "a moment before");
    world.now = begun + day;
    let second = keyed(world, 1, 2);
    let id = second.event.id;
    world.publish_draft(second).await;
    let answer = world.accept(vec![keyed(world, 1, 2)]).await.unwrap();
    check_replayed(&answer[0], id);
}

pub async fn what_was_published_under_a_key_is_known_until_it_expires(world: &mut World) {
    let to = world.subscribe().await;
    let draft = Acceptance {
        idempotency: idempotency(1, 7, world.now),
        ..world.draft(&[to])
    };
    let used = draft.idempotency.clone().unwrap();
    let tenant = draft.event.tenant.clone();
    let store = world.store().clone();
    let body = |now| store.body_of_key(&tenant, used.key, now);
    assert_eq!(body(world.now).await, Ok(None));
    world.publish_draft(draft).await;
    assert_eq!(body(world.now).await, Ok(Some(used.body)));
    assert_eq!(body(used.expires_at).await, Ok(None));
}

pub async fn a_key_of_one_tenant_says_nothing_to_another(world: &mut World) {
    world.publish_draft(keyed(world, 1, 1)).await;
    world.become_tenant("acme").await;
    world.publish_draft(keyed(world, 1, 2)).await;
    assert_eq!(events(world).await, 1);
}
