//! Opening deliveries again, and discarding those that are parked.

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::{Origin, TenantId},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::Reopened;
use rusqlite::{OptionalExtension, types::ValueRef};

use super::{fold, group::Group, take::free};
use crate::{
    fault::Result,
    row::{Coded, Columns, State, number},
};

pub fn reopen(
    group: &mut Group<'_>,
    tenant: &TenantId,
    deliveries: &[DeliveryId],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<Reopened>> {
    let tenant = group.tenants.number(group.connection, tenant)?;
    let opened = deliveries.iter();
    opened
        .map(|&id| reopen_one(group, tenant, id, origin, now))
        .collect()
}

fn reopen_one(
    group: &mut Group<'_>,
    tenant: u64,
    id: DeliveryId,
    origin: Origin,
    now: Timestamp,
) -> Result<Reopened> {
    let Some(found) = find(group, tenant, id)? else {
        return Ok(Reopened::Missing);
    };
    let retrying = found.state == State::Waiting;
    if found.deleted {
        return Ok(Reopened::Missing);
    }
    if retrying && (!found.retries || found.paused) {
        return Ok(Reopened::AlreadyWaiting);
    }
    let at = now.as_millis();
    let row = number(id.as_u64());
    let connection = group.connection;
    match retrying {
        true => connection
            .prepare_cached(include_str!("../../sql/retry_now.sql"))?
            .execute((row, at))?,
        false => connection
            .prepare_cached(include_str!("../../sql/reopen.sql"))?
            .execute((row, at, origin.code()))?,
    };
    match found.in_line_of {
        Some(subscription) => group.taken.shelved(subscription, id),
        None => group.taken.parked((at, id.as_u64())),
    }
    Ok(Reopened::Redelivered)
}

struct Found {
    state: State,
    /// Has a time to be tried again.
    retries: bool,
    paused: bool,
    deleted: bool,
    /// Where it stood in a line last: its subscription, on whose shelf its place is.
    in_line_of: Option<SubscriptionId>,
}

fn find(group: &Group<'_>, tenant: u64, id: DeliveryId) -> Result<Option<Found>> {
    let sql = include_str!("../../sql/standing.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let mut rows = query.query((number(id.as_u64()), number(tenant)))?;
    if let Some(row) = rows.next()? {
        return Ok(Some(Found {
            state: row.coded(0)?,
            retries: row.get(1)?,
            paused: row.get(2)?,
            deleted: row.get(3)?,
            in_line_of: match row.get_ref(4)? {
                ValueRef::Null => None,
                _ => Some(row.subscription_id(4)?),
            },
        }));
    }
    let state = group.live.read();
    let implied = state.implied.get(&id);
    let Some(implied) = implied.filter(|implied| implied.tenant == tenant) else {
        return Ok(None);
    };
    let query = "SELECT deleted_at IS NOT NULL FROM subscriptions WHERE id = ?1";
    let mut query = group.connection.prepare_cached(query)?;
    let subscription = number(implied.subscription.as_u64());
    let deleted = query
        .query_row([subscription], |row| row.get(0))
        .optional()?;
    Ok(Some(Found {
        state: State::Waiting,
        retries: false,
        paused: false,
        deleted: deleted.unwrap_or(false),
        in_line_of: None,
    }))
}

pub fn discard_parked(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    why: Discard,
    now: Timestamp,
    at_most: usize,
) -> Result<usize> {
    // One that is active again keeps what it is owed.
    if why == Discard::Disabled && !is_disabled(group, subscription)? {
        return Ok(0);
    }
    let mut ids = free(group, subscription, false, 0, at_most)?;
    ids.extend(free(group, subscription, true, 0, at_most - ids.len())?);
    let sql = include_str!("../../sql/discard.sql");
    let mut update = group.connection.prepare_cached(sql)?;
    for id in &ids {
        let row = (
            number(id.as_u64()),
            why.code(),
            why.as_str(),
            now.as_millis(),
        );
        let read = |row: &rusqlite::Row<'_>| Ok((row.number(0), row.coded(1)));
        let (tenant, origin) = update.query_row(row, read)?;
        fold::count_discarded(group, (tenant?, subscription), origin?, now);
    }
    Ok(ids.len())
}

fn is_disabled(group: &Group<'_>, subscription: SubscriptionId) -> Result<bool> {
    let mut query = group
        .connection
        .prepare_cached("SELECT status FROM subscriptions WHERE id = ?1")?;
    let read = |row: &rusqlite::Row<'_>| Ok(row.coded(0));
    let status = query.query_row([number(subscription.as_u64())], read);
    let status = status.optional()?.transpose()?;
    Ok(status == Some(SubscriptionStatus::Disabled))
}
