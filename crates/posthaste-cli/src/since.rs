//! A moment in the past, as one types it: so long ago, or a time.

use std::{str::FromStr, time::Duration};

use posthaste::clock::Timestamp;

/// `10m`, or `2026-11-21T20:36:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ago(Duration),
    Time(Timestamp),
}

impl Since {
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => {
                let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.as_millis().saturating_sub(ms))
            }
            Self::Time(at) => at,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Self::Time(at));
        }
        ago(text)
            .map(Self::Ago)
            .ok_or("expected a duration such as 90s, 10m, 2h or 7d, or an RFC 3339 time")
    }
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let unit_s = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| plain)?;
    Some(Duration::from_secs(count.checked_mul(unit_s)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
        #[track_caller]
        fn check(text: &str, ms: Option<i64>) {
            let at = text.parse::<Since>().ok().map(|since| since.at(NOW));
            assert_eq!(at.map(Timestamp::as_millis), ms, "{text}");
        }
        check("90s", Some(999_910_000));
        check("10m", Some(999_400_000));
        check("2h", Some(992_800_000));
        check("7d", Some(395_200_000));
        check("1970-01-01T00:00:01Z", Some(1000));
        for bad in [
            "",
            "m",
            "10",
            "+1m",
            "-1m",
            "1.5h",
            "10min",
            "1w",
            "9".repeat(30).as_str(),
        ] {
            check(bad, None);
        }
    }
}
