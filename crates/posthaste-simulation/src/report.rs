//! What a world came to.

use std::{fmt, time::Duration};

/// Something happened that must never happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Virtual time since the world began.
    pub at: Duration,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:.3} s: {}", self.at.as_secs_f64(), self.what)
    }
}

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub steps: u64,
    /// Accepted with a 2xx.
    pub events: u64,
    pub deliveries: u64,
    pub attempts: u64,
    pub crashes: u64,
    /// Refusals and lost answers of the store, clock jumps, lost hints.
    pub faults: u64,
    /// Subscriptions changed, deliveries opened again, tests.
    pub changes: u64,
    /// Requests that a receiver had taken in before, each with its excuse.
    pub repetitions: u64,
    /// Deliveries that replays opened or made.
    pub replayed: u64,
    /// Deliveries that retention let go.
    pub pruned: u64,
    /// Deliveries that were held for too long.
    pub expired: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.attempts += other.attempts;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.changes += other.changes;
        self.repetitions += other.repetitions;
        self.replayed += other.replayed;
        self.pruned += other.pruned;
        self.expired += other.expired;
    }
}

/// One world, from its seed to its end.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    pub totals: Totals,
    pub violation: Option<Violation>,
    /// Of the trace.
    pub hash: u64,
    /// The trace's last lines, or all of it.
    pub trace: String,
}
