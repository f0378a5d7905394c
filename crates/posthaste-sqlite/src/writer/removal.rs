//! Removing a deleted tenant: all that it has goes, whatever its state, a little with each call.
//!
//! A call begins with what is left, so that a crash between any two goes on where it was. Places go
//! from the newest to the oldest: an event goes after its deliveries, so that none is ever found
//! without its event. What a lazily fed index may still lack is not fed to it any more. Nothing is
//! written for a tenant that is deleted, so that what is gone stays gone.

use posthaste::{clock::Timestamp, event::TenantId, id::DeliveryId};
use rusqlite::{Connection, OptionalExtension};

use super::{group::Group, keeping::keep_newest};
use crate::{
    fault::Result,
    meta::{self, NEWEST_TENANT},
    row::{Columns, number},
    tail::Entry,
    tenant,
};

/// The end of all ids.
const END: u64 = u64::MAX >> 1;
/// Ids in a place.
const PLACE: u64 = 1024;
/// Payload bytes that weigh as much as one row: what is deleted is walked through, page by page.
const BYTES_OF_A_ROW: u32 = 16 * 1024;

/// Requests that came to inboxes may be large.
const ROWS_OF_A_REQUEST: usize = 16;

/// All else that carries a tenant's number, each by an index that begins with it.
const TABLES: &[&str] = &[
    "DELETE FROM idempotency WHERE tenant = ?1
        AND key IN (SELECT key FROM idempotency WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM event_types WHERE tenant = ?1
        AND name IN (SELECT name FROM event_types WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM replays WHERE id IN (SELECT id FROM replays WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM passes WHERE digest IN (SELECT digest FROM passes WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM backlog WHERE tenant = ?1
        AND subscription IN (SELECT subscription FROM backlog WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM inboxes WHERE id IN (SELECT id FROM inboxes WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM rollups WHERE tenant = ?1 AND (subscription, level, at) IN
        (SELECT subscription, level, at FROM rollups WHERE tenant = ?1 LIMIT ?2)",
];

pub fn delete_tenant(group: &mut Group<'_>, tenant: &TenantId, now: Timestamp) -> Result<()> {
    let no = group.tenants.number(group.connection, tenant)?;
    let sql = "UPDATE tenants SET deleted_at = ?2 WHERE no = ?1";
    let mut update = group.connection.prepare_cached(sql)?;
    update.execute((number(no), now.as_millis()))?;
    group.tenants.forget(tenant);
    Ok(())
}

/// Says whether something may be left.
pub fn remove_tenant(group: &mut Group<'_>, tenant: &TenantId, at_most: usize) -> Result<bool> {
    let Some(no) = tenant::find_deleted(group.connection, tenant)? else {
        return Ok(false);
    };
    keep_newest(group.connection)?;
    let state = group.live.read();
    let tails = [&state.by_subscription, &state.by_tenant];
    let unfed_from = tails.map(|tail| tail.lowest().unwrap_or(END));
    drop(state);
    let mut removal = Removal {
        group,
        tenant: no,
        unfed_from,
        left: at_most.max(1),
    };
    removal.places()?;
    removal.subscriptions()?;
    removal.arrivals()?;
    for sql in TABLES {
        removal.rows(sql)?;
    }
    if removal.left == 0 {
        return Ok(true);
    }
    removal.tenant()?;
    Ok(false)
}

/// One call.
struct Removal<'a, 'g> {
    group: &'a mut Group<'g>,
    tenant: u64,
    /// The smallest ids that the indexes by subscription and by tenant may lack.
    unfed_from: [u64; 2],
    /// Rows that may still go.
    left: usize,
}

impl Removal<'_, '_> {
    fn went(&mut self, rows: usize) {
        self.left = self.left.saturating_sub(rows);
    }

    fn places(&mut self) -> Result<()> {
        for place in self.newest_places()? {
            if self.left == 0 {
                break;
            }
            self.place(place)?;
        }
        Ok(())
    }

    /// As many as may go, on disk or not yet.
    fn newest_places(&self) -> Result<Vec<u64>> {
        let sql = include_str!("../../sql/by_tenant.sql");
        let key = (number(self.tenant), number(END), number(self.left as u64));
        let mut places = numbers(self.group.connection, sql, key)?;
        places.extend(self.group.live.read().by_tenant.of(self.tenant, END));
        places.sort_unstable_by(|one, two| two.cmp(one));
        places.dedup();
        Ok(places)
    }

    /// The place itself goes when it is empty.
    fn place(&mut self, place: u64) -> Result<()> {
        self.deliveries(place)?;
        if self.left == 0 {
            return Ok(());
        }
        let ids = DeliveryId::from_u64(place)..DeliveryId::from_u64(place + PLACE);
        let state = self.group.live.read();
        let implied = state.implied.range(ids);
        let unowed = implied.map(|(&id, implied)| (id, implied.event));
        self.group.changes.unowed.extend(unowed);
        drop(state);
        let bytes = self.event(place)?;
        let sql = "DELETE FROM places_by_tenant WHERE tenant = ?1 AND place = ?2";
        let mut delete = self.group.connection.prepare_cached(sql)?;
        delete.execute((number(self.tenant), number(place)))?;
        self.unfed(1, (self.tenant, place));
        self.went(1 + (bytes / BYTES_OF_A_ROW) as usize);
        Ok(())
    }

    /// Says how many bytes its payload had.
    fn event(&self, id: u64) -> Result<u32> {
        let connection = self.group.connection;
        let sql = "SELECT octet_length(data) FROM events WHERE id = ?1";
        let mut query = connection.prepare_cached(sql)?;
        let bytes = query.query_row([number(id)], |row| row.get(0)).optional()?;
        let mut delete = connection.prepare_cached("DELETE FROM events WHERE id = ?1")?;
        delete.execute([number(id)])?;
        Ok(bytes.unwrap_or(0))
    }

    /// Deliveries in a place, with their attempts.
    fn deliveries(&mut self, place: u64) -> Result<()> {
        let connection = self.group.connection;
        let mut attempts = connection.prepare_cached("DELETE FROM attempts WHERE delivery = ?1")?;
        let sql =
            "DELETE FROM deliveries_by_subscription WHERE subscription = ?1 AND delivery = ?2";
        let mut entry = connection.prepare_cached(sql)?;
        let mut delivery = connection.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?;
        for (subscription, id) in in_place(connection, place, self.left)? {
            self.group.taken.give_back(id);
            let id = number(id.as_u64());
            let more = attempts.execute([id])?;
            entry.execute((number(subscription), id))?;
            delivery.execute([id])?;
            self.unfed(0, (subscription, id.unsigned_abs()));
            self.went(1 + more);
        }
        Ok(())
    }

    /// An entry is gone of the index by subscription (0) or by tenant (1), which may lack it yet.
    fn unfed(&mut self, index: usize, entry: Entry) {
        if entry.1 >= self.unfed_from[index] {
            self.group.changes.gone[index].insert(entry);
        }
    }

    /// With what the index by subscription has of them.
    fn subscriptions(&mut self) -> Result<()> {
        let connection = self.group.connection;
        let sql = "SELECT id FROM subscriptions WHERE tenant = ?1 LIMIT ?2";
        let key = (number(self.tenant), number(self.left as u64));
        let ids = numbers(connection, sql, key)?;
        for id in ids {
            self.rows_of(
                id,
                "DELETE FROM deliveries_by_subscription WHERE subscription = ?1
                AND delivery IN (SELECT delivery FROM deliveries_by_subscription
                    WHERE subscription = ?1 LIMIT ?2)",
            )?;
            if self.left == 0 {
                break;
            }
            for sql in [
                "DELETE FROM subscription_health WHERE subscription = ?1",
                "DELETE FROM subscriptions WHERE id = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([number(id)])?;
            }
            self.went(1);
        }
        Ok(())
    }

    fn arrivals(&mut self) -> Result<()> {
        let sql =
            "DELETE FROM arrivals WHERE id IN (SELECT id FROM arrivals WHERE tenant = ?1 LIMIT ?2)";
        let mut delete = self.group.connection.prepare_cached(sql)?;
        while self.left > 0 {
            let some = self.left.div_ceil(ROWS_OF_A_REQUEST);
            match delete.execute((number(self.tenant), number(some as u64)))? {
                0 => break,
                gone => self.went(gone * ROWS_OF_A_REQUEST),
            }
        }
        Ok(())
    }

    fn rows(&mut self, sql: &str) -> Result<()> {
        self.rows_of(self.tenant, sql)
    }

    /// Deletes up to as many rows of an owner as may still go.
    fn rows_of(&mut self, owner: u64, sql: &str) -> Result<()> {
        if self.left > 0 {
            let mut delete = self.group.connection.prepare_cached(sql)?;
            let gone = delete.execute((number(owner), number(self.left as u64)))?;
            self.went(gone);
        }
        Ok(())
    }

    /// Nothing else is left.
    fn tenant(&self) -> Result<()> {
        let (connection, no) = (self.group.connection, self.tenant);
        let newest = meta::number(connection, NEWEST_TENANT)?.unwrap_or(0);
        meta::set(connection, NEWEST_TENANT, number(newest.max(no)))?;
        let mut delete = connection.prepare_cached("DELETE FROM tenants WHERE no = ?1")?;
        delete.execute([number(no)])?;
        Ok(())
    }
}

/// Deliveries of a place, each behind its subscription.
fn in_place(connection: &Connection, place: u64, at_most: usize) -> Result<Vec<(u64, DeliveryId)>> {
    let sql = include_str!("../../sql/deliveries_in_place.sql");
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query((number(place), number(at_most as u64)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.number(1)?, row.delivery_id(0)?));
    }
    Ok(found)
}

fn numbers(connection: &Connection, sql: &str, key: impl rusqlite::Params) -> Result<Vec<u64>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(key)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row.number(0)?);
    }
    Ok(found)
}
