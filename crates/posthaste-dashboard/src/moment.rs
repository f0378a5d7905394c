//! Times as people write them into a filter: how long ago, a date, or RFC 3339.

use posthaste::clock::Timestamp;

/// What a field that is none of these is told.
pub(crate) const EXPECTED: &str =
    "expected 30m, 2h or 7d ago, or a time such as 2026-11-22 10:00 (UTC)";

/// None where it is no time. Without a zone it is UTC.
pub(crate) fn read(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    ago(text, now)
        .or_else(|| text.parse().ok())
        .or_else(|| utc(text))
}

fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let unit_ms = match text.chars().next_back()? {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    Some(Timestamp::from_millis(
        now.as_millis() - i64::from(count) * unit_ms,
    ))
}

fn utc(text: &str) -> Option<Timestamp> {
    let rest = match text.len() {
        10 => "T00:00:00Z",
        16 => ":00Z",
        19 => "Z",
        _ => return None,
    };
    format!("{}{rest}", text.replacen(' ', "T", 1)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let now = "2026-11-22T12:00:00.000Z".parse().unwrap();
        let found = read(text, now).map(|at| at.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        check("2h", Some("2026-11-22T10:00:00.000Z"));
        check(" 7d ", Some("2026-11-15T12:00:00.000Z"));
        check("90s", Some("2026-11-22T11:58:30.000Z"));
        check("2026-11-22", Some("2026-11-22T00:00:00.000Z"));
        check("2026-11-22 10:05", Some("2026-11-22T10:05:00.000Z"));
        check("2026-11-22 10:05:06 UTC", Some("2026-11-22T10:05:06.000Z"));
        check("2026-11-22T10:05:06", Some("2026-11-22T10:05:06.000Z"));
        check(
            "2026-11-22T10:05:06+02:00",
            Some("2026-11-22T08:05:06.000Z"),
        );
        for none in ["", "h", "2x", "-2h", "yesterday", "2026-13-01", "éé"] {
            check(none, None);
        }
    }
}
