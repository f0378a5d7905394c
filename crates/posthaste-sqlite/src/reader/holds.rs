//! What is paused, and what that holds.

use posthaste::{
    clock::Timestamp,
    id::{DeliveryId, EventId, Place, SubscriptionId},
};
use posthaste_store::keeping::{Held, Hold};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    Moment,
    configuration::{all, tenant_id},
};
use crate::{
    fault::Result,
    row::{Columns, number},
};

pub fn holds(moment: &Moment<'_>) -> Result<Vec<Hold>> {
    let sql = include_str!("../../sql/holds.sql");
    all(moment.disk()?, sql, |row| {
        Ok(Hold {
            subscription: row.subscription_id(0)?,
            tenant: tenant_id(row, 1)?,
            since: row.time(2)?.unwrap_or_default(),
            told_at: row.time(3)?,
        })
    })
}

/// When a subscription's pause began, where it is paused.
pub fn paused_since(
    connection: &Connection,
    subscription: SubscriptionId,
) -> Result<Option<Timestamp>> {
    let sql = "SELECT paused_at FROM subscriptions WHERE id = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok(row.time(0));
    let since = query.query_row([number(subscription.as_u64())], read);
    Ok(since.optional()?.transpose()?.flatten())
}

pub fn held(
    moment: &Moment<'_>,
    subscription: SubscriptionId,
    until: Timestamp,
) -> Result<Option<Held>> {
    let connection = moment.disk()?;
    let paused = paused_since(connection, subscription)?;
    let Some(paused) = paused.filter(|paused| *paused <= until) else {
        return Ok(None);
    };
    let shelf = first(connection, subscription, true, paused, until)?;
    let due = first(connection, subscription, false, paused, until)?;
    let Some(since) = [shelf, due].into_iter().flatten().min() else {
        return Ok(None);
    };
    let deliveries = count(connection, subscription)?;
    Ok(Some(Held { deliveries, since }))
}

/// Since when the one is held that was held first, if since `until` or longer.
fn first(
    connection: &Connection,
    subscription: SubscriptionId,
    shelved: bool,
    paused: Timestamp,
    until: Timestamp,
) -> Result<Option<Timestamp>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/held.sql"))?;
    let id = number(subscription.as_u64());
    let mut rows = query.query((id, shelved, 0, number(made_after(until)), -1))?;
    let mut first = None;
    while let Some(row) = rows.next()? {
        let made = row.delivery_id(0)?.time();
        if first.is_some_and(|first| first <= made.max(paused)) {
            break;
        }
        let since = held_since(row, paused)?;
        first = Some(first.map_or(since, |first: Timestamp| first.min(since)));
    }
    Ok(first.filter(|first| *first <= until))
}

/// The first id that is made after a time.
pub fn made_after(time: Timestamp) -> u64 {
    let next = Timestamp::from_millis(time.as_millis().saturating_add(1));
    EventId::at(Place::at(next, 0)).as_u64()
}

/// Of a row of `held.sql`.
pub fn held_since(row: &Row<'_>, paused: Timestamp) -> Result<Timestamp> {
    let id: DeliveryId = row.delivery_id(0)?;
    let opened = row.time(1)?.unwrap_or_default();
    Ok(paused.max(id.time()).max(opened))
}

fn count(connection: &Connection, subscription: SubscriptionId) -> Result<u64> {
    let sql = "SELECT count(*) FROM deliveries INDEXED BY deliveries_waiting
        WHERE state = 0 AND subscription = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let id = number(subscription.as_u64());
    query.query_row([id], |row| Ok(row.number(0)))?
}
