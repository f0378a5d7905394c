//! Rollups: the table's, and what is on its way there.

use std::{collections::BTreeMap, ops::Range};

use posthaste::{event::TenantId, id::SubscriptionId};
use posthaste_store::rollup::{Garbled, Level, Minute, Rollup, Tally};
use rusqlite::Connection;

use super::Moment;
use crate::{
    fault::{Fault, Result},
    live::State,
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
    for_each(connection, owner, &window, level, |at, counts| {
        found.entry(at).or_default().merge(&Rollup::read(counts)?);
        Ok(())
    })?;
    Ok(found.into_iter().collect())
}

pub fn tallies(
    moment: &Moment<'_>,
    tenant: &TenantId,
    subscriptions: &[SubscriptionId],
    window: Range<Minute>,
    level: Level,
) -> Result<Vec<(SubscriptionId, Minute, Tally)>> {
    let (connection, found) = moment.begin(|connection, state| {
        let Some(tenant) = tenant::find(connection, tenant)? else {
            return Ok(Vec::new());
        };
        let owners = subscriptions.iter().map(|id| Owner {
            tenant,
            subscription: Some(*id),
        });
        let unfolded = |owner| unfolded(state, owner, &window, level);
        Ok(owners.map(|owner| (owner, unfolded(owner))).collect())
    })?;
    let mut all = Vec::new();
    for (&id, (owner, mut found)) in subscriptions.iter().zip(found) {
        for_each(connection, owner, &window, level, |at, counts| {
            found.entry(at).or_default().merge(Tally::read(counts)?);
            Ok(())
        })?;
        all.extend(found.into_iter().map(|(at, tally)| (id, at, tally)));
    }
    Ok(all)
}

/// In short, what is on its way to the table.
fn unfolded(
    state: &State,
    owner: Owner,
    window: &Range<Minute>,
    level: Level,
) -> BTreeMap<Minute, Tally> {
    let mut found = BTreeMap::<Minute, Tally>::new();
    for (minute, rollup) in state.rollups.of(owner, window) {
        let tally = found.entry(minute.aligned(level.minutes())).or_default();
        tally.merge(Tally::of(rollup));
    }
    found
}

/// The table's rows of an owner, in the order of time.
fn for_each(
    connection: &Connection,
    owner: Owner,
    window: &Range<Minute>,
    level: Level,
    mut take: impl FnMut(Minute, &mut &[u8]) -> std::result::Result<(), Garbled>,
) -> Result<()> {
    let mut query = connection.prepare_cached(include_str!("../../sql/rollups.sql"))?;
    let (from, to) = (window.start.as_u32(), window.end.as_u32());
    let of = (number(owner.tenant), owner.column(), level.code(), from, to);
    let mut rows = query.query(of)?;
    while let Some(row) = rows.next()? {
        let at = Minute::from_u32(row.get(0)?);
        let corrupt = |error| Fault::Corrupt(format!("the rollup of {}: {error}", at.start()));
        take(at, &mut row.get_ref(1)?.as_blob()?).map_err(corrupt)?;
    }
    Ok(())
}
