//! What may be let go of. Finding it is left to those who read, so that the writer is asked only
//! for what there is to delete; it looks again before it does.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{DeliveryId, EventId, Place},
};
use posthaste_store::keeping::KeyHash;
use rusqlite::{Connection, OptionalExtension};

use super::Moment;
use crate::{
    fault::Result,
    live::State,
    row::{Columns, number, place_of},
    tail::Entry,
    tenant,
};

/// Payload bytes that weigh as much as one row: what is deleted is walked through, page by page.
const BYTES_OF_A_ROW: u32 = 16 * 1024;

/// A stretch of a tenant's old events.
#[derive(Debug)]
pub struct Old {
    pub age: Age,
    /// Those that nothing keeps, with the number of deliveries that they were accepted with.
    pub events: Vec<(EventId, u32)>,
    /// Where the stretch ends, if the list does not.
    pub next: Option<EventId>,
    /// There is more below this id, which the lazy indexes may not know yet.
    pub unindexed: Option<u64>,
    /// There may be tombstones that nothing names any more.
    pub tombstones: bool,
}

/// What is old enough.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    pub before: Timestamp,
    /// The mark, from before the moment in which it is looked.
    settled: EventId,
    /// The first place of which a lazy index may still lack something.
    indexed: u64,
}

impl Age {
    fn at(state: &State, before: Timestamp, settled: EventId) -> Self {
        let lowest = [state.by_subscription.lowest(), state.by_tenant.lowest()];
        let lowest = lowest.into_iter().flatten().min();
        Self {
            before,
            settled,
            indexed: lowest.map_or(u64::MAX >> 1, place_of),
        }
    }

    /// Above all events that are.
    fn until(&self) -> u64 {
        let before = EventId::at(Place::at(self.before, 0)).as_u64();
        before.min(self.settled.as_u64() + 1)
    }

    /// Whether a delivery was made after its event, and may not be settled for good.
    fn is_above(&self, event: EventId, fan_out: u32, id: DeliveryId) -> bool {
        id.place() > self.settled.place() && event.index_of(id, fan_out).is_none()
    }
}

pub fn old(
    moment: &Moment<'_>,
    tenant: &TenantId,
    (before, settled): (Timestamp, EventId),
    after: Option<EventId>,
    at_most: usize,
) -> Result<Old> {
    let (connection, age) = moment.begin(|_, state| Ok(Age::at(state, before, settled)))?;
    let mut old = Old {
        age,
        events: Vec::new(),
        next: None,
        unindexed: None,
        tombstones: false,
    };
    if let Some(tenant) = tenant::find(connection, tenant)? {
        old.look(connection, tenant, after, at_most)?;
    }
    Ok(old)
}

impl Old {
    pub fn is_nothing(&self) -> bool {
        self.events.is_empty() && self.unindexed.is_none() && !self.tombstones
    }

    fn look(
        &mut self,
        connection: &Connection,
        tenant: u64,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<()> {
        let after = after.unwrap_or(EventId::from_u64(0));
        let until = self.age.until();
        let range = (after.as_u64(), until.min(self.age.indexed));
        let places = places(connection, tenant, range, at_most)?;
        let last = self.events_of(connection, tenant, after, &places, at_most)?;
        if self.next.is_some() {
            return Ok(());
        }
        if self.age.indexed < until {
            (self.next, self.unindexed) = (Some(last), Some(until));
            return Ok(());
        }
        // What goes may be the last that named one.
        let before = self.age.before;
        self.tombstones = !self.events.is_empty() || has_tombstones(connection, tenant, before)?;
        Ok(())
    }

    /// Goes through places until it has looked at enough; the last of them.
    fn events_of(
        &mut self,
        connection: &Connection,
        tenant: u64,
        mut last: EventId,
        places: &[EventId],
        at_most: usize,
    ) -> Result<EventId> {
        let mut looked_at = 0;
        for &place in places {
            looked_at += 1;
            if let Some((fan_out, bytes)) = event_of(connection, tenant, place)? {
                let rows = rows_of(connection, &self.age, place, fan_out)?;
                if let Some(id) = rows.unindexed {
                    (self.next, self.unindexed) = (Some(last), Some(id.as_u64() + 1));
                    return Ok(last);
                }
                looked_at += rows.entries.len() + (bytes / BYTES_OF_A_ROW) as usize;
                self.events.extend((!rows.kept).then_some((place, fan_out)));
            }
            last = place;
            if looked_at >= at_most {
                self.next = Some(last);
                break;
            }
        }
        Ok(last)
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

/// An event's deliveries.
#[derive(Default)]
pub struct Rows {
    /// As the index by subscription has them.
    pub entries: Vec<Entry>,
    /// One of them keeps the event.
    pub kept: bool,
    /// None does, but a lazy index may still lack this one.
    pub unindexed: Option<DeliveryId>,
}

pub fn rows_of(connection: &Connection, age: &Age, event: EventId, fan_out: u32) -> Result<Rows> {
    let mut query = connection.prepare_cached(include_str!("../../sql/rows_of_event.sql"))?;
    let mut rows = query.query((number(event.as_u64()), age.before.as_millis()))?;
    let mut found = Rows::default();
    while let Some(row) = rows.next()? {
        let id = row.delivery_id(0)?;
        found.entries.push((row.number(1)?, id.as_u64()));
        found.kept |= row.get::<_, bool>(2)? || age.is_above(event, fan_out, id);
        if id.as_u64() >= age.indexed {
            found.unindexed = Some(id);
        }
    }
    found.unindexed = found.unindexed.filter(|_| !found.kept);
    Ok(found)
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
