//! What may be let go of. Finding it is left to those who read, so that the writer is asked only
//! for what there is to delete; it looks again before it does.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{EventId, Place},
};
use posthaste_store::keeping::KeyHash;
use rusqlite::{Connection, OptionalExtension};

use super::Moment;
use crate::{
    fault::Result,
    live::State,
    row::{Columns, number},
    tenant,
};

/// Payload bytes that weigh as much as one row: what is deleted is walked through, page by page.
const BYTES_OF_A_ROW: u32 = 16 * 1024;

/// A stretch of a tenant's old events.
#[derive(Debug, Default)]
pub struct Old {
    /// Those that nothing keeps, with the number of deliveries that they were accepted with.
    pub events: Vec<(EventId, u32)>,
    /// Every id that is looked at is below it.
    pub indexed: u64,
    /// The last that was looked at.
    last: Option<EventId>,
    /// Where the stretch ends, if the list does not.
    pub next: Option<EventId>,
    /// There are more below this id, and the lazy indexes may not know them yet.
    pub unindexed: Option<u64>,
    /// There are tombstones that the index by subscription does not name.
    pub tombstones: bool,
}

impl Old {
    /// Where to look next when the indexes know more.
    pub fn looked_to(&self, after: Option<EventId>) -> EventId {
        let last = self.last.or(after);
        last.unwrap_or(EventId::from_u64(0))
    }

    pub fn is_nothing(&self) -> bool {
        self.events.is_empty() && self.unindexed.is_none() && !self.tombstones
    }
}

/// The smallest id that a lazy index may still lack.
pub fn indexed_below(state: &State) -> u64 {
    let lowest = [state.by_subscription.lowest(), state.by_tenant.lowest()];
    let lowest = lowest.into_iter().flatten().min();
    lowest.unwrap_or(u64::MAX >> 1)
}

/// `settled`: the mark, from before this moment.
pub fn old(
    moment: &Moment<'_>,
    tenant: &TenantId,
    before: Timestamp,
    after: Option<EventId>,
    settled: EventId,
    at_most: usize,
) -> Result<Old> {
    let (connection, indexed) = moment.begin(|_, state| Ok(indexed_below(state)))?;
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(Old::default());
    };
    let until = EventId::at(Place::at(before, 0)).as_u64();
    let until = until.min(settled.as_u64() + 1);
    let mut old = Old {
        indexed,
        unindexed: (indexed < until).then_some(until),
        ..Old::default()
    };
    let after = after.map_or(0, EventId::as_u64);
    let places = places(connection, tenant, (after, until.min(indexed)), at_most)?;
    old.events_of(connection, tenant, before, &places, at_most)?;
    if old.next.is_none() && old.unindexed.is_none() {
        old.tombstones = has_tombstones(connection, tenant, before)?;
    }
    Ok(old)
}

impl Old {
    fn events_of(
        &mut self,
        connection: &Connection,
        tenant: u64,
        before: Timestamp,
        places: &[EventId],
        at_most: usize,
    ) -> Result<()> {
        let mut looked_at = 0;
        for &event in places {
            looked_at += 1;
            self.last = Some(event);
            if let Some((fan_out, bytes)) = event_of(connection, tenant, event)? {
                let (rows, kept) = rows_of(connection, event, before, self.indexed)?;
                looked_at += rows + (bytes / BYTES_OF_A_ROW) as usize;
                if !kept {
                    self.events.push((event, fan_out));
                }
            }
            if looked_at >= at_most {
                self.next = Some(event);
                return Ok(());
            }
        }
        Ok(())
    }
}

fn places(
    connection: &Connection,
    tenant: u64,
    (after, until): (u64, u64),
    at_most: usize,
) -> Result<Vec<EventId>> {
    let sql = include_str!("../../sql/by_tenant_after.sql");
    let mut query = connection.prepare_cached(sql)?;
    let limit = number(at_most as u64);
    let mut rows = query.query((number(tenant), number(after), number(until), limit))?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        places.push(row.event_id(0)?);
    }
    Ok(places)
}

/// A place may hold deliveries alone. The pages of `data` are not touched.
fn event_of(connection: &Connection, tenant: u64, event: EventId) -> Result<Option<(u32, u32)>> {
    let sql =
        "SELECT length(subs) / 8, octet_length(data) FROM events WHERE id = ?1 AND tenant = ?2";
    let mut query = connection.prepare_cached(sql)?;
    let key = (number(event.as_u64()), number(tenant));
    let found = query.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// How many deliveries an event has, and whether one of them keeps it.
fn rows_of(
    connection: &Connection,
    event: EventId,
    before: Timestamp,
    indexed: u64,
) -> Result<(usize, bool)> {
    let mut query = connection.prepare_cached(include_str!("../../sql/rows_of_event.sql"))?;
    let key = (number(event.as_u64()), before.as_millis(), number(indexed));
    let mut rows = query.query(key)?;
    let (mut count, mut kept) = (0, false);
    while let Some(row) = rows.next()? {
        count += 1;
        kept |= row.get::<_, bool>(2)?;
    }
    Ok((count, kept))
}

fn has_tombstones(connection: &Connection, tenant: u64, before: Timestamp) -> Result<bool> {
    let sql = include_str!("../../sql/unnamed_tombstones.sql");
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.exists((number(tenant), before.as_millis()))?)
}

/// Of a stretch of a tenant's idempotency keys, those past their time.
#[derive(Debug, Default)]
pub struct OldKeys {
    pub keys: Vec<KeyHash>,
    /// Where the stretch ends, if the list does not.
    pub next: Option<KeyHash>,
}

pub fn old_keys(
    moment: &Moment<'_>,
    tenant: &TenantId,
    now: Timestamp,
    after: Option<KeyHash>,
    at_most: usize,
) -> Result<OldKeys> {
    let connection = moment.disk()?;
    let (mut keys, mut last, mut count) = (Vec::new(), None, 0);
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(OldKeys::default());
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/keys_after.sql"))?;
    let after = after.as_ref().map_or(&[][..], |after| after);
    let mut rows = query.query((number(tenant), after, number(at_most as u64)))?;
    while let Some(row) = rows.next()? {
        let key: KeyHash = row.get(0)?;
        if row.get::<_, i64>(1)? <= now.as_millis() {
            keys.push(key);
        }
        (last, count) = (Some(key), count + 1);
    }
    let next = last.filter(|_| count >= at_most);
    Ok(OldKeys { keys, next })
}
