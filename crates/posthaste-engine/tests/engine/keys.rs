//! Keys while they are used: the last use, the end, and what the audit log keeps of both.

use std::time::Duration;

use posthaste::clock::Timestamp;
use posthaste_engine::{
    Retention,
    operations::{NewKey, Principal},
    upkeep::audit,
};
use posthaste_store::{
    Store,
    audit::{Action, Actor, AuditQuery},
    query::Stretch,
    settings::Scope,
};

use super::world::{A_MOMENT, START, World};

const PLATFORM: &str = "pst_0123456789012345678901234567890123456789abc";
const MINUTE: Duration = Duration::from_secs(60);

async fn platform(world: &World) -> Principal {
    world.engine.ensure_platform_key(PLATFORM).await.unwrap();
    world
        .engine
        .authenticate(PLATFORM, None)
        .expect("it is known")
}

async fn made(world: &World, by: &Principal, expires_at: Option<Timestamp>) -> (Principal, String) {
    let new = NewKey {
        name: "made".to_owned(),
        scopes: vec![Scope::All],
        tenant: Some(world.tenant.clone()),
        expires_at,
        allowed_ips: Vec::new(),
    };
    let (_, value) = world.engine.create_key(by, new).await.unwrap();
    let value = value.expose().to_owned();
    let principal = world.engine.authenticate(&value, None).unwrap();
    (principal, value)
}

async fn written(world: &World) -> Option<Timestamp> {
    world.store.keys().await.unwrap()[0].last_used_at
}

#[tokio::test(start_paused = true)]
async fn a_use_is_written_within_a_minute_or_so_and_when_the_engine_drains() {
    let world = World::new().await;
    world.pass(A_MOMENT).await;
    platform(&world).await;
    assert_eq!(written(&world).await, None, "no request waits for it");
    world.pass(MINUTE * 2).await;
    let first = written(&world).await.expect("it is written");
    world.pass(MINUTE * 5).await;
    assert_eq!(
        written(&world).await,
        Some(first),
        "nothing new, nothing written"
    );
    world.engine.authenticate(PLATFORM, None).unwrap();
    assert!(world.engine.drain(MINUTE).await);
    assert!(written(&world).await > Some(first));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_keys_end_hears_of_it_at_once() {
    let world = World::new().await;
    let platform = platform(&world).await;
    let (deleted, value) = made(&world, &platform, None).await;
    let engine = world.engine.clone();
    let waits = tokio::spawn(async move { engine.revoked(&deleted).await });
    world.subscribe(super::world::URL, &[1.0]).await;
    world.pass(A_MOMENT).await;
    assert!(!waits.is_finished(), "other changes are no matter");
    let keys = world.engine.keys(Some(&world.tenant));
    world
        .engine
        .delete_key(Some(&world.tenant), keys[0].id)
        .await
        .unwrap();
    tokio::time::timeout(A_MOMENT, waits)
        .await
        .expect("at once")
        .unwrap();
    assert!(world.engine.authenticate(&value, None).is_none());

    let ends = world.engine.now() + Duration::from_secs(90);
    let (expires, _) = made(&world, &platform, Some(ends)).await;
    world.engine.revoked(&expires).await;
    let late = world.engine.now().since(ends);
    assert!(late < Duration::from_millis(5), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_kept_for_a_year_and_nothing_without_an_actor() {
    let world = World::new().await;
    let subscription = world.subscribe(super::world::URL, &[1.0]).await;
    let named = world.engine.by(Actor::default());
    named.pause(&world.tenant, subscription).await.unwrap();
    let (query, stretch) = (
        AuditQuery::default(),
        Stretch {
            before: None,
            limit: 9,
        },
    );
    let log = world
        .engine
        .audit_log(&world.tenant, &query, stretch)
        .await
        .unwrap();
    let actions: Vec<_> = log.items.iter().map(|entry| &*entry.action).collect();
    assert_eq!(actions, [Action::PauseSubscription.as_str()]);
    let prune = |days: u32| {
        let now = START + Duration::from_secs(24 * 3600) * days;
        audit::prune(&*world.store, Retention::default(), now)
    };
    assert_eq!((prune(365).await, prune(366).await), (Ok(0), Ok(1)));
}
