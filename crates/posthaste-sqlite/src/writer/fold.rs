//! Counting what ends, and folding the counts into the rollups: a slice with each commit, so that
//! none of them is held up. A slice and how far it has come are one transaction, so that a crash
//! between any two counts nothing twice.

use posthaste::{clock::Timestamp, event::Origin, id::SubscriptionId};
use posthaste_store::{
    record::Settlement,
    rollup::{self, Level, Minute, Rollup},
};
use rusqlite::{Connection, OptionalExtension};

use super::group::Group;
use crate::{
    fault::Result,
    rollup_log,
    row::{Coded, number},
    tenant,
    unfolded::{Owner, Step, Unfolded},
};

/// Counts that one commit folds: about a millisecond.
const SLICE: usize = if cfg!(test) { 3 } else { 64 };
/// The same where nobody waits for the commit: less than ten.
const IDLE_SLICE: usize = if cfg!(test) { 5 } else { 512 };
/// The part of what is left that one commit folds at least, so that much does not take for ever.
const SHARE: usize = 256;
/// Log rows that one commit deletes.
const CLEAR: u64 = if cfg!(test) { 2 } else { 32 };
/// Owners that one commit looks at for what is too old.
const OWNERS: usize = 4;
/// Of each, it deletes a stretch of so many minutes at most: a day.
const STRETCH: u32 = 24 * 60;
/// How long rollups are kept, in minutes: 91 days.
const KEPT: u32 = 91 * 24 * 60;

/// What a transaction did for the rollups.
#[derive(Default)]
pub struct Folded {
    pub logged_bytes: usize,
    entries: usize,
    cleared: Option<u64>,
    /// To which owner, or to the last one.
    trimmed: Option<Option<(i64, i64)>>,
}

impl Folded {
    pub fn apply(&self, unfolded: &mut Unfolded) {
        unfolded.folded(self.entries);
        unfolded.cleared = self.cleared.unwrap_or(unfolded.cleared);
        if let Some(to) = self.trimmed {
            unfolded.trimmed(to);
        }
    }
}

/// Counts a settlement.
pub fn count(group: &mut Group<'_>, tenant: u64, settlement: &Settlement) {
    if rollup::matters(settlement) {
        let owner = (tenant, settlement.subscription);
        let counted = &mut group.changes.counted;
        counted.count(owner, settlement.at, |rollup| rollup.count(settlement));
    }
}

/// Counts a delivery that is discarded where it is parked.
pub fn count_discarded(
    group: &mut Group<'_>,
    owner: (u64, SubscriptionId),
    origin: Origin,
    now: Timestamp,
) {
    if rollup::counts(origin) {
        let counted = &mut group.changes.counted;
        counted.count(owner, now, |rollup| rollup.discarded += 1);
    }
}

/// Writes what the transaction counted, and folds a slice of what others did.
pub fn log_and_fold(group: &mut Group<'_>) -> Result<()> {
    let state = group.live.read();
    let unfolded = &state.rollups;
    let folded = &mut group.changes.folded;
    if !group.changes.counted.is_empty() {
        let counts = group.changes.counted.encode();
        rollup_log::append(group.connection, unfolded.last + 1, &counts)?;
        folded.logged_bytes = counts.len();
    }
    match unfolded.step() {
        Step::Fold => folded.entries = fold(group.connection, unfolded, group.idle)?,
        Step::Clear(to) => {
            let to = to.min(unfolded.cleared + CLEAR);
            rollup_log::clear(group.connection, to)?;
            folded.cleared = Some(to);
        }
        Step::Trim => folded.trimmed = Some(trim(group.connection, unfolded)?),
        Step::Rest => {}
    }
    Ok(())
}

/// A slice, into minutes and hours; says how many counts it had.
fn fold(connection: &Connection, unfolded: &Unfolded, idle: bool) -> Result<usize> {
    let left = unfolded.left();
    let (all, slice) = (left.len(), if idle { IDLE_SLICE } else { SLICE });
    let entries = slice.max(all / SHARE).min(all);
    let mut hour: Option<(Owner, Minute, Rollup)> = None;
    let mut of: Option<(u64, bool)> = None;
    for ((owner, minute), rollup) in left.take(entries) {
        let is_there = match of {
            Some((tenant, is_there)) if tenant == owner.tenant => is_there,
            _ => tenant::is_there(connection, owner.tenant)?,
        };
        of = Some((owner.tenant, is_there));
        // What a tenant had that is deleted by now counts for nobody.
        if !is_there {
            continue;
        }
        add(connection, Level::Minute, (owner, *minute, rollup))?;
        let begins = minute.aligned(Level::Hour.minutes());
        match &mut hour {
            Some((of, at, sum)) if (*of, *at) == (*owner, begins) => sum.merge(rollup),
            other => {
                add_hour(connection, other.as_ref())?;
                *other = Some((*owner, begins, rollup.clone()));
            }
        }
    }
    add_hour(connection, hour.as_ref())?;
    let folded = unfolded.folded_of_closed + entries;
    rollup_log::progress(connection, unfolded.closed, folded, entries == all)?;
    Ok(entries)
}

fn add_hour(connection: &Connection, hour: Option<&(Owner, Minute, Rollup)>) -> Result<()> {
    match hour {
        Some((owner, at, sum)) => add(connection, Level::Hour, (owner, *at, sum)),
        None => Ok(()),
    }
}

fn add(
    connection: &Connection,
    level: Level,
    (owner, at, more): (&Owner, Minute, &Rollup),
) -> Result<()> {
    let subscription = owner.column();
    let key = (
        number(owner.tenant),
        subscription,
        level.code(),
        at.as_u32(),
    );
    let mut query = connection.prepare_cached(include_str!("../../sql/rollup.sql"))?;
    let read = |row: &rusqlite::Row<'_>| Ok(sum(row.get_ref(0)?.as_blob()?, more));
    let counts = query.query_row(key, read).optional()?;
    let counts = counts.unwrap_or_else(|| written(more));
    let mut put = connection.prepare_cached(include_str!("../../sql/put_rollup.sql"))?;
    put.execute((key.0, key.1, key.2, key.3, counts))?;
    Ok(())
}

/// What a row says with more counted. A spoilt one begins anew: it keeps no delivery waiting.
fn sum(mut known: &[u8], more: &Rollup) -> Vec<u8> {
    let mut sum = Rollup::read(&mut known).unwrap_or_else(|error| {
        tracing::error!(%error, "counts in a row of the rollups are lost");
        Rollup::default()
    });
    sum.merge(more);
    written(&sum)
}

fn written(rollup: &Rollup) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    rollup.write(&mut bytes);
    bytes
}

/// Looks at the next few owners and deletes what is too old of theirs; says where it came to.
fn trim(connection: &Connection, unfolded: &Unfolded) -> Result<Option<(i64, i64)>> {
    let before = unfolded.newest.minus(KEPT).as_u32();
    let mut next = connection.prepare_cached(include_str!("../../sql/next_rollup_owner.sql"))?;
    let mut delete = connection.prepare_cached(include_str!("../../sql/trim_rollups.sql"))?;
    let mut at = unfolded.trimmed_to;
    for _ in 0..OWNERS {
        let owner = next.query_row(at, |row| Ok((row.get(0)?, row.get(1)?)));
        let Some(owner) = owner.optional()? else {
            return Ok(None);
        };
        for level in Level::CODES {
            delete.execute((owner.0, owner.1, level.code(), before, STRETCH))?;
        }
        at = owner;
    }
    Ok(Some(at))
}
