//! Rollups: the table's, and what is on its way there.

use std::{collections::BTreeMap, ops::Range};

use posthaste::{event::TenantId, id::SubscriptionId};
use posthaste_store::rollup::{Level, Minute, Rollup};

use super::Moment;
use crate::{
    fault::{Fault, Result},
    row::{Coded, number},
    tenant,
    unfolded::Owner,
};

pub fn rollups(
    moment: &Moment<'_>,
    tenant: &TenantId,
    subscription: Option<SubscriptionId>,
    window: Range<Minute>,
    level: Level,
) -> Result<Vec<(Minute, Rollup)>> {
    let mut found = BTreeMap::<Minute, Rollup>::new();
    let (connection, owner) = moment.begin(|connection, state| {
        let Some(tenant) = tenant::find(connection, tenant)? else {
            return Ok(None);
        };
        let owner = Owner {
            tenant,
            subscription,
        };
        state.rollups.add_to(&mut found, owner, &window, level);
        Ok(Some(owner))
    })?;
    let Some(owner) = owner else {
        return Ok(Vec::new());
    };
    let mut query = connection.prepare_cached(include_str!("../../sql/rollups.sql"))?;
    let (from, to) = (window.start.as_u32(), window.end.as_u32());
    let of = (number(owner.tenant), owner.column(), level.code(), from, to);
    let mut rows = query.query(of)?;
    while let Some(row) = rows.next()? {
        let at = Minute::from_u32(row.get(0)?);
        let corrupt = |error| Fault::Corrupt(format!("the rollup of {}: {error}", at.start()));
        let rollup = Rollup::read(&mut row.get_ref(1)?.as_blob()?).map_err(corrupt)?;
        found.entry(at).or_default().merge(&rollup);
    }
    Ok(found.into_iter().collect())
}
