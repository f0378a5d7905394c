//! Inboxes, and what comes to them: each request is written with what its inbox lets go of for it.

use posthaste::{clock::Timestamp, event::TenantId, id::InboxId};
use posthaste_store::{
    StoreError,
    inbox::{Arrival, Inbox, stay},
    keyring::What,
};
use rusqlite::{Connection, OptionalExtension};

use super::{group::Group, keeping::keep_newest};
use crate::{
    fault::{Fault, Result},
    inbox_row,
    row::{Columns, number},
    vault::Owner,
};

pub fn insert_inbox(group: &mut Group<'_>, inbox: &Inbox) -> Result<()> {
    let connection = group.connection;
    let tenant = group.tenants.number(connection, &inbox.tenant)?;
    let id = number(inbox.id.as_u64());
    let mut query = connection.prepare_cached("SELECT 1 FROM inboxes WHERE id = ?1")?;
    if query.exists([id])? {
        return Err(Fault::Refused(StoreError::Exists(inbox.id.to_string())));
    }
    let sql = include_str!("../../sql/insert_inbox.sql");
    connection.prepare_cached(sql)?.execute((
        id,
        number(tenant),
        number(inbox.revision),
        inbox_row::settings(inbox)?,
        sealed(group, tenant, inbox)?,
    ))?;
    Ok(())
}

pub fn update_inbox(group: &mut Group<'_>, inbox: &Inbox) -> Result<()> {
    let connection = group.connection;
    let tenant = group.tenants.number(connection, &inbox.tenant)?;
    let key = (number(inbox.id.as_u64()), number(tenant));
    let sql = "SELECT revision FROM inboxes WHERE id = ?1 AND tenant = ?2";
    match find(connection, sql, key)? {
        None => return Err(Fault::Refused(StoreError::Missing)),
        Some(revision) if revision + 1 != inbox.revision => {
            return Err(Fault::Refused(StoreError::Stale));
        }
        Some(_) => {}
    }
    let sql = "UPDATE inboxes SET revision = ?2, settings = ?3, sealed = ?4 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((
        key.0,
        number(inbox.revision),
        inbox_row::settings(inbox)?,
        sealed(group, tenant, inbox)?,
    ))?;
    Ok(())
}

fn sealed(group: &Group<'_>, tenant: u64, inbox: &Inbox) -> Result<Vec<u8>> {
    let owner = Owner::tenant(&inbox.tenant, tenant);
    let place = (What::Inbox, inbox.id.as_u64());
    let secrets = inbox_row::secrets(inbox)?;
    group.vault.seal(group.connection, owner, place, &secrets)
}

fn find(connection: &Connection, sql: &str, key: impl rusqlite::Params) -> Result<Option<u64>> {
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row(key, |row| Ok(row.number(0))).optional()?;
    found.transpose()
}

/// With its requests, which are few.
pub fn delete_inbox(group: &mut Group<'_>, tenant: &TenantId, id: InboxId) -> Result<bool> {
    let connection = group.connection;
    let Some(tenant) = group.tenants.find(connection, tenant)? else {
        return Ok(false);
    };
    keep_newest(connection)?;
    let key = (number(id.as_u64()), number(tenant));
    let sql = "DELETE FROM inboxes WHERE id = ?1 AND tenant = ?2";
    let deleted = connection.prepare_cached(sql)?.execute(key)?;
    let sql = "DELETE FROM arrivals WHERE inbox = ?1 AND tenant = ?2";
    connection.prepare_cached(sql)?.execute(key)?;
    Ok(deleted > 0)
}

/// Answers its number.
pub fn keep_arrival(
    group: &mut Group<'_>,
    of: &TenantId,
    inbox: InboxId,
    arrival: &Arrival,
) -> Result<u64> {
    let connection = group.connection;
    let tenant = group.tenants.number(connection, of)?;
    let key = (number(inbox.as_u64()), number(tenant));
    let sql = "UPDATE inboxes SET newest = newest + 1 WHERE id = ?1 AND tenant = ?2
        RETURNING newest";
    let newest = find(connection, sql, key)?;
    let newest = newest.ok_or(Fault::Refused(StoreError::Missing))?;
    let head = inbox_row::head(newest, &arrival.head)?;
    let (owner, place) = (Owner::tenant(of, tenant), (What::Arrival, inbox.as_u64()));
    let head = group.vault.seal(connection, owner, place, &head)?;
    let sql = include_str!("../../sql/insert_arrival.sql");
    connection.prepare_cached(sql)?.execute((
        key.1,
        key.0,
        number(newest),
        arrival.at.as_millis(),
        number(arrival.bytes()),
        head,
        &*arrival.body,
    ))?;
    make_room(connection, key)?;
    Ok(newest)
}

/// Lets go of what is too old or too much in an inbox.
fn make_room(connection: &Connection, key: (i64, i64)) -> Result<()> {
    let sql = "SELECT number, bytes FROM arrivals WHERE inbox = ?1 AND tenant = ?2
        ORDER BY number DESC";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(key)?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        kept.push((row.number(0)?, row.number(1)?));
    }
    let stay = stay(kept.iter().map(|(_, bytes)| *bytes));
    if let Some((goes, _)) = kept.get(stay) {
        let sql = "DELETE FROM arrivals WHERE inbox = ?1 AND tenant = ?2 AND number <= ?3";
        let mut delete = connection.prepare_cached(sql)?;
        delete.execute((key.0, key.1, number(*goes)))?;
    }
    Ok(())
}

pub fn prune_arrivals(group: &mut Group<'_>, before: Timestamp, at_most: usize) -> Result<usize> {
    let sql = include_str!("../../sql/prune_arrivals.sql");
    let mut delete = group.connection.prepare_cached(sql)?;
    Ok(delete.execute((before.as_millis(), number(at_most as u64)))?)
}
