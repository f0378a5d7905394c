//! A deleted tenant is gone with the word; what it had goes for good, whatever its state and however
//! often its removal is cut off, and nobody else loses anything.

use std::sync::Arc;

use posthaste::{
    delivery::Health,
    event::{Origin, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
};

use super::{
    World,
    belongings::{Belongings, entry, filled, key, replay},
    fixtures::{self, delivered, owed, parked, retrying, subscription},
    inboxes,
};
use crate::{
    audit::AuditQuery,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Accepted, Counts, HealthChange, NotAccepted, Parking, Reopened, SettleBatch},
    rollup::{Level, Minute},
    store::StoreError,
};

const FIRST_PAGE: Stretch = Stretch {
    before: None,
    limit: 1000,
};

/// Nothing that is asked for a tenant, or that lists all tenants' configuration, shows any of it.
async fn check_gone(world: &World, tenant: &TenantId, of: &Belongings, hash: u8) {
    let store = world.store();
    for stored in &of.events {
        let found = store.event(tenant, stored.event.id).await.unwrap();
        assert!(found.is_none());
    }
    for waiting in &of.deliveries {
        assert_eq!(store.delivery(tenant, waiting.id).await, Ok(None));
        assert_eq!(store.attempts(tenant, waiting.id).await, Ok(Vec::new()));
        let reopened = store.reopen(tenant, vec![waiting.id], Origin::Redeliver, world.now);
        assert_eq!(reopened.await, Ok(vec![Reopened::Missing]));
    }
    for &id in &of.subscriptions {
        assert!(store.subscription(tenant, id).await.unwrap().is_none());
        let deleted = store.delete_subscription(tenant, id, world.now).await;
        assert_eq!(deleted, Err(StoreError::Missing));
    }
    let events = store
        .events(tenant, &EventQuery::default(), FIRST_PAGE)
        .await;
    assert!(events.unwrap().items.is_empty());
    let query = DeliveryQuery::default();
    let deliveries = store.deliveries(tenant, &query, FIRST_PAGE).await;
    assert!(deliveries.unwrap().items.is_empty());
    let all = EventId::from_u64(u64::MAX >> 1);
    let window = store.events_between(tenant, EventId::from_u64(0), all, 1000);
    assert!(window.await.unwrap().items.is_empty());
    let (first, last) = (DeliveryId::from_u64(0), DeliveryId::from_u64(all.as_u64()));
    let histories = store.histories(tenant, first, last, 1000).await;
    assert!(histories.unwrap().items.is_empty());
    assert_eq!(store.counts(tenant).await, Ok(Counts::default()));
    assert_eq!(
        store.body_of_key(tenant, [hash; 32], world.now).await,
        Ok(None)
    );
    assert_eq!(store.replay(tenant, of.replay).await, Ok(None));
    let replays = store.replays(tenant, FIRST_PAGE).await;
    assert!(replays.unwrap().items.is_empty());
    let (from, to) = (
        Minute::of(world.now).minus(60),
        Minute::of(world.after(3600)),
    );
    let rollups = store.rollups(tenant, None, from, to, Level::Minute).await;
    assert_eq!(rollups, Ok(Vec::new()));
    let requests = store.inbox_requests_after(tenant, of.inbox, 0, 9);
    assert_eq!(requests.await, Ok(Vec::new()));
    let log = store
        .audit(tenant, &AuditQuery::default(), FIRST_PAGE)
        .await;
    assert!(log.unwrap().items.is_empty());
    let links = store.portal_links(tenant, world.now, FIRST_PAGE).await;
    assert!(links.unwrap().items.is_empty());
    for digest in [hash, !hash] {
        assert_eq!(store.pass([digest; 32], world.now).await, Ok(None));
    }
    check_unconfigured(world, tenant).await;
}

async fn check_unconfigured(world: &World, tenant: &TenantId) {
    let store = world.store();
    let subscriptions = store.subscriptions().await.unwrap();
    assert!(subscriptions.iter().all(|one| one.tenant != *tenant));
    let keys = store.keys().await.unwrap();
    assert!(keys.iter().all(|key| key.tenant.as_ref() != Some(tenant)));
    let types = store.event_types().await.unwrap();
    assert!(types.iter().all(|one| one.tenant != *tenant));
    let inboxes = store.inboxes().await.unwrap();
    assert!(inboxes.iter().all(|inbox| inbox.tenant != *tenant));
    let holds = store.holds().await.unwrap();
    assert!(holds.iter().all(|hold| hold.tenant != *tenant));
    let running = store.running_replays().await.unwrap();
    assert!(running.iter().all(|replay| replay.tenant != *tenant));
}

/// Deletes the tenant of the world, which becomes `default`; answers whose it was.
async fn delete(world: &mut World) -> TenantId {
    let gone = world.tenant.clone();
    world.store().delete_tenant(&gone, world.now).await.unwrap();
    world.become_tenant("default").await;
    gone
}

/// Removes it in steps of `at_most` rows.
async fn remove(world: &World, tenant: &TenantId, at_most: usize) {
    let mut steps = 0;
    while world.store().remove_tenant(tenant, at_most).await.unwrap() {
        steps += 1;
        assert!(steps < 10_000, "it leads on");
    }
    assert_eq!(world.store().deleted_tenants().await, Ok(Vec::new()));
}

pub async fn a_deleted_tenant_is_gone_with_the_word_also_after_a_crash(world: &mut World) {
    world.become_tenant("acme").await;
    let of = filled(world, 1).await;
    let gone = delete(world).await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        let store = world.store();
        let tenants = store.tenants().await.unwrap();
        assert!(tenants.iter().all(|tenant| tenant.id != gone));
        assert_eq!(store.deleted_tenants().await, Ok(vec![gone.clone()]));
        check_gone(world, &gone, &of, 1).await;
        let again = store.delete_tenant(&gone, world.now).await;
        assert_eq!(again, Err(StoreError::Missing));
        let tenant = fixtures::tenant("acme", world.now);
        let updated = store.update_tenant(tenant.clone()).await;
        assert_eq!(updated, Err(StoreError::Missing));
        let taken = Err(StoreError::Exists(gone.to_string()));
        assert_eq!(store.insert_tenant(tenant).await, taken);
    }
}

pub async fn nothing_is_kept_for_a_tenant_that_is_not_there(world: &mut World) {
    world.become_tenant("acme").await;
    let to = world.subscribe().await;
    let draft = world.draft(&[to]);
    world.store().release(&[draft.event.id]);
    let (key, entry, replay) = (key(world, 1), entry(world, 1), replay(world));
    let (inbox, arrived) = (inboxes::inbox(world), inboxes::arrival(world));
    let id = SubscriptionId::at(world.fresh_id().place());
    let new = subscription(id, world.tenant.clone(), world.now);
    let gone = delete(world).await;
    for step in ["deleted", "removed"] {
        let mark = world.store().settled_mark();
        let own = world.draft(&[]);
        let mut anothers = draft.clone();
        Arc::make_mut(&mut anothers.event).id = world.store().reserve(world.now, &[1])[0];
        let requests = vec![vec![anothers], vec![own]];
        let answers = world.store().accept(world.now, requests).await.unwrap();
        let refused = Err(NotAccepted::NoTenant);
        assert_eq!(answers, [refused, Ok(vec![Accepted::New])], "{step}");
        assert!(world.store().settled_mark() > mark, "its id was released");
        let store = world.store();
        let missing = Err(StoreError::Missing);
        assert_eq!(store.insert_subscription(new.clone()).await, missing);
        assert_eq!(store.insert_key(key.clone()).await, missing);
        assert_eq!(store.put_event_type(entry.clone()).await, missing);
        assert_eq!(store.insert_inbox(inbox.clone()).await, missing);
        let kept = store.keep_arrival(&gone, inbox.id, arrived.clone()).await;
        assert_eq!(kept, Err(StoreError::Missing));
        let kept = store.insert_replay(replay.clone(), None).await;
        assert_eq!(kept, Err(StoreError::Missing));
        remove(world, &gone, 100).await;
    }
}

pub async fn what_comes_late_for_a_deleted_tenant_is_ignored(world: &mut World) {
    world.become_tenant("acme").await;
    let to = world.subscribe().await;
    let sent = owed(&world.publish(&[to, to, to]).await);
    world
        .settle([parked(&sent[0], world.now, Parking::Due(world.now))])
        .await;
    assert_eq!(world.take_due().await.len(), 1, "it is under way");
    let alert = world.draft(&[to]);
    world.store().release(&[alert.event.id]);
    let gone = delete(world).await;
    for removed in [false, true] {
        if removed {
            remove(world, &gone, 1).await;
        }
        let mut alert = alert.clone();
        Arc::make_mut(&mut alert.event).id = world.store().reserve(world.now, &[1])[0];
        let now = world.now;
        let batch = SettleBatch {
            settlements: vec![
                delivered(&sent[0], now),
                delivered(&sent[1], now),
                retrying(&sent[2], now, now),
            ],
            health: vec![HealthChange {
                tenant: gone.clone(),
                subscription: to,
                health: Health::default(),
                pause: None,
                at: now,
            }],
            alerts: vec![alert],
        };
        world.store().settle(batch).await.unwrap();
        assert_eq!(world.store().counts(&gone).await, Ok(Counts::default()));
    }
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        assert!(world.take_due().await.is_empty());
        assert!(world.recover(10).await.is_empty());
        assert_eq!(world.store().unparked(), 0);
    }
}

pub async fn a_tenant_of_the_same_name_knows_nothing_of_the_one_that_was_removed(
    world: &mut World,
) {
    for (at_most, hash) in [(1000, 1), (3, 2), (1, 3)] {
        world.become_tenant("acme").await;
        let of = filled(world, hash).await;
        let gone = delete(world).await;
        remove(world, &gone, at_most).await;
        world.become_tenant("acme").await;
        check_gone(world, &gone, &of, hash).await;
        assert!(world.take_due().await.is_empty());
        assert_eq!(world.store().shelved().await, Ok(Vec::new()));
        assert_eq!(world.store().unparked(), 0, "nothing is owed");
        world.crash().await;
        check_gone(world, &gone, &of, hash).await;
        assert!(world.recover(10).await.is_empty());
        assert!(world.take_due().await.is_empty());
    }
}

pub async fn a_removal_goes_on_after_a_crash_anywhere(world: &mut World) {
    world.become_tenant("acme").await;
    let of = filled(world, 1).await;
    let gone = delete(world).await;
    let mut steps = 0;
    while world.store().remove_tenant(&gone, 1).await.unwrap() {
        world.crash().await;
        check_gone(world, &gone, &of, 1).await;
        steps += 1;
        assert!(steps < 10_000, "it leads on");
    }
    assert_eq!(world.store().deleted_tenants().await, Ok(Vec::new()));
    world.become_tenant("acme").await;
    check_gone(world, &gone, &of, 1).await;
    assert!(world.recover(10).await.is_empty());
}

pub async fn other_tenants_keep_everything_beside_a_removal(world: &mut World) {
    let mine = filled(world, 1).await;
    let listed = world.list(&DeliveryQuery::default(), 1000).await;
    let counts = world.counts().await;
    world.become_tenant("acme").await;
    filled(world, 2).await;
    let default = TenantId::default_tenant();
    let live = world.store().remove_tenant(&default, 1000).await;
    assert_eq!(live, Ok(false), "one that is not deleted");
    let gone = delete(world).await;
    remove(world, &gone, 5).await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        assert_eq!(world.list(&DeliveryQuery::default(), 1000).await, listed);
        assert_eq!(world.counts().await, counts);
        let store = world.store();
        for stored in &mine.events {
            let found = store.event(&default, stored.event.id).await.unwrap();
            assert!(found.is_some());
        }
        assert_eq!(store.subscriptions().await.unwrap().len(), 2);
        assert_eq!(store.keys().await.unwrap().len(), 1);
        assert_eq!(store.event_types().await.unwrap().len(), 1);
        assert_eq!(store.holds().await.unwrap().len(), 1);
        assert_eq!(store.running_replays().await.unwrap().len(), 1);
        assert_eq!(store.inboxes().await.unwrap().len(), 1);
        let requests = store.inbox_requests_after(&default, mine.inbox, 0, 9);
        assert_eq!(requests.await.unwrap().len(), 1);
        let known = store.body_of_key(&default, [1; 32], world.now).await;
        assert_eq!(known, Ok(Some([1; 32])));
        let window = (Minute::of(world.now), Minute::of(world.after(60)));
        let rollups = store.rollups(&default, None, window.0, window.1, Level::Minute);
        assert_eq!(rollups.await.unwrap().len(), 1);
    }
    let owed = world.recover(10).await;
    assert_eq!(owed.len(), 2, "what waited still waits");
}

pub async fn ids_are_never_given_again_after_a_removal_and_a_crash(world: &mut World) {
    world.become_tenant("acme").await;
    let of = filled(world, 1).await;
    let newest = world.fresh_subscription();
    world
        .store()
        .insert_subscription(newest.clone())
        .await
        .unwrap();
    let gone = delete(world).await;
    remove(world, &gone, 100).await;
    world.crash().await;
    let fresh = world.fresh_id().as_u64();
    assert!(fresh > newest.id.as_u64());
    assert!(
        of.deliveries
            .iter()
            .all(|waiting| fresh > waiting.id.as_u64())
    );
}
