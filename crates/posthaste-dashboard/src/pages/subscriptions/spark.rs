//! The last 24 hours as a row of bars: attempts that succeeded below those that failed.

use posthaste_engine::operations::Spark;
use posthaste_store::rollup::Tally;

/// What a bar and the gap beside it take.
const STEP: f64 = 5.0;
pub(crate) const HEIGHT: f64 = 28.0;
/// What is seen of a single attempt beside thousands.
const LEAST: f64 = 2.0;

/// An hour: both parts from the top, for SVG.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) ok_y: f64,
    pub(crate) ok_height: f64,
    pub(crate) bad_y: f64,
    pub(crate) bad_height: f64,
}

/// A spark, and its numbers in words.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) bars: Vec<Bar>,
    pub(crate) told: String,
    /// Delivered of all that ended; none where nothing did.
    pub(crate) rate: Option<String>,
    /// What is said where there is no rate.
    pub(crate) instead: &'static str,
}

impl Drawn {
    pub(crate) fn of(spark: &Spark) -> Self {
        let total = spark.total();
        Self {
            bars: bars(&spark.points),
            told: told(&total),
            rate: total.success_rate().map(percent),
            instead: if total.attempts == 0 {
                "idle"
            } else {
                "none yet"
            },
        }
    }
}

#[allow(clippy::cast_precision_loss)] // a picture
fn bars(points: &[Tally]) -> Vec<Bar> {
    let most = points
        .iter()
        .map(|point| point.attempts)
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    let height = |attempts: u64| match attempts {
        0 => 0.0,
        n => ((n as f64 / most) * HEIGHT).max(LEAST).round(),
    };
    let bar = |(at, point): (usize, &Tally)| {
        let bad_height = height(point.failed_attempts);
        let ok = point.attempts.saturating_sub(point.failed_attempts);
        let ok_height = height(ok).min(HEIGHT - bad_height);
        let ok_y = HEIGHT - ok_height;
        Bar {
            x: at as f64 * STEP,
            ok_y,
            ok_height,
            bad_y: ok_y - bad_height,
            bad_height,
        }
    };
    points.iter().enumerate().map(bar).collect()
}

fn told(total: &Tally) -> String {
    match total.attempts {
        0 => "nothing sent in the last 24 hours".to_owned(),
        attempts => format!(
            "last 24 hours: {attempts} attempts, {} failed; {} delivered, {} dead letters",
            total.failed_attempts, total.delivered, total.failed,
        ),
    }
}

/// `100 %`, `99.97 %`: what is not all is never shown as all.
pub(crate) fn percent(share: f64) -> String {
    match share {
        1.0 => "100 %".to_owned(),
        share => format!("{:.2} %", (share * 10_000.0).floor() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_hour_is_as_high_as_the_picture_and_one_attempt_is_seen() {
        let tally = |attempts, failed_attempts| Tally {
            attempts,
            failed_attempts,
            ..Tally::default()
        };
        let bars = bars(&[tally(0, 0), tally(1000, 500), tally(1, 1)]);
        let [none, most, one] = bars[..] else {
            panic!("{bars:?}")
        };
        assert_eq!((none.ok_height, none.bad_height), (0.0, 0.0));
        assert_eq!(
            (most.ok_height, most.bad_height, most.bad_y),
            (14.0, 14.0, 0.0)
        );
        assert_eq!((one.bad_height, one.bad_y), (LEAST, HEIGHT - LEAST));
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(0.0), "0.00 %");
    }
}
