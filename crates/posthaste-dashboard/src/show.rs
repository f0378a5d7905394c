//! How values look in templates. Everything is text: askama escapes it. A template hands on
//! references, whatever its value was: so they borrow.

use std::{borrow::Borrow, fmt::Display, time::Duration};

use posthaste::delivery::DeliveryStatus;

/// The class of a badge.
pub(crate) fn tone(status: impl Borrow<DeliveryStatus>) -> &'static str {
    match status.borrow() {
        DeliveryStatus::Delivered => "is-ok",
        DeliveryStatus::Retrying => "is-warn",
        DeliveryStatus::Failed => "is-bad",
        DeliveryStatus::Pending | DeliveryStatus::Held | DeliveryStatus::Discarded => "is-idle",
    }
}

/// A time for whoever has no script: UTC, to the second. A script shows the reader's own.
pub(crate) fn plain(at: impl Display) -> String {
    let exact = at.to_string();
    let seconds = exact.split('.').next().unwrap_or_default();
    seconds.replace('T', " ") + " UTC"
}

/// `850 ms`, `3.2 s`, `4 min`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(time: impl Borrow<Duration>) -> String {
    let time = time.borrow();
    let (ms, s) = (time.as_millis(), time.as_secs());
    match s {
        0 => format!("{ms} ms"),
        1..60 if ms % 1000 < 100 => format!("{s} s"),
        1..60 => format!("{s}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => two((s / 3600, "h"), (s % 3600 / 60, "min")),
        _ => two((s / 86_400, "d"), (s % 86_400 / 3600, "h")),
    }
}

fn two((large, unit): (u64, &str), (small, lesser): (u64, &str)) -> String {
    match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {lesser}"),
    }
}

/// A setting as it is written in JSON, a name without its quotes.
pub(crate) fn setting(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// `1 234 567`, with thin spaces.
pub(crate) fn count(n: impl Borrow<u64>) -> String {
    let digits = n.borrow().to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// `812 B`, `4.0 KiB`, `1.3 GiB`.
pub(crate) fn bytes(n: impl Borrow<u64>) -> String {
    let n = *n.borrow();
    let (mut unit, mut tenths) = ("B", u128::from(n) * 10);
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        (unit, tenths) = (larger, tenths / 1024);
    }
    match unit {
        "B" => format!("{n} B"),
        unit => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use posthaste::clock::Timestamp;

    use super::*;

    #[test]
    fn spans_and_counts_read_at_a_glance() {
        let of = |ms| span(Duration::from_millis(ms));
        assert_eq!(of(850), "850 ms");
        assert_eq!(of(3_200), "3.2 s");
        assert_eq!(of(10_040), "10 s");
        assert_eq!(of(250_000), "4 min");
        assert_eq!(of(7_500_000), "2 h 5 min");
        assert_eq!(of(7_200_000), "2 h");
        assert_eq!(of(273_600_000), "3 d 4 h");
        assert_eq!(count(7_u64), "7");
        assert_eq!(count(1_234_567_u64), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        assert_eq!(bytes(812_u64), "812 B");
        assert_eq!(bytes(4096_u64), "4.0 KiB");
        assert_eq!(bytes(1_400_000_000_u64), "1.3 GiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn a_time_is_plain_without_a_script() {
        let at: Timestamp = "2026-11-21T20:36:00.123Z".parse().unwrap();
        assert_eq!(plain(at), "2026-11-21 20:36:00 UTC");
    }
}
