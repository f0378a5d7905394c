//! Tenants, subscriptions and keys.

use std::str::FromStr;

use posthaste::{
    event::TenantId,
    id::{KeyId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::settings::{ApiKey, Tenant};
use rusqlite::{Connection, Row};

use super::Moment;
use crate::{
    fault::{Fault, Result},
    row::{Columns, number},
    subscription_row, tenant,
    vault::Opener,
};

const SUBSCRIPTIONS: &str = include_str!("../../sql/subscriptions.sql");

pub fn tenants(moment: &Moment<'_>) -> Result<Vec<Tenant>> {
    let sql = "SELECT id, name, settings, created_at FROM tenants
        WHERE created_at IS NOT NULL AND deleted_at IS NULL ORDER BY id";
    all(moment.disk()?, sql, |row| {
        let settings = tenant::read_settings(row, 2)?;
        Ok(Tenant {
            id: tenant_id(row, 0)?,
            name: row.get(1)?,
            limits: settings.limits,
            catalogue: settings.catalogue,
            denied: settings.denied,
            portal_origins: settings.portal_origins,
            created_at: row.time(3)?.unwrap_or_default(),
        })
    })
}

pub fn deleted_tenants(moment: &Moment<'_>) -> Result<Vec<TenantId>> {
    let sql = "SELECT id FROM tenants WHERE deleted_at IS NOT NULL";
    all(moment.disk()?, sql, |row| tenant_id(row, 0))
}

pub fn subscriptions(moment: &Moment<'_>) -> Result<Vec<Subscription>> {
    let sql = format!("{SUBSCRIPTIONS} ORDER BY s.id");
    let connection = moment.disk()?;
    let mut opener = Opener::new(moment.vault, connection);
    all(connection, &sql, |row| {
        subscription_row::read(row, &mut opener)
    })
}

pub fn subscription(
    moment: &Moment<'_>,
    tenant: &TenantId,
    id: SubscriptionId,
) -> Result<Option<Subscription>> {
    let sql = format!("{SUBSCRIPTIONS} AND s.id = ?1 AND t.id = ?2");
    let connection = moment.disk()?;
    let mut opener = Opener::new(moment.vault, connection);
    let mut query = connection.prepare_cached(&sql)?;
    let mut rows = query.query((number(id.as_u64()), tenant.as_str()))?;
    let read = |row| subscription_row::read(row, &mut opener);
    rows.next()?.map(read).transpose()
}

pub fn keys(moment: &Moment<'_>) -> Result<Vec<ApiKey>> {
    let sql = include_str!("../../sql/keys.sql");
    all(moment.disk()?, sql, |row| {
        let tenant: Option<String> = row.get(2)?;
        Ok(ApiKey {
            id: row.number(0).map(KeyId::from_u64)?,
            hash: row.get(1)?,
            tenant: tenant.map(|_| tenant_id(row, 2)).transpose()?,
            name: row.get(3)?,
            scopes: words(row, 4)?,
            allowed_ips: words(row, 8)?,
            expires_at: row.time(5)?,
            created_at: row.time(6)?.unwrap_or_default(),
            last_used_at: row.time(7)?,
        })
    })
}

/// Values with spaces between them; none at all where there is no text.
fn words<T: FromStr>(row: &Row<'_>, column: usize) -> Result<Vec<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?.unwrap_or_default();
    let words = text.split_whitespace().map(str::parse);
    words
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Fault::Corrupt("what a key may do cannot be read".into()))
}

pub fn tenant_id(row: &Row<'_>, column: usize) -> Result<TenantId> {
    tenant::parse(row.get_ref(column)?.as_str()?)
}

pub fn all<T>(
    connection: &Connection,
    sql: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(row)?);
    }
    Ok(items)
}
