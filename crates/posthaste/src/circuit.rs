//! The circuit of an endpoint that fails attempt after attempt: while it is open, the endpoint's
//! deliveries wait and spend nothing; one probe at a time asks whether it is back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, delivery::Outcome};

/// Failed attempts in a row that open the circuit.
pub const OPENS_AFTER: u32 = 50;
/// The wait before the first probe.
pub const PROBE_WAIT_MIN: Duration = Duration::from_secs(30);
/// The longest wait between probes, reached by doubling.
pub const PROBE_WAIT_MAX: Duration = Duration::from_secs(300);

/// Whether attempts reach an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Attempts go through.
    #[default]
    Closed,
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

impl Circuit {
    /// The circuit after an attempt that lasted from `began` to `now`, with which so many have failed
    /// in a row. A success closes it; the 50th failure opens it, and that of a probe doubles the wait
    /// for the next one.
    #[must_use]
    pub fn after(
        self,
        outcome: &Outcome,
        failures: u32,
        (began, now): (Timestamp, Timestamp),
    ) -> Self {
        if outcome.is_success() {
            return Self::Closed;
        }
        match self {
            Self::Closed if failures < OPENS_AFTER => Self::Closed,
            Self::Closed => Self::open(PROBE_WAIT_MIN, now),
            // An attempt that began before the circuit opened says nothing about a probe.
            Self::Open { probe_at, .. } if began < probe_at => self,
            Self::Open { wait, .. } => Self::open((wait * 2).min(PROBE_WAIT_MAX), now),
        }
    }

    fn open(wait: Duration, now: Timestamp) -> Self {
        Self::Open {
            probe_at: now + wait,
            wait,
        }
    }

    /// Its name: `closed` or `open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
        }
    }

    /// What it lets through now.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admission {
        match *self {
            Self::Closed => Admission::All,
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
        (1..=OPENS_AFTER).fold(Circuit::default(), |circuit, failures| {
            assert_eq!(circuit.admits(START), Admission::All);
            circuit.after(&failure(), failures, (START, START))
        })
    }

    #[test]
    fn fifty_failures_in_a_row_open_it() {
        let probe_at = START + PROBE_WAIT_MIN;
        assert_eq!(opened().admits(START), Admission::NothingUntil(probe_at));
        assert_eq!(opened().admits(probe_at), Admission::Probe);
    }

    #[test]
    fn failed_probes_double_the_wait_up_to_five_minutes() {
        let (mut circuit, mut now) = (opened(), START);
        for (wait_s, failures) in [30, 60, 120, 240, 300, 300].into_iter().zip(51..) {
            let Circuit::Open { probe_at, wait } = circuit else {
                panic!("closed by a failure");
            };
            assert_eq!(wait, Duration::from_secs(wait_s));
            now = probe_at.max(now);
            circuit = circuit.after(&failure(), failures, (now, now));
        }
        let success = Outcome::Accepted { status: 204 };
        assert_eq!(circuit.after(&success, 0, (now, now)), Circuit::Closed);
    }

    #[test]
    fn a_late_failure_does_not_push_the_probe_away() {
        let late = START + PROBE_WAIT_MIN * 2;
        assert_eq!(opened().after(&failure(), 51, (START, late)), opened());
    }
}
