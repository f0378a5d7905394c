//! Tenants' numbers, which rows carry instead of their names; and what is set for one.

use posthaste::{egress::DenyList, event::TenantId, origin::Origin};
use posthaste_store::settings::{Catalogue, Tenant, TenantLimits};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Fault, Result},
    row::{Columns, number},
};

/// A tenant's number, where there is such a tenant and it is not deleted.
pub fn find(connection: &Connection, tenant: &TenantId) -> Result<Option<u64>> {
    let sql = "SELECT no FROM tenants
        WHERE id = ?1 AND created_at IS NOT NULL AND deleted_at IS NULL";
    number_of(connection, sql, tenant)
}

/// The number of a tenant that is deleted and not removed yet.
pub fn find_deleted(connection: &Connection, tenant: &TenantId) -> Result<Option<u64>> {
    let sql = "SELECT no FROM tenants WHERE id = ?1 AND deleted_at IS NOT NULL";
    number_of(connection, sql, tenant)
}

fn number_of(connection: &Connection, sql: &str, tenant: &TenantId) -> Result<Option<u64>> {
    let mut query = connection.prepare_cached(sql)?;
    let no = query
        .query_row([tenant.as_str()], |row| Ok(row.number(0)))
        .optional()?;
    no.transpose()
}

/// Whether there is a tenant of this number, and it is not deleted.
pub fn is_there(connection: &Connection, no: u64) -> Result<bool> {
    let sql = "SELECT 1 FROM tenants WHERE no = ?1 AND deleted_at IS NULL";
    Ok(connection.prepare_cached(sql)?.exists([number(no)])?)
}

/// A tenant's name by its number.
pub fn name(connection: &Connection, no: u64) -> Result<TenantId> {
    let mut query = connection.prepare_cached("SELECT id FROM tenants WHERE no = ?1")?;
    let id: Option<String> = query.query_row([number(no)], |row| row.get(0)).optional()?;
    let id = id.ok_or_else(|| Fault::Corrupt(format!("there is no tenant {no}")))?;
    parse(&id)
}

pub fn parse(id: &str) -> Result<TenantId> {
    id.parse()
        .map_err(|_| Fault::Corrupt(format!("{id:?} is no tenant")))
}

/// What is set for a tenant, as its row keeps it.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub limits: TenantLimits,
    pub catalogue: Catalogue,
    #[serde(skip_serializing_if = "is_empty")]
    pub denied: DenyList,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub portal_origins: Vec<Origin>,
}

fn is_empty(list: &DenyList) -> bool {
    list.entries().is_empty()
}

/// None is all defaults.
pub fn settings(tenant: &Tenant) -> Result<Option<String>> {
    let settings = Settings {
        limits: tenant.limits,
        catalogue: tenant.catalogue,
        denied: tenant.denied.clone(),
        portal_origins: tenant.portal_origins.clone(),
    };
    let unlike = settings != Settings::default();
    let text = unlike.then(|| serde_json::to_string(&settings)).transpose();
    text.map_err(|error| Fault::Corrupt(error.to_string()))
}

pub fn read_settings(row: &Row<'_>, column: usize) -> Result<Settings> {
    let text: Option<String> = row.get(column)?;
    let corrupt = |error| Fault::Corrupt(format!("a tenant's settings cannot be read: {error}"));
    text.map_or_else(
        || Ok(Settings::default()),
        |text| serde_json::from_str(&text).map_err(corrupt),
    )
}
