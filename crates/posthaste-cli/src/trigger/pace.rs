//! How many events go out at once, and how often.

use std::time::Duration;

use tokio::time::{Interval, interval};

/// Events of a request where nothing holds them back.
const GROUP: u64 = 500;
/// Requests per second at most: faster rates send more events in each.
const REQUESTS_PER_S: f64 = 20.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Events of one request.
    pub group: u64,
    /// Between two requests; none is as fast as they go.
    every: Option<Duration>,
    /// Each event is a request of its own, and shown.
    pub each: bool,
}

impl Pace {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most 5,000
    pub fn new(rate: Option<f64>, each: bool) -> Self {
        let group = match rate {
            _ if each => 1,
            None => GROUP,
            Some(rate) => (rate / REQUESTS_PER_S).ceil() as u64,
        };
        let every = rate.map(|rate| Duration::from_secs_f64(group as f64 / rate));
        Self { group, every, each }
    }

    pub fn ticks(&self) -> Option<Interval> {
        self.every.map(interval)
    }
}

/// Events per second.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "expected 0.001 to 100000 events per second".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_in_few_requests() {
        #[track_caller]
        fn check(rate: Option<f64>, each: bool, group: u64, every_ms: Option<u64>) {
            let every = every_ms.map(Duration::from_millis);
            assert_eq!(Pace::new(rate, each), Pace { group, every, each });
        }
        check(None, false, 500, None);
        check(None, true, 1, None);
        check(Some(2.0), false, 1, Some(500));
        check(Some(20.0), false, 1, Some(50));
        check(Some(1000.0), false, 50, Some(50));
        check(Some(1000.0), true, 1, Some(1));
    }

    #[test]
    fn a_rate_is_a_number_of_events_per_second() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for bad in ["0", "-1", "many", "NaN", "1e9", ""] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
