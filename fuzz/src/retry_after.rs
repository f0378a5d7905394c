//! `Retry-After`: seconds and dates as HTTP writes them, everything else as if it were not there.

use std::time::Duration;

use posthaste::{clock::Timestamp, transport::http::retry_after};

use super::parts;

/// The last moment that is read as a date: a day before the year 9999 ends.
const LAST_S: u64 = 253_402_207_200;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in eight bytes, then any text.
pub fn judge(mut input: &[u8]) {
    let moment_s = parts::number(&mut input) % LAST_S;
    let now_s = moment_s / 2;
    let now = Timestamp::from_millis(i64::try_from(now_s).expect("it is below the last") * 1000);
    let asked = Duration::from_secs(moment_s - now_s);
    assert_eq!(retry_after(&http_date(moment_s), now), Some(asked));
    assert_eq!(
        retry_after(&moment_s.to_string(), now),
        Some(Duration::from_secs(moment_s))
    );
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match retry_after(text, now) {
        Some(wait) if digits => {
            assert_eq!(wait.as_secs(), text.parse().unwrap_or(u64::MAX), "{text}");
        }
        found => {
            assert!(!digits, "{text}");
            assert!(found.is_none() || text.ends_with(" GMT"), "{text:?}");
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, worked out day by day of four hundred years.
fn http_date(moment_s: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let day = moment_s / 86_400;
    let (mut year, mut left) = (
        1970 + day / DAYS_OF_400_YEARS * 400,
        day % DAYS_OF_400_YEARS,
    );
    let is_leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let weekday = DAYS[usize::try_from(day % 7).expect("it is below seven")];
    let (date, month, second) = (left + 1, MONTHS[month], moment_s % 86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {date:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}
