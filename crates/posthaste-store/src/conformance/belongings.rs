//! One of everything that a tenant may have: for cases about what becomes of all of it.

use posthaste::{
    delivery::Discard,
    id::{InboxId, KeyId, ReplayId, SubscriptionId},
    json::RawJson,
};

use super::{
    World, audit,
    fixtures::{
        delivered, discarded, event_type, failed, idempotency, late, owed, parked, retrying,
    },
    inboxes, passes,
};
use crate::{
    audit::Action,
    event_type::EventTypeEntry,
    record::{Parking, StoredEvent, Waiting},
    replay::{Only, Progress, Replay, ReplayPlan, ReplayStatus},
    settings::{ApiKey, Scope},
};

/// One of everything that a tenant may have.
pub struct Belongings {
    pub subscriptions: Vec<SubscriptionId>,
    pub events: Vec<StoredEvent>,
    pub deliveries: Vec<Waiting>,
    pub replay: ReplayId,
    pub inbox: InboxId,
}

pub fn key(world: &World, hash: u8) -> ApiKey {
    ApiKey {
        id: KeyId::at(world.fresh_id().place()),
        hash: [hash; 32],
        tenant: Some(world.tenant.clone()),
        name: String::from("a key"),
        scopes: vec![Scope::All],
        expires_at: None,
        allowed_ips: Vec::new(),
        created_at: world.now,
        last_used_at: None,
    }
}

pub fn entry(world: &World, number: u8) -> EventTypeEntry {
    EventTypeEntry {
        tenant: world.tenant.clone(),
        name: event_type(&format!("memory.n{number}")),
        description: String::new(),
        example: None,
        versions: [(1, RawJson::empty_object())].into(),
        created_at: world.now,
        updated_at: world.now,
        revision: 1,
    }
}

pub fn replay(world: &World) -> Replay {
    let plan = ReplayPlan {
        since: world.now,
        until: world.after(60),
        types: Vec::new(),
        subscriptions: Vec::new(),
        only: Only::All,
        rate_per_s: 100.0,
    };
    Replay {
        id: ReplayId::at(world.fresh_id().place()),
        tenant: world.tenant.clone(),
        status: ReplayStatus::Running,
        cursor: Replay::begin(&plan),
        plan,
        progress: Progress::default(),
        claim: None,
    }
}

/// Fills the tenant of the world: deliveries in every state, what was taken and what was made late, a
/// tombstone, a pause, keys, a catalogue, a replay, an inbox.
pub async fn filled(world: &mut World, hash: u8) -> Belongings {
    let to = world.subscribe().await;
    let (paused, buried) = (world.subscribe().await, world.subscribe().await);
    let wide = world.publish(&[to, to, paused, buried, to, to, to]).await;
    let mut all = owed(&wide);
    let now = world.now;
    let again = late(world.fresh_id(), paused, &wide);
    let rows = [
        retrying(&all[0], now, now),
        delivered(&all[1], now),
        parked(&all[2], now, Parking::Shelved),
        failed(&all[3], now),
        parked(&all[4], now, Parking::Taken),
        discarded(&all[5], now, Discard::Disabled),
        parked(&again, now, Parking::Due(now)),
    ];
    world.settle(rows).await;
    all.push(again);
    let mut second = all[0].clone();
    second.tries.made = 1;
    let due = world.after(600);
    world.settle([retrying(&second, now, due)]).await;
    let mut keyed = world.draft(&[to]);
    keyed.idempotency = idempotency(hash, hash, now);
    let keyed = world.publish_draft(keyed).await;
    all.extend(owed(&keyed));
    world.pause(paused).await;
    world.delete(buried).await;
    let store = world.store();
    store.insert_key(key(world, hash)).await.unwrap();
    store.put_event_type(entry(world, hash)).await.unwrap();
    let noted = audit::entry(world, Action::CreateSubscription);
    store.append_audit(noted).await.unwrap();
    let link = passes::link(world, "a portal");
    for pass in [passes::session(world, hash), passes::portal(&link, !hash)] {
        store.insert_pass(pass).await.unwrap();
    }
    let inbox = inboxes::inbox(world);
    let (id, arrived) = (inbox.id, inboxes::arrival(world));
    store.insert_inbox(inbox).await.unwrap();
    store
        .keep_arrival(&world.tenant, id, arrived)
        .await
        .unwrap();
    let replay = store.insert_replay(replay(world), None).await;
    let replay = replay.unwrap().id;
    Belongings {
        subscriptions: vec![to, paused, buried],
        events: vec![wide, keyed],
        deliveries: all,
        replay,
        inbox: id,
    }
}
