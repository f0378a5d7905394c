//! Figures: what became of deliveries, over a window and by its steps.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{clock::Timestamp, id::SubscriptionId};
use posthaste_engine::operations::{POINTS_MAX, Stats, WINDOW_MAX, finest_step, usual_step};
use posthaste_store::rollup::{Histogram, Rollup};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api, answer,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadDeliveries},
    problem::Problem,
    values::{Fault, Read},
};

/// The window where none is asked for, in minutes: an hour.
const WINDOW: u32 = 60;

/// What became of deliveries in a window that ends with the minute under way.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsView {
    window_s: u64,
    /// Null where there is no series.
    step_s: Option<u64>,
    #[serde(flatten)]
    figures: FiguresView,
    /// The oldest first, empty steps too; null where no step was asked for. Steps are counted from
    /// 1970: the first and the last one may lie in the window in part.
    series: Option<Vec<StepView>>,
}

/// One step of a series.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsStep)]
pub(crate) struct StepView {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(flatten)]
    figures: FiguresView,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Figures)]
pub(crate) struct FiguresView {
    totals: TotalsView,
    /// From the accept to the 2xx, of what was delivered with its first attempt.
    latency_ms: PercentilesView,
    /// The same of what took more than one attempt.
    retried_latency_ms: PercentilesView,
    /// Failed attempts by their reason: a class of `last_error`, for `http` with its status.
    reasons: BTreeMap<String, u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Totals)]
pub(crate) struct TotalsView {
    delivered: u64,
    /// Dead letters.
    failed: u64,
    discarded: u64,
    attempts: u64,
    /// Delivered / (delivered + failed), 0 to 1; null where there was neither.
    success_rate: Option<f64>,
    /// The share of the delivered ones, 0 to 1, that arrived within 24 h of the accept; null where
    /// there was none.
    within_24h: Option<f64>,
}

/// Within a fifth of the true ones; null where nothing was measured.
#[derive(Serialize, ToSchema)]
#[schema(as = Percentiles)]
pub(crate) struct PercentilesView {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

impl FiguresView {
    fn of(rollup: &Rollup) -> Self {
        let reasons = rollup.reasons.iter();
        Self {
            totals: TotalsView {
                delivered: rollup.delivered,
                failed: rollup.failed,
                discarded: rollup.discarded,
                attempts: rollup.attempts,
                success_rate: share(rollup.delivered, rollup.delivered + rollup.failed),
                within_24h: share(rollup.within_24h, rollup.delivered),
            },
            latency_ms: PercentilesView::of(&rollup.latency),
            retried_latency_ms: PercentilesView::of(&rollup.retried),
            reasons: reasons
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect(),
        }
    }
}

impl PercentilesView {
    fn of(histogram: &Histogram) -> Self {
        let ms = |quantile| {
            let us = histogram.quantile_us(quantile);
            us.map(|us| us.round() / 1000.0)
        };
        Self {
            p50: ms(0.5),
            p95: ms(0.95),
            p99: ms(0.99),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl StatsView {
    fn of(stats: &Stats, asked: Asked) -> Self {
        let seconds = |minutes: u32| u64::from(minutes) * 60;
        let steps = |series: &Vec<_>| series.iter().map(StepView::of).collect();
        Self {
            window_s: seconds(asked.window),
            step_s: asked.step.map(seconds),
            figures: FiguresView::of(&stats.total),
            series: stats.series.as_ref().map(steps),
        }
    }
}

impl StepView {
    fn of((at, rollup): &(posthaste_store::rollup::Minute, Rollup)) -> Self {
        Self {
            at: at.start(),
            figures: FiguresView::of(rollup),
        }
    }
}

/// What is asked for, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    window: u32,
    step: Option<u32>,
}

impl Asked {
    fn read(mut parameters: Parameters) -> Result<Self, Problem> {
        let window = parameters.read("window", |text| minutes(text, WINDOW_MAX));
        let window = window.unwrap_or(WINDOW);
        let step = parameters.read("step", |text| {
            let step = minutes(text, WINDOW_MAX)?;
            let finest = finest_step(window);
            if step < finest {
                let detail = format!(
                    "at most {POINTS_MAX} points: a window of {window}m takes steps of {finest}m and more"
                );
                return Err(Fault::new("out_of_range", detail).into());
            }
            Ok(step)
        });
        parameters.finish()?;
        Ok(Self { window, step })
    }
}

/// A stretch of time such as `15m`, `24h` or `30d`, in whole minutes.
fn minutes(text: &str, max: u32) -> Read<u32> {
    let per_unit = match text.bytes().last() {
        Some(b'm') => Some(1),
        Some(b'h') => Some(60),
        Some(b'd') => Some(24 * 60),
        _ => None,
    };
    let parsed = per_unit.and_then(|per_unit| {
        let digits = &text[..text.len() - 1];
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = is_number.then(|| digits.parse::<u32>().unwrap_or(u32::MAX));
        number.map(|number| number.saturating_mul(per_unit))
    });
    match parsed {
        None => {
            let detail = "expected a number of minutes, hours or days, such as 15m, 24h or 30d";
            Err(Fault::new("invalid", detail).into())
        }
        Some(minutes) if minutes == 0 || minutes > max => {
            let detail = format!("expected 1m to {}d", max / (24 * 60));
            Err(Fault::new("out_of_range", detail).into())
        }
        Some(minutes) => Ok(minutes),
    }
}

/// What became of all deliveries, with a series.
#[utoipa::path(
    get, path = "/api/v1/webhooks/stats", tag = "stats",
    params(
        ("window" = Option<String>, Query, description = "`15m`, `1h`, `24h`, `7d`, `30d`: whole minutes up to 90 days, default `1h`; ends with the minute under way"),
        ("step" = Option<String>, Query, description = "of the series, from `1m` up, at most 1,500 points; default: about 60"),
    ),
    responses((status = 200, description = "Exact up to the last outcome that was written", body = StatsView)),
)]
pub(crate) async fn stats(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let mut asked = Asked::read(parameters)?;
    asked.step = asked.step.or(Some(usual_step(asked.window)));
    let stats = api
        .engine
        .stats(&auth.tenant, None, asked.window, asked.step);
    let view = StatsView::of(&stats.await?, asked);
    Ok(answer::json(StatusCode::OK, &view))
}

/// What became of one subscription's deliveries; with a series where a step is asked for.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{id}/stats", tag = "stats",
    params(
        ("id" = String, Path, description = "`sub_…`"),
        ("window" = Option<String>, Query, description = "`15m`, `1h`, `24h`, `7d`, `30d`: whole minutes up to 90 days, default `1h`; ends with the minute under way"),
        ("step" = Option<String>, Query, description = "of the series, from `1m` up, at most 1,500 points; default: no series"),
    ),
    responses((status = 200, description = "Exact up to the last outcome that was written", body = StatsView)),
)]
pub(crate) async fn subscription_stats(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = Asked::read(parameters)?;
    let (window, step) = (asked.window, asked.step);
    let stats = api
        .engine
        .stats(&auth.tenant, Some(id), window, step)
        .await?;
    Ok(answer::json(StatusCode::OK, &StatsView::of(&stats, asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Option<(u32, Option<u32>)>) {
        let found = Asked::read(Parameters::of(query)).ok();
        let found = found.map(|asked| (asked.window, asked.step));
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn windows_and_steps_are_whole_minutes_within_bounds() {
        check("", Some((60, None)));
        check("window=15m", Some((15, None)));
        check("window=24h&step=1m", Some((1440, Some(1))));
        check("step=29m&window=30d", Some((43_200, Some(29))));
        check("step=7d&window=90d", Some((129_600, Some(10_080))));
        for bad in [
            "window=0m",
            "window=91d",
            "window=1",
            "window=h",
            "window=",
            "window=1.5h",
            "window=-1h",
            "window=1H",
            "window=1s",
            "window=%D9%A3m",
            "window=99999999999d",
            "window=1h&window=1h",
            "step=0m",
            "window=30d&step=28m",
            "windows=1h",
            "window=1é",
        ] {
            check(bad, None);
        }
    }
}
