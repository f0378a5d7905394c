//! How fast a tenant may publish: a rate limit (GCRA) over its events, in memory.
//!
//! A second's worth may come at once, and at least one event. A batch counts all its events and is
//! taken whole by a tenant that may publish at all, since one larger than a second's worth could
//! never pass otherwise; what it took too much has to be paid off before the next. Nothing here is
//! kept: after a start a tenant begins afresh.

use std::time::Duration;

use posthaste::clock::Timestamp;
use posthaste_store::settings::EventRate;

const NANOS_PER_MS: i128 = 1_000_000;
const NANOS_PER_S: i128 = 1_000_000_000;

/// What a tenant has published of late. In any stretch of time t it publishes at most
/// rate × (t + 1 s) + 1 events, not counting what its last batch took too much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// When all of it is paid off, in nanoseconds since 1970.
    paid_at: i128,
}

impl Allowance {
    /// Counts so many events against the rate, if the tenant may publish now; none only asks.
    ///
    /// # Errors
    /// How long it has to wait, in whole milliseconds.
    pub fn charge(
        &mut self,
        now: Timestamp,
        rate: EventRate,
        events: usize,
    ) -> Result<(), Duration> {
        let now = i128::from(now.as_millis()) * NANOS_PER_MS;
        let ahead = (NANOS_PER_S - interval(rate)).max(0);
        let wait = self.paid_at - ahead - now;
        if wait > 0 {
            let ms = (wait + NANOS_PER_MS - 1) / NANOS_PER_MS;
            return Err(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)));
        }
        if events > 0 {
            self.paid_at = self.paid_at.max(now) + cost(rate, events);
        }
        Ok(())
    }

    /// Events that were charged and came to nothing.
    pub fn give_back(&mut self, rate: EventRate, events: usize) {
        self.paid_at -= cost(rate, events);
    }
}

/// Nanoseconds from one event to the next.
#[allow(clippy::cast_possible_truncation)] // 1,000 ns to 100 s
fn interval(rate: EventRate) -> i128 {
    (1e9 / rate.per_s()).round() as i128
}

fn cost(rate: EventRate, events: usize) -> i128 {
    interval(rate) * i128::try_from(events).unwrap_or(i128::MAX >> 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

    fn rate(per_s: f64) -> EventRate {
        EventRate::try_from(per_s).unwrap()
    }

    /// Publishes batches of `size` at `start + ms`; which of them pass.
    #[track_caller]
    fn check(per_s: f64, size: usize, at_ms: &[u64], passed: &[bool]) {
        let mut allowance = Allowance::default();
        let seen = at_ms.iter().map(|&ms| {
            let now = START + Duration::from_millis(ms);
            allowance.charge(now, rate(per_s), size).is_ok()
        });
        assert_eq!(seen.collect::<Vec<_>>(), passed, "{per_s}/s");
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_then_one_at_a_time() {
        check(3.0, 1, &[0, 0, 0, 0], &[true, true, true, false]);
        check(
            2.0,
            1,
            &[0, 0, 499, 500, 500],
            &[true, true, false, true, false],
        );
        check(1.0, 1, &[0, 999, 1000], &[true, false, true]);
        check(1.5, 1, &[0, 0, 333, 334], &[true, false, false, true]);
        check(0.01, 1, &[0, 99_999, 100_000], &[true, false, true]);
    }

    #[test]
    fn a_batch_larger_than_a_seconds_worth_passes_and_is_paid_off() {
        check(10.0, 100, &[0, 9099, 9100], &[true, false, true]);
        check(0.5, 3, &[0, 5999, 6000], &[true, false, true]);
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let mut allowance = Allowance::default();
        allowance.charge(START, rate(2.0), 1).unwrap();
        let later = START + Duration::from_secs(3600);
        let passed = (0..10).filter(|_| allowance.charge(later, rate(2.0), 1).is_ok());
        assert_eq!(passed.count(), 2);
    }

    #[test]
    fn what_came_to_nothing_costs_nothing_and_a_question_neither() {
        let mut allowance = Allowance::default();
        for _ in 0..5 {
            allowance.charge(START, rate(1.0), 7).unwrap();
            allowance.give_back(rate(1.0), 7);
            allowance.charge(START, rate(1.0), 0).unwrap();
        }
        allowance.charge(START, rate(1.0), 1).unwrap();
        let wait = allowance.charge(START, rate(1.0), 0);
        assert_eq!(wait, Err(Duration::from_secs(1)));
    }

    proptest! {
        #[test]
        fn the_rate_holds_over_every_stretch_and_the_wait_is_just_long_enough(
            per_s in 0.01_f64..2000.0,
            pauses_ms in prop::collection::vec(0_u64..3000, 1..200),
        ) {
            let (mut allowance, rate, mut now) = (Allowance::default(), rate(per_s), START);
            let mut passed = Vec::new();
            for pause in pauses_ms {
                now = now + Duration::from_millis(pause);
                if let Err(wait) = allowance.charge(now, rate, 1) {
                    let before = now + wait.saturating_sub(Duration::from_millis(1));
                    prop_assert!(allowance.charge(before, rate, 0).is_err());
                    now = now + wait;
                    prop_assert!(allowance.charge(now, rate, 1).is_ok());
                }
                passed.push(now);
            }
            for (first, from) in passed.iter().enumerate() {
                for (count, to) in (1_u32..).zip(&passed[first..]) {
                    let most = per_s * (to.since(*from).as_secs_f64() + 1.0) + 1.001;
                    prop_assert!(f64::from(count) <= most, "{count} in {:?}", to.since(*from));
                }
            }
        }
    }
}
