//! Replays: kept, moved on with what they send, stopped.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{ReplayId, SubscriptionId},
};
use posthaste_store::{
    StoreError,
    again::SentAgain,
    audit::AuditEntry,
    replay::{Replay, ReplayStatus, ReplayStep},
};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{audit::append, group::Group};
use crate::{
    fault::{Fault, Result},
    replay_row::{REPLAYS, json, read, status},
    row::number,
};

pub fn insert_replay(
    group: &mut Group<'_>,
    replay: Replay,
    entry: Option<&AuditEntry>,
) -> Result<Replay> {
    let tenant = number(group.tenants.number(group.connection, &replay.tenant)?);
    if let Some(claim) = replay.claim {
        let sql = format!("{REPLAYS} WHERE r.tenant = ?1 AND r.key = ?2");
        if let Some(known) = find(group.connection, &sql, (tenant, claim.key))? {
            return Ok(known);
        }
    }
    let sql = include_str!("../../sql/insert_replay.sql");
    let (code, finished_at) = status(replay.status);
    group.connection.prepare_cached(sql)?.execute(params![
        number(replay.id.as_u64()),
        tenant,
        replay.claim.map(|claim| claim.key),
        replay.claim.map(|claim| claim.body),
        json(&replay.plan)?,
        code,
        finished_at,
        number(replay.cursor.after.as_u64()),
        within(replay.cursor.within),
        json(&replay.progress)?,
    ])?;
    append(group, entry)?;
    Ok(replay)
}

pub fn stop_replay(
    group: &mut Group<'_>,
    tenant: &TenantId,
    id: ReplayId,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<Replay> {
    let tenant = group.tenants.number(group.connection, tenant)?;
    let found = by_id(group.connection, tenant, id)?;
    let mut replay = found.ok_or(Fault::Refused(StoreError::Missing))?;
    if replay.status == ReplayStatus::Running {
        replay.status = ReplayStatus::Stopped { at: now };
        write(group.connection, &replay)?;
        append(group, entry)?;
    }
    Ok(replay)
}

/// A replay that is running, and where the step begins.
pub fn to_step(group: &Group<'_>, tenant: u64, step: &ReplayStep) -> Result<Replay> {
    let found = by_id(group.connection, tenant, step.id)?;
    let running = found.filter(|replay| replay.status == ReplayStatus::Running);
    let there = running.filter(|replay| replay.cursor == step.from);
    there.ok_or(Fault::Refused(StoreError::Stale))
}

pub fn move_on(
    group: &Group<'_>,
    replay: Replay,
    step: &ReplayStep,
    sent: &SentAgain,
    now: Timestamp,
) -> Result<()> {
    let status = match step.last {
        true => ReplayStatus::Completed { at: now },
        false => replay.status,
    };
    let moved = Replay {
        cursor: step.to,
        progress: replay.progress.with(&step.seen, sent),
        status,
        ..replay
    };
    write(group.connection, &moved)
}

fn write(connection: &Connection, replay: &Replay) -> Result<()> {
    let sql = include_str!("../../sql/move_replay.sql");
    let (code, finished_at) = status(replay.status);
    connection.prepare_cached(sql)?.execute((
        number(replay.id.as_u64()),
        number(replay.cursor.after.as_u64()),
        within(replay.cursor.within),
        json(&replay.progress)?,
        code,
        finished_at,
    ))?;
    Ok(())
}

fn by_id(connection: &Connection, tenant: u64, id: ReplayId) -> Result<Option<Replay>> {
    let sql = format!("{REPLAYS} WHERE r.id = ?1 AND r.tenant = ?2");
    find(connection, &sql, (number(id.as_u64()), number(tenant)))
}

fn find(connection: &Connection, sql: &str, key: impl Params) -> Result<Option<Replay>> {
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row(key, |row| Ok(read(row))).optional()?;
    found.transpose()
}

fn within(subscription: Option<SubscriptionId>) -> Option<i64> {
    subscription.map(|id| number(id.as_u64()))
}
