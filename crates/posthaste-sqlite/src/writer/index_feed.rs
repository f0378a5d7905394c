//! Feeding the two lazy indexes in sorted slices, and the mark above which a crash has to look.
//!
//! There is one mark: below it every delivery has its row and both indexes have their entries.
//! An id is a good mark even though outcomes come out of order, because the ledger's mark stays
//! below every event that is still owed a row, and the tails know the smallest id that is not in
//! its index yet; the mark is the smaller of the two. What lies between it and the newest id is
//! read again when the store is opened, and entries that were there already do no harm.

use std::collections::HashSet;

use posthaste::id::EventId;
use rusqlite::Connection;

use super::Group;
use crate::{
    fault::Result,
    live::State,
    meta::{self, MARK},
    row::number,
    tail::Entry,
};

/// Entries that one commit feeds to each index; enough to keep up with what it adds.
const SLICE: usize = if cfg!(test) { 7 } else { 2000 };

/// A slice of each.
pub fn feed(group: &mut Group<'_>) -> Result<()> {
    let changes = &group.changes;
    let at_most = SLICE.max(changes.rowed.len()).max(changes.accepted.len());
    feed_up_to(group, at_most)
}

/// All there is: for a store that closes.
pub fn feed_all(group: &mut Group<'_>) -> Result<()> {
    {
        let mut state = group.live.write();
        state.by_subscription.sort_all();
        state.by_tenant.sort_all();
    }
    feed_up_to(group, usize::MAX)
}

fn feed_up_to(group: &mut Group<'_>, at_most: usize) -> Result<()> {
    if group.changes.fed != [0, 0] {
        return Ok(());
    }
    let state = group.live.read();
    let deliveries = state.by_subscription.slice(at_most);
    let places = state.by_tenant.slice(at_most);
    let sql = include_str!("../../sql/feed_by_subscription.sql");
    let gone = &group.changes.gone;
    insert(group.connection, sql, deliveries, &gone[0])?;
    let sql = include_str!("../../sql/feed_by_tenant.sql");
    insert(group.connection, sql, places, &gone[1])?;
    group.changes.fed = [deliveries.len(), places.len()];
    Ok(())
}

fn insert(
    connection: &Connection,
    sql: &str,
    entries: &[Entry],
    gone: &HashSet<Entry>,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(sql)?;
    for &(owner, id) in entries.iter().filter(|entry| !gone.contains(entry)) {
        insert.execute((number(owner), number(id)))?;
    }
    Ok(())
}

/// Writes the mark, as it stood before this transaction.
pub fn write_mark(group: &Group<'_>) -> Result<()> {
    let mark = mark(&group.live.read(), group.ledger.mark());
    let known: Option<u64> = meta::number(group.connection, MARK)?;
    if known != Some(mark.as_u64()) {
        meta::set(group.connection, MARK, number(mark.as_u64()))?;
    }
    Ok(())
}

fn mark(state: &State, settled: EventId) -> EventId {
    let lowest = [state.by_subscription.lowest(), state.by_tenant.lowest()];
    let below = lowest.into_iter().flatten().min();
    let indexed = below.map(|id| EventId::from_u64(id.saturating_sub(1)));
    indexed.map_or(settled, |indexed| settled.min(indexed))
}
