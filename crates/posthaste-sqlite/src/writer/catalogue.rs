//! Changes of catalogues.

use std::collections::BTreeMap;

use posthaste::{
    event::{EventType, TenantId},
    json::RawJson,
};
use posthaste_store::{EventTypeEntry, StoreError};

use super::group::Group;
use crate::{
    fault::{Fault, Result},
    row::number,
};

pub fn put_event_type(group: &mut Group<'_>, entry: &EventTypeEntry) -> Result<()> {
    let tenant = group.tenants.number(group.connection, &entry.tenant)?;
    let sql = include_str!("../../sql/put_event_type.sql");
    let put = group.connection.prepare_cached(sql)?.execute((
        number(tenant),
        entry.name.as_str(),
        number(entry.revision),
        entry.created_at.as_millis(),
        entry.updated_at.as_millis(),
        entry.description.as_str(),
        entry.example.as_ref().map(RawJson::as_str),
        object(&entry.versions),
    ))?;
    match put {
        0 => Err(Fault::Refused(StoreError::Stale)),
        _ => Ok(()),
    }
}

/// Written by hand, so that each schema stays as it was written.
fn object(versions: &BTreeMap<u32, RawJson>) -> String {
    let members = versions.iter();
    let members: Vec<_> = members
        .map(|(version, schema)| format!("\"{version}\":{}", schema.as_str()))
        .collect();
    format!("{{{}}}", members.join(","))
}

pub fn delete_event_type(
    group: &mut Group<'_>,
    tenant: &TenantId,
    name: &EventType,
) -> Result<bool> {
    let Some(tenant) = group.tenants.find(group.connection, tenant)? else {
        return Ok(false);
    };
    let sql = "DELETE FROM event_types WHERE tenant = ?1 AND name = ?2";
    let mut delete = group.connection.prepare_cached(sql)?;
    Ok(delete.execute((number(tenant), name.as_str()))? > 0)
}
