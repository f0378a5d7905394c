//! Where the time of attempts went, drawn: a bar for each, all to one scale, and the same in words.

use posthaste_store::record::Attempt;

/// Units of the longest bar.
const WIDTH: f64 = 1000.0;

/// A piece of a bar.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) label: &'static str,
    /// Its class: what colour it has.
    pub(crate) class: &'static str,
    pub(crate) us: u64,
    pub(crate) x: f64,
    pub(crate) width: f64,
}

impl Piece {
    /// `850 µs`, `12.3 ms`, `2.04 s`.
    pub(crate) fn took(&self) -> String {
        took(self.us)
    }
}

#[allow(clippy::cast_precision_loss)] // exact up to 285 years
pub(crate) fn took(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

/// The longest of them, which the others are drawn beside.
pub(crate) fn longest_us(attempts: &[Attempt]) -> u64 {
    attempts
        .iter()
        .map(|made| made.latency_us)
        .max()
        .unwrap_or(0)
}

/// What an attempt's time went into, in order. The rest is the writing of the request, and the body
/// of the answer; where nobody measured, it is all there is.
#[allow(clippy::cast_precision_loss)] // pixels
pub(crate) fn pieces(attempt: &Attempt, longest_us: u64) -> Vec<Piece> {
    let timings = attempt.timings.unwrap_or_default();
    let phases = [
        ("DNS", "is-dns", timings.dns_us),
        ("connect", "is-connect", timings.connect_us),
        ("TLS", "is-tls", timings.tls_us),
        ("first byte", "is-wait", timings.first_byte_us),
    ];
    let mut known = Vec::new();
    for (label, class, us) in phases {
        known.extend(us.map(|us| (label, class, u64::from(us))));
    }
    let sum: u64 = known.iter().map(|(_, _, us)| us).sum();
    let rest = attempt.latency_us.saturating_sub(sum);
    match attempt.timings {
        Some(_) => known.push(("rest", "is-rest", rest)),
        None => known.push(("in all", "is-rest", rest)),
    }
    let scale = WIDTH / longest_us.max(sum).max(1) as f64;
    let mut x = 0.0;
    let pieces = known.into_iter().map(|(label, class, us)| {
        let (begin, width) = (x, us as f64 * scale);
        x += width;
        Piece {
            label,
            class,
            us,
            x: begin,
            width,
        }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use posthaste::transport::Timings;

    use super::*;

    #[track_caller]
    fn check(attempt: &Attempt, longest_us: u64, expected: &[(&str, f64, f64)]) {
        let found = pieces(attempt, longest_us);
        let found = found
            .iter()
            .map(|piece| (piece.label, piece.x, piece.width));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pieces_stand_one_behind_another_and_fill_what_the_attempt_took() {
        let mut attempt = Attempt {
            latency_us: 500,
            timings: Some(Timings {
                connect_us: Some(100),
                first_byte_us: Some(300),
                ..Timings::default()
            }),
            ..Attempt::default()
        };
        let expected = [
            ("connect", 0.0, 100.0),
            ("first byte", 100.0, 300.0),
            ("rest", 400.0, 100.0),
        ];
        check(&attempt, 1000, &expected);
        attempt.timings = None;
        check(&attempt, 500, &[("in all", 0.0, 1000.0)]);
        attempt.latency_us = 0;
        check(&attempt, 0, &[("in all", 0.0, 0.0)]);
    }

    #[test]
    fn times_read_at_a_glance() {
        assert_eq!(
            [850, 12_300, 2_040_000].map(took),
            ["850 µs", "12.3 ms", "2.04 s"]
        );
    }
}
