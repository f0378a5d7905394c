//! Deliveries: one event on its way to one subscription, and what becomes of it after an attempt.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{circuit::Circuit, clock::Timestamp, retry::RetryPolicy};

/// The longest wait that a receiver's `Retry-After` is followed for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Where a delivery stands, as everyone sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not tried yet, or opened again.
    Pending,
    /// Failed, and will be tried again.
    Retrying {
        /// When it is due.
        at: Timestamp,
    },
    /// A pending or retrying one while its subscription is paused.
    Held,
    /// A receiver answered 2xx.
    Delivered {
        /// When it did.
        at: Timestamp,
    },
    /// A dead letter: its attempts are spent.
    Failed {
        /// When the last attempt ended.
        at: Timestamp,
    },
    /// It left the queue without being delivered.
    Discarded {
        /// The reason, which is always visible.
        why: Discard,
    },
}

impl DeliveryState {
    /// Its name.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        match self {
            Self::Pending => DeliveryStatus::Pending,
            Self::Retrying { .. } => DeliveryStatus::Retrying,
            Self::Held => DeliveryStatus::Held,
            Self::Delivered { .. } => DeliveryStatus::Delivered,
            Self::Failed { .. } => DeliveryStatus::Failed,
            Self::Discarded { .. } => DeliveryStatus::Discarded,
        }
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $(
            $(#[$vdoc])*
            #[doc = concat!("`", $text, "`")]
            #[serde(rename = $text)]
            $variant
        ),* }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it stands in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// The name of a [`DeliveryState`].
    DeliveryStatus {
        Pending = "pending",
        Retrying = "retrying",
        Held = "held",
        Delivered = "delivered",
        Failed = "failed",
        Discarded = "discarded",
    }
}

names! {
    /// Why a delivery left the queue without an attempt.
    Discard {
        /// By a person.
        Discarded = "discarded",
        /// Its subscription was deleted.
        Deleted = "deleted",
        /// Its subscription was disabled.
        Disabled = "disabled",
        /// It was held longer than its tenant allows.
        Expired = "expired",
    }
}

names! {
    /// Why an attempt failed: what `last_error` begins with.
    FailureClass {
        Timeout = "timeout",
        Connect = "connect",
        Dns = "dns",
        Tls = "tls",
        /// Egress rules forbid the address.
        Blocked = "blocked",
        /// An answer that is no 2xx.
        Http = "http",
        ResponseTooLarge = "response_too_large",
        Protocol = "protocol",
        Auth = "auth",
        /// Our own fault: a panic in the attempt's task.
        Internal = "internal",
        Poison = "poison",
        Corrupt = "corrupt",
    }
}

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A final 2xx to the signed POST.
    Accepted {
        /// 200 to 299.
        status: u16,
    },
    /// Anything but a final 2xx.
    Refused {
        /// The kind of failure.
        class: FailureClass,
        /// The answer's status, where there was an answer.
        status: Option<u16>,
        /// What the receiver asked for, with 429 or 503.
        retry_after: Option<Duration>,
    },
    /// 410: the receiver wants no more, ever.
    Gone,
}

impl Outcome {
    /// Whether it was accepted.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// The answer's status, where there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match *self {
            Self::Accepted { status } => Some(status),
            Self::Refused { status, .. } => status,
            Self::Gone => Some(410),
        }
    }
}

/// Attempts made for a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// In all; the number of the latest attempt.
    pub made: u32,
    /// Of the current retry budget: a redelivery starts it again.
    pub spent: u32,
}

impl Tries {
    /// With one more attempt, of the whole and of the budget.
    #[must_use]
    pub fn one_more(self) -> Self {
        Self {
            made: self.made + 1,
            spent: self.spent + 1,
        }
    }
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It is delivered.
    Deliver,
    /// It is tried again, then.
    RetryAt(Timestamp),
    /// Its attempts are spent.
    DeadLetter,
}

/// What becomes of a delivery after one attempt. `tries` counts that attempt; `draw` is the chance
/// of the jitter, in [0, 1).
#[must_use]
pub fn plan(
    tries: Tries,
    outcome: &Outcome,
    policy: &RetryPolicy,
    now: Timestamp,
    draw: f64,
) -> Transition {
    let retry_after = match *outcome {
        Outcome::Accepted { .. } => return Transition::Deliver,
        Outcome::Gone => return Transition::DeadLetter,
        Outcome::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
    };
    match policy.wait_after(tries.spent, draw) {
        Some(wait) => Transition::RetryAt(now + wait.max(retry_after.min(RETRY_AFTER_MAX))),
        None => Transition::DeadLetter,
    }
}

/// How an endpoint has fared lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// From its first failed attempt on until a success.
    pub unhealthy: bool,
    /// Deliveries in a row that spent all their attempts.
    pub consecutive_failures: u32,
    /// What opens the circuit; from 0 again after a success or a resume.
    pub failed_attempts_in_a_row: u32,
    /// Whether attempts reach it.
    #[serde(default)]
    pub circuit: Circuit,
    /// Nothing is sent before then: the receiver asked for it with a `Retry-After`.
    #[serde(default)]
    pub wait_until: Option<Timestamp>,
    /// The last 2xx.
    pub last_success_at: Option<Timestamp>,
    /// The last failed attempt.
    pub last_failure_at: Option<Timestamp>,
}

impl Health {
    /// Its health after an attempt that lasted from `began` to `now`, came to `outcome` and spent the
    /// attempts of so many deliveries (of a batch, of all in it).
    #[must_use]
    pub fn after(
        self,
        outcome: &Outcome,
        spent: u32,
        (began, now): (Timestamp, Timestamp),
    ) -> Self {
        let failures = match outcome.is_success() {
            true => 0,
            false => self.failed_attempts_in_a_row.saturating_add(1),
        };
        let after = Self {
            unhealthy: failures > 0,
            failed_attempts_in_a_row: failures,
            circuit: self.circuit.after(outcome, failures, (began, now)),
            wait_until: self.wait_after(outcome, now),
            ..self
        };
        match outcome.is_success() {
            true => Self {
                consecutive_failures: 0,
                last_success_at: Some(now),
                ..after
            },
            false => Self {
                consecutive_failures: self.consecutive_failures.saturating_add(spent),
                last_failure_at: Some(now),
                ..after
            },
        }
    }

    /// Its health after an attempt of a replay, which says nothing of how new events fare: it counts
    /// only as the circuit's probe, and even then its dead letter does not. What the receiver asks
    /// for with a `Retry-After` holds all the same.
    #[must_use]
    pub fn after_replay(self, outcome: &Outcome, (began, now): (Timestamp, Timestamp)) -> Self {
        match self.circuit {
            Circuit::Open { probe_at, .. } if began >= probe_at => {
                self.after(outcome, 0, (began, now))
            }
            Circuit::Open { .. } | Circuit::Closed => Self {
                wait_until: self.wait_after(outcome, now),
                ..self
            },
        }
    }

    /// What a receiver asks for holds for the whole subscription, up to a day.
    fn wait_after(&self, outcome: &Outcome, now: Timestamp) -> Option<Timestamp> {
        let asked = match *outcome {
            Outcome::Refused { retry_after, .. } => retry_after.filter(|wait| !wait.is_zero()),
            Outcome::Accepted { .. } | Outcome::Gone => None,
        };
        let until = asked.map(|wait| now + wait.min(RETRY_AFTER_MAX));
        self.wait_until.filter(|known| *known > now).max(until)
    }

    /// As a start finds it: a clock that was set back does not make anyone wait longer than ever.
    #[must_use]
    pub fn restored(self, now: Timestamp) -> Self {
        let circuit = match self.circuit {
            Circuit::Open { probe_at, wait } => Circuit::Open {
                probe_at: probe_at.min(now + wait),
                wait,
            },
            Circuit::Closed => Circuit::Closed,
        };
        Self {
            circuit,
            wait_until: self
                .wait_until
                .map(|until| until.min(now + RETRY_AFTER_MAX)),
            ..self
        }
    }

    /// A resume forgives: the counts begin again, the circuit closes, the times stay.
    #[must_use]
    pub fn resumed(self) -> Self {
        Self {
            consecutive_failures: 0,
            failed_attempts_in_a_row: 0,
            circuit: Circuit::Closed,
            wait_until: None,
            ..self
        }
    }
}

/// Why a subscription is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// By a person.
    Manual,
    /// Too many deliveries in a row spent all their attempts.
    ConsecutiveFailures,
    /// The receiver answered 410.
    Gone,
}

/// Whether an attempt's consequence pauses the subscription. `auto_pause_after` 0 is never.
#[must_use]
pub fn pauses(outcome: &Outcome, health: &Health, auto_pause_after: u32) -> Option<PauseReason> {
    if matches!(outcome, Outcome::Gone) {
        return Some(PauseReason::Gone);
    }
    let spent = auto_pause_after > 0 && health.consecutive_failures >= auto_pause_after;
    (spent && !outcome.is_success()).then_some(PauseReason::ConsecutiveFailures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Preset;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn refused(retry_after_s: Option<u64>) -> Outcome {
        Outcome::Refused {
            class: FailureClass::Http,
            status: Some(503),
            retry_after: retry_after_s.map(Duration::from_secs),
        }
    }

    #[track_caller]
    fn check(spent: u32, outcome: Outcome, expected: Transition) {
        let tries = Tries {
            made: spent + 7,
            spent,
        };
        let policy = RetryPolicy::preset(Preset::Quick);
        assert_eq!(plan(tries, &outcome, &policy, NOW, 0.9), expected);
    }

    #[test]
    fn an_attempt_is_followed_by_delivery_retry_or_dead_letter() {
        let in_s = |s| Transition::RetryAt(NOW + Duration::from_secs(s));
        check(1, Outcome::Accepted { status: 204 }, Transition::Deliver);
        check(1, refused(None), in_s(2));
        check(3, refused(None), in_s(8));
        check(4, refused(None), Transition::DeadLetter);
        check(1, Outcome::Gone, Transition::DeadLetter);
    }

    #[test]
    fn retry_after_lengthens_a_wait_up_to_a_day_and_never_shortens_it() {
        let in_s = |s| Transition::RetryAt(NOW + Duration::from_secs(s));
        check(1, refused(Some(0)), in_s(2));
        check(1, refused(Some(60)), in_s(60));
        check(1, refused(Some(u64::MAX)), in_s(24 * 3600));
        check(4, refused(Some(60)), Transition::DeadLetter);
    }

    #[test]
    fn health_follows_attempts_and_deliveries() {
        let failed = Health::default()
            .after(&refused(None), 0, (NOW, NOW))
            .after(&refused(None), 1, (NOW, NOW));
        assert!(failed.unhealthy);
        assert_eq!(failed.failed_attempts_in_a_row, 2);
        assert_eq!(failed.consecutive_failures, 1);
        let resumed = failed.resumed();
        assert!(resumed.unhealthy, "until a success");
        let counts = |health: Health| {
            let Health {
                failed_attempts_in_a_row,
                consecutive_failures,
                ..
            } = health;
            (failed_attempts_in_a_row, consecutive_failures)
        };
        assert_eq!(counts(resumed), (0, 0));
        let well = failed.after(&Outcome::Accepted { status: 200 }, 0, (NOW, NOW));
        assert!(!well.unhealthy);
        assert_eq!(well.last_failure_at, Some(NOW));
        assert_eq!(counts(well), (0, 0));
    }

    #[test]
    fn a_receivers_wait_holds_for_the_subscription_up_to_a_day_and_is_not_shortened() {
        let wait = |health: Health, s| health.after(&refused(s), 0, (NOW, NOW)).wait_until;
        let at = |s| Some(NOW + Duration::from_secs(s));
        let fresh = Health::default();
        assert_eq!(wait(fresh, None), None);
        assert_eq!(wait(fresh, Some(0)), None);
        assert_eq!(wait(fresh, Some(60)), at(60));
        assert_eq!(wait(fresh, Some(u64::MAX)), at(24 * 3600));
        let waits = fresh.after(&refused(Some(60)), 0, (NOW, NOW));
        assert_eq!(wait(waits, Some(5)), at(60), "it asked for more before");
        assert_eq!(waits.resumed().wait_until, None);
        let later = NOW + Duration::from_secs(60);
        let after = waits.after(&refused(None), 0, (NOW, later));
        assert_eq!(after.wait_until, None, "it is over");
    }

    #[test]
    fn the_fiftieth_failure_in_a_row_opens_the_circuit_and_a_success_closes_it() {
        let failing = (0..49).fold(Health::default(), |h, _| {
            h.after(&refused(None), 0, (NOW, NOW))
        });
        assert_eq!(failing.circuit, Circuit::Closed);
        let open = failing.after(&refused(None), 0, (NOW, NOW));
        assert!(matches!(open.circuit, Circuit::Open { .. }));
        assert_eq!(open.resumed().circuit, Circuit::Closed);
        let well = open.after(&Outcome::Accepted { status: 200 }, 0, (NOW, NOW));
        assert_eq!(well.circuit, Circuit::Closed);
    }

    #[test]
    fn a_replay_counts_as_the_circuits_probe_alone() {
        let later = |s| NOW + Duration::from_secs(s);
        let failing = (0..50).fold(Health::default(), |h, _| {
            h.after(&refused(None), 1, (NOW, NOW))
        });
        let Circuit::Open { probe_at, .. } = failing.circuit else {
            panic!("open: {failing:?}")
        };
        let ok = Outcome::Accepted { status: 200 };
        for outcome in [ok, refused(None), Outcome::Gone] {
            let before = failing.after_replay(&outcome, (NOW, later(1)));
            assert_eq!(before, failing, "it began before the circuit opened");
        }
        let closed = failing.after_replay(&ok, (probe_at, probe_at));
        assert_eq!((closed.circuit, closed.unhealthy), (Circuit::Closed, false));
        let open = failing.after_replay(&refused(None), (probe_at, probe_at));
        assert_ne!(open.circuit, failing.circuit, "the next probe is later");
        assert_eq!(open.consecutive_failures, failing.consecutive_failures);
        let waits = Health::default().after_replay(&refused(Some(60)), (NOW, NOW));
        let asked = Health {
            wait_until: Some(later(60)),
            ..Health::default()
        };
        assert_eq!(waits, asked);
    }

    #[test]
    fn five_spent_deliveries_in_a_row_or_one_410_pause() {
        let spent = |consecutive_failures| Health {
            consecutive_failures,
            ..Health::default()
        };
        let failures = Some(PauseReason::ConsecutiveFailures);
        assert_eq!(pauses(&refused(None), &spent(4), 5), None);
        assert_eq!(pauses(&refused(None), &spent(5), 5), failures);
        assert_eq!(pauses(&refused(None), &spent(500), 0), None, "0 is never");
        assert_eq!(
            pauses(&Outcome::Gone, &spent(0), 0),
            Some(PauseReason::Gone)
        );
    }
}
