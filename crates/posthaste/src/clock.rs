//! The only reader of time.
//!
//! Everything else takes `now` as an argument. A clock answers two questions that must not be
//! mixed: *what comes after what* ([`Clock::now`]: steady, never backwards, used for ids, retries
//! and deadlines) and *what does the world's calendar say* ([`Clock::wall`], used in signatures,
//! which a receiver compares with its own calendar).

use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use jiff::{SignedDuration, civil, fmt::temporal::Pieces};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const EPOCH: civil::DateTime = civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON and text it is RFC 3339 in UTC with milliseconds: `2026-11-21T20:36:00.123Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// So many milliseconds after 1970, or before it.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as the signature schemes count them.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(time) = jiff::Timestamp::from_millisecond(self.0) {
            return write!(f, "{time:.3}");
        }
        match EPOCH.checked_add(SignedDuration::from_millis(self.0)) {
            Ok(time) => write!(f, "{time:.3}Z"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Not an RFC 3339 time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 time with its zone, such as 2026-11-21T20:36:00.123Z")]
pub struct TimestampError;

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Self(time.as_millisecond())),
            Err(_) => at_the_end_of_time(text).ok_or(TimestampError),
        }
    }
}

/// A jiff timestamp ends a day before year 9999 does, so that any offset may be added to it; the
/// last moment of all is a time like any other to those who write it.
fn at_the_end_of_time(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let utc = local
        .checked_sub(SignedDuration::from_secs(offset.seconds().into()))
        .ok()?;
    let ms = utc.duration_since(EPOCH).as_millis();
    i64::try_from(ms).ok().map(Timestamp)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Steady time: follows the wall clock slowly and never runs backwards.
    fn now(&self) -> Timestamp;
    /// What the wall says right now, jumps included: for signatures alone.
    fn wall(&self) -> Timestamp;
    /// A stopwatch reading for latencies, from an arbitrary start.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock: wall time at start plus monotonic time, slewed towards the wall clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    slew: Mutex<Slew>,
}

impl SystemClock {
    /// Starts at the wall's time.
    #[must_use]
    pub fn new() -> Self {
        let slew = Slew::new(wall_clock());
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        Self {
            start,
            slew: Mutex::new(slew),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.elapsed();
        let mut slew = self
            .slew
            .lock()
            .expect("nothing panics while it holds the clock");
        slew.read(elapsed, wall_clock())
    }

    fn wall(&self) -> Timestamp {
        wall_clock()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

#[allow(clippy::disallowed_methods)]
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Steady time out of a stopwatch and an unsteady wall clock.
///
/// The wall clock may jump by an hour or ten years. Steady time advances with the stopwatch and
/// closes a gap to the wall by at most 5 % of the time that passes, so that a jump neither makes
/// everything due at once nor lets time stand still.
#[derive(Clone, Copy, Debug)]
pub struct Slew {
    last_elapsed: Duration,
    last_us: i64,
}

impl Slew {
    /// Share of passing time by which a gap to the wall clock is closed: 1/20.
    const SHARE: i64 = 20;

    /// Starts at what the wall says.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        Self {
            last_elapsed: Duration::ZERO,
            last_us: wall.0.saturating_mul(1000),
        }
    }

    /// The steady time at stopwatch reading `elapsed`, when the wall says `wall`.
    pub fn read(&mut self, elapsed: Duration, wall: Timestamp) -> Timestamp {
        let passed = elapsed.saturating_sub(self.last_elapsed);
        let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let steady_us = self.last_us.saturating_add(passed_us);
        let gap_us = wall.0.saturating_mul(1000).saturating_sub(steady_us);
        let bound = passed_us / Self::SHARE;
        self.last_us = steady_us.saturating_add(gap_us.clamp(-bound, bound));
        self.last_elapsed = self.last_elapsed.max(elapsed);
        Timestamp(self.last_us / 1000)
    }
}

/// A clock that stands still until it is moved: for tests and simulation.
#[derive(Debug)]
pub struct ManualClock {
    now: std::sync::atomic::AtomicI64,
}

impl ManualClock {
    /// Stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: now.0.into() }
    }

    /// Moves it ahead.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn wall(&self) -> Timestamp {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_wall_clock_that_jumps_an_hour_ahead_is_followed_slowly() {
        let mut slew = Slew::new(START);
        let hour = Duration::from_secs(3600);
        let now = slew.read(Duration::from_secs(1), START + hour);
        assert_eq!(now.since(START), Duration::from_millis(1050));
    }

    #[test]
    fn a_wall_clock_that_jumps_back_neither_stops_nor_reverses_time() {
        let mut slew = Slew::new(START);
        let back = Timestamp(START.0 - 3_600_000);
        let mut last = START;
        for second in 1..100 {
            let now = slew.read(Duration::from_secs(second), back);
            assert!(now > last, "{now} after {last}");
            last = now;
        }
    }

    #[test]
    fn a_small_drift_is_closed_altogether() {
        let mut slew = Slew::new(START);
        let wall = START + Duration::from_millis(10_003);
        assert_eq!(slew.read(Duration::from_secs(10), wall), wall);
    }

    #[test]
    fn times_read_and_write_rfc_3339() {
        let time: Timestamp = "2026-11-21T20:36:00.123Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T20:36:00.123Z");
        let zoned: Timestamp = "2026-11-21T21:36:00.123+01:00".parse().unwrap();
        assert_eq!(zoned, time);
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        for text in ["1969-07-20T20:17:40.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        let behind: Timestamp = "9999-12-31T23:59:59+01:00".parse().unwrap();
        assert_eq!(behind.to_string(), "9999-12-31T22:59:59.000Z");
        for bad in [
            "9999-12-31T23:30:00-01:00",
            "9999-12-32T00:00:00Z",
            "9999-12-31T23:59:59",
            "2024-02-30T00:00:00Z",
            "2024-01-01T00:00:00",
            "1700000000",
            "",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError), "{bad}");
        }
    }
}
