//! Idempotency keys that a transaction uses up.

use std::collections::BTreeMap;

use posthaste_store::record::EventSummary;
use rusqlite::Connection;

use crate::{
    fault::Result,
    row::{self, number},
};

/// By tenant and the key's hash, which is the order of their index.
pub type Keys = BTreeMap<(u64, [u8; 32]), Used>;

/// An idempotency key and the event it made.
#[derive(Clone)]
pub struct Used {
    pub body: [u8; 32],
    pub first: EventSummary,
    /// Unix milliseconds.
    pub expires_at: i64,
}

pub fn write(connection: &Connection, keys: &Keys) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(include_str!("../../sql/use_key.sql"))?;
    for ((tenant, key), used) in keys {
        let first = &used.first;
        insert.execute((
            number(*tenant),
            key,
            used.body,
            number(first.id.as_u64()),
            used.expires_at,
            first.event_type.as_str(),
            row::details(&first.details)?,
            first.deliveries,
        ))?;
    }
    Ok(())
}
