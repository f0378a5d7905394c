//! Deliveries with all that was tried, for those who check the log: oldest first, a place at a time.

use std::sync::Arc;

use posthaste::{
    event::{Event, TenantId},
    id::{DeliveryId, EventId, SLOTS},
};
use posthaste_store::{
    Page,
    record::{Attempt, History},
};
use rusqlite::{Connection, Row};

use super::{
    Moment, attempts,
    events::{places_between, stored},
};
use crate::{
    fault::{Fault, Result},
    row::{Columns, number, place_of},
    tenant,
};

/// Bytes of records and payloads that one page reads, roughly.
const PAGE_BYTES: usize = if cfg!(test) { 64 } else { 1 << 20 };

pub fn histories(
    moment: &Moment<'_>,
    tenant: &TenantId,
    (after, until): (DeliveryId, DeliveryId),
    at_most: usize,
) -> Result<Page<History>> {
    let (after, until) = (after.as_u64(), until.as_u64());
    let (connection, list) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|no| (no, state.by_tenant.of(no, until))))
    })?;
    let mut gathered = Gathered::of(connection, at_most);
    let Some((no, tail)) = list else {
        return Ok(gathered.page(None));
    };
    // The place that the page before ended in may hold more.
    let begin = (place_of(after).saturating_sub(1), until);
    let places = places_between(connection, no, &tail, begin, at_most + 1)?;
    for &place in &places {
        let slots = (place.max(after), place + u64::from(SLOTS), until);
        if let Some(last) = gathered.add(no, slots)? {
            return Ok(gathered.page(Some(last)));
        }
    }
    let last = places.last().filter(|_| places.len() > at_most);
    Ok(gathered.page(last.map(|place| place + u64::from(SLOTS))))
}

/// A page as it grows.
struct Gathered<'a> {
    connection: &'a Connection,
    items: Vec<History>,
    bytes: usize,
    at_most: usize,
    /// The latest event that was read: deliveries of one follow each other.
    event: Option<(EventId, Option<Arc<Event>>)>,
}

impl<'a> Gathered<'a> {
    fn of(connection: &'a Connection, at_most: usize) -> Self {
        Self {
            connection,
            items: Vec::new(),
            bytes: 0,
            at_most,
            event: None,
        }
    }

    fn page(self, next: Option<u64>) -> Page<History> {
        let items = self.items;
        Page { items, next }
    }

    /// Adds what a tenant has above one id, up to another and below a third; the last that it
    /// took, where it is full before their end.
    fn add(&mut self, tenant: u64, (after, to, until): (u64, u64, u64)) -> Result<Option<u64>> {
        let connection = self.connection;
        let mut query = connection.prepare_cached(include_str!("../../sql/histories.sql"))?;
        let range = (number(after), number(to), number(until), number(tenant));
        let mut rows = query.query(range)?;
        while let Some(row) = rows.next()? {
            if let Some(last) = self.full() {
                return Ok(Some(last));
            }
            let history = self.read(row)?;
            self.bytes += bytes(&history);
            self.items.push(history);
        }
        Ok(None)
    }

    /// The last that it took, where it takes no more.
    fn full(&self) -> Option<u64> {
        let last = self.items.last()?.id.as_u64();
        (self.items.len() >= self.at_most || self.bytes >= PAGE_BYTES).then_some(last)
    }

    fn read(&mut self, row: &Row<'_>) -> Result<History> {
        let (id, event_id) = (row.delivery_id(10)?, row.event_id(11)?);
        let number: Option<u32> = row.get(0)?;
        let mut attempts = self.earlier(id, number)?;
        if number.is_some() {
            attempts.push(attempts::read(row)?);
        }
        Ok(History {
            id,
            event_id,
            event: self.event(event_id)?,
            subscription: row.subscription_id(12)?,
            format: row.format(13)?,
            link: row.link(8)?,
            attempts,
        })
    }

    fn earlier(&self, id: DeliveryId, latest: Option<u32>) -> Result<Vec<Attempt>> {
        let sql = include_str!("../../sql/earlier_attempts.sql");
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query((number(id.as_u64()), latest))?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(attempts::read(row)?);
        }
        Ok(attempts)
    }

    fn event(&mut self, id: EventId) -> Result<Option<Arc<Event>>> {
        if let Some((_, event)) = self.event.as_ref().filter(|(known, _)| *known == id) {
            return Ok(event.clone());
        }
        let event = match stored(self.connection, id) {
            Ok(found) => found.map(|stored| stored.event),
            Err(Fault::Corrupt(_)) => None,
            Err(fault) => return Err(fault),
        };
        self.event = Some((id, event.clone()));
        Ok(event)
    }
}

fn bytes(history: &History) -> usize {
    let of_attempt = |attempt: &Attempt| {
        attempt.request_headers.len() + attempt.response_headers.len() + attempt.response_body.len()
    };
    let attempts: usize = history.attempts.iter().map(of_attempt).sum();
    attempts + history.event.as_ref().map_or(0, |event| event.data.len())
}
