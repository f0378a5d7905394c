//! Events, by id and in lists.

use std::sync::Arc;

use posthaste::{clock::Timestamp, event::TenantId, id::EventId};
use posthaste_store::{
    Page,
    query::{EventQuery, Stretch},
    record::{EventSummary, StoredEvent},
};
use rusqlite::{Connection, OptionalExtension};

use super::{
    Moment,
    deliveries::places,
    page::{Found, Range, page},
};
use crate::{
    event_row,
    fault::{Fault, Result},
    row::{self, Columns, number},
    tenant,
};

pub fn event(moment: &Moment<'_>, tenant: &TenantId, id: EventId) -> Result<Option<StoredEvent>> {
    let connection = moment.disk()?;
    if tenant::find(connection, tenant)?.is_none() {
        return Ok(None);
    }
    let stored = stored(connection, id)?;
    Ok(stored.filter(|stored| stored.event.tenant == *tenant))
}

/// What was published under a key that has not expired.
pub fn body_of_key(
    connection: &Connection,
    tenant: &TenantId,
    key: [u8; 32],
    now: Timestamp,
) -> Result<Option<[u8; 32]>> {
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(None);
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/body_of_key.sql"))?;
    let body = query.query_row((number(tenant), key, now.as_millis()), |row| row.get(0));
    Ok(body.optional()?)
}

/// An event of any tenant.
pub fn stored(connection: &Connection, id: EventId) -> Result<Option<StoredEvent>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/event.sql"))?;
    let mut rows = query.query([number(id.as_u64())])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let event = event_row::read(connection, row, 0)?;
    let subscriptions = row::unpack(row.get_ref(6)?.as_blob()?)?;
    Ok(Some(StoredEvent {
        event: Arc::new(event),
        subscriptions: subscriptions.into(),
    }))
}

pub fn events(
    moment: &Moment<'_>,
    tenant: &TenantId,
    query: &EventQuery,
    stretch: Stretch,
) -> Result<Page<EventSummary>> {
    let range = Range::new(query.since, query.until, stretch);
    let (connection, list) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|no| (no, state.by_tenant.of(no, range.below))))
    })?;
    let (tenant, tail) = list.unwrap_or_default();
    let id = |event: &EventSummary| event.id.as_u64();
    let wants = |event: &EventSummary| query.wants(event);
    page(range, stretch.limit, id, wants, |below, at_most| {
        let places = places(connection, tenant, &tail, below, at_most)?;
        let mut items = Vec::with_capacity(places.items.len());
        for &place in &places.items {
            items.extend(summary(connection, tenant, place)?);
        }
        let floor = places.floor;
        Ok(Found { items, floor })
    })
}

/// Payload bytes that one page reads, roughly.
const PAGE_BYTES: usize = if cfg!(test) { 64 } else { 4 << 20 };

/// Oldest first.
pub fn events_between(
    moment: &Moment<'_>,
    tenant: &TenantId,
    (after, until): (EventId, EventId),
    at_most: usize,
) -> Result<Page<StoredEvent>> {
    let (after, until) = (after.as_u64(), until.as_u64());
    let (connection, list) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|no| (no, state.by_tenant.of(no, until))))
    })?;
    let Some((no, tail)) = list else {
        let (items, next) = (Vec::new(), None);
        return Ok(Page { items, next });
    };
    let places = places_between(connection, no, &tail, (after, until), at_most)?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    for &place in &places {
        // A place may hold deliveries alone.
        let found = sound(connection, EventId::from_u64(place))?;
        let found = found.filter(|stored| stored.event.tenant == *tenant);
        bytes += found.as_ref().map_or(0, |stored| stored.event.data.len());
        items.extend(found);
        if bytes >= PAGE_BYTES {
            let next = Some(place);
            return Ok(Page { items, next });
        }
    }
    let next = places.last().filter(|_| places.len() >= at_most).copied();
    Ok(Page { items, next })
}

/// In the order asked for.
pub fn events_of(
    moment: &Moment<'_>,
    tenant: &TenantId,
    ids: &[EventId],
) -> Result<Page<StoredEvent>> {
    let connection = moment.disk()?;
    let there = tenant::find(connection, tenant)?.is_some();
    let (mut items, mut bytes) = (Vec::new(), 0);
    for (place, &id) in (1..).zip(ids.iter().filter(|_| there)) {
        let found = sound(connection, id)?;
        let found = found.filter(|stored| stored.event.tenant == *tenant);
        bytes += found.as_ref().map_or(0, |stored| stored.event.data.len());
        items.extend(found);
        if bytes >= PAGE_BYTES && place < ids.len() {
            let next = Some(place as u64);
            return Ok(Page { items, next });
        }
    }
    Ok(Page { items, next: None })
}

/// An event of any tenant, unless it is not what was written: whoever reads many goes on with the
/// others. What of it waits ends as corrupt.
fn sound(connection: &Connection, id: EventId) -> Result<Option<StoredEvent>> {
    match stored(connection, id) {
        Err(Fault::Corrupt(why)) => {
            tracing::error!(why, "row is corrupt");
            Ok(None)
        }
        found => found,
    }
}

/// Where a tenant has events or deliveries, oldest first.
pub fn places_between(
    connection: &Connection,
    tenant: u64,
    in_memory: &[u64],
    (after, until): (u64, u64),
    at_most: usize,
) -> Result<Vec<u64>> {
    let sql = include_str!("../../sql/by_tenant_after.sql");
    let mut query = connection.prepare_cached(sql)?;
    let key = (
        number(tenant),
        number(after),
        number(until),
        number(at_most as u64),
    );
    let mut rows = query.query(key)?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        places.push(row.number(0)?);
    }
    places.extend(in_memory.iter().filter(|&&place| place > after));
    places.sort_unstable();
    places.dedup();
    places.truncate(at_most);
    Ok(places)
}

/// A place may hold deliveries alone.
fn summary(connection: &Connection, tenant: u64, place: u64) -> Result<Option<EventSummary>> {
    let sql = include_str!("../../sql/event_summary.sql");
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query((number(place), number(tenant)))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(EventSummary {
        id: row.event_id(0)?,
        event_type: row.event_type(1)?,
        details: row.details(2)?,
        deliveries: row.get(3)?,
    }))
}
