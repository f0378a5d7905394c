//! Deliveries by status. Exact, and so it reads them all.

use std::collections::HashMap;

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, DeliveryStatus},
    event::TenantId,
    id::SubscriptionId,
};
use posthaste_store::record::Counts;
use rusqlite::Connection;

use super::{Moment, deliveries::Shade};
use crate::{
    fault::Result,
    live,
    row::{Columns, State, number},
    tenant,
};

pub fn counts(moment: &Moment<'_>, tenant: &TenantId) -> Result<Counts> {
    let (connection, found) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|no| (no, implied(state, no))))
    })?;
    let mut counts = Counts::default();
    let Some((tenant, implied)) = found else {
        return Ok(counts);
    };
    for (subscription, number) in implied {
        let shade = Shade::of(connection, subscription)?;
        add(
            &mut counts,
            shade.over(DeliveryState::Pending).status(),
            number,
        );
    }
    ended(connection, tenant, &mut counts)?;
    waiting(connection, tenant, &mut counts)?;
    Ok(counts)
}

fn implied(state: &live::State, tenant: u64) -> HashMap<SubscriptionId, u64> {
    let mut implied = HashMap::new();
    for delivery in state.implied.values().filter(|of| of.tenant == tenant) {
        *implied.entry(delivery.subscription).or_default() += 1;
    }
    implied
}

fn ended(connection: &Connection, tenant: u64, counts: &mut Counts) -> Result<()> {
    let mut query = connection.prepare_cached(include_str!("../../sql/count_ended.sql"))?;
    let mut rows = query.query([number(tenant)])?;
    while let Some(row) = rows.next()? {
        let status = match row.coded(0)? {
            State::Waiting => DeliveryStatus::Pending,
            State::Delivered => DeliveryStatus::Delivered,
            State::Failed => DeliveryStatus::Failed,
            State::Discarded => DeliveryStatus::Discarded,
        };
        add(counts, status, row.number(1)?);
    }
    Ok(())
}

fn waiting(connection: &Connection, tenant: u64, counts: &mut Counts) -> Result<()> {
    let mut query = connection.prepare_cached(include_str!("../../sql/count_waiting.sql"))?;
    let mut rows = query.query([number(tenant)])?;
    while let Some(row) = rows.next()? {
        let shade = Shade::of(connection, row.subscription_id(0)?)?;
        let waiting = match row.get(1)? {
            true => DeliveryState::Retrying {
                at: Timestamp::default(),
            },
            false => DeliveryState::Pending,
        };
        add(counts, shade.over(waiting).status(), row.number(2)?);
    }
    Ok(())
}

fn add(counts: &mut Counts, status: DeliveryStatus, number: u64) {
    *match status {
        DeliveryStatus::Pending => &mut counts.pending,
        DeliveryStatus::Retrying => &mut counts.retrying,
        DeliveryStatus::Held => &mut counts.held,
        DeliveryStatus::Delivered => &mut counts.delivered,
        DeliveryStatus::Failed => &mut counts.failed,
        DeliveryStatus::Discarded => &mut counts.discarded,
    } += number;
}
