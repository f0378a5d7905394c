//! Inboxes: what comes to one is kept as it came, numbered, and only the newest of it.

use bytes::Bytes;
use posthaste::{
    id::{InboxId, SubscriptionId},
    signature::{Scheme, Secret},
};

use super::World;
use crate::{
    inbox::{
        AnswerType, Arrival, ArrivalHead, BYTES_KEPT, Bin, Check, HeaderBytes, Inbox, InboxAnswer,
        InboxRequest, REQUESTS_KEPT, Verdict, Verification, Via,
    },
    query::Stretch,
    store::StoreError,
};

/// With everything in it that an inbox may have.
pub fn inbox(world: &World) -> Inbox {
    let answer = InboxAnswer {
        status: 429,
        delay_ms: 250,
        retry_after_s: Some(7),
        content_type: AnswerType::Json,
        body: String::from("{\"slow\":true}"),
    };
    Inbox {
        id: InboxId::at(world.fresh_id().place()),
        tenant: world.tenant.clone(),
        name: String::from("an inbox"),
        bin: Bin::Own {
            token: Secret::trusted(String::from("a token")),
            answer,
        },
        check: Check::Secret(Secret::trusted(String::from("a secret of sixteen bytes"))),
        made: None,
        revision: 1,
    }
}

/// A request with every byte in its header and its body.
pub fn arrival(world: &World) -> Arrival {
    let every: Vec<u8> = (0..=255).collect();
    let verdict = |scheme, fault: Option<&str>| Verdict {
        scheme,
        fault: fault.map(String::from),
    };
    Arrival {
        at: world.now,
        head: ArrivalHead {
            method: String::from("BREW"),
            path: String::from("/a%00b"),
            query: Some(String::from("x=1&x=2")),
            headers: vec![
                (String::from("x-every"), HeaderBytes(every.clone())),
                (String::from("x-every"), HeaderBytes(Vec::new())),
            ],
            via: Via::Network("2001:db8::7".parse().ok()),
            body_bytes: 1 << 40,
            incomplete: true,
            verification: Some(Verification(vec![
                verdict(Scheme::Standard, None),
                verdict(Scheme::Pt, Some("why not")),
            ])),
            answered: 429,
        },
        body: every.into(),
    }
}

fn of_bytes(world: &World, bytes: usize) -> Arrival {
    let arrival = arrival(world);
    let head = ArrivalHead {
        headers: Vec::new(),
        path: String::new(),
        query: None,
        ..arrival.head
    };
    let body = Bytes::from(vec![0; bytes]);
    Arrival {
        head,
        body,
        ..arrival
    }
}

async fn made(world: &World) -> Inbox {
    let inbox = inbox(world);
    world.store().insert_inbox(inbox.clone()).await.unwrap();
    inbox
}

async fn keep(world: &World, id: InboxId, arrival: Arrival) -> Result<u64, StoreError> {
    let tenant = &world.tenant;
    world.store().keep_arrival(tenant, id, arrival).await
}

/// All that is kept, oldest first.
async fn kept(world: &World, id: InboxId) -> Vec<InboxRequest> {
    let store = world.store();
    let all = store.inbox_requests_after(&world.tenant, id, 0, 10_000);
    all.await.unwrap()
}

async fn numbers(world: &World, id: InboxId) -> Vec<u64> {
    let kept = kept(world, id).await;
    kept.iter().map(|request| request.number).collect()
}

pub async fn an_inbox_and_what_came_to_it_read_back_whole_also_after_a_crash(world: &mut World) {
    let own = made(world).await;
    let site = Inbox {
        id: InboxId::at(world.fresh_id().place()),
        bin: Bin::WebhookSite {
            url: "https://webhook.site/0-1".parse().unwrap(),
            view_url: String::from("https://webhook.site/#!/view/0-1"),
        },
        check: Check::Subscription(SubscriptionId::from_u64(1024)),
        made: Some(SubscriptionId::from_u64(2048)),
        ..own.clone()
    };
    let bare = Inbox {
        id: InboxId::at(world.fresh_id().place()),
        bin: Bin::Own {
            token: Secret::trusted(String::from("another")),
            answer: InboxAnswer::default(),
        },
        check: Check::Nothing,
        ..own.clone()
    };
    for inbox in [&site, &bare] {
        world.store().insert_inbox(inbox.clone()).await.unwrap();
    }
    let taken = world.store().insert_inbox(own.clone()).await;
    assert_eq!(taken, Err(StoreError::Exists(own.id.to_string())));
    let request = arrival(world);
    assert_eq!(keep(world, own.id, request.clone()).await, Ok(1));
    let plain = of_bytes(world, 0);
    assert_eq!(keep(world, own.id, plain.clone()).await, Ok(2));
    world.crash().await;
    let mut all = world.store().inboxes().await.unwrap();
    all.sort_unstable_by_key(|inbox| inbox.id);
    assert!(all == [own.clone(), site, bare], "{all:?}");
    let found: Vec<Arrival> = kept(world, own.id)
        .await
        .into_iter()
        .map(|one| one.arrival)
        .collect();
    assert_eq!(found, [request, plain]);
    assert!(
        world.fresh_id().as_u64() > all[2].id.as_u64(),
        "ids stay above it"
    );
}

pub async fn a_change_of_an_inbox_leaves_what_came_and_a_stale_one_changes_nothing(
    world: &mut World,
) {
    let inbox = made(world).await;
    keep(world, inbox.id, arrival(world)).await.unwrap();
    let changed = Inbox {
        name: String::from("renamed"),
        check: Check::Nothing,
        revision: 2,
        ..inbox.clone()
    };
    let update = |inbox: &Inbox| world.store().update_inbox(inbox.clone());
    assert_eq!(update(&changed).await, Ok(()));
    assert_eq!(update(&changed).await, Err(StoreError::Stale));
    let nobodys = Inbox {
        id: InboxId::at(world.fresh_id().place()),
        ..changed.clone()
    };
    assert_eq!(update(&nobodys).await, Err(StoreError::Missing));
    assert!(world.store().inboxes().await.unwrap() == [changed]);
    assert_eq!(keep(world, inbox.id, arrival(world)).await, Ok(2));
    assert_eq!(numbers(world, inbox.id).await, [1, 2]);
}

pub async fn requests_are_read_in_pages_of_every_size_both_ways(world: &mut World) {
    let (inbox, other) = (made(world).await, made(world).await);
    for _ in 0..5 {
        keep(world, inbox.id, of_bytes(world, 1)).await.unwrap();
        keep(world, other.id, of_bytes(world, 2)).await.unwrap();
    }
    let store = world.store();
    for limit in 1..=6 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let stretch = Stretch { before, limit };
            let page = store.inbox_requests(&world.tenant, inbox.id, stretch);
            let page = page.await.unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.iter().map(|request| request.number));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1], "in pages of {limit}");
        let newer = store.inbox_requests_after(&world.tenant, inbox.id, 2, limit);
        let newer: Vec<u64> = newer.await.unwrap().iter().map(|one| one.number).collect();
        assert_eq!(newer, [3, 4, 5][..limit.min(3)]);
    }
    let none = store.inbox_requests_after(&world.tenant, inbox.id, u64::MAX >> 1, 9);
    assert_eq!(none.await, Ok(Vec::new()));
}

pub async fn the_newest_requests_of_an_inbox_are_kept_and_numbers_go_on(world: &mut World) {
    let inbox = made(world).await;
    let all = REQUESTS_KEPT as u64 + 3;
    for number in 1..=all {
        let kept = keep(world, inbox.id, of_bytes(world, 1)).await;
        assert_eq!(kept, Ok(number));
    }
    let left: Vec<u64> = (4..=all).collect();
    assert_eq!(numbers(world, inbox.id).await, left);
    world.crash().await;
    let third = usize::try_from(BYTES_KEPT / 3).unwrap();
    for more in 1..=4 {
        let large = of_bytes(world, third);
        assert_eq!(keep(world, inbox.id, large).await, Ok(all + more));
    }
    assert_eq!(numbers(world, inbox.id).await, [all + 2, all + 3, all + 4]);
    let too_large = of_bytes(world, 3 * third + 3);
    keep(world, inbox.id, too_large).await.unwrap();
    assert_eq!(numbers(world, inbox.id).await, [all + 5]);
}

pub async fn requests_go_by_age_in_small_steps(world: &mut World) {
    let (inbox, other) = (made(world).await, made(world).await);
    for _ in 0..3 {
        keep(world, inbox.id, arrival(world)).await.unwrap();
        keep(world, other.id, arrival(world)).await.unwrap();
    }
    world.pass(60);
    keep(world, inbox.id, arrival(world)).await.unwrap();
    let store = world.store();
    assert_eq!(store.prune_arrivals(world.now, 4).await, Ok(4));
    assert_eq!(store.prune_arrivals(world.now, 4).await, Ok(2));
    assert_eq!(store.prune_arrivals(world.now, 4).await, Ok(0));
    assert_eq!(numbers(world, inbox.id).await, [4]);
    assert!(numbers(world, other.id).await.is_empty());
    assert_eq!(keep(world, other.id, arrival(world)).await, Ok(4));
}

pub async fn an_inbox_of_one_tenant_is_no_other_tenants(world: &mut World) {
    let inbox = made(world).await;
    keep(world, inbox.id, arrival(world)).await.unwrap();
    let mine = world.tenant.clone();
    world.become_tenant("acme").await;
    let missing = Err(StoreError::Missing);
    assert_eq!(keep(world, inbox.id, arrival(world)).await, missing);
    assert_eq!(kept(world, inbox.id).await, []);
    let stretch = Stretch {
        before: None,
        limit: 9,
    };
    let page = world
        .store()
        .inbox_requests(&world.tenant, inbox.id, stretch);
    assert_eq!(page.await.unwrap().items, []);
    let theirs = Inbox {
        tenant: world.tenant.clone(),
        revision: 2,
        ..inbox.clone()
    };
    let updated = world.store().update_inbox(theirs).await;
    assert_eq!(updated, Err(StoreError::Missing));
    let deleted = world.store().delete_inbox(&world.tenant, inbox.id).await;
    assert_eq!(deleted, Ok(false));
    world.tenant = mine;
    assert_eq!(numbers(world, inbox.id).await, [1]);
}

pub async fn a_deleted_inbox_goes_with_all_that_came_to_it(world: &mut World) {
    let (inbox, other) = (made(world).await, made(world).await);
    for id in [inbox.id, other.id] {
        keep(world, id, arrival(world)).await.unwrap();
    }
    let store = world.store();
    assert_eq!(store.delete_inbox(&world.tenant, inbox.id).await, Ok(true));
    assert_eq!(store.delete_inbox(&world.tenant, inbox.id).await, Ok(false));
    let late = keep(world, inbox.id, arrival(world)).await;
    assert_eq!(late, Err(StoreError::Missing));
    world.crash().await;
    assert_eq!(kept(world, inbox.id).await, []);
    assert_eq!(numbers(world, other.id).await, [1]);
    assert!(world.store().inboxes().await.unwrap() == [other]);
}
