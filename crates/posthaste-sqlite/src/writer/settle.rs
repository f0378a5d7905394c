//! Settling: an attempt and its consequence, what attempts did to a subscription's standing, and
//! the events that these cause.

use posthaste::{clock::Timestamp, provenance::Link, subscription::SubscriptionStatus};
use posthaste_store::{
    record::{HealthChange, Parking, SettleBatch, Settlement, Standing},
    rollup, timings,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Statement, params};

use super::{
    accept::keep,
    configuration::write_health,
    fold,
    group::{Group, Late},
};
use crate::{
    fault::Result,
    row::{Coded, Columns, State, number},
};

pub fn settle(group: &mut Group<'_>, batch: &SettleBatch) -> Result<()> {
    let mut insert = insertion(group.connection)?;
    for settlement in &batch.settlements {
        settle_one(group, settlement, &mut insert)?;
    }
    for change in &batch.health {
        change_health(group, change)?;
    }
    for alert in &batch.alerts {
        keep(group, alert)?;
    }
    Ok(())
}

/// Writes first rows.
pub fn insertion(connection: &Connection) -> Result<CachedStatement<'_>> {
    Ok(connection.prepare_cached(include_str!("../../sql/insert_delivery.sql"))?)
}

pub fn settle_one(
    group: &mut Group<'_>,
    settlement: &Settlement,
    insert: &mut Statement<'_>,
) -> Result<()> {
    let Some(tenant) = group.tenants.find(group.connection, &settlement.tenant)? else {
        return Ok(());
    };
    let implied = is_implied(group, settlement, tenant);
    let repeated = !implied && is_repeated(group.connection, settlement)?;
    let known = match implied {
        true => write(insert, settlement, tenant).map(|_| true)?,
        false => overwrite(group, settlement, tenant, insert)?,
    };
    if known {
        note(group, settlement);
    }
    if known && !repeated {
        fold::count(group, tenant, settlement);
    }
    Ok(())
}

/// Whether this was settled before, and its answer lost: then it was counted.
fn is_repeated(connection: &Connection, settlement: &Settlement) -> Result<bool> {
    if !rollup::matters(settlement) {
        return Ok(false);
    }
    let query = "SELECT coalesce(attempt, 0), state, reason FROM deliveries WHERE id = ?1";
    let mut query = connection.prepare_cached(query)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let row = query.query_row([number(settlement.id.as_u64())], read);
    let Some((attempt, state, reason)) = row.optional()? else {
        return Ok(false);
    };
    let columned = columns(settlement);
    Ok(match &settlement.attempt {
        // Their numbers go on, and each was the latest once.
        Some(again) => again.number <= attempt,
        None => (columned.state.code(), columned.reason) == (state, reason),
    })
}

/// Whether this is its first row; if so, it is no longer.
fn is_implied(group: &mut Group<'_>, settlement: &Settlement, tenant: u64) -> bool {
    let id = settlement.id;
    let implied = {
        let state = group.live.read();
        let implied = state.implied.get(&id);
        implied.is_some_and(|implied| implied.event == settlement.event && implied.tenant == tenant)
    };
    implied && group.changes.rowed.insert(id)
}

/// Settles one that may have a row; says whether there is such a delivery.
fn overwrite(
    group: &mut Group<'_>,
    settlement: &Settlement,
    tenant: u64,
    insert: &mut Statement<'_>,
) -> Result<bool> {
    let connection = group.connection;
    if let Some(attempt) = &settlement.attempt {
        connection
            .prepare_cached(include_str!("../../sql/keep_attempt.sql"))?
            .execute((number(settlement.id.as_u64()), attempt.number))?;
    }
    let mut update = connection.prepare_cached(include_str!("../../sql/update_delivery.sql"))?;
    if write(&mut update, settlement, tenant)? > 0 {
        return Ok(true);
    }
    make(group, settlement, tenant, insert)
}

/// Writes the first row of a delivery that nothing in memory knows: one made after its event, or
/// one of an event that the same transaction accepts.
fn make(
    group: &mut Group<'_>,
    settlement: &Settlement,
    tenant: u64,
    insert: &mut Statement<'_>,
) -> Result<bool> {
    let query = "SELECT length(subs) / 8 FROM events WHERE id = ?1 AND tenant = ?2";
    let event = (number(settlement.event.as_u64()), number(tenant));
    let mut fan_out = group.connection.prepare_cached(query)?;
    let deliveries: Option<u32> = fan_out.query_row(event, |row| row.get(0)).optional()?;
    let Some(deliveries) = deliveries else {
        return Ok(false);
    };
    write(insert, settlement, tenant)?;
    match settlement.event.index_of(settlement.id, deliveries) {
        Some(_) => {
            group.changes.rowed.insert(settlement.id);
        }
        None => group.changes.late.push(Late {
            id: settlement.id,
            tenant,
            subscription: settlement.subscription,
        }),
    }
    Ok(true)
}

/// Where a standing puts a row.
struct Columned {
    state: State,
    reason: Option<i64>,
    retry_at: Option<i64>,
    due_at: Option<i64>,
    shelved: bool,
    settled_at: Option<i64>,
    last_error: Option<&'static str>,
}

fn columns(settlement: &Settlement) -> Columned {
    let at = settlement.at.as_millis();
    let ended = |state| Columned {
        state,
        reason: None,
        retry_at: None,
        due_at: None,
        shelved: false,
        settled_at: Some(at),
        last_error: None,
    };
    match settlement.standing {
        Standing::Delivered => ended(State::Delivered),
        Standing::Failed => ended(State::Failed),
        Standing::Discarded(why) => Columned {
            reason: Some(why.code()),
            last_error: Some(why.as_str()),
            ..ended(State::Discarded)
        },
        Standing::Waiting { retry_at, .. } => Columned {
            retry_at: retry_at.map(Timestamp::as_millis),
            due_at: match settlement.parked() {
                Some(Parking::Due(due_at)) => Some(due_at.as_millis()),
                Some(Parking::Taken | Parking::Shelved) | None => None,
            },
            shelved: settlement.parked() == Some(Parking::Shelved),
            settled_at: None,
            ..ended(State::Waiting)
        },
    }
}

fn write(statement: &mut Statement<'_>, settlement: &Settlement, tenant: u64) -> Result<usize> {
    let columned = columns(settlement);
    let delivered = settlement.standing == Standing::Delivered;
    let attempt = settlement.attempt.as_deref();
    let written = statement.execute(params![
        number(settlement.id.as_u64()),
        number(settlement.event.as_u64()),
        number(tenant),
        number(settlement.subscription.as_u64()),
        columned.state.code(),
        columned.reason,
        settlement.origin.code(),
        settlement.format.map(Coded::code),
        settlement.tries.made,
        settlement.tries.spent,
        columned.retry_at,
        columned.due_at,
        columned.shelved,
        columned.settled_at,
        delivered.then_some(columned.settled_at),
        columned.last_error,
        attempt.map(|attempt| attempt.number),
        attempt.map(|attempt| attempt.started_at.as_millis()),
        attempt.map(|attempt| number(attempt.latency_us)),
        attempt.and_then(|attempt| attempt.status_code),
        attempt.and_then(|attempt| attempt.error.as_deref()),
        attempt.map(|attempt| attempt.request_headers.as_str()),
        attempt.map(|attempt| attempt.response_headers.as_str()),
        attempt.map(|attempt| attempt.response_body.as_ref()),
        settlement.line.map(|line| number(line.as_u64())),
        settlement.batch.map(|batch| number(batch.as_u64())),
        attempt.and_then(|attempt| attempt.link.as_ref().map(Link::as_bytes)),
        attempt.and_then(|attempt| attempt.timings.as_ref().map(timings::to_bytes)),
    ])?;
    Ok(written)
}

/// Who has it in their hands now.
fn note(group: &mut Group<'_>, settlement: &Settlement) {
    let id = settlement.id;
    let Standing::Waiting { parking, .. } = settlement.standing else {
        return group.taken.give_back(id);
    };
    match parking {
        Parking::Taken => group.taken.take(id),
        Parking::Due(at) => {
            group.taken.give_back(id);
            group.taken.parked((at.as_millis(), id.as_u64()));
        }
        Parking::Shelved => {
            group.taken.give_back(id);
            group.taken.shelved(settlement.subscription, id);
        }
    }
}

fn change_health(group: &mut Group<'_>, change: &HealthChange) -> Result<()> {
    let connection = group.connection;
    let Some(tenant) = group.tenants.find(connection, &change.tenant)? else {
        return Ok(());
    };
    let tenant = number(tenant);
    let id = number(change.subscription.as_u64());
    let query =
        "SELECT status FROM subscriptions WHERE id = ?1 AND tenant = ?2 AND deleted_at IS NULL";
    let mut query = connection.prepare_cached(query)?;
    let read = |row: &rusqlite::Row<'_>| Ok(row.coded(0));
    let status = query.query_row((id, tenant), read).optional()?;
    let Some(status) = status.transpose()? else {
        return Ok(());
    };
    write_health(connection, change.subscription, &change.health)?;
    if let (Some(reason), SubscriptionStatus::Active) = (change.pause, status) {
        let paused = SubscriptionStatus::Paused(reason).code();
        connection
            .prepare_cached(include_str!("../../sql/pause.sql"))?
            .execute((id, paused, change.at.as_millis()))?;
    }
    Ok(())
}
