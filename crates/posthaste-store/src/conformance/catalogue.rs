//! Catalogues: kept as they were written, changed by one hand at a time, each tenant's its own.

use std::collections::BTreeMap;

use posthaste::json::RawJson;

use super::{World, fixtures::event_type};
use crate::{event_type::EventTypeEntry, store::StoreError};

fn json(text: &'static str) -> RawJson {
    RawJson::trusted(text.as_bytes().into())
}

fn entry(world: &World, name: &str) -> EventTypeEntry {
    EventTypeEntry {
        tenant: world.tenant.clone(),
        name: event_type(name),
        description: String::new(),
        example: None,
        versions: BTreeMap::new(),
        created_at: world.now,
        updated_at: world.now,
        revision: 1,
    }
}

/// With every member unlike its default.
fn remarkable(world: &World) -> EventTypeEntry {
    let schema = json(r#"{"type" : "object","maximum":1e400, "$comment":"it's \u0000 é"}"#);
    EventTypeEntry {
        description: String::from("two\nlines; it's \"quoted\" їх"),
        example: Some(json(r#"{"n": 1.0,  "big":1e400}"#)),
        versions: BTreeMap::from([(1, json("true")), (2, schema), (u32::MAX, json("{ }"))]),
        updated_at: world.after(3),
        ..entry(world, "memory.created")
    }
}

async fn entries(world: &World) -> Vec<EventTypeEntry> {
    let mut entries = world.store().event_types().await.unwrap();
    entries.sort_by(|a, b| (&a.tenant, &a.name).cmp(&(&b.tenant, &b.name)));
    entries
}

pub async fn an_event_type_reads_back_whole_also_after_a_crash(world: &mut World) {
    let (all, plain) = (remarkable(world), entry(world, "tag.added"));
    for entry in [&plain, &all] {
        world.store().put_event_type(entry.clone()).await.unwrap();
    }
    assert_eq!(entries(world).await, [all.clone(), plain.clone()]);
    world.crash().await;
    assert_eq!(entries(world).await, [all, plain]);
}

pub async fn replacing_an_event_type_leaves_its_age_alone(world: &mut World) {
    let first = entry(world, "memory.created");
    world.store().put_event_type(first.clone()).await.unwrap();
    let next = EventTypeEntry {
        created_at: world.after(9),
        revision: 2,
        ..remarkable(world)
    };
    world.store().put_event_type(next.clone()).await.unwrap();
    world.crash().await;
    let created_at = first.created_at;
    let expected = EventTypeEntry { created_at, ..next };
    assert_eq!(entries(world).await, [expected]);
}

pub async fn a_stale_change_of_an_event_type_changes_nothing(world: &mut World) {
    let first = entry(world, "memory.created");
    world.store().put_event_type(first.clone()).await.unwrap();
    for revision in [0, 1, 3] {
        let stale = EventTypeEntry {
            revision,
            ..remarkable(world)
        };
        let put = world.store().put_event_type(stale).await;
        assert_eq!(put, Err(StoreError::Stale), "{revision}");
    }
    let unknown = EventTypeEntry {
        revision: 2,
        ..entry(world, "tag.added")
    };
    let put = world.store().put_event_type(unknown).await;
    assert_eq!(put, Err(StoreError::Stale), "there is none to replace");
    assert_eq!(entries(world).await, [first]);
}

pub async fn an_event_type_of_one_tenant_is_no_other_tenants(world: &mut World) {
    let mine = entry(world, "memory.created");
    world.store().put_event_type(mine.clone()).await.unwrap();
    world.become_tenant("acme").await;
    let theirs = remarkable(world);
    let (store, acme) = (world.store(), &world.tenant);
    assert_eq!(store.delete_event_type(acme, &mine.name).await, Ok(false));
    store.put_event_type(theirs.clone()).await.unwrap();
    assert_eq!(entries(world).await, [theirs.clone(), mine.clone()]);
    let deleted = store.delete_event_type(&mine.tenant, &mine.name).await;
    assert_eq!(deleted, Ok(true));
    let again = store.delete_event_type(&mine.tenant, &mine.name).await;
    assert_eq!(again, Ok(false));
    world.crash().await;
    assert_eq!(entries(world).await, [theirs]);
    let made = world.store().put_event_type(mine).await;
    assert_eq!(made, Ok(()), "what was deleted can be made again");
}
