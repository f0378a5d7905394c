//! Taking parked deliveries: rows stay as they are, memory remembers who is in whose hands.

use std::{collections::HashMap, sync::Arc};

use posthaste::{
    clock::Timestamp,
    delivery::Tries,
    event::Event,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_store::{Page, record::Waiting};
use rusqlite::OptionalExtension;

use super::group::Group;
use crate::{
    event_row,
    fault::{Fault, Result},
    row::{Coded, Columns, number},
};

const PARKED: &str = include_str!("../../sql/parked.sql");

pub fn take_due(group: &mut Group<'_>, now: Timestamp, at_most: usize) -> Result<Page<Waiting>> {
    let sql = include_str!("../../sql/take_due.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let (due_at, id) = group.taken.due();
    let mut rows = query.query((due_at, number(id)))?;
    let mut ids = Vec::new();
    let mut next = None;
    while let Some(row) = rows.next()? {
        let (due_at, id): (i64, DeliveryId) = (row.get(0)?, row.delivery_id(1)?);
        if group.taken.contains(id) {
            continue;
        }
        if ids.len() == at_most || due_at > now.as_millis() {
            next = Some((due_at, id.as_u64()));
            break;
        }
        ids.push(id);
    }
    // With nothing left, all that is in the index is taken.
    group.taken.due_taken_to(next.unwrap_or((i64::MAX, 0)));
    let next = next.map(|(due_at, _)| u64::try_from(due_at).unwrap_or(0));
    take(group, &ids, next)
}

pub fn take_shelved(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    at_most: usize,
) -> Result<Page<Waiting>> {
    let mut query = group.connection.prepare_cached(PARKED)?;
    let from = group.taken.shelf(subscription);
    let mut rows = query.query((number(subscription.as_u64()), true, number(from)))?;
    let mut ids = Vec::new();
    let mut next = None;
    while let Some(row) = rows.next()? {
        let id = row.delivery_id(0)?;
        if group.taken.contains(id) {
            continue;
        }
        if ids.len() == at_most {
            next = Some(id.as_u64());
            break;
        }
        ids.push(id);
    }
    let shelf = next.unwrap_or(u64::MAX >> 1);
    group.taken.shelf_taken_to(subscription, shelf);
    take(group, &ids, next)
}

/// Subscriptions with a shelved delivery that nobody has taken.
pub fn shelved(group: &mut Group<'_>) -> Result<Vec<SubscriptionId>> {
    let sql = include_str!("../../sql/shelved.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let mut shelved = Vec::new();
    let mut last = -1_i64;
    while let Some(subscription) = query.query_row([last], |row| row.get(0)).optional()? {
        last = subscription;
        let id = SubscriptionId::from_u64(u64::try_from(subscription).unwrap_or(0));
        let shelf = number(group.taken.shelf(id));
        if !free(group, id, true, shelf, 1)?.is_empty() {
            shelved.push(id);
        }
    }
    Ok(shelved)
}

/// Parked deliveries of a subscription that nobody has taken, shelved or due.
pub fn free(
    group: &Group<'_>,
    subscription: SubscriptionId,
    shelved: bool,
    from: i64,
    at_most: usize,
) -> Result<Vec<DeliveryId>> {
    let mut query = group.connection.prepare_cached(PARKED)?;
    let mut rows = query.query((number(subscription.as_u64()), shelved, from))?;
    let mut ids = Vec::new();
    while ids.len() < at_most
        && let Some(row) = rows.next()?
    {
        let id = row.delivery_id(0)?;
        if !group.taken.contains(id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn take(group: &mut Group<'_>, ids: &[DeliveryId], next: Option<u64>) -> Result<Page<Waiting>> {
    let mut events = HashMap::new();
    let mut items = Vec::with_capacity(ids.len());
    for &id in ids {
        group.taken.take(id);
        match waiting(group, id, &mut events) {
            Ok(waiting) => items.push(waiting),
            // It stays where it is, in nobody's hands, and keeps no other from leaving.
            Err(Fault::Corrupt(why)) => tracing::error!(delivery = %id, why, "row is corrupt"),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Page { items, next })
}

/// A row with its event; deliveries of one event share it.
fn waiting(
    group: &Group<'_>,
    id: DeliveryId,
    events: &mut HashMap<EventId, Arc<Event>>,
) -> Result<Waiting> {
    let sql = include_str!("../../sql/waiting.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let mut rows = query.query([number(id.as_u64())])?;
    let Some(row) = rows.next()? else {
        return Err(Fault::Corrupt(format!("{id} has no event")));
    };
    let event_id = row.event_id(6)?;
    let event = match events.get(&event_id) {
        Some(event) => event.clone(),
        None => Arc::new(event_row::read(group.connection, row, 6)?),
    };
    events.insert(event_id, event.clone());
    let format: Option<i64> = row.get(5)?;
    Ok(Waiting {
        id,
        subscription: row.subscription_id(0)?,
        event,
        origin: row.coded(1)?,
        tries: Tries {
            made: row.get(2)?,
            spent: row.get(3)?,
        },
        retry_at: row.time(4)?,
        format: format.map(Coded::decode).transpose()?,
    })
}
