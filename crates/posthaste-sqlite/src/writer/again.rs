//! Sending deliveries again, and discarding what has failed or is parked.

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::{Origin, TenantId},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::{
    again::{Again, SentAgain},
    record::{Reopened, Settlement},
};
use rusqlite::{OptionalExtension, types::ValueRef};

use super::{
    audit::append,
    fold,
    group::Group,
    replays,
    settle::{insertion, settle_one},
    take::free,
};
use crate::{
    fault::{Fault, Result},
    row::{self, Coded, Columns, State, number},
};

pub fn send_again(group: &mut Group<'_>, again: &Again) -> Result<SentAgain> {
    group.changes.released.extend(again.reserved());
    let Some(tenant) = group.tenants.find(group.connection, &again.tenant)? else {
        return again.to_nobody().map_err(Fault::Refused);
    };
    let replay = match &again.step {
        Some(step) => Some(replays::to_step(group, tenant, step)?),
        None => None,
    };
    let ids = again.reopen.iter();
    let reopened = ids.map(|&id| reopen(group, tenant, id, again));
    let reopened = reopened.collect::<Result<_>>()?;
    let late = again.make.iter().map(|late| make(group, late, again));
    let made = late.collect::<Result<_>>()?;
    let sent = SentAgain { reopened, made };
    if !sent.is_missing() {
        append(group, again.entry.as_ref())?;
    }
    if let (Some(step), Some(replay)) = (&again.step, replay) {
        replays::move_on(group, replay, step, &sent, again.at)?;
    }
    Ok(sent)
}

/// The replay that sends.
fn replay_of(again: &Again) -> Option<i64> {
    let step = again.step.as_ref();
    step.map(|step| number(step.id.as_u64()))
}

fn reopen(group: &mut Group<'_>, tenant: u64, id: DeliveryId, again: &Again) -> Result<Reopened> {
    let found = find(group, tenant, id)?.filter(|found| !found.deleted);
    let Some(found) = found else {
        return Ok(Reopened::Missing);
    };
    let retrying = found.state == State::Waiting;
    let hurried = found.retries && !found.paused && again.origin != Origin::Replay;
    let unwanted = again.only_failed && found.state != State::Failed;
    if unwanted || (retrying && !hurried) {
        return Ok(Reopened::AlreadyWaiting);
    }
    let at = again.at.as_millis();
    let row = number(id.as_u64());
    let connection = group.connection;
    match retrying {
        true => connection
            .prepare_cached(include_str!("../../sql/retry_now.sql"))?
            .execute((row, at))?,
        false => connection
            .prepare_cached(include_str!("../../sql/reopen.sql"))?
            .execute((row, at, again.origin.code(), replay_of(again)))?,
    };
    match found.in_line_of {
        Some(subscription) => group.taken.shelved(subscription, id),
        None => group.taken.parked((at, id.as_u64())),
    }
    Ok(Reopened::Redelivered)
}

/// Makes a late delivery, where its event has none to its subscription.
fn make(group: &mut Group<'_>, late: &Settlement, again: &Again) -> Result<Reopened> {
    let Some(tenant) = group.tenants.find(group.connection, &late.tenant)? else {
        return Ok(Reopened::Missing);
    };
    let sql = include_str!("../../sql/owed.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let (event, to) = (late.event.as_u64(), late.subscription.as_u64());
    let key = (number(event), number(to), number(tenant));
    let mut rows = query.query(key)?;
    let Some(row) = rows.next()? else {
        return Ok(Reopened::Missing);
    };
    let implied = row::unpack(row.get_ref(0)?.as_blob()?)?;
    if row.get(1)? || implied.contains(&late.subscription) {
        return Ok(Reopened::AlreadyWaiting);
    }
    let mut insert = insertion(group.connection)?;
    settle_one(group, late, &mut insert)?;
    let update = "UPDATE deliveries SET replay = ?2 WHERE id = ?1";
    let mut update = group.connection.prepare_cached(update)?;
    update.execute((number(late.id.as_u64()), replay_of(again)))?;
    Ok(Reopened::Redelivered)
}

pub fn discard_failed(
    group: &mut Group<'_>,
    tenant: &TenantId,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> Result<usize> {
    let Some(tenant) = group.tenants.find(group.connection, tenant)? else {
        return Ok(0);
    };
    let mut dead = Vec::with_capacity(deliveries.len());
    for id in deliveries {
        let found = find(group, tenant, *id)?;
        dead.extend(
            found
                .filter(|found| found.state == State::Failed)
                .map(|_| *id),
        );
    }
    discard(group, &dead, Discard::Discarded, now)?;
    Ok(dead.len())
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
    discard(group, &ids, why, now)?;
    Ok(ids.len())
}

pub fn discard(
    group: &mut Group<'_>,
    ids: &[DeliveryId],
    why: Discard,
    now: Timestamp,
) -> Result<()> {
    let sql = include_str!("../../sql/discard.sql");
    let mut update = group.connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.number(0), row.subscription_id(1), row.coded(2)));
    for id in ids {
        let id = number(id.as_u64());
        let key = (id, why.code(), why.as_str(), now.as_millis());
        let (tenant, subscription, origin) = update.query_row(key, read)?;
        fold::count_discarded(group, (tenant?, subscription?), origin?, now);
    }
    Ok(())
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
