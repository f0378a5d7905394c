//! What the pictures are drawn from: a series for a script, and the colours that reasons have in
//! legend and picture alike.

use posthaste_engine::operations::Stats;
use posthaste_store::rollup::{Histogram, Reason, Rollup};
use serde::Serialize;

use super::window::Window;
use crate::query::Query;

/// Reasons with a colour of their own; the rest share one.
const HUES: usize = 5;

/// A reason of failed attempts in the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hue {
    /// The number of its colour, from 1; 0 is the rest's.
    pub(super) number: usize,
    pub(super) name: String,
    /// What `last_error` begins with; none for the rest.
    pub(super) error: Option<String>,
    pub(super) count: u64,
}

impl Hue {
    /// Its error as a filter of deliveries.
    pub(super) fn query(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        Some(Query::default().with("error", error))
    }
}

/// What a script draws.
#[derive(Serialize)]
pub(super) struct Series {
    window: &'static str,
    step_s: u32,
    /// Unix seconds at which each step begins.
    at: Vec<i64>,
    delivered: Vec<u64>,
    failed: Vec<u64>,
    latency: Percentiles,
    retried: Percentiles,
    reasons: Vec<Band>,
}

/// Milliseconds; null where nothing was measured.
#[derive(Serialize)]
struct Percentiles {
    p50: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
}

/// Failed attempts of one hue.
#[derive(Serialize)]
struct Band {
    hue: usize,
    name: String,
    error: Option<String>,
    counts: Vec<u64>,
}

/// The commonest reasons, and what is left of them.
pub(super) fn hues(stats: &Stats) -> Vec<Hue> {
    let (named, rest) = parted(stats);
    let hue = |(at, (reason, count)): (usize, &(Reason, u64))| Hue {
        number: at + 1,
        name: reason.to_string(),
        error: Some(reason.to_string()),
        count: *count,
    };
    let mut hues: Vec<Hue> = named.iter().enumerate().map(hue).collect();
    if !rest.is_empty() {
        hues.push(Hue {
            number: 0,
            name: "other".to_owned(),
            error: None,
            count: rest.iter().map(|(_, count)| count).sum(),
        });
    }
    hues
}

type Counted = Vec<(Reason, u64)>;

/// The reasons that have a colour, the commonest first, and those that have not.
fn parted(stats: &Stats) -> (Counted, Counted) {
    let reasons = stats.total.reasons.iter();
    let mut all: Vec<_> = reasons.map(|(reason, count)| (*reason, *count)).collect();
    all.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
    let rest = all.split_off(all.len().min(HUES));
    (all, rest)
}

impl Series {
    pub(super) fn of(stats: &Stats, window: Window) -> Self {
        let series: &[_] = stats.series.as_deref().unwrap_or_default();
        let each = |of: fn(&Rollup) -> u64| series.iter().map(|(_, rollup)| of(rollup)).collect();
        let times = series.iter().map(|(at, _)| at.start().as_millis() / 1000);
        Self {
            window: window.as_str(),
            step_s: window.step_minutes() * 60,
            at: times.collect(),
            delivered: each(|rollup| rollup.delivered),
            failed: each(|rollup| rollup.failed),
            latency: Percentiles::of(&series.iter().map(|(_, rollup)| &rollup.latency)),
            retried: Percentiles::of(&series.iter().map(|(_, rollup)| &rollup.retried)),
            reasons: bands(stats),
        }
    }
}

fn bands(stats: &Stats) -> Vec<Band> {
    let (named, rest) = parted(stats);
    let series: &[_] = stats.series.as_deref().unwrap_or_default();
    let band = |hue: Hue| {
        let of_hue: Vec<Reason> = match hue.number {
            0 => rest.iter().map(|(reason, _)| *reason).collect(),
            number => vec![named[number - 1].0],
        };
        let count = |rollup: &Rollup| {
            let counts = of_hue
                .iter()
                .filter_map(|reason| rollup.reasons.get(reason));
            counts.sum()
        };
        Band {
            hue: hue.number,
            name: hue.name,
            error: hue.error,
            counts: series.iter().map(|(_, rollup)| count(rollup)).collect(),
        }
    };
    hues(stats).into_iter().map(band).collect()
}

impl Percentiles {
    fn of<'a>(steps: &(impl Iterator<Item = &'a Histogram> + Clone)) -> Self {
        let each = |quantile| {
            let us = steps.clone().map(move |of| of.quantile_us(quantile));
            us.map(|us| us.map(|us| us.round() / 1000.0)).collect()
        };
        Self {
            p50: each(0.5),
            p95: each(0.95),
            p99: each(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use posthaste::delivery::FailureClass;
    use posthaste_store::rollup::Minute;

    use super::*;

    fn http(status: u16) -> Reason {
        Reason {
            class: FailureClass::Http,
            status: Some(status),
        }
    }

    #[test]
    fn the_commonest_reasons_have_a_colour_and_the_rest_share_one() {
        let counts = [
            (500, 9),
            (501, 1),
            (502, 2),
            (503, 3),
            (504, 4),
            (505, 5),
            (506, 1),
        ];
        let mut rollup = Rollup::default();
        rollup
            .reasons
            .extend(counts.map(|(status, count)| (http(status), count)));
        let stats = Stats {
            total: rollup.clone(),
            series: Some(vec![(Minute::from_u32(1), rollup)]),
        };
        let bands = Series::of(&stats, Window::Hour).reasons;
        let shown: Vec<_> = bands
            .iter()
            .map(|band| (band.hue, band.counts[0]))
            .collect();
        assert_eq!(shown, [(1, 9), (2, 5), (3, 4), (4, 3), (5, 2), (0, 2)]);
        assert_eq!(
            (bands[0].name.as_str(), bands[5].error.as_ref()),
            ("http 500", None)
        );
        let counts: Vec<u64> = hues(&stats).iter().map(|hue| hue.count).collect();
        assert_eq!(counts, [9, 5, 4, 3, 2, 2]);
    }
}
