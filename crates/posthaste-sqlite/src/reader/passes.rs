//! Passes: one by the digest of its token, and a tenant's portal links in pages.

use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_store::{
    Page,
    pass::{Pass, PortalLink, TokenDigest},
    query::Stretch,
};
use rusqlite::Connection;

use super::Moment;
use crate::{fault::Result, pass_row, row::number, tenant};

pub fn pass(moment: &Moment<'_>, digest: TokenDigest, now: Timestamp) -> Result<Option<Pass>> {
    pass_on(moment.disk()?, digest, now)
}

pub fn pass_on(
    connection: &Connection,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<Pass>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/pass.sql"))?;
    let mut rows = query.query((digest, now.as_millis()))?;
    let read = |row| pass_row::read(row, digest);
    rows.next()?.map(read).transpose()
}

pub fn portal_links(
    moment: &Moment<'_>,
    of: &TenantId,
    now: Timestamp,
    stretch: Stretch,
) -> Result<Page<PortalLink>> {
    let connection = moment.disk()?;
    let mut page = Page {
        items: Vec::new(),
        next: None,
    };
    let Some(no) = tenant::find(connection, of)? else {
        return Ok(page);
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/portal_links.sql"))?;
    let below = stretch.before.map_or(i64::MAX, number);
    let one_more = number(stretch.limit as u64 + 1);
    let mut rows = query.query((number(no), below, now.as_millis(), one_more))?;
    while let Some(row) = rows.next()? {
        if page.items.len() == stretch.limit {
            page.next = page.items.last().map(|link: &PortalLink| link.id.as_u64());
            break;
        }
        page.items.push(pass_row::link(row)?);
    }
    Ok(page)
}
