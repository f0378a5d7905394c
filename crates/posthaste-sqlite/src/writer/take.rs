//! Taking parked deliveries: rows stay as they are, memory remembers who is in whose hands.

use std::collections::HashSet;

use posthaste::{
    clock::Timestamp,
    event::Line,
    id::{DeliveryId, SubscriptionId},
};
use posthaste_store::{Page, record::Waiting};
use rusqlite::OptionalExtension;

use super::{group::Group, hand::Hand};
use crate::{
    fault::Result,
    row::{Columns, number},
};

/// Entries of a shelf that one call looks at, so that lines which are passed over hold up nobody.
const STRETCH: usize = if cfg!(test) { 8 } else { 20_000 };

const PARKED: &str = include_str!("../../sql/parked.sql");

pub fn take_due(group: &mut Group<'_>, now: Timestamp, at_most: usize) -> Result<Page<Waiting>> {
    let connection = group.connection;
    let mut query = connection.prepare_cached(include_str!("../../sql/take_due.sql"))?;
    let (due_at, id) = group.taken.due();
    let mut rows = query.query((due_at, number(id)))?;
    let mut hand = Hand::of(group, at_most);
    let mut next = None;
    while let Some(row) = rows.next()? {
        let (due_at, id): (i64, DeliveryId) = (row.get(0)?, row.delivery_id(1)?);
        if hand.group.taken.contains(id) {
            continue;
        }
        if hand.is_full() || due_at > now.as_millis() {
            next = Some((due_at, id.as_u64()));
            break;
        }
        hand.take(id)?;
    }
    // With nothing left, all that is in the index is taken.
    let frontier = next.unwrap_or((i64::MAX, 0));
    hand.group.taken.due_taken_to(frontier);
    Ok(hand.page(next.map(|(due_at, _)| u64::try_from(due_at).unwrap_or(0))))
}

pub fn take_shelved(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    at_most: usize,
) -> Result<Page<Waiting>> {
    let connection = group.connection;
    let mut query = connection.prepare_cached(PARKED)?;
    let from = group.taken.shelf(subscription);
    let mut rows = query.query((number(subscription.as_u64()), true, number(from)))?;
    let mut hand = Hand::of(group, at_most);
    let next = hand.fill(&mut rows)?;
    let frontier = next.unwrap_or(u64::MAX >> 1);
    hand.group.taken.shelf_taken_to(subscription, frontier);
    Ok(hand.page(next))
}

/// The frontier stays: what is passed over may lie right behind it.
pub fn take_shelved_after(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    after: Option<DeliveryId>,
    except: &HashSet<Line>,
    at_most: usize,
) -> Result<Page<Waiting>> {
    let connection = group.connection;
    let mut query = connection.prepare_cached(PARKED)?;
    let mut last = after.map_or(0, DeliveryId::as_u64);
    let from = group.taken.shelf(subscription).max(last + 1);
    let mut rows = query.query((number(subscription.as_u64()), true, number(from)))?;
    let mut hand = Hand::of(group, at_most);
    let mut left = STRETCH;
    while let Some(row) = rows.next()? {
        if hand.is_full() || left == 0 {
            return Ok(hand.page(Some(last)));
        }
        left -= 1;
        let id = row.delivery_id(0)?;
        last = id.as_u64();
        let line = row.optional_number(1)?.map(Line::from_u64);
        let wanted = line.is_none_or(|line| !except.contains(&line));
        if wanted && !hand.group.taken.contains(id) {
            hand.take(id)?;
        }
    }
    Ok(hand.page(None))
}

pub fn take_line(
    group: &mut Group<'_>,
    subscription: SubscriptionId,
    line: Line,
    at_most: usize,
) -> Result<Page<Waiting>> {
    let connection = group.connection;
    let mut query = connection.prepare_cached(include_str!("../../sql/line.sql"))?;
    let from = number(group.taken.shelf(subscription));
    let key = (number(subscription.as_u64()), number(line.as_u64()), from);
    let mut rows = query.query(key)?;
    let mut hand = Hand::of(group, at_most);
    let next = hand.fill(&mut rows)?;
    Ok(hand.page(next))
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
