//! The numbers behind the pictures: one table, on the page and as a file, so that both say the same.

use posthaste::clock::Timestamp;
use posthaste_engine::operations::Stats;
use posthaste_store::rollup::{Histogram, Reason, Rollup};

use super::{tiles::share, window::Window};

/// Rows of text under their headings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// What the row is of, where that is a stretch of time.
    pub(super) between: Option<(Timestamp, Timestamp)>,
}

const COUNTS: [&str; 11] = [
    "delivered",
    "failed",
    "discarded",
    "attempts",
    "success_rate",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "retried_p50_ms",
    "retried_p95_ms",
    "retried_p99_ms",
];

impl Table {
    /// A row for each step, the newest first; a column for each reason that the window has.
    pub(super) fn of(stats: &Stats, window: Window) -> Self {
        let reasons: Vec<Reason> = stats.total.reasons.keys().copied().collect();
        let names = reasons.iter().map(|reason| format!("failed: {reason}"));
        let first = ["at".to_owned()];
        let counts = COUNTS.map(str::to_owned);
        let series = stats.series.iter().flatten().rev();
        let rows = series.map(|(at, rollup)| Row {
            cells: cells(at.start(), rollup, &reasons),
            between: Some((at.start(), at.plus(window.step_minutes()).start())),
        });
        Self {
            headings: first.into_iter().chain(counts).chain(names).collect(),
            rows: rows.collect(),
        }
    }

    pub(super) fn csv(&self) -> String {
        let rows = self.rows.iter().map(|row| &row.cells);
        let lines = [&self.headings].into_iter().chain(rows);
        lines.map(|cells| line(cells)).collect()
    }
}

fn cells(at: Timestamp, rollup: &Rollup, reasons: &[Reason]) -> Vec<String> {
    let counts = [
        rollup.delivered,
        rollup.failed,
        rollup.discarded,
        rollup.attempts,
    ];
    let rate = share(rollup.delivered, rollup.delivered + rollup.failed);
    let latencies = [&rollup.latency, &rollup.retried].into_iter().flat_map(ms);
    let failed = reasons.iter().map(|reason| rollup.reasons.get(reason));
    let failed = failed.map(|count| count.copied().unwrap_or(0).to_string());
    [at.to_string()]
        .into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain([rate.map_or_else(String::new, |rate| format!("{rate:.4}"))])
        .chain(latencies)
        .chain(failed)
        .collect()
}

fn ms(histogram: &Histogram) -> [String; 3] {
    [0.5, 0.95, 0.99].map(|quantile| {
        let us = histogram.quantile_us(quantile);
        us.map_or_else(String::new, |us| format!("{:.1}", us / 1000.0))
    })
}

/// With quotes where there is something to quote; what a spreadsheet would take for a formula
/// begins with an apostrophe.
fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| written(cell)).collect();
    cells.join(",") + "\r\n"
}

fn written(cell: &str) -> String {
    let cell = match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        assert_eq!(
            line(&[cell.to_owned(), "b".to_owned()]),
            format!("{expected},b\r\n")
        );
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        check("http 500", "http 500");
        check("a,\"b\"", "\"a,\"\"b\"\"\"");
        check("=1+1", "'=1+1");
        check("@x,y", "\"'@x,y\"");
    }
}
