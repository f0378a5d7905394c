//! A delivery's attempts: the latest stands in its row, those before it beside it.

use posthaste::{event::TenantId, id::DeliveryId};
use posthaste_store::record::Attempt;
use rusqlite::Row;

use super::Moment;
use crate::{
    fault::Result,
    row::{Columns, number},
};

pub fn attempts(moment: &Moment<'_>, tenant: &TenantId, id: DeliveryId) -> Result<Vec<Attempt>> {
    let sql = include_str!("../../sql/attempts.sql");
    let mut query = moment.disk()?.prepare_cached(sql)?;
    let mut rows = query.query((number(id.as_u64()), tenant.as_str()))?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(read(row)?);
    }
    Ok(attempts)
}

/// The first columns of `attempts.sql`.
pub fn read(row: &Row<'_>) -> Result<Attempt> {
    let body: Vec<u8> = row.get(7)?;
    Ok(Attempt {
        number: row.get(0)?,
        started_at: row.time(1)?.unwrap_or_default(),
        latency_us: row.number(2)?,
        status_code: row.get(3)?,
        error: row.get(4)?,
        request_headers: row.get(5)?,
        response_headers: row.get(6)?,
        response_body: body.into(),
        link: row.link(8)?,
        timings: row.timings(9)?,
    })
}
