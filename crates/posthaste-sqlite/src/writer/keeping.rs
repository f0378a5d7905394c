//! Letting go: of old events with all that belongs to them, of idempotency keys past their time, of
//! deliveries that were held for too long. What a reader found is looked at again here.

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_store::{
    keeping::{Expired, Hold, KeyHash},
    record::Acceptance,
};
use rusqlite::Connection;

use super::{accept::keep, again::discard, group::Group};
use crate::{
    fault::Result,
    live::{State, places_of},
    meta::{self, NEWEST},
    reader::{self, Old},
    rebuild::newest,
    row::{Columns, number, place_of},
    tail::Entry,
};

/// Deletes what is old; says how many events and deliveries went.
pub fn prune(group: &mut Group<'_>, tenant: &TenantId, old: &Old) -> Result<(u64, u64)> {
    let connection = group.connection;
    let Some(tenant) = group.tenants.find(connection, tenant)? else {
        return Ok((0, 0));
    };
    keep_newest(connection)?;
    let (mut events, mut entries) = (0, Vec::new());
    for &(event, fan_out) in &old.events {
        let rows = reader::rows_of(connection, &old.age, event, fan_out)?;
        if !rows.kept && rows.unindexed.is_none() {
            let places = places_of(event, fan_out).map(EventId::as_u64);
            delete_event(connection, tenant, event, places, &rows.entries)?;
            entries.extend(rows.entries);
            events += 1;
        }
    }
    let deliveries = entries.len() as u64;
    delete_entries(connection, entries)?;
    if old.tombstones {
        bury(group, tenant, old.age.before)?;
    }
    if let Some(below) = old.unindexed {
        sort_tails(group, below);
    }
    Ok((events, deliveries))
}

/// Ids are never given again, also where the newest of all goes.
pub fn keep_newest(connection: &Connection) -> Result<()> {
    let newest = newest(connection)?.as_u64();
    match meta::number(connection, NEWEST)? {
        Some(known) if known >= newest => Ok(()),
        _ => meta::set(connection, NEWEST, number(newest)),
    }
}

/// With its deliveries and their attempts, wherever the tenant has them.
fn delete_event(
    connection: &Connection,
    tenant: u64,
    event: EventId,
    places: impl Iterator<Item = u64>,
    entries: &[Entry],
) -> Result<()> {
    let deliveries = || entries.iter().map(|&(_, id)| id);
    let attempts = "DELETE FROM attempts WHERE delivery = ?1";
    delete(connection, attempts, deliveries())?;
    delete(
        connection,
        "DELETE FROM deliveries WHERE id = ?1",
        deliveries(),
    )?;
    delete_places(connection, tenant, places.chain(deliveries().map(place_of)))?;
    let event = [event.as_u64()];
    delete(connection, "DELETE FROM events WHERE id = ?1", event)
}

fn delete(connection: &Connection, sql: &str, ids: impl IntoIterator<Item = u64>) -> Result<()> {
    let mut delete = connection.prepare_cached(sql)?;
    for id in ids {
        delete.execute([number(id)])?;
    }
    Ok(())
}

fn delete_places(
    connection: &Connection,
    tenant: u64,
    places: impl Iterator<Item = u64>,
) -> Result<()> {
    let sql = "DELETE FROM places_by_tenant WHERE tenant = ?1 AND place = ?2";
    let mut delete = connection.prepare_cached(sql)?;
    let mut last = None;
    for place in places.filter(|&place| last.replace(place) != Some(place)) {
        delete.execute((number(tenant), number(place)))?;
    }
    Ok(())
}

/// In the order of the index, so that neighbours share a page.
fn delete_entries(connection: &Connection, mut entries: Vec<Entry>) -> Result<()> {
    entries.sort_unstable();
    let sql = "DELETE FROM deliveries_by_subscription WHERE subscription = ?1 AND delivery = ?2";
    let mut delete = connection.prepare_cached(sql)?;
    for (subscription, delivery) in entries {
        delete.execute((number(subscription), number(delivery)))?;
    }
    Ok(())
}

/// Tombstones without a delivery go.
fn bury(group: &Group<'_>, tenant: u64, before: Timestamp) -> Result<()> {
    let connection = group.connection;
    let sql = include_str!("../../sql/unnamed_tombstones.sql");
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query((number(tenant), before.as_millis()))?;
    let mut unnamed = Vec::new();
    while let Some(row) = rows.next()? {
        unnamed.push(row.subscription_id(0)?);
    }
    let state = group.live.read();
    let late = &group.changes.late;
    unnamed.retain(|id| !is_named(&state, *id) && late.iter().all(|late| late.subscription != *id));
    let ids = || unnamed.iter().map(|id| id.as_u64());
    delete(connection, "DELETE FROM subscriptions WHERE id = ?1", ids())?;
    let health = "DELETE FROM subscription_health WHERE subscription = ?1";
    delete(connection, health, ids())
}

/// Whether memory knows a delivery of it that the disk's index does not.
fn is_named(state: &State, id: SubscriptionId) -> bool {
    let mut implied = state.implied.values();
    implied.any(|implied| implied.subscription == id)
        || !state.by_subscription.of(id.as_u64(), u64::MAX).is_empty()
}

/// What is old and still in memory goes to the indexes, with this commit and those that follow.
fn sort_tails(group: &Group<'_>, below: u64) {
    // Not where this very transaction has written some of it.
    if group.changes.fed == [0, 0] {
        let mut state = group.live.write();
        state.by_subscription.sort_old(below);
        state.by_tenant.sort_old(below);
    }
}

/// Those that have not been used anew since they were found.
pub fn prune_keys(
    group: &mut Group<'_>,
    tenant: &TenantId,
    now: Timestamp,
    keys: &[KeyHash],
) -> Result<u64> {
    let Some(tenant) = group.tenants.find(group.connection, tenant)? else {
        return Ok(0);
    };
    let sql = "DELETE FROM idempotency WHERE tenant = ?1 AND key = ?2 AND expires_at <= ?3";
    let mut delete = group.connection.prepare_cached(sql)?;
    let mut pruned = 0;
    for key in keys {
        pruned += delete.execute((number(tenant), key, now.as_millis()))? as u64;
    }
    Ok(pruned)
}

pub fn tell_expiring(
    group: &mut Group<'_>,
    hold: &Hold,
    alert: Option<&Acceptance>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE subscriptions SET told_at = ?3
        WHERE id = ?1 AND paused_at = ?2 AND told_at IS NULL";
    let mut update = group.connection.prepare_cached(sql)?;
    let id = number(hold.subscription.as_u64());
    let told = update.execute((id, hold.since.as_millis(), now.as_millis()))? > 0;
    match alert {
        Some(alert) if told => keep(group, alert)?,
        Some(alert) => group.changes.released.push(alert.event.id),
        None => {}
    }
    Ok(told)
}

pub fn expire_held(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    before: Timestamp,
    after: Option<DeliveryId>,
    now: Timestamp,
    at_most: usize,
) -> Result<Expired> {
    let connection = group.connection;
    let Some(paused) = reader::paused_since(connection, subscription)? else {
        return Ok(Expired::default());
    };
    let range = (
        after.map_or(0, DeliveryId::as_u64),
        reader::made_after(before),
    );
    let mut parked = parked(connection, subscription, true, paused, range, at_most)?;
    parked.extend(self::parked(
        connection,
        subscription,
        false,
        paused,
        range,
        at_most,
    )?);
    parked.sort_unstable_by_key(|&(id, _)| id);
    parked.truncate(at_most);
    let next = parked.last().filter(|_| parked.len() >= at_most);
    let next = next.map(|&(id, _)| id);
    parked.retain(|&(id, since)| since <= before && !group.taken.contains(id));
    let ids: Vec<DeliveryId> = parked.into_iter().map(|(id, _)| id).collect();
    discard(group, &ids, Discard::Expired, now)?;
    let deliveries = ids.len() as u64;
    Ok(Expired { deliveries, next })
}

/// Parked deliveries of a range, due or shelved, and since when each is held.
fn parked(
    connection: &Connection,
    subscription: SubscriptionId,
    shelved: bool,
    paused: Timestamp,
    (after, below): (u64, u64),
    at_most: usize,
) -> Result<Vec<(DeliveryId, Timestamp)>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/held.sql"))?;
    let (id, limit) = (number(subscription.as_u64()), number(at_most as u64));
    let mut rows = query.query((id, shelved, number(after), number(below), limit))?;
    let mut parked = Vec::new();
    while let Some(row) = rows.next()? {
        parked.push((row.delivery_id(0)?, reader::held_since(row, paused)?));
    }
    Ok(parked)
}
