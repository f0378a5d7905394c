//! Figures as a picture for people, within 80 columns: totals, percentiles, reasons, and lines of
//! blocks for the series.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{
    paint::{Ink, Paint},
    stdout::visible,
};

/// Points that a line of blocks has at most: sixty, and a part of one at either end.
const WIDTH: usize = 61;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Reasons that are shown, those that came most first.
const REASONS: usize = 10;
/// The longest bar of a reason.
const BAR: u64 = 30;

/// What `GET /stats` answers, to be looked at.
pub fn picture(stats: &Value, whose: &str) -> String {
    let paint = Paint::for_stdout();
    let mut text = String::new();
    let window = span(stats["window_s"].as_u64().unwrap_or(0));
    let head = format!("The last {window}, {}", visible(whose));
    let _ = writeln!(text, "{}\n", paint.ink(Ink::Bold, &head));
    totals(&mut text, &stats["totals"]);
    latencies(&mut text, stats);
    reasons(&mut text, &stats["reasons"]);
    series(&mut text, stats, paint);
    text
}

fn totals(text: &mut String, totals: &Value) {
    for name in ["delivered", "failed", "discarded", "attempts"] {
        let count = totals[name].as_u64().unwrap_or(0);
        let _ = writeln!(text, "{name:<12} {:>15}", grouped(count));
    }
    for (name, title) in [
        ("success_rate", "success rate"),
        ("within_24h", "within 24 h"),
    ] {
        if let Some(share) = totals[name].as_f64() {
            // Only all of it is 100.
            let most = if share < 1.0 { 99.99 } else { 100.0 };
            let percent = (share * 100.0).min(most);
            let _ = writeln!(text, "{title:<12} {percent:>13.2} %");
        }
    }
}

fn latencies(text: &mut String, stats: &Value) {
    let kinds = [
        ("latency_ms", "at the first attempt"),
        ("retried_latency_ms", "after retries"),
    ];
    let kinds = kinds.map(|(member, what)| (&stats[member], what));
    let measured = kinds.iter().filter(|(found, _)| !found["p50"].is_null());
    for (place, (found, what)) in measured.enumerate() {
        if place == 0 {
            let _ = writeln!(text, "\nfrom the accept to the 2xx");
        }
        let _ = write!(text, "  ");
        for quantile in ["p50", "p95", "p99"] {
            let shown = found[quantile].as_f64().map_or_else(String::new, latency);
            let _ = write!(text, "{quantile} {shown:<11}");
        }
        let _ = writeln!(text, "{what}");
    }
}

fn reasons(text: &mut String, reasons: &Value) {
    let none = Map::new();
    let reasons = reasons.as_object().unwrap_or(&none).iter();
    let mut reasons: Vec<(&String, u64)> = reasons
        .map(|(reason, count)| (reason, count.as_u64().unwrap_or(0)))
        .collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let Some(&(_, most)) = reasons.first() else {
        return;
    };
    let _ = writeln!(text, "\nwhy attempts failed");
    for (reason, count) in reasons.iter().take(REASONS) {
        let length = (count * BAR).div_ceil(most.max(1));
        let bar = "█".repeat(usize::try_from(length).unwrap_or(0));
        let _ = writeln!(
            text,
            "  {:<20} {:>15}  {bar}",
            visible(reason),
            grouped(*count)
        );
    }
    if reasons.len() > REASONS {
        let _ = writeln!(text, "  and {} more: --json", reasons.len() - REASONS);
    }
}

fn series(text: &mut String, stats: &Value, paint: Paint) {
    let points = stats["series"].as_array().map_or(&[][..], Vec::as_slice);
    let (Some(first), Some(step)) = (points.first(), stats["step_s"].as_u64()) else {
        return;
    };
    let together = points.len().div_ceil(WIDTH);
    let step = span(step * together as u64);
    let begins = first["at"].as_str().unwrap_or("").replace('T', " ");
    let begins = begins.get(..16).unwrap_or(&begins);
    let _ = writeln!(text, "\nby {step}, from {begins} UTC");
    for (name, ink) in [
        ("delivered", Ink::Green),
        ("failed", Ink::Red),
        ("discarded", Ink::Yellow),
    ] {
        let counts = points.chunks(together).map(|chunk| {
            let counts = chunk.iter().map(|point| &point["totals"][name]);
            counts.filter_map(Value::as_u64).sum::<u64>()
        });
        let counts: Vec<u64> = counts.collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        if most > 0 {
            let line = paint.ink(ink, &blocks(&counts, most));
            let _ = writeln!(text, "  {name:<10}{line}");
            let _ = writeln!(text, "  {:<10}at most {}", "", grouped(most));
        }
    }
}

/// One block a count; nothing at all is a space.
fn blocks(counts: &[u64], most: u64) -> String {
    let block = |count: &u64| match (count * 8).div_ceil(most) {
        0 => ' ',
        height => BLOCKS[usize::try_from(height).unwrap_or(8).clamp(1, 8) - 1],
    };
    counts.iter().map(block).collect()
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn latency(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms < 3_600_000.0 => format!("{:.1} min", ms / 60_000.0),
        ms => format!("{:.1} h", ms / 3_600_000.0),
    }
}

/// Seconds as the largest unit that divides them.
fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let fits = |(unit, _): &(u64, &str)| seconds.is_multiple_of(*unit);
    let (unit, name) = units.into_iter().find(fits).unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(delivered: u64) -> Value {
        json!({"at": "2026-11-22T05:00:00.000Z",
            "totals": {"delivered": delivered, "failed": 0, "discarded": 0}})
    }

    #[test]
    fn a_picture_shows_all_there_is_within_80_columns() {
        let reasons: Map<String, Value> = (500..512)
            .map(|status| (format!("http {status}"), json!(1_000_000_000 + status)))
            .collect();
        let stats = json!({
            "window_s": 86_400, "step_s": 60,
            "totals": {"delivered": 12_345_678_901_u64, "failed": 3, "discarded": 0,
                "attempts": 12_345_678_999_u64, "success_rate": 0.99999, "within_24h": 1.0},
            "latency_ms": {"p50": 1.234, "p95": 88.1, "p99": 61_000.0},
            "retried_latency_ms": {"p50": 5000.0, "p95": 7e6, "p99": 8e7},
            "reasons": reasons,
            "series": (0..1440).map(point).collect::<Vec<_>>(),
        });
        let shown = picture(&stats, "all subscriptions");
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for part in [
            "The last 1 d",
            "12,345,678,901",
            "success rate         99.99 %",
            "within 24 h         100.00 %",
            "p50 1.23 ms",
            "p99 1.0 min",
            "after retries",
            "and 2 more",
            "by 24 min, from 2026-11-22 05:00 UTC",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("discarded  ▁"), "{shown}");
    }

    #[test]
    fn a_quiet_hour_says_so_with_zeros_alone() {
        let shown = picture(&json!({"window_s": 3600, "totals": {}}), "sub_1");
        let words: Vec<_> = shown.split_whitespace().collect();
        let expected = "The last 1 h, sub_1 delivered 0 failed 0 discarded 0 attempts 0";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn blocks_are_as_high_as_their_share() {
        assert_eq!(blocks(&[0, 1, 50, 100], 100), " ▁▄█");
    }
}
