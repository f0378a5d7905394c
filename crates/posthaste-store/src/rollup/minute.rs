//! Minutes: what rollups are kept by.

use posthaste::clock::Timestamp;

const MS: i64 = 60_000;

/// A minute, counted from 1970-01-01T00:00Z. One before that is that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u32);

/// What stretches of time rollups are read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Minute,
    Hour,
}

impl Level {
    /// How many minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
        }
    }
}

impl Minute {
    /// The one in which this moment lies.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let minutes = time.as_millis().div_euclid(MS).max(0);
        Self(u32::try_from(minutes).unwrap_or(u32::MAX))
    }

    #[must_use]
    pub const fn from_u32(minutes: u32) -> Self {
        Self(minutes)
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The moment in which it begins.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.0) * MS)
    }

    /// The minute with which its stretch of so many minutes begins, counted from 1970.
    #[must_use]
    pub fn aligned(self, step: u32) -> Self {
        Self(self.0 - self.0 % step.max(1))
    }

    #[must_use]
    pub fn plus(self, minutes: u32) -> Self {
        Self(self.0.saturating_add(minutes))
    }

    #[must_use]
    pub fn minus(self, minutes: u32) -> Self {
        Self(self.0.saturating_sub(minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(time: &str, start: &str, hour: &str) {
        let minute = Minute::of(time.parse().unwrap());
        assert_eq!(minute.start().to_string(), start);
        let hour_of_it = minute.aligned(Level::Hour.minutes());
        assert_eq!(hour_of_it.start().to_string(), hour);
    }

    #[test]
    fn a_moment_lies_in_one_minute_and_one_hour() {
        let hour = "2026-11-22T05:00:00.000Z";
        check("2026-11-22T05:00:00Z", hour, hour);
        check("2026-11-22T05:59:59.999Z", "2026-11-22T05:59:00.000Z", hour);
        let first = "1970-01-01T00:00:00.000Z";
        check("1969-07-20T20:17:40Z", first, first);
    }
}
