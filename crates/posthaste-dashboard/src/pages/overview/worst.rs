//! The subscriptions that a window was worst for.

use posthaste::id::SubscriptionId;
use posthaste_engine::operations::Spark;
use posthaste_store::rollup::Tally;

use super::{
    numbers::{Row, Table},
    window::Window,
};
use crate::{
    Pages,
    fault::Fault,
    pages::subscriptions::spark::{Drawn, percent},
    viewer::Viewer,
};

impl Worst {
    pub(super) fn drawn(&self) -> Option<Drawn> {
        self.spark.as_ref().map(Drawn::of)
    }
}

/// How many are shown.
const SHOWN: usize = 8;

pub(super) struct Worst {
    pub(super) id: SubscriptionId,
    pub(super) url: String,
    /// As it is called, where its owner has said so.
    pub(super) description: String,
    pub(super) status: &'static str,
    pub(super) tally: Tally,
    pub(super) success: Option<String>,
    pub(super) spark: Option<Spark>,
}

pub(super) async fn of(
    pages: &Pages,
    viewer: &Viewer,
    window: Window,
) -> Result<Vec<Worst>, Fault> {
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let found = engine.worst_subscriptions(tenant, window.minutes(), SHOWN);
    let found = found.await?;
    let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
    let sparks = engine.sparks(tenant, &ids).await?;
    let shown = found.into_iter().filter_map(|(id, tally)| {
        let subscription = engine.subscription(tenant, id)?;
        Some(Worst {
            id,
            url: subscription.url.to_string(),
            description: subscription.description.clone(),
            status: subscription.status.as_str(),
            success: tally.success_rate().map(percent),
            tally,
            spark: sparks.get(&id).copied(),
        })
    });
    Ok(shown.collect())
}

const HEADINGS: [&str; 8] = [
    "subscription",
    "url",
    "status",
    "attempts",
    "failed_attempts",
    "delivered",
    "failed",
    "success_rate",
];

/// As a file: with what the sparks are drawn from, attempts and failed ones of each hour.
pub(super) fn table(worst: &[Worst]) -> Table {
    let sparks = worst.iter().filter_map(|one| one.spark);
    let since = sparks.map(|spark| spark.since).next();
    let hours = since.into_iter().flat_map(|since| {
        let hours = (0..24).map(move |hour| since.plus(hour * 60).start());
        hours.flat_map(|at| [format!("attempts {at}"), format!("failed_attempts {at}")])
    });
    Table {
        headings: HEADINGS
            .map(str::to_owned)
            .into_iter()
            .chain(hours)
            .collect(),
        rows: worst.iter().map(row).collect(),
    }
}

fn row(one: &Worst) -> Row {
    let tally = &one.tally;
    let counts = [
        tally.attempts,
        tally.failed_attempts,
        tally.delivered,
        tally.failed,
    ];
    let rate = tally.success_rate();
    let points = one.spark.into_iter().flat_map(|spark| spark.points);
    let hours = points.flat_map(|point| [point.attempts, point.failed_attempts]);
    let named = [one.id.to_string(), one.url.clone(), one.status.to_owned()];
    let cells = named
        .into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain([rate.map_or_else(String::new, |rate| format!("{rate:.4}"))])
        .chain(hours.map(|count| count.to_string()));
    Row {
        cells: cells.collect(),
        between: None,
    }
}
