//! Changes of tenants, subscriptions and keys. Each looks before it writes, so that a refusal
//! leaves the transaction that it shares with others as it was.

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::Health,
    event::TenantId,
    id::{KeyId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::{
    StoreError,
    keyring::What,
    settings::{ApiKey, Tenant},
};
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::group::Group;
use crate::{
    fault::{Fault, Result},
    row::{Coded, Columns, number},
    subscription_row, subscription_secrets, tenant,
    vault::Owner,
};

pub fn insert_tenant(group: &mut Group<'_>, tenant: &Tenant) -> Result<()> {
    insert_tenant_on(group.connection, tenant)
}

pub fn insert_tenant_on(connection: &Connection, tenant: &Tenant) -> Result<()> {
    let sql = include_str!("../../sql/insert_tenant.sql");
    let row = (
        tenant.id.as_str(),
        tenant.name.as_str(),
        tenant::settings(tenant)?,
        tenant.created_at.as_millis(),
    );
    match connection.prepare_cached(sql)?.execute(row)? {
        0 => Err(Fault::Refused(StoreError::Exists(tenant.id.to_string()))),
        _ => Ok(()),
    }
}

pub fn update_tenant(group: &mut Group<'_>, tenant: &Tenant) -> Result<()> {
    let sql = "UPDATE tenants SET name = ?2, settings = ?3
        WHERE id = ?1 AND created_at IS NOT NULL AND deleted_at IS NULL";
    let mut update = group.connection.prepare_cached(sql)?;
    let settings = tenant::settings(tenant)?;
    match update.execute((tenant.id.as_str(), tenant.name.as_str(), settings))? {
        0 => Err(Fault::Refused(StoreError::Missing)),
        _ => Ok(()),
    }
}

pub fn insert_subscription(group: &mut Group<'_>, subscription: &Subscription) -> Result<()> {
    let tenant = group
        .tenants
        .number(group.connection, &subscription.tenant)?;
    check_external_id(group.connection, tenant, subscription)?;
    let query = "SELECT 1 FROM subscriptions WHERE id = ?1";
    let mut query = group.connection.prepare_cached(query)?;
    if query.exists([number(subscription.id.as_u64())])? {
        let id = subscription.id.to_string();
        return Err(Fault::Refused(StoreError::Exists(id)));
    }
    let sql = include_str!("../../sql/insert_subscription.sql");
    let mut insert = group.connection.prepare_cached(sql)?;
    write(&mut insert, group, tenant, subscription)?;
    write_health(group.connection, subscription.id, &subscription.health)
}

pub fn update_subscription(
    group: &mut Group<'_>,
    subscription: &Subscription,
    forgive: bool,
) -> Result<()> {
    let connection = group.connection;
    let tenant = group.tenants.number(connection, &subscription.tenant)?;
    match revision(connection, tenant, subscription.id)? {
        None => return Err(Fault::Refused(StoreError::Missing)),
        Some(revision) if revision + 1 != subscription.revision => {
            return Err(Fault::Refused(StoreError::Stale));
        }
        Some(_) => check_external_id(connection, tenant, subscription)?,
    }
    let sql = include_str!("../../sql/update_subscription.sql");
    let mut update = connection.prepare_cached(sql)?;
    write(&mut update, group, tenant, subscription)?;
    if forgive {
        let sql = include_str!("../../sql/forgive.sql");
        let id = number(subscription.id.as_u64());
        connection.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

fn revision(connection: &Connection, tenant: u64, id: SubscriptionId) -> Result<Option<u64>> {
    let query =
        "SELECT revision FROM subscriptions WHERE id = ?1 AND tenant = ?2 AND deleted_at IS NULL";
    let mut query = connection.prepare_cached(query)?;
    let read = |row: &Row<'_>| Ok(row.number(0));
    let key = (number(id.as_u64()), number(tenant));
    query.query_row(key, read).optional()?.transpose()
}

fn check_external_id(
    connection: &Connection,
    tenant: u64,
    subscription: &Subscription,
) -> Result<()> {
    let Some(external_id) = &subscription.external_id else {
        return Ok(());
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/external_id.sql"))?;
    let id = number(subscription.id.as_u64());
    let read = |row: &Row<'_>| Ok(row.subscription_id(0));
    let other = query.query_row((number(tenant), external_id, id), read);
    match other.optional()?.transpose()? {
        Some(other) => Err(Fault::Refused(StoreError::Exists(other.to_string()))),
        None => Ok(()),
    }
}

fn write(
    statement: &mut Statement<'_>,
    group: &Group<'_>,
    tenant: u64,
    subscription: &Subscription,
) -> Result<()> {
    let owner = Owner::tenant(&subscription.tenant, tenant);
    let secrets = subscription_secrets::written(subscription)?;
    let place = (What::Subscription, subscription.id.as_u64());
    let sealed = group.vault.seal(group.connection, owner, place, &secrets)?;
    statement.execute((
        number(subscription.id.as_u64()),
        number(tenant),
        subscription.status.code(),
        number(subscription.revision),
        subscription.created_at.as_millis(),
        subscription.updated_at.as_millis(),
        &subscription.external_id,
        subscription_row::settings(subscription)?,
        sealed,
    ))?;
    Ok(())
}

pub fn write_health(
    connection: &Connection,
    subscription: SubscriptionId,
    health: &Health,
) -> Result<()> {
    let probe = match health.circuit {
        Circuit::Closed => None,
        Circuit::Open { probe_at, wait } => Some((probe_at, wait)),
    };
    let mut insert = connection.prepare_cached(include_str!("../../sql/write_health.sql"))?;
    insert.execute((
        number(subscription.as_u64()),
        health.unhealthy,
        health.consecutive_failures,
        health.failed_attempts_in_a_row,
        health.last_success_at.map(Timestamp::as_millis),
        health.last_failure_at.map(Timestamp::as_millis),
        probe.map(|(probe_at, _)| probe_at.as_millis()),
        probe.map(|(_, wait)| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        health.wait_until.map(Timestamp::as_millis),
    ))?;
    Ok(())
}

pub fn delete_subscription(
    group: &mut Group<'_>,
    tenant: &TenantId,
    id: SubscriptionId,
    now: Timestamp,
) -> Result<()> {
    let tenant = group.tenants.number(group.connection, tenant)?;
    let sql = include_str!("../../sql/delete_subscription.sql");
    let mut update = group.connection.prepare_cached(sql)?;
    match update.execute((number(id.as_u64()), number(tenant), now.as_millis()))? {
        0 => Err(Fault::Refused(StoreError::Missing)),
        _ => Ok(()),
    }
}

pub fn insert_key(group: &mut Group<'_>, key: &ApiKey) -> Result<()> {
    let tenant = match &key.tenant {
        Some(tenant) => Some(group.tenants.number(group.connection, tenant)?),
        None => None,
    };
    let sql = include_str!("../../sql/insert_key.sql");
    group.connection.prepare_cached(sql)?.execute((
        number(key.id.as_u64()),
        key.hash,
        tenant.map(number),
        &key.name,
        words(&key.scopes),
        key.expires_at.map(Timestamp::as_millis),
        key.created_at.as_millis(),
        key.last_used_at.map(Timestamp::as_millis),
        words(&key.allowed_ips),
    ))?;
    Ok(())
}

/// With spaces between them, as they are read.
fn words(of: &[impl ToString]) -> String {
    let words: Vec<String> = of.iter().map(ToString::to_string).collect();
    words.join(" ")
}

pub fn delete_key(group: &mut Group<'_>, tenant: Option<&TenantId>, id: KeyId) -> Result<bool> {
    let tenant = match tenant {
        Some(tenant) => match group.tenants.find(group.connection, tenant)? {
            None => return Ok(false),
            known => known,
        },
        None => None,
    };
    let sql = "DELETE FROM keys WHERE id = ?1 AND tenant IS ?2";
    let mut delete = group.connection.prepare_cached(sql)?;
    let deleted = delete.execute((number(id.as_u64()), tenant.map(number)))?;
    Ok(deleted > 0)
}

pub fn touch_keys(group: &mut Group<'_>, used: &[(KeyId, Timestamp)]) -> Result<()> {
    let sql = "UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";
    let mut update = group.connection.prepare_cached(sql)?;
    for (id, at) in used {
        update.execute((number(id.as_u64()), at.as_millis()))?;
    }
    Ok(())
}
