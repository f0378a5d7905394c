//! Counts that are in the log and not in the table of rollups yet.
//!
//! To add the counts of each settle group to a row for each of its subscriptions would double what
//! the writer does. So a group appends its counts to a log, one row, and they gather here; now and
//! then what has gathered is closed and folded into the table, many counts to a row, a slice with
//! each commit, and then its log rows go. Readers add what is here to what is there. After a crash
//! what is here is read back from the log.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    time::Duration,
};

use posthaste::{clock::Timestamp, id::SubscriptionId};
use posthaste_store::rollup::{Garbled, Level, Minute, Rollup, read_varint, write_varint};

use crate::row::number;

/// How long counts gather before they are folded.
const GATHER: Duration = Duration::from_secs(60);
/// Counts that gather before they are folded, whatever the time; for memory's sake.
const ENTRIES: usize = if cfg!(test) { 12 } else { 50_000 };
/// Bytes of log before they are folded; for the sake of the next start, which reads them.
const BYTES: usize = 16 << 20;

/// Whose counts: a subscription's, or those of a tenant as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Its number.
    pub tenant: u64,
    pub subscription: Option<SubscriptionId>,
}

impl Owner {
    /// As the table names it within its tenant.
    pub fn column(&self) -> i64 {
        self.subscription.map_or(-1, |id| number(id.as_u64()))
    }
}

pub type Entry<'a> = (&'a (Owner, Minute), &'a Rollup);

/// Counts by owner and minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas(BTreeMap<(Owner, Minute), Rollup>);

impl Deltas {
    /// Counts something for a subscription and for its tenant.
    pub fn count(
        &mut self,
        (tenant, subscription): (u64, SubscriptionId),
        at: Timestamp,
        count: impl Fn(&mut Rollup),
    ) {
        let minute = Minute::of(at);
        for subscription in [None, Some(subscription)] {
            let owner = Owner {
                tenant,
                subscription,
            };
            count(self.0.entry((owner, minute)).or_default());
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (key, rollup) in other.0 {
            self.0.entry(key).or_default().merge(&rollup);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 32);
        for ((owner, minute), rollup) in &self.0 {
            let subscription = owner.subscription.map_or(0, |id| id.as_u64() + 1);
            write_varint(&mut bytes, owner.tenant);
            write_varint(&mut bytes, subscription);
            write_varint(&mut bytes, u64::from(minute.as_u32()));
            rollup.write(&mut bytes);
        }
        bytes
    }

    pub fn decode(mut bytes: &[u8]) -> Result<Self, Garbled> {
        let mut deltas = Self::default();
        while !bytes.is_empty() {
            let tenant = read_varint(&mut bytes)?;
            let subscription = read_varint(&mut bytes)?.checked_sub(1);
            let minute = u32::try_from(read_varint(&mut bytes)?).map_err(|_| Garbled)?;
            let owner = Owner {
                tenant,
                subscription: subscription.map(SubscriptionId::from_u64),
            };
            let key = (owner, Minute::from_u32(minute));
            deltas.0.insert(key, Rollup::read(&mut bytes)?);
        }
        Ok(deltas)
    }

    fn of(&self, owner: Owner, window: &Range<Minute>) -> impl Iterator<Item = (Minute, &Rollup)> {
        let end = window.end.max(window.start);
        let from = Bound::Included((owner, window.start));
        let found = self.0.range((from, Bound::Excluded((owner, end))));
        found.map(|((_, minute), rollup)| (*minute, rollup))
    }
}

/// What the writer does next about the rollups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Fold a slice of what is closed.
    Fold,
    /// Delete log rows up to this one.
    Clear(u64),
    /// Look for rollups that are too old.
    Trim,
    Rest,
}

#[derive(Debug, Default)]
pub struct Unfolded {
    /// The last row of the log that was ever written.
    pub last: u64,
    growing: Deltas,
    growing_bytes: usize,
    growing_since: Duration,
    /// What is left of the counts of log rows up to `closed`.
    folding: Deltas,
    /// Counts of those rows that are in the table.
    pub folded_of_closed: usize,
    pub closed: u64,
    /// Log rows up to this one are gone.
    pub cleared: u64,
    /// Trims that are still to be made before the next fold.
    trims: usize,
    /// Where the next one begins.
    pub trimmed_to: (i64, i64),
    /// The newest minute that anything was counted in.
    pub newest: Minute,
}

impl Unfolded {
    /// Trims after each fold.
    pub const TRIMS: usize = 16;

    /// As a start finds it: log rows above `closed` hold `growing`, of `bytes`; those up to it hold
    /// `closing`, and so many counts of it are in the table.
    pub fn restored(
        (closing, closed, folded): (Deltas, u64, usize),
        (growing, bytes, last): (Deltas, usize, u64),
        cleared: u64,
    ) -> Self {
        let newest = [&closing, &growing].into_iter().flat_map(|of| of.0.keys());
        let newest = newest.map(|(_, minute)| *minute).max();
        let rest = closing.0.into_iter().skip(folded).collect();
        Self {
            last,
            growing,
            growing_bytes: bytes,
            folding: Deltas(rest),
            folded_of_closed: folded,
            closed,
            cleared,
            newest: newest.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// A log row was written, unless there was nothing to write.
    pub fn logged(&mut self, deltas: Deltas, bytes: usize) {
        if deltas.is_empty() {
            return;
        }
        self.last += 1;
        self.growing_bytes += bytes;
        let newest = deltas.0.keys().map(|(_, minute)| *minute).max();
        self.newest = self.newest.max(newest.unwrap_or_default());
        self.growing.merge(deltas);
    }

    /// Begins to fold what has gathered, when that is much or old enough and the last fold is done.
    pub fn close_if_due(&mut self, elapsed: Duration) {
        if self.step() == Step::Rest && self.is_due(elapsed) {
            self.folding = std::mem::take(&mut self.growing);
            self.folded_of_closed = 0;
            self.closed = self.last;
            self.growing_bytes = 0;
            self.growing_since = elapsed;
            self.trims = Self::TRIMS;
        }
    }

    fn is_due(&self, elapsed: Duration) -> bool {
        let old = elapsed.saturating_sub(self.growing_since) >= GATHER;
        let much = self.growing.0.len() >= ENTRIES || self.growing_bytes >= BYTES;
        !self.growing.is_empty() && (old || much)
    }

    /// Whether an idle writer has something to do.
    pub fn has_work(&self, elapsed: Duration) -> bool {
        self.step() != Step::Rest || self.is_due(elapsed)
    }

    pub fn step(&self) -> Step {
        if !self.folding.is_empty() {
            Step::Fold
        } else if self.cleared < self.closed {
            Step::Clear(self.closed)
        } else if self.trims > 0 {
            Step::Trim
        } else {
            Step::Rest
        }
    }

    /// What is left to fold, in order.
    pub fn left(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.folding.0.iter()
    }

    /// So many of it are in the table.
    pub fn folded(&mut self, entries: usize) {
        for _ in 0..entries {
            self.folding.0.pop_first();
        }
        self.folded_of_closed += entries;
    }

    /// A trim has come to this owner; to none when it has seen them all, and the next fold begins
    /// with the first again.
    pub fn trimmed(&mut self, to: Option<(i64, i64)>) {
        self.trims = to.map_or(0, |_| self.trims - 1);
        self.trimmed_to = to.unwrap_or_default();
    }

    /// What is here of an owner's window: by minutes, in no order.
    pub fn of(
        &self,
        owner: Owner,
        window: &Range<Minute>,
    ) -> impl Iterator<Item = (Minute, &Rollup)> {
        let folding = self.folding.of(owner, window);
        folding.chain(self.growing.of(owner, window))
    }

    /// Adds what is here of an owner's window.
    pub fn add_to(
        &self,
        found: &mut BTreeMap<Minute, Rollup>,
        owner: Owner,
        window: &Range<Minute>,
        level: Level,
    ) {
        for (minute, rollup) in self.of(owner, window) {
            let start = minute.aligned(level.minutes());
            found.entry(start).or_default().merge(rollup);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        Minute::from_u32(minute).start()
    }

    fn deltas(minutes: Range<u32>) -> Deltas {
        let mut deltas = Deltas::default();
        for minute in minutes {
            let of = (7, SubscriptionId::from_u64(u64::from(minute) % 2));
            deltas.count(of, at(minute), |rollup| rollup.discarded += 1);
        }
        deltas
    }

    fn discarded(unfolded: &Unfolded, minutes: Range<u32>, level: Level) -> Vec<u64> {
        let owner = Owner {
            tenant: 7,
            subscription: None,
        };
        let window = Minute::from_u32(minutes.start)..Minute::from_u32(minutes.end);
        let mut found = BTreeMap::new();
        unfolded.add_to(&mut found, owner, &window, level);
        found.values().map(|rollup| rollup.discarded).collect()
    }

    #[test]
    fn counts_read_back_from_their_log_row() {
        let written = deltas(58..62);
        let bytes = written.encode();
        assert_eq!(Deltas::decode(&bytes), Ok(written));
        assert_eq!(Deltas::decode(&bytes[1..]), Err(Garbled));
    }

    #[test]
    fn what_gathers_is_closed_after_a_minute_and_seen_until_it_is_folded() {
        let mut unfolded = Unfolded::default();
        unfolded.logged(deltas(58..62), 99);
        unfolded.close_if_due(GATHER / 2);
        assert_eq!(unfolded.step(), Step::Rest);
        assert!(unfolded.has_work(GATHER));
        unfolded.close_if_due(GATHER);
        assert_eq!(unfolded.step(), Step::Fold);
        unfolded.logged(deltas(61..63), 99);
        assert_eq!(discarded(&unfolded, 0..99, Level::Minute), [1, 1, 1, 2, 1]);
        assert_eq!(discarded(&unfolded, 60..99, Level::Hour), [4]);
        let tenants = 4;
        unfolded.folded(tenants);
        assert_eq!(discarded(&unfolded, 0..99, Level::Minute), [1, 1]);
        let left = unfolded.left().len();
        unfolded.folded(left);
        assert_eq!(unfolded.step(), Step::Clear(1));
        unfolded.cleared = 1;
        for _ in 0..Unfolded::TRIMS {
            assert_eq!(unfolded.step(), Step::Trim);
            unfolded.close_if_due(GATHER * 3);
            unfolded.trimmed(Some((0, 0)));
        }
        unfolded.close_if_due(GATHER * 3);
        assert_eq!((unfolded.step(), unfolded.closed), (Step::Fold, 2));
    }

    #[test]
    fn a_start_goes_on_where_a_fold_was_cut_off() {
        let (closing, growing) = (deltas(1..5), deltas(5..6));
        let unfolded = Unfolded::restored((closing, 3, 6), (growing, 50, 4), 0);
        assert_eq!(unfolded.left().len(), 2);
        assert_eq!(unfolded.newest, Minute::from_u32(5));
        assert_eq!(discarded(&unfolded, 0..9, Level::Minute), [1]);
    }
}
