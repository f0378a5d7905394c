//! Replays, by id and in lists.

use posthaste::{event::TenantId, id::ReplayId};
use posthaste_store::{Page, query::Stretch, replay::Replay};
use rusqlite::{Connection, Params};

use super::Moment;
use crate::{
    fault::Result,
    replay_row::{REPLAYS, read},
    row::number,
};

pub fn replay(moment: &Moment<'_>, tenant: &TenantId, id: ReplayId) -> Result<Option<Replay>> {
    let sql = format!("{REPLAYS} WHERE r.id = ?1 AND t.id = ?2");
    let found = all(moment.disk()?, &sql, (number(id.as_u64()), tenant.as_str()))?;
    Ok(found.into_iter().next())
}

/// Newest first.
pub fn replays(moment: &Moment<'_>, tenant: &TenantId, stretch: Stretch) -> Result<Page<Replay>> {
    let sql = format!("{REPLAYS} WHERE t.id = ?1 AND r.id < ?2 ORDER BY r.id DESC LIMIT ?3");
    let below = number(stretch.before.unwrap_or(u64::MAX));
    let one_more = number(stretch.limit as u64 + 1);
    let mut items = all(moment.disk()?, &sql, (tenant.as_str(), below, one_more))?;
    let more = items.len() > stretch.limit;
    items.truncate(stretch.limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|replay| replay.id.as_u64());
    Ok(Page { items, next })
}

pub fn running_replays(moment: &Moment<'_>) -> Result<Vec<Replay>> {
    let sql = format!("{REPLAYS} WHERE r.status = 0 ORDER BY r.id");
    all(moment.disk()?, &sql, ())
}

fn all(connection: &Connection, sql: &str, key: impl Params) -> Result<Vec<Replay>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(key)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}
