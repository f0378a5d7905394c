//! The audit log, in pages.

use std::borrow::Cow;

use posthaste::{
    event::TenantId,
    id::{AuditId, KeyId, PortalLinkId},
    json::RawJson,
};
use posthaste_store::{
    Page,
    audit::{ActingKey, Actor, AuditEntry, AuditQuery},
    query::Stretch,
};
use rusqlite::{Connection, Row};

use super::{
    Moment,
    page::{Found, Range, page},
};
use crate::{
    fault::{Fault, Result},
    row::{Columns, number},
    tenant,
};

pub fn audit(
    moment: &Moment<'_>,
    of: &TenantId,
    query: &AuditQuery,
    stretch: Stretch,
) -> Result<Page<AuditEntry>> {
    let connection = moment.disk()?;
    let range = Range::new(query.since, query.until, stretch);
    let id = |entry: &AuditEntry| entry.id.as_u64();
    let own = tenant::find(connection, of)?;
    let fetch = |below, at_most| {
        let range = Range { below, ..range };
        let own = match own {
            Some(no) => log(connection, Some((no, of)), range, at_most)?,
            None => Found::limited(Vec::new(), at_most, id),
        };
        Ok(match query.platforms {
            true => own.and(log(connection, None, range, at_most)?, id),
            false => own,
        })
    };
    page(range, stretch.limit, id, |entry| query.wants(entry), fetch)
}

/// The newest of one log: of a tenant, by its number and name, or of the platform.
fn log(
    connection: &Connection,
    of: Option<(u64, &TenantId)>,
    range: Range,
    at_most: usize,
) -> Result<Found<AuditEntry>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/audit.sql"))?;
    let mut rows = query.query((
        of.map(|(no, _)| number(no)),
        number(range.from),
        number(range.below),
        number(at_most as u64),
    ))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row, of.map(|(_, name)| name))?);
    }
    Ok(Found::limited(entries, at_most, |entry| entry.id.as_u64()))
}

fn read(row: &Row<'_>, tenant: Option<&TenantId>) -> Result<AuditEntry> {
    let details: String = row.get(8)?;
    Ok(AuditEntry {
        id: row.number(0).map(AuditId::from_u64)?,
        tenant: tenant.cloned(),
        actor: actor(row)?,
        action: row.get(6).map(Cow::Owned)?,
        object: row.get(7)?,
        details: RawJson::trusted(details.into()),
    })
}

fn actor(row: &Row<'_>) -> Result<Actor> {
    let key = match row.optional_number(1)? {
        Some(id) => Some(ActingKey {
            id: KeyId::from_u64(id),
            name: row.get(2)?,
            platform: row.get(3)?,
        }),
        None => None,
    };
    let address: Option<String> = row.get(4)?;
    let address = address.map(|address| address.parse()).transpose();
    let corrupt = |_| Fault::Corrupt("an address in the audit log cannot be read".into());
    Ok(Actor {
        key,
        portal_link: row.optional_number(9)?.map(PortalLinkId::from_u64),
        address: address.map_err(corrupt)?,
        request_id: row.get(5)?,
    })
}
