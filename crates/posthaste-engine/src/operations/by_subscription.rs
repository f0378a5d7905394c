//! Figures of many subscriptions at once, in short: what a list shows beside each, and which of
//! them do worst. Read from rollups, as all figures are.

use std::collections::HashMap;

use posthaste::{event::TenantId, id::SubscriptionId};
use posthaste_store::rollup::{Level, Minute, Tally};

use super::{
    OperationError,
    stats::{parts, window_of},
};
use crate::Engine;

const HOUR: u32 = Level::Hour.minutes();
/// Points of a spark.
pub const SPARK_POINTS: usize = 24;

/// What became of a subscription's deliveries in each of the last 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spark {
    /// When the first one begins, on the hour.
    pub since: Minute,
    /// The oldest first; the last one is under way.
    pub points: [Tally; SPARK_POINTS],
}

impl Spark {
    fn starting(since: Minute) -> Self {
        let points = [Tally::default(); SPARK_POINTS];
        Self { since, points }
    }

    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.points.iter().for_each(|point| total.merge(*point));
        total
    }

    fn add(&mut self, at: Minute, tally: Tally) {
        let hours = (at.as_u32() - self.since.as_u32()) / HOUR;
        let point = self.points.get_mut(hours as usize);
        point.into_iter().for_each(|point| point.merge(tally));
    }
}

impl Engine {
    /// The last 24 hours of each of these subscriptions, of those too that had nothing to do; read
    /// together, so that a list asks once for all that it shows.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn sparks(
        &self,
        tenant: &TenantId,
        subscriptions: &[SubscriptionId],
    ) -> Result<HashMap<SubscriptionId, Spark>, OperationError> {
        let this_hour = Minute::of(self.now()).aligned(HOUR);
        let since = this_hour.minus((SPARK_POINTS as u32 - 1) * HOUR);
        let (ids, end) = (subscriptions.to_vec(), this_hour.plus(HOUR));
        let tallies = self.0.store.tallies(tenant, ids, since, end, Level::Hour);
        let empty = subscriptions.iter().map(|id| (*id, Spark::starting(since)));
        let mut sparks: HashMap<_, _> = empty.collect();
        for (id, at, tally) in tallies.await? {
            sparks.entry(id).and_modify(|spark| spark.add(at, tally));
        }
        Ok(sparks)
    }

    /// Of the subscriptions that there are now, those with failed attempts or dead letters in the
    /// last `window` minutes, with what became of their deliveries in it: the most failed attempts
    /// first.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn worst_subscriptions(
        &self,
        tenant: &TenantId,
        window: u32,
        at_most: usize,
    ) -> Result<Vec<(SubscriptionId, Tally)>, OperationError> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let ids = view.into_iter().flat_map(|view| view.subscribers.keys());
        let ids: Vec<_> = ids.copied().collect();
        let mut sums = HashMap::<SubscriptionId, Tally>::new();
        for (part, level) in parts(&window_of(self.now(), window), None) {
            let store = &self.0.store;
            let tallies = store.tallies(tenant, ids.clone(), part.start, part.end, level);
            for (id, _, tally) in tallies.await? {
                sums.entry(id).or_default().merge(tally);
            }
        }
        Ok(worst(sums, at_most))
    }
}

/// Those that failed at all, the most failed attempts first.
fn worst(
    sums: impl IntoIterator<Item = (SubscriptionId, Tally)>,
    at_most: usize,
) -> Vec<(SubscriptionId, Tally)> {
    let failed = |tally: &Tally| tally.failed_attempts + tally.failed > 0;
    let sums = sums.into_iter().filter(|(_, tally)| failed(tally));
    let mut worst: Vec<_> = sums.collect();
    worst.sort_by_key(|(id, tally)| {
        let most = (tally.failed_attempts, tally.failed);
        (std::cmp::Reverse(most), *id)
    });
    worst.truncate(at_most);
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(failed_attempts: u64, failed: u64) -> Tally {
        Tally {
            failed,
            failed_attempts,
            ..Tally::default()
        }
    }

    #[track_caller]
    fn check(sums: &[Tally], at_most: usize, expected: &[u64]) {
        let ids = (0..).map(SubscriptionId::from_u64);
        let found = worst(ids.zip(sums.iter().copied()), at_most);
        let found: Vec<u64> = found.iter().map(|(id, _)| id.as_u64()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_worst_has_the_most_failed_attempts_and_who_never_failed_is_not_named() {
        let well = Tally {
            delivered: 9,
            attempts: 9,
            ..Tally::default()
        };
        check(&[well], 9, &[]);
        check(
            &[failing(1, 0), well, failing(3, 0), failing(3, 1)],
            9,
            &[3, 2, 0],
        );
        check(&[failing(1, 0), failing(1, 0), failing(2, 0)], 2, &[2, 0]);
    }

    #[test]
    fn a_point_of_a_spark_is_an_hour() {
        let mut spark = Spark::starting(Minute::from_u32(60));
        spark.add(Minute::from_u32(60), failing(1, 0));
        spark.add(Minute::from_u32(60 * 24), failing(2, 0));
        let counts = spark.points.map(|point| point.failed_attempts);
        assert_eq!((counts[0], counts[23], counts.iter().sum()), (1, 2, 3));
        assert_eq!(spark.total(), failing(3, 0));
    }
}
