//! Where the time of an attempt went, measured by whoever makes it and kept by whoever asked.
//!
//! A phase is counted when it is over, however it ended: an attempt that is given up in the middle
//! of a handshake says how long that had lasted.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use crate::clock::Clock;

/// Microseconds that each phase of an attempt took. One that it did not go through is none: over
/// a connection that was open already there is only the wait for the answer, an address has no name
/// to resolve, and plain HTTP no handshake. The last one that there is may not have come to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timings {
    /// Resolving the name.
    pub dns_us: Option<u32>,
    /// Connecting, over all the addresses that were tried.
    pub connect_us: Option<u32>,
    /// The TLS handshake.
    pub tls_us: Option<u32>,
    /// From handing over the request until the head of its answer was there.
    pub first_byte_us: Option<u32>,
}

/// A part of an attempt, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `Timings` says it
pub enum Phase {
    Dns,
    Connect,
    Tls,
    FirstByte,
}

/// What a transport writes down while it sends.
#[derive(Debug)]
pub struct Stopwatch([AtomicU32; 4]);

/// No such phase.
const NONE: u32 = u32::MAX;

impl Default for Stopwatch {
    fn default() -> Self {
        Self([const { AtomicU32::new(NONE) }; 4])
    }
}

impl Stopwatch {
    /// Nothing has been measured.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was measured; none if nothing was.
    #[must_use]
    pub fn timings(&self) -> Option<Timings> {
        let phase =
            |phase: Phase| Some(self.0[phase as usize].load(Relaxed)).filter(|us| *us < NONE);
        let timings = Timings {
            dns_us: phase(Phase::Dns),
            connect_us: phase(Phase::Connect),
            tls_us: phase(Phase::Tls),
            first_byte_us: phase(Phase::FirstByte),
        };
        (timings != Timings::default()).then_some(timings)
    }

    /// A phase begins. It lasts until what this answers is dropped.
    pub fn begin<'a>(&'a self, phase: Phase, clock: &'a dyn Clock) -> Lap<'a> {
        Lap {
            place: &self.0[phase as usize],
            began: clock.elapsed(),
            clock,
        }
    }

    /// Forgets everything: it is begun anew, or is not to be told.
    pub fn clear(&self) {
        self.0.iter().for_each(|place| place.store(NONE, Relaxed));
    }
}

/// A phase that is under way.
#[must_use = "a phase is over when this is dropped"]
pub struct Lap<'a> {
    place: &'a AtomicU32,
    began: Duration,
    clock: &'a dyn Clock,
}

impl Drop for Lap<'_> {
    fn drop(&mut self) {
        let took = self.clock.elapsed().saturating_sub(self.began);
        let us = u32::try_from(took.as_micros()).unwrap_or(NONE);
        self.place.store(us.min(NONE - 1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    #[test]
    fn a_phase_lasts_until_its_lap_is_dropped_and_others_stay_none() {
        let clock = ManualClock::at(Timestamp::from_millis(1000));
        let stopwatch = Stopwatch::new();
        assert_eq!(stopwatch.timings(), None);
        let lap = stopwatch.begin(Phase::Connect, &clock);
        clock.advance(Duration::from_millis(3));
        drop(lap);
        drop(stopwatch.begin(Phase::FirstByte, &clock));
        let expected = Timings {
            connect_us: Some(3000),
            first_byte_us: Some(0),
            ..Timings::default()
        };
        assert_eq!(stopwatch.timings(), Some(expected));
        let lap = stopwatch.begin(Phase::Tls, &clock);
        clock.advance(Duration::from_secs(5000));
        drop(lap);
        assert_eq!(stopwatch.timings().unwrap().tls_us, Some(u32::MAX - 1));
        stopwatch.clear();
        assert_eq!(stopwatch.timings(), None);
    }
}
