//! Tenants, subscriptions and keys: kept whole, changed by one hand at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use posthaste::{
    body::BodyFormat,
    circuit::Circuit,
    delivery::{Health, PauseReason},
    egress::DenyList,
    event::TenantId,
    id::KeyId,
    json::RawJson,
    retry::{Preset, RetryPolicy},
    signature::{Scheme, Secret, Secrets, XWebhookHash},
    subscription::{
        Access, Auth, BatchLimits, ClientCertificate, HeaderValue, Ordering, RateLimit,
        Subscription, SubscriptionStatus, TlsSettings,
    },
};

use super::{
    World,
    fixtures::{OPEN, event_type, tenant},
};
use crate::{
    record::{HealthChange, SettleBatch},
    settings::{ApiKey, Catalogue, EventRate, Scope, Tenant, TenantLimits},
    store::StoreError,
};

/// All of it but its secrets, which do not show.
#[track_caller]
fn check_same(found: &Subscription, expected: &Subscription) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    assert!(found.secrets == expected.secrets, "the secrets too");
    assert!(found.access == expected.access, "and what it asks for");
}

/// With every member unlike its default.
fn remarkable(world: &World) -> Subscription {
    let old = Secret::trusted(String::from("an old secret: it's \"quoted\""));
    let new = Secret::trusted(String::from(
        "whsec_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY=",
    ));
    Subscription {
        external_id: Some(String::from("їх'; --")),
        url: "https://example.org/a?b=c".parse().expect("a url"),
        description: String::from("two\nlines"),
        events: ["memory.*", "tag.added", "*"]
            .iter()
            .map(|pattern| pattern.parse().expect("a pattern"))
            .collect(),
        filter: r#"{"data": {"n":[1.0, "é'\\u0000"]}}"#.parse().ok(),
        status: SubscriptionStatus::Paused(PauseReason::Gone),
        schemes: vec![Scheme::XWebhook, Scheme::Standard],
        algorithm: XWebhookHash::Sha512.into(),
        secrets: Secrets::new(old).rotated(new, world.after(60)),
        access: Arc::new(demanding()),
        retry: RetryPolicy::schedule(&[0.05, 1.5], 0.25).expect("a policy"),
        timeout: Duration::from_millis(12_345),
        max_in_flight: 7,
        rate_limit: RateLimit::try_from(0.25).ok(),
        ordering: Ordering::Fifo,
        batch: Some(BatchLimits::default()),
        auto_pause_after: 0,
        format: BodyFormat::CloudEvents,
        versions: BTreeMap::from([(event_type("memory.created"), 2)]),
        metadata: RawJson::trusted(br#"{"z":1e400,  "a":[]}"#[..].into()),
        health: Health {
            unhealthy: true,
            consecutive_failures: 3,
            failed_attempts_in_a_row: 14,
            circuit: OPEN,
            wait_until: Some(world.after(90)),
            last_success_at: Some(world.now),
            last_failure_at: Some(world.after(1)),
        },
        updated_at: world.after(2),
        revision: 9,
        ..world.fresh_subscription()
    }
}

/// All that a receiver can ask for.
fn demanding() -> Access {
    let header = HeaderValue::new("a \"value\"; of its own", true).expect("a value");
    Access {
        headers: BTreeMap::from([("x-api-key".parse().expect("a name"), header)]),
        auth: Auth::basic("ada", "a pass:word").ok(),
        tls: Some(TlsSettings {
            ca_pem: Some(String::from("an authority\n")),
            client: Some(ClientCertificate {
                cert_pem: String::from("a certificate\n"),
                key_pem: Secret::trusted(String::from("a key\n")),
            }),
        }),
    }
}

pub async fn a_subscription_reads_back_whole_also_after_a_crash(world: &mut World) {
    let plain = world.fresh_subscription();
    let all = remarkable(world);
    for subscription in [&plain, &all] {
        let inserted = world.store().insert_subscription(subscription.clone());
        inserted.await.unwrap();
    }
    for status in [
        SubscriptionStatus::Disabled,
        SubscriptionStatus::Paused(PauseReason::Manual),
        SubscriptionStatus::Paused(PauseReason::ConsecutiveFailures),
    ] {
        let id = world.subscribe().await;
        world.set_status(id, status).await;
        let found = world.store().subscription(&world.tenant, id).await;
        assert_eq!(found.unwrap().expect("it").status, status);
    }
    world.crash().await;
    for expected in [&plain, &all] {
        let found = world.store().subscription(&world.tenant, expected.id).await;
        check_same(&found.unwrap().expect("the subscription"), expected);
    }
    let mut every = world.store().subscriptions().await.unwrap();
    every.sort_by_key(|subscription| subscription.id);
    assert_eq!(every.len(), 5);
    check_same(&every[0], &plain);
}

pub async fn an_update_replaces_all_but_health(world: &mut World) {
    let plain = world.fresh_subscription();
    world
        .store()
        .insert_subscription(plain.clone())
        .await
        .unwrap();
    let health = Health {
        unhealthy: true,
        consecutive_failures: 2,
        failed_attempts_in_a_row: 4,
        circuit: OPEN,
        wait_until: Some(world.after(90)),
        last_success_at: None,
        last_failure_at: Some(world.now),
    };
    let change = HealthChange {
        tenant: world.tenant.clone(),
        subscription: plain.id,
        health,
        pause: None,
        at: world.now,
    };
    let batch = SettleBatch {
        settlements: Vec::new(),
        health: vec![change],
        alerts: Vec::new(),
    };
    world.store().settle(batch).await.unwrap();
    let mut next = Subscription {
        id: plain.id,
        retry: RetryPolicy::preset(Preset::None),
        revision: 2,
        ..remarkable(world)
    };
    for (forgive, expected) in [(false, health), (true, health.resumed())] {
        let updated = world.store().update_subscription(next.clone(), forgive);
        updated.await.unwrap();
        let found = world.store().subscription(&world.tenant, plain.id).await;
        next.health = expected;
        check_same(&found.unwrap().expect("the subscription"), &next);
        next.revision += 1;
    }
}

pub async fn forgiving_closes_the_circuit_and_clears_the_wait_also_after_a_crash(
    world: &mut World,
) {
    let mut subscription = remarkable(world);
    let inserted = world.store().insert_subscription(subscription.clone());
    inserted.await.unwrap();
    subscription.revision += 1;
    let updated = world
        .store()
        .update_subscription(subscription.clone(), true);
    updated.await.unwrap();
    world.crash().await;
    let found = world.store().subscription(&world.tenant, subscription.id);
    let health = found.await.unwrap().expect("the subscription").health;
    assert_eq!(health, subscription.health.resumed());
    assert_eq!((health.circuit, health.wait_until), (Circuit::Closed, None));
}

pub async fn a_stale_update_changes_nothing(world: &mut World) {
    let id = world.subscribe().await;
    let found = world.store().subscription(&world.tenant, id).await;
    let found = found.unwrap().expect("the subscription");
    for revision in [0, 1, 3] {
        let mut update = found.clone();
        update.description = String::from("other");
        update.revision = revision;
        let updated = world.store().update_subscription(update, false).await;
        assert_eq!(updated, Err(StoreError::Stale), "{revision}");
    }
    let again = world.store().subscription(&world.tenant, id).await;
    check_same(&again.unwrap().expect("the subscription"), &found);
    let unknown = world.fresh_subscription();
    let updated = world.store().update_subscription(unknown, false).await;
    assert_eq!(updated, Err(StoreError::Missing));
}

pub async fn one_of_many_racing_updates_wins(world: &mut World) {
    let id = world.subscribe().await;
    let found = world.store().subscription(&world.tenant, id).await;
    let found = found.unwrap().expect("the subscription");
    let racing: Vec<_> = (0..20)
        .map(|n| {
            let mut update = found.clone();
            update.description = format!("by {n}");
            update.revision += 1;
            let store = world.store().clone();
            tokio::spawn(async move { store.update_subscription(update, false).await })
        })
        .collect();
    let mut won = 0;
    for racer in racing {
        match racer.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error, StoreError::Stale),
        }
    }
    assert_eq!(won, 1);
}

pub async fn an_external_id_is_unique_in_its_tenant(world: &mut World) {
    let named = |name: &str| {
        let mut subscription = world.fresh_subscription();
        subscription.external_id = Some(name.to_owned());
        subscription
    };
    let (first, second, mut third) = (named("a"), named("a"), named("b"));
    let store = world.store();
    store.insert_subscription(first.clone()).await.unwrap();
    let taken = Err(StoreError::Exists(first.id.to_string()));
    assert_eq!(store.insert_subscription(second.clone()).await, taken);
    let found = store.subscription(&world.tenant, second.id).await.unwrap();
    assert!(found.is_none(), "nothing of it was kept");
    store.insert_subscription(third.clone()).await.unwrap();
    third.external_id.clone_from(&first.external_id);
    third.revision += 1;
    assert_eq!(store.update_subscription(third.clone(), false).await, taken);
    let again = store.insert_subscription(first.clone()).await;
    assert_eq!(again, taken, "and so is its id");
    let mut same = first.clone();
    same.revision += 1;
    let updated = store.update_subscription(same, false).await;
    assert_eq!(updated, Ok(()), "its own name is no clash");
    let mut theirs = second;
    world.become_tenant("acme").await;
    theirs.tenant = world.tenant.clone();
    let inserted = world.store().insert_subscription(theirs).await;
    assert_eq!(inserted, Ok(()), "another tenant's names are its own");
}

pub async fn a_store_begins_with_the_tenant_default_and_takes_each_name_once(world: &mut World) {
    let tenants = world.store().tenants().await.unwrap();
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].id, TenantId::default_tenant());
    let acme = tenant("acme", world.now);
    world.store().insert_tenant(acme.clone()).await.unwrap();
    for id in ["acme", "default"] {
        let again = world.store().insert_tenant(tenant(id, world.now)).await;
        assert_eq!(again, Err(StoreError::Exists(id.to_owned())));
    }
    world.crash().await;
    let mut tenants = world.store().tenants().await.unwrap();
    tenants.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(tenants.len(), 2);
    assert_eq!(tenants[0], acme);
}

pub async fn what_is_set_for_a_tenant_is_kept_also_after_a_crash(world: &mut World) {
    let acme = tenant("acme", world.now);
    world.store().insert_tenant(acme.clone()).await.unwrap();
    let changed = Tenant {
        name: String::from("Acme & Söhne"),
        limits: TenantLimits {
            events_per_s: Some(EventRate::try_from(0.25).expect("a rate")),
            subscriptions: Some(3),
            retention_days: Some(7),
            hold_days: None,
        },
        catalogue: Catalogue::Strict,
        denied: DenyList::new(vec![
            "10.0.0.0/8".parse().unwrap(),
            ".a.example".parse().unwrap(),
        ]),
        portal_origins: vec!["https://app.example.com".parse().unwrap()],
        ..acme.clone()
    };
    let late = Tenant {
        created_at: world.after(9),
        ..changed.clone()
    };
    world.store().update_tenant(late).await.unwrap();
    let unknown = world
        .store()
        .update_tenant(tenant("nobody", world.now))
        .await;
    assert_eq!(unknown, Err(StoreError::Missing));
    world.crash().await;
    let tenants = world.store().tenants().await.unwrap();
    assert_eq!(tenants.len(), 2);
    assert!(tenants.contains(&changed), "all but its age: {tenants:?}");
}

pub async fn a_store_keeps_its_identity(world: &mut World) {
    let before = world.store().identity();
    world.crash().await;
    assert!(world.store().identity() == before);
}

fn key(world: &World, tenant: Option<TenantId>, hash: u8) -> ApiKey {
    ApiKey {
        id: KeyId::at(world.fresh_id().place()),
        hash: [hash; 32],
        tenant,
        name: String::from("a key"),
        scopes: vec![Scope::EventsPublish, Scope::All],
        expires_at: Some(world.after(60)),
        allowed_ips: ["10.0.0.0/8", "::1"]
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect(),
        created_at: world.now,
        last_used_at: None,
    }
}

async fn keys(world: &World) -> Vec<ApiKey> {
    let mut keys = world.store().keys().await.unwrap();
    keys.sort_by_key(|key| key.id);
    keys
}

pub async fn keys_are_kept_used_and_deleted_by_their_owner(world: &mut World) {
    let mine = world.tenant.clone();
    let platforms = key(world, None, 1);
    let mut tenants = key(world, Some(mine.clone()), 2);
    for key in [&platforms, &tenants] {
        world.store().insert_key(key.clone()).await.unwrap();
    }
    let unknown = KeyId::at(world.fresh_id().place());
    let used = vec![(tenants.id, world.after(5)), (unknown, world.now)];
    world.store().touch_keys(used).await.unwrap();
    let earlier = vec![(tenants.id, world.after(1))];
    world.store().touch_keys(earlier).await.unwrap();
    tenants.last_used_at = Some(world.after(5));
    world.crash().await;
    assert!(world.fresh_id().as_u64() > tenants.id.as_u64());
    assert_eq!(keys(world).await, [platforms.clone(), tenants.clone()]);
    let acme: TenantId = "acme".parse().expect("a tenant's id");
    let store = world.store();
    for (owner, id, expected) in [
        (Some(&acme), tenants.id, false),
        (None, tenants.id, false),
        (Some(&mine), platforms.id, false),
        (Some(&mine), unknown, false),
        (Some(&mine), tenants.id, true),
        (Some(&mine), tenants.id, false),
        (None, platforms.id, true),
    ] {
        assert_eq!(store.delete_key(owner, id).await, Ok(expected));
    }
    world.crash().await;
    assert!(keys(world).await.is_empty());
}
