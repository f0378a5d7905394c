//! Moments as they are typed: RFC 3339, or so long ago.

use std::time::Duration;

use posthaste::clock::{Clock, SystemClock, Timestamp};

/// `2026-11-21T20:36:00Z`, or `90s`, `30m`, `2h`, `7d` ago; as the API takes it.
pub fn moment(text: &str) -> Result<String, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let ago =
        ago(text).ok_or("expected a time such as 2026-11-21T20:36:00Z, or 30m, 2h or 7d ago")?;
    let now = SystemClock::new().now();
    let ago_ms = i64::try_from(ago.as_millis()).map_err(|error| error.to_string())?;
    let then = now.as_millis().saturating_sub(ago_ms).max(0);
    Ok(Timestamp::from_millis(then).to_string())
}

/// So long: `90s`, `30m`, `12h`, `30d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    ago(text).ok_or_else(|| "expected how long, such as 30m, 12h or 30d".to_owned())
}

/// `30d` from now, or a time; as the API takes it.
pub fn deadline(text: &str) -> Result<String, String> {
    let from_now = ago(text).ok_or("expected how long from now, such as 12h or 90d")?;
    Ok((SystemClock::new().now() + from_now).to_string())
}

/// A day from now: later than anything that the server has, whatever its clock.
pub fn tomorrow() -> String {
    (SystemClock::new().now() + Duration::from_secs(24 * 3600)).to_string()
}

fn ago(text: &str) -> Option<Duration> {
    let unit_s = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let count = &text[..text.len() - 1];
    let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = count.parse().ok().filter(|_| digits)?;
    count.checked_mul(unit_s).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_s: Option<u64>) {
        assert_eq!(ago(text).map(|ago| ago.as_secs()), expected_s, "{text}");
    }

    #[test]
    fn so_long_ago_is_a_number_and_its_unit() {
        check("90s", Some(90));
        check("30m", Some(1800));
        check("2h", Some(7200));
        check("7d", Some(604_800));
        for bad in [
            "",
            "h",
            "2",
            "2w",
            "-2h",
            "+2h",
            "2.5h",
            "2 h",
            "é",
            "99999999999999999999d",
        ] {
            check(bad, None);
        }
        check("999999999999999999d", None);
    }

    #[test]
    fn a_moment_is_what_the_api_takes() {
        let given = moment("2026-11-21T20:36:00Z").unwrap();
        assert_eq!(given, "2026-11-21T20:36:00.000Z");
        let ago: Timestamp = moment("2h").unwrap().parse().unwrap();
        let now: Timestamp = moment("0s").unwrap().parse().unwrap();
        let apart_s = now.since(ago).as_secs();
        assert!((7199..=7201).contains(&apart_s), "{apart_s}");
        assert!(moment("yesterday").is_err());
    }
}
