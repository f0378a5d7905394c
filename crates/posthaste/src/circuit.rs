//! The circuit of an endpoint that fails attempt after attempt: while it is open, the endpoint's
//! deliveries wait and spend nothing; one probe at a time asks whether it is back.

use std::time::Duration;

use crate::{clock::Timestamp, delivery::Outcome};

/// Failed attempts in a row that open the circuit.
pub const OPENS_AFTER: u32 = 50;
/// The wait before the first probe.
pub const PROBE_WAIT_MIN: Duration = Duration::from_secs(30);
/// The longest wait between probes, reached by doubling.
pub const PROBE_WAIT_MAX: Duration = Duration::from_secs(300);

/// Whether attempts reach an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Attempts go through; so many have failed in a row.
    Closed {
        /// In a row, up to the 50th, which opens it.
        failures: u32,
    },
    /// Nothing goes through until `probe_at`; then one attempt does.
    Open {
        /// When one attempt may try the endpoint.
        probe_at: Timestamp,
        /// How long it waits for that; doubled when the probe fails.
        wait: Duration,
    },
}

/// What the circuit lets through now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Every attempt.
    All,
    /// One attempt, whose outcome decides.
    Probe,
    /// None before then.
    NothingUntil(Timestamp),
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// The circuit after an attempt's outcome. A success closes it; a failure counts, or doubles
    /// the wait for the next probe.
    #[must_use]
    pub fn after(self, outcome: &Outcome, now: Timestamp) -> Self {
        if outcome.is_success() {
            return Self::default();
        }
        match self {
            Self::Closed { failures } if failures + 1 < OPENS_AFTER => Self::Closed {
                failures: failures + 1,
            },
            Self::Closed { .. } => Self::open(PROBE_WAIT_MIN, now),
            // An attempt that began before the circuit opened says nothing about a probe.
            Self::Open { probe_at, .. } if now < probe_at => self,
            Self::Open { wait, .. } => Self::open((wait * 2).min(PROBE_WAIT_MAX), now),
        }
    }

    fn open(wait: Duration, now: Timestamp) -> Self {
        Self::Open {
            probe_at: now + wait,
            wait,
        }
    }

    /// What it lets through now.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::All,
            Self::Open { probe_at, .. } if probe_at <= now => Admission::Probe,
            Self::Open { probe_at, .. } => Admission::NothingUntil(probe_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::FailureClass;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn failure() -> Outcome {
        Outcome::Refused {
            class: FailureClass::Timeout,
            status: None,
            retry_after: None,
        }
    }

    fn opened() -> Circuit {
        (0..OPENS_AFTER).fold(Circuit::default(), |circuit, _| {
            assert_eq!(circuit.admits(START), Admission::All);
            circuit.after(&failure(), START)
        })
    }

    #[test]
    fn fifty_failures_in_a_row_open_it() {
        let probe_at = START + PROBE_WAIT_MIN;
        assert_eq!(opened().admits(START), Admission::NothingUntil(probe_at));
        assert_eq!(opened().admits(probe_at), Admission::Probe);
    }

    #[test]
    fn one_success_starts_the_count_again() {
        let nearly = Circuit::Closed { failures: 49 };
        let again = nearly.after(&Outcome::Accepted { status: 200 }, START);
        assert_eq!(again, Circuit::default());
    }

    #[test]
    fn failed_probes_double_the_wait_up_to_five_minutes() {
        let (mut circuit, mut now) = (opened(), START);
        for wait_s in [30, 60, 120, 240, 300, 300] {
            let Circuit::Open { probe_at, wait } = circuit else {
                panic!("closed by a failure");
            };
            assert_eq!(wait, Duration::from_secs(wait_s));
            now = probe_at.max(now);
            circuit = circuit.after(&failure(), now);
        }
        assert_eq!(
            circuit.after(&Outcome::Accepted { status: 204 }, now),
            Circuit::default()
        );
    }

    #[test]
    fn a_late_failure_does_not_push_the_probe_away() {
        assert_eq!(opened().after(&failure(), START), opened());
    }
}
