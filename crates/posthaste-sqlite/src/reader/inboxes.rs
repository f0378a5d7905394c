//! Inboxes, and what came to them.

use posthaste::{event::TenantId, id::InboxId};
use posthaste_store::{
    Page,
    inbox::{Inbox, InboxRequest},
    query::Stretch,
};

use super::{Moment, configuration::all};
use crate::{fault::Result, inbox_row, row::number, tenant, vault::Opener};

pub fn inboxes(moment: &Moment<'_>) -> Result<Vec<Inbox>> {
    let connection = moment.disk()?;
    let mut opener = Opener::new(moment.vault, connection);
    let sql = include_str!("../../sql/inboxes.sql");
    all(connection, sql, |row| inbox_row::read(row, &mut opener))
}

/// Newest first.
pub fn inbox_requests(
    moment: &Moment<'_>,
    tenant: &TenantId,
    inbox: InboxId,
    stretch: Stretch,
) -> Result<Page<InboxRequest>> {
    let sql = include_str!("../../sql/arrivals.sql");
    let below = stretch.before.unwrap_or(u64::MAX);
    let mut items = some(moment, tenant, inbox, sql, (below, stretch.limit + 1))?;
    let more = items.len() > stretch.limit;
    items.truncate(stretch.limit);
    let next = items.last().filter(|_| more).map(|last| last.number);
    Ok(Page { items, next })
}

/// Oldest first.
pub fn inbox_requests_after(
    moment: &Moment<'_>,
    tenant: &TenantId,
    inbox: InboxId,
    after: u64,
    at_most: usize,
) -> Result<Vec<InboxRequest>> {
    let sql = include_str!("../../sql/arrivals_after.sql");
    some(moment, tenant, inbox, sql, (after, at_most))
}

fn some(
    moment: &Moment<'_>,
    of: &TenantId,
    inbox: InboxId,
    sql: &str,
    (from, at_most): (u64, usize),
) -> Result<Vec<InboxRequest>> {
    let connection = moment.disk()?;
    let Some(no) = tenant::find(connection, of)? else {
        return Ok(Vec::new());
    };
    let mut opener = Opener::new(moment.vault, connection);
    let mut query = connection.prepare_cached(sql)?;
    let (id, at_most) = (number(inbox.as_u64()), number(at_most as u64));
    let mut rows = query.query((number(no), id, number(from), at_most))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(inbox_row::request(row, (of, no), inbox, &mut opener)?);
    }
    Ok(found)
}
