//! The figures of a window in words, each with where it leads.

use std::time::Duration;

use posthaste::{clock::Timestamp, id::DeliveryId};
use posthaste_store::{
    record::Backlog,
    rollup::{Histogram, Minute},
};

use super::{Read, window::Window};
use crate::{pages::subscriptions::spark::percent, show};

pub(super) struct Tiles {
    /// When the window begins.
    pub(super) since: Timestamp,
    pub(super) success: Option<String>,
    /// How the success is to be felt: the class of its tile.
    pub(super) tone: &'static str,
    pub(super) delivered: u64,
    pub(super) dead: u64,
    pub(super) attempts: u64,
    pub(super) failed_attempts: u64,
    /// Delivered, by what time suits.
    pub(super) pace: String,
    pub(super) first: Latencies,
    pub(super) retried: Latencies,
    pub(super) backlog: Backlog,
    pub(super) oldest: Option<Oldest>,
}

/// The delivery that waits longest, and for how long.
pub(super) struct Oldest {
    pub(super) id: DeliveryId,
    pub(super) made_at: Timestamp,
    pub(super) age: String,
}

/// Percentiles in words; none where nothing was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    pub(super) count: u64,
    pub(super) p50: Option<String>,
    pub(super) p95: Option<String>,
    pub(super) p99: Option<String>,
}

impl Latencies {
    fn of(histogram: &Histogram) -> Self {
        let told = |quantile| histogram.quantile_us(quantile).map(latency);
        Self {
            count: histogram.total(),
            p50: told(0.5),
            p95: told(0.95),
            p99: told(0.99),
        }
    }
}

impl Tiles {
    pub(super) fn of(read: &Read, window: Window) -> Self {
        let total = &read.stats.total;
        let end = Minute::of(read.now).plus(1);
        let rate = share(total.delivered, total.delivered + total.failed);
        let oldest = read.backlog.oldest.map(|id| Oldest {
            id,
            made_at: id.time(),
            age: show::span(read.now.since(id.time())),
        });
        Self {
            since: end.minus(window.minutes()).start(),
            success: rate.map(percent),
            tone: tone(rate),
            delivered: total.delivered,
            dead: total.failed,
            attempts: total.attempts,
            failed_attempts: read.reasons().values().sum(),
            pace: pace(total.delivered, window.minutes()),
            first: Latencies::of(&total.latency),
            retried: Latencies::of(&total.retried),
            backlog: read.backlog,
            oldest,
        }
    }
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn tone(rate: Option<f64>) -> &'static str {
    match rate {
        None => "is-idle",
        Some(0.99..) => "is-ok",
        Some(0.9..) => "is-warn",
        Some(_) => "is-bad",
    }
}

/// `12.5 ms`, `850 ms`, then as any span.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // of a day at most
fn latency(us: f64) -> String {
    match us / 1000.0 {
        ms @ ..10.0 => format!("{ms:.1} ms"),
        ms @ ..1000.0 => format!("{ms:.0} ms"),
        ms => show::span(Duration::from_millis(ms as u64)),
    }
}

/// In the largest unit of which there is at least one.
#[allow(clippy::cast_precision_loss)] // a figure of two places
fn pace(count: u64, minutes: u32) -> String {
    let a_minute = count as f64 / f64::from(minutes);
    match a_minute {
        0.0 => "none".to_owned(),
        60.0.. => format!("{:.1} a second", a_minute / 60.0),
        1.0.. => format!("{a_minute:.1} a minute"),
        _ => format!("{:.1} an hour", a_minute * 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_at_a_glance() {
        let latencies = [812.0, 12_500.0, 850_400.0, 3_200_000.0, 250_000_000.0].map(latency);
        assert_eq!(latencies, ["0.8 ms", "12 ms", "850 ms", "3.2 s", "4 min"]);
        let paces = [(0, 60), (7200, 60), (90, 60), (30, 60)].map(|(n, m)| pace(n, m));
        assert_eq!(
            paces,
            ["none", "2.0 a second", "1.5 a minute", "30.0 an hour"]
        );
        let shares = [(0, 0), (3, 3), (99_999, 100_000), (1, 3)].map(|(n, of)| share(n, of));
        let percents = shares.map(|share| share.map_or("none".to_owned(), percent));
        assert_eq!(percents, ["none", "100 %", "99.99 %", "33.33 %"]);
    }

    #[test]
    fn a_rate_is_felt_by_its_nines() {
        let tones = [None, Some(1.0), Some(0.99), Some(0.95), Some(0.5)].map(tone);
        assert_eq!(tones, ["is-idle", "is-ok", "is-ok", "is-warn", "is-bad"]);
    }
}
