//! The audit log: an entry is there exactly if its change is.

use posthaste::{
    clock::Timestamp,
    event::{Origin, TenantId},
    id::{AuditId, DeliveryId, KeyId, PortalLinkId, ReplayId, SubscriptionId},
    json::RawJson,
};

use super::{
    World,
    fixtures::{failed, tenant},
    inboxes, passes,
    replays::fresh,
};
use crate::{
    again::Again,
    audit::{ActingKey, Action, Actor, ActorId, AuditEntry, AuditQuery},
    change::Change,
    event_type::EventTypeEntry,
    inbox::Inbox,
    query::Stretch,
    settings::{ApiKey, Scope, Tenant},
    store::{Page, StoreError},
};

pub fn entry(world: &World, action: Action) -> AuditEntry {
    let id = AuditId::at(world.fresh_id().place());
    let key = ActingKey {
        id: KeyId::from_u64(1 << 20),
        name: String::from("the \"first\""),
        platform: false,
    };
    AuditEntry {
        id,
        tenant: Some(world.tenant.clone()),
        actor: Actor {
            key: Some(key),
            portal_link: None,
            address: "2001:db8::7".parse().ok(),
            request_id: Some(String::from("0123456789abcdef")),
        },
        action: action.as_str().into(),
        object: Some(id.to_string()),
        details: RawJson::trusted(br#"{"name":{"old":null,"new":"'; --"}}"#[..].into()),
    }
}

async fn page(
    world: &World,
    query: &AuditQuery,
    before: Option<u64>,
    limit: usize,
) -> Page<AuditEntry> {
    let stretch = Stretch { before, limit };
    let page = world.store().audit(&world.tenant, query, stretch).await;
    page.unwrap()
}

/// The whole log, in pages of two.
async fn log(world: &World, query: &AuditQuery) -> Vec<AuditEntry> {
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let page = page(world, query, before, 2).await;
        entries.extend(page.items);
        before = page.next;
        if before.is_none() {
            return entries;
        }
    }
}

async fn all(world: &World) -> Vec<AuditEntry> {
    log(world, &AuditQuery::default()).await
}

pub async fn an_entry_reads_back_whole_also_after_a_crash(world: &mut World) {
    let whole = entry(world, Action::CreateKey);
    let of_portal = AuditEntry {
        actor: Actor {
            portal_link: Some(PortalLinkId::at(world.fresh_id().place())),
            ..Actor::default()
        },
        ..entry(world, Action::PauseSubscription)
    };
    let bare = AuditEntry {
        actor: Actor::default(),
        action: "of.a.newer.version".into(),
        object: None,
        details: RawJson::empty_object(),
        ..entry(world, Action::CreateKey)
    };
    for entry in [&whole, &of_portal, &bare] {
        world.store().append_audit(entry.clone()).await.unwrap();
    }
    world.crash().await;
    assert_eq!(all(world).await, [bare, of_portal, whole]);
    let newer = world.fresh_id().as_u64();
    assert!(newer > all(world).await[0].id.as_u64(), "ids stay above it");
}

fn a_key(world: &World) -> ApiKey {
    ApiKey {
        id: KeyId::at(world.fresh_id().place()),
        hash: [7; 32],
        tenant: Some(world.tenant.clone()),
        name: String::new(),
        scopes: vec![Scope::All],
        expires_at: None,
        allowed_ips: Vec::new(),
        created_at: world.now,
        last_used_at: None,
    }
}

fn an_event_type(world: &World, revision: u64) -> EventTypeEntry {
    EventTypeEntry {
        tenant: world.tenant.clone(),
        name: "a.b".parse().expect("a type"),
        description: String::new(),
        example: None,
        versions: std::collections::BTreeMap::new(),
        created_at: world.now,
        updated_at: world.now,
        revision,
    }
}

/// Every change there is, each first as one that is refused and then as one that is made.
fn changes(world: &World) -> Vec<(Change, Change)> {
    let owner = || world.tenant.clone();
    let (acme, nobody) = (tenant("acme", world.now), tenant("nobody", world.now));
    let taken = Tenant::new(owner(), String::new(), world.now);
    let (mut subscription, key) = (world.fresh_subscription(), a_key(world));
    let inserted = Box::new(subscription.clone());
    subscription.revision = 9;
    let stale = Box::new(subscription.clone());
    subscription.revision = 2;
    let update = |subscription| Change::UpdateSubscription {
        subscription,
        forgive: false,
    };
    let id = subscription.id;
    let delete = |id| Change::DeleteSubscription {
        tenant: owner(),
        id,
        now: world.now,
    };
    let name = || an_event_type(world, 1).name;
    let delete_type = |tenant| Change::DeleteEventType {
        tenant,
        name: name(),
    };
    let theirs: TenantId = "acme".parse().expect("a tenant's id");
    let unknown = SubscriptionId::at(world.fresh_id().place());
    let inbox = inboxes::inbox(world);
    let inbox_id = inbox.id;
    let delete_key = |tenant| Change::DeleteKey { tenant, id: key.id };
    let link = passes::link(world, "a link");
    let pass = passes::portal(&link, 1);
    let delete_link = |n: u64| Change::DeletePortalLink {
        tenant: owner(),
        id: PortalLinkId::from_u64(link.id.as_u64() * n),
    };
    let delete_tenant = |tenant| Change::DeleteTenant {
        tenant,
        now: world.now,
    };
    let absent = nobody.id.clone();
    let inbox = |tenant: &TenantId, revision| {
        Box::new(Inbox {
            tenant: tenant.clone(),
            revision,
            ..inbox.clone()
        })
    };
    let delete_inbox = |tenant| Change::DeleteInbox {
        tenant,
        id: inbox_id,
    };
    vec![
        (
            Change::InsertTenant(taken),
            Change::InsertTenant(acme.clone()),
        ),
        (Change::UpdateTenant(nobody), Change::UpdateTenant(acme)),
        (
            Change::PutEventType(an_event_type(world, 2)),
            Change::PutEventType(an_event_type(world, 1)),
        ),
        (delete_type(theirs.clone()), delete_type(owner())),
        (delete_tenant(absent.clone()), delete_tenant(theirs)),
        (update(stale.clone()), Change::InsertSubscription(inserted)),
        (update(stale), update(Box::new(subscription))),
        (delete(unknown), delete(id)),
        (delete_key(Some(owner())), Change::InsertKey(key.clone())),
        (delete_key(None), delete_key(Some(owner()))),
        (delete_link(9), Change::InsertPass(Box::new(pass.clone()))),
        (delete_link(9), delete_link(1)),
        (
            Change::DeletePass(pass.digest),
            Change::InsertPass(Box::new(pass.clone())),
        ),
        (Change::DeletePass([9; 32]), Change::DeletePass(pass.digest)),
        (
            Change::InsertInbox(inbox(&absent, 1)),
            Change::InsertInbox(inbox(&owner(), 1)),
        ),
        (
            Change::UpdateInbox(inbox(&owner(), 3)),
            Change::UpdateInbox(inbox(&owner(), 2)),
        ),
        (delete_inbox(absent.clone()), delete_inbox(owner())),
    ]
}

pub async fn an_entry_is_there_exactly_if_its_change_is_also_after_a_crash(world: &mut World) {
    let mut expected = Vec::new();
    for (refused, made) in changes(world) {
        let unmade = entry(world, Action::UpdateSubscription);
        let refusal = world.store().change(refused.clone(), Some(unmade)).await;
        assert!(refusal.is_err(), "{refused:?}");
        let made_entry = entry(world, Action::CreateSubscription);
        let done = world
            .store()
            .change(made.clone(), Some(made_entry.clone()))
            .await;
        assert_eq!(done, Ok(()), "{made:?}");
        expected.insert(0, made_entry);
    }
    assert_eq!(all(world).await, expected);
    world.crash().await;
    assert_eq!(all(world).await, expected);
    assert_eq!(world.store().tenants().await.unwrap().len(), 1);
}

pub async fn what_is_sent_again_is_kept_with_its_entry(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    world.settle([failed(&waiting, world.now)]).await;
    let again = |id: DeliveryId, entry: &AuditEntry| Again {
        entry: Some(entry.clone()),
        ..Again::reopening(world.tenant.clone(), vec![id], Origin::Redeliver, world.now)
    };
    let (sent, missing) = (
        entry(world, Action::RedeliverDelivery),
        entry(world, Action::RedeliverDelivery),
    );
    let unknown = DeliveryId::late(world.fresh_id().place());
    for again in [again(waiting.id, &sent), again(unknown, &missing)] {
        world.store().send_again(again).await.unwrap();
    }
    world.crash().await;
    assert_eq!(all(world).await, [sent], "what is not there was not sent");
}

pub async fn a_replay_is_kept_and_stopped_with_an_entry_each(world: &mut World) {
    let (begun, stopped, nothing) = (
        entry(world, Action::StartReplay),
        entry(world, Action::StopReplay),
        entry(world, Action::StopReplay),
    );
    let store = world.store();
    let replay = fresh(world, Some(7));
    store
        .insert_replay(replay.clone(), Some(begun.clone()))
        .await
        .unwrap();
    let same = crate::replay::Replay {
        id: ReplayId::at(world.fresh_id().place()),
        ..replay.clone()
    };
    store
        .insert_replay(same, Some(nothing.clone()))
        .await
        .unwrap();
    let stop = |entry: &AuditEntry| {
        store.stop_replay(&world.tenant, replay.id, world.now, Some(entry.clone()))
    };
    stop(&stopped).await.unwrap();
    stop(&nothing).await.unwrap();
    let unknown = ReplayId::at(world.fresh_id().place());
    let missing = store.stop_replay(&world.tenant, unknown, world.now, Some(nothing));
    assert_eq!(missing.await.map(drop), Err(StoreError::Missing));
    world.crash().await;
    assert_eq!(
        all(world).await,
        [stopped, begun],
        "what changed nothing has none"
    );
}

pub async fn a_log_is_its_tenants_own_and_the_platforms_is_beside_it_for_who_asks(
    world: &mut World,
) {
    let mine = entry(world, Action::CreateKey);
    let platforms = AuditEntry {
        tenant: None,
        ..entry(world, Action::CreateTenant)
    };
    let later = entry(world, Action::DeleteKey);
    for entry in [&mine, &platforms, &later] {
        world.store().append_audit(entry.clone()).await.unwrap();
    }
    let beside = AuditQuery {
        platforms: true,
        ..AuditQuery::default()
    };
    assert_eq!(all(world).await, [later.clone(), mine.clone()]);
    assert_eq!(log(world, &beside).await, [later, platforms.clone(), mine]);
    world.become_tenant("acme").await;
    assert!(all(world).await.is_empty());
    assert_eq!(log(world, &beside).await, [platforms]);
}

pub async fn entries_are_found_by_actor_action_object_and_time(world: &mut World) {
    let first = entry(world, Action::CreateKey);
    world.pass(60);
    let mut second = entry(world, Action::DeleteKey);
    second.actor.key.as_mut().expect("a key").id = KeyId::from_u64(2 << 20);
    for entry in [&first, &second] {
        world.store().append_audit(entry.clone()).await.unwrap();
    }
    let any = AuditQuery::default;
    for (query, expected) in [
        (
            AuditQuery {
                actor: Some(ActorId::Key(KeyId::from_u64(2 << 20))),
                ..any()
            },
            &second,
        ),
        (
            AuditQuery {
                action: Some(Action::CreateKey),
                ..any()
            },
            &first,
        ),
        (
            AuditQuery {
                object: first.object.clone(),
                ..any()
            },
            &first,
        ),
        (
            AuditQuery {
                since: Some(second.at()),
                ..any()
            },
            &second,
        ),
        (
            AuditQuery {
                until: Some(second.at()),
                ..any()
            },
            &first,
        ),
    ] {
        assert_eq!(
            log(world, &query).await,
            std::slice::from_ref(expected),
            "{query:?}"
        );
    }
}

pub async fn entries_go_by_age_the_oldest_first(world: &mut World) {
    let mut entries = Vec::new();
    for _ in 0..5 {
        let platforms = AuditEntry {
            tenant: None,
            ..entry(world, Action::CreateTenant)
        };
        let mine = entry(world, Action::CreateKey);
        for entry in [platforms, mine] {
            world.store().append_audit(entry.clone()).await.unwrap();
            entries.insert(0, entry);
        }
        world.pass(60);
    }
    let before: Timestamp = entries[3].at();
    let prune = |at_most| world.store().prune_audit(before, at_most);
    assert_eq!(
        (prune(4).await, prune(4).await, prune(4).await),
        (Ok(4), Ok(2), Ok(0))
    );
    let beside = AuditQuery {
        platforms: true,
        ..AuditQuery::default()
    };
    assert_eq!(log(world, &beside).await, entries[..4]);
}
