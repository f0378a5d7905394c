//! What waits and what has failed, from counts that are kept with the rows: as dear as the tenant
//! has subscriptions, whatever the number of its deliveries.

use std::collections::HashMap;

use posthaste::{
    delivery::DeliveryState,
    event::TenantId,
    id::{DeliveryId, SubscriptionId},
};
use posthaste_store::record::Backlog;
use rusqlite::{Connection, Row};

use super::{Moment, deliveries::Shade};
use crate::{
    fault::Result,
    live,
    row::{Columns, number},
    tenant,
};

/// What events imply for a subscription: how many deliveries, and the oldest.
type Implied = HashMap<SubscriptionId, (u64, DeliveryId)>;

pub fn backlog(
    moment: &Moment<'_>,
    tenant: &TenantId,
    subscription: Option<SubscriptionId>,
) -> Result<Backlog> {
    let (connection, found) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|no| (no, implied(state, no, subscription))))
    })?;
    let mut backlog = Backlog::default();
    let Some((tenant, implied)) = found else {
        return Ok(backlog);
    };
    for (subscription, (deliveries, oldest)) in implied {
        match Shade::of(connection, subscription)?.over(DeliveryState::Pending) {
            DeliveryState::Held => backlog.held += deliveries,
            DeliveryState::Pending => {
                backlog.pending += deliveries;
                backlog.meet(Some(oldest));
            }
            _ => {}
        }
    }
    let mut query = connection.prepare_cached(include_str!("../../sql/backlog.sql"))?;
    let id = subscription.map(|id| number(id.as_u64()));
    let mut rows = query.query((number(tenant), id))?;
    while let Some(row) = rows.next()? {
        add(&mut backlog, connection, row)?;
    }
    Ok(backlog)
}

fn implied(state: &live::State, tenant: u64, of: Option<SubscriptionId>) -> Implied {
    let mut found = Implied::new();
    let wanted = state.implied.iter().filter(|(_, implied)| {
        implied.tenant == tenant && of.is_none_or(|id| id == implied.subscription)
    });
    for (&id, implied) in wanted {
        found.entry(implied.subscription).or_insert((0, id)).0 += 1;
    }
    found
}

fn add(backlog: &mut Backlog, connection: &Connection, row: &Row<'_>) -> Result<()> {
    let (pending, retrying) = (row.number(1)?, row.number(2)?);
    let (paused, deleted): (bool, bool) = (row.get(4)?, row.get(5)?);
    backlog.failed += row.number(3)?;
    if deleted {
        return Ok(());
    }
    if paused {
        backlog.held += pending + retrying;
        return Ok(());
    }
    backlog.pending += pending;
    backlog.retrying += retrying;
    if pending + retrying > 0 {
        backlog.meet(oldest(connection, row.number(0)?)?);
    }
    Ok(())
}

fn oldest(connection: &Connection, subscription: u64) -> Result<Option<DeliveryId>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/oldest_waiting.sql"))?;
    let id = query.query_row([number(subscription)], |row| Ok(row.optional_number(0)))?;
    Ok(id?.map(DeliveryId::from_u64))
}
