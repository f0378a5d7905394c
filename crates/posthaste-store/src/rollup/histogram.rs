//! Latencies in buckets, so that those of any number of deliveries take a few bytes, can be added
//! together, and still give percentiles.
//!
//! A bucket is a fifth wider than the one below it: a percentile is never further than that from
//! the true one.

use super::encoding::{Garbled, read_varint, write_varint};

/// How many limits there are between buckets.
const LIMITS: usize = 114;
/// Upper limits of buckets, in microseconds: a tenth of a millisecond to a little over a day. What
/// is above the last one has a bucket of its own. Stored counts name buckets by their place, so
/// the limits never change.
const LIMITS_US: [u64; LIMITS] = limits();

const fn limits() -> [u64; LIMITS] {
    let mut limits = [100; LIMITS];
    let mut place = 1;
    while place < LIMITS {
        limits[place] = limits[place - 1] * 6 / 5;
        place += 1;
    }
    limits
}

/// How many latencies fell into each bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Buckets with anything in them and what is in them, in order: most are empty.
    counts: Vec<(u8, u64)>,
}

impl Histogram {
    pub fn add(&mut self, latency_us: u64) {
        let bucket = LIMITS_US.partition_point(|limit| *limit < latency_us);
        self.count(u8::try_from(bucket).unwrap_or(u8::MAX), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.counts {
            self.count(bucket, count);
        }
    }

    fn count(&mut self, bucket: u8, more: u64) {
        match self.counts.binary_search_by_key(&bucket, |known| known.0) {
            Ok(place) => self.counts[place].1 = self.counts[place].1.saturating_add(more),
            Err(place) => self.counts.insert(place, (bucket, more)),
        }
    }

    /// How many latencies there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counts = self.counts.iter().map(|(_, count)| count);
        counts.fold(0, |total, count| total.saturating_add(*count))
    }

    /// The latency that a share of `quantile` (0 to 1) did not exceed, in microseconds: a line is
    /// drawn through its bucket. None where nothing was counted.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a fifth of a bucket's width matters, 2^-53 does not
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        let rank = quantile * self.total() as f64;
        let mut below = 0.0;
        for &(bucket, count) in &self.counts {
            let count = count as f64;
            if below + count >= rank {
                let (from, to) = limits_of(bucket);
                let share = ((rank - below) / count).clamp(0.0, 1.0);
                return Some(from as f64 + (to - from) as f64 * share);
            }
            below += count;
        }
        None
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        write_varint(into, self.counts.len() as u64);
        for &(bucket, count) in &self.counts {
            into.push(bucket);
            write_varint(into, count);
        }
    }

    /// Steps over a written one.
    pub(super) fn skip(from: &mut &[u8]) -> Result<(), Garbled> {
        for _ in 0..read_varint(from)? {
            *from = from.get(1..).ok_or(Garbled)?;
            read_varint(from)?;
        }
        Ok(())
    }

    pub(super) fn read(from: &mut &[u8]) -> Result<Self, Garbled> {
        let mut histogram = Self::default();
        for _ in 0..read_varint(from)? {
            let (bucket, rest) = from.split_first().ok_or(Garbled)?;
            *from = rest;
            let ascends = histogram.counts.last().is_none_or(|last| last.0 < *bucket);
            let count = read_varint(from)?;
            // An empty bucket is never written, and has no share to draw a line through.
            if !ascends || usize::from(*bucket) > LIMITS || count == 0 {
                return Err(Garbled);
            }
            histogram.counts.push((*bucket, count));
        }
        Ok(histogram)
    }
}

/// Between what a bucket's latencies lie. What is over a day counts as a day.
fn limits_of(bucket: u8) -> (u64, u64) {
    let place = usize::from(bucket);
    let to = LIMITS_US[place.min(LIMITS - 1)];
    let below = place.checked_sub(1);
    (below.map_or(0, |below| LIMITS_US[below]), to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_reach_from_a_tenth_of_a_millisecond_to_a_day() {
        assert_eq!(LIMITS_US[0], 100);
        assert!(LIMITS_US[LIMITS - 1] >= 86_400_000_000);
        assert!(LIMITS_US[LIMITS - 2] < 86_400_000_000);
    }

    #[track_caller]
    fn check(latencies_us: &[u64], quantile: f64, expected_us: Option<f64>) {
        let mut histogram = Histogram::default();
        for &latency in latencies_us {
            histogram.add(latency);
        }
        assert_eq!(histogram.quantile_us(quantile), expected_us);
    }

    #[test]
    fn a_quantile_lies_on_a_line_through_its_bucket() {
        check(&[], 0.5, None);
        check(&[0], 1.0, Some(100.0));
        check(&[50, 60], 0.5, Some(50.0));
        check(&[110, 115, 5_000_000], 0.5, Some(115.0));
        let day = LIMITS_US[LIMITS - 1];
        check(&[u64::MAX], 0.99, Some(day as f64));
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_fifth_of_the_true_one(
            mut latencies in prop::collection::vec(0_u64..86_400_000_000, 1..200),
            quantile in 0.0_f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            latencies.iter().for_each(|latency| histogram.add(*latency));
            latencies.sort_unstable();
            let rank = (quantile * latencies.len() as f64).ceil() as usize;
            let exact = latencies[rank.max(1) - 1] as f64;
            let found = histogram.quantile_us(quantile).unwrap();
            let fits = found <= exact.max(100.0 / 1.21) * 1.21 && found >= exact / 1.21 - 100.0;
            prop_assert!(fits, "{found} for {exact}");
        }

        #[test]
        fn what_is_merged_is_as_if_it_had_been_added_to_one(
            one in prop::collection::vec(any::<u64>(), 0..50),
            other in prop::collection::vec(any::<u64>(), 0..50),
        ) {
            let of = |latencies: &[u64]| {
                let mut histogram = Histogram::default();
                latencies.iter().for_each(|latency| histogram.add(*latency));
                histogram
            };
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(merged.total(), (one.len() + other.len()) as u64);
            prop_assert_eq!(merged, of(&[one, other].concat()));
        }
    }
}
