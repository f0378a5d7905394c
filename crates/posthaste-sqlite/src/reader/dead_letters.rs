//! Dead letters by subscription and reason: counted where they stand, so that none is put together
//! as a delivery to be looked at and thrown away.

use posthaste::event::TenantId;
use posthaste_store::{dead_letter::DeadLetters, query::Stretch};

use super::Moment;
use crate::{
    fault::Result,
    row::{Columns, number},
    tenant,
};

pub fn dead_letters(
    moment: &Moment<'_>,
    tenant: &TenantId,
    stretch: Stretch,
) -> Result<DeadLetters> {
    let connection = moment.disk()?;
    let mut dead = DeadLetters::default();
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(dead);
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/dead_letters.sql"))?;
    let below = stretch.before.unwrap_or(u64::MAX >> 1);
    let limit = number(stretch.limit as u64 + 1);
    let key = (number(tenant), number(below), limit);
    let (mut rows, mut last) = (query.query(key)?, None);
    while let Some(row) = rows.next()? {
        if dead.counted == stretch.limit as u64 {
            dead.next = last;
            break;
        }
        let (id, to) = (row.delivery_id(0)?, row.subscription_id(1)?);
        dead.add(id, to, row.get_ref(2)?.as_str_or_null()?);
        last = Some(id.as_u64());
    }
    Ok(dead)
}
