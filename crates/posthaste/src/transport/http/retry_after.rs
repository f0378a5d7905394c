//! `Retry-After`: delta-seconds or an HTTP date. Junk, a sign or a second value is as if it were
//! not there: a receiver that cannot say how long does not decide it. The cap is applied later.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

use crate::clock::Timestamp;

/// What 429 and 503 ask for; nothing for any other status.
pub(super) fn asked_for(
    status: u16,
    headers: &HeaderMap,
    now: &dyn Fn() -> Timestamp,
) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    retry_after(value.to_str().ok()?.trim(), now())
}

/// How long the text of a `Retry-After` asks to wait from `now` on, by the wall clock: for a
/// transport of one's own. None where it is neither seconds nor a date; a date that has passed is no
/// wait.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = text.ends_with(" GMT").then_some(text)?;
    let time = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, values: &[&str], expected_s: Option<u64>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, value.parse().unwrap());
        }
        let now = || "1994-11-06T08:49:37Z".parse().unwrap();
        let asked = asked_for(status, &headers, &now);
        assert_eq!(asked, expected_s.map(Duration::from_secs), "{values:?}");
    }

    #[test]
    fn seconds_and_dates_are_read() {
        check(429, &["0"], Some(0));
        check(503, &["120"], Some(120));
        check(503, &["1000000000000"], Some(1_000_000_000_000));
        check(503, &["99999999999999999999999"], Some(u64::MAX));
        check(503, &["Sun, 06 Nov 1994 08:50:37 GMT"], Some(60));
        check(503, &["Sun, 06 Nov 1994 08:00:00 GMT"], Some(0));
    }

    #[test]
    fn what_is_unclear_or_unasked_is_ignored() {
        check(500, &["120"], None);
        check(503, &[], None);
        for junk in [
            "-1",
            "+1",
            "1.5",
            "soon",
            "",
            "5, 10",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            check(503, &[junk], None);
        }
        check(503, &["5", "10"], None);
    }
}
