//! How fast a subscription is sent to: its rate limit, and the ramp after a silence.

use std::time::Duration;

use posthaste::{clock::Timestamp, subscription::RateLimit};

/// Requests under way at which a ramp begins.
const RAMP_START: u32 = 2;
/// How far a request may lag behind its time without the next ones having to wait longer for it:
/// timers wake a moment late, and a limit of 1,000 a second must not become 500 by that.
const LAG: Duration = Duration::from_millis(5);

/// A rate limit as GCRA keeps it: the time at which the next request may leave. In any stretch of
/// time t at most rate × (t + 5 ms) + 1 requests leave, and with work to do no fewer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// In nanoseconds since 1970.
    next_at: i128,
}

const NANOS_PER_MS: i128 = 1_000_000;

impl Pace {
    /// When the next request may leave.
    pub fn next_at(&self) -> Timestamp {
        let ms = self.next_at.div_euclid(NANOS_PER_MS);
        let whole = self.next_at.rem_euclid(NANOS_PER_MS) == 0;
        let ms = ms + i128::from(!whole);
        Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// A request leaves.
    pub fn sent(&mut self, now: Timestamp, limit: RateLimit) {
        #[allow(clippy::cast_possible_truncation)] // 10,000 ns to 100 s
        let interval = (1e9 / limit.per_s()).round() as i128;
        let now = i128::from(now.as_millis()) * NANOS_PER_MS;
        let lag = i128::try_from(LAG.as_nanos()).unwrap_or(0);
        self.next_at = self.next_at.max(now - lag) + interval;
    }
}

/// After a pause, an open circuit or a wait that its receiver asked for, a subscription is sent to
/// a little at first, and with each success more: what comes back is not knocked over again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ramp {
    /// Requests under way at once; none: as many as the subscription allows.
    window: Option<u32>,
}

impl Ramp {
    pub fn begin() -> Self {
        Self {
            window: Some(RAMP_START),
        }
    }

    /// Requests that may be under way, of so many that the subscription allows.
    pub fn window(self, max_in_flight: u32) -> u32 {
        self.window.unwrap_or(max_in_flight).min(max_in_flight)
    }

    /// Each success lets one more through, so that every round doubles it.
    #[must_use]
    pub fn after_success(self, max_in_flight: u32) -> Self {
        let wider = self.window.map(|window| window + 1);
        Self {
            window: wider.filter(|window| *window < max_in_flight),
        }
    }

    pub fn is_over(self) -> bool {
        self.window.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

    /// Sends whenever it may for a minute, woken up to `late_ms` too late; the times, in ms.
    fn times(per_s: f64, late_ms: u64) -> Vec<u64> {
        let (mut pace, limit) = (Pace::default(), RateLimit::try_from(per_s).unwrap());
        let (mut now, mut sent) = (START, Vec::new());
        while now.since(START) < Duration::from_secs(60) {
            pace.sent(now, limit);
            sent.push(u64::try_from(now.since(START).as_millis()).unwrap());
            let next_at = pace.next_at();
            if next_at > now {
                let late = sent.len() as u64 * 7919 % (late_ms + 1);
                now = next_at + Duration::from_millis(late);
            }
        }
        sent
    }

    #[track_caller]
    fn check(per_s: f64, late_ms: u64) {
        let times = times(per_s, late_ms);
        #[allow(clippy::cast_precision_loss)] // a few million
        let count = times.len() as f64;
        assert!(
            count >= (per_s * 59.9).floor(),
            "{per_s}/s: {count} a minute"
        );
        assert!(count <= per_s * 60.01 + 1.0, "{per_s}/s: {count} a minute");
        for (first, &from) in times.iter().enumerate() {
            let within = times[first..].iter().take_while(|at| **at < from + 1000);
            #[allow(clippy::cast_precision_loss)]
            let within = within.count() as f64;
            assert!(
                within <= per_s * 1.005 + 1.0,
                "{per_s}/s: {within} a second"
            );
        }
    }

    #[test]
    fn a_rate_is_kept_over_every_second_and_over_a_minute() {
        check(0.5, 0);
        check(1.0, 4);
        check(3.0, 4);
        check(10.0, 0);
        check(10.0, 5);
        check(50.0, 4);
        check(1000.0, 0);
        check(1000.0, 4);
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let (mut pace, limit) = (Pace::default(), RateLimit::try_from(10.0).unwrap());
        let later = START + Duration::from_secs(3600);
        pace.sent(START, limit);
        pace.sent(later, limit);
        assert!(pace.next_at() >= later + Duration::from_millis(95));
    }

    #[test]
    fn a_ramp_doubles_with_each_round_of_successes_until_it_is_over() {
        let mut ramp = Ramp::begin();
        let mut windows = Vec::new();
        for _ in 0..5 {
            let window = ramp.window(32);
            windows.push(window);
            ramp = (0..window).fold(ramp, |ramp, _| ramp.after_success(32));
        }
        assert_eq!(windows, [2, 4, 8, 16, 32]);
        assert!(ramp.is_over());
        assert_eq!(Ramp::begin().window(1), 1);
    }
}
