//! How a subscription stands, in a word or two.

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::PauseReason,
    subscription::{Subscription, SubscriptionStatus},
};

/// A word with a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) tone: &'static str,
    pub(crate) word: &'static str,
    /// What explains it; perhaps nothing.
    pub(crate) why: &'static str,
}

const fn badge(tone: &'static str, word: &'static str, why: &'static str) -> Badge {
    Badge { tone, word, why }
}

/// Whether its deliveries are made and leave.
pub(crate) fn status(of: &Subscription) -> Badge {
    match of.status {
        SubscriptionStatus::Active => badge("is-ok", "active", ""),
        SubscriptionStatus::Paused(PauseReason::Manual) => badge("is-warn", "paused", "by someone"),
        SubscriptionStatus::Paused(PauseReason::ConsecutiveFailures) => {
            badge("is-bad", "paused", "too many deliveries in a row failed")
        }
        SubscriptionStatus::Paused(PauseReason::Gone) => {
            badge("is-bad", "paused", "its receiver answered 410 Gone")
        }
        SubscriptionStatus::Disabled => badge("is-idle", "disabled", "new events skip it"),
    }
}

/// How its receiver fares.
pub(crate) fn health(of: &Subscription, now: Timestamp) -> Badge {
    let health = &of.health;
    let waits = health.wait_until.is_some_and(|until| now < until);
    let untried = health.last_success_at.is_none() && health.last_failure_at.is_none();
    match health.circuit {
        Circuit::Open { .. } => badge(
            "is-bad",
            "circuit open",
            "a probe goes out from time to time, the rest waits",
        ),
        Circuit::Closed if waits => badge("is-warn", "waiting", "its receiver asked for time"),
        Circuit::Closed if health.unhealthy => {
            badge("is-warn", "failing", "the last attempt failed")
        }
        Circuit::Closed if untried => badge("is-idle", "untried", "nothing was sent to it yet"),
        Circuit::Closed => badge("is-ok", "healthy", ""),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use posthaste::delivery::Health;

    use super::*;
    use crate::subscription_form::tests::subscription;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[track_caller]
    fn check(health_is: Health, expected: &str) {
        let mut one = subscription();
        one.health = health_is;
        assert_eq!(health(&one, NOW).word, expected);
    }

    #[test]
    fn the_worst_that_holds_is_said() {
        let tried = Health {
            last_success_at: Some(NOW),
            ..Health::default()
        };
        let failing = Health {
            unhealthy: true,
            ..tried
        };
        let wait_until = Some(NOW + Duration::from_secs(1));
        let waiting = Health {
            wait_until,
            ..failing
        };
        let (probe_at, wait) = (NOW, Duration::from_secs(30));
        let circuit = Circuit::Open { probe_at, wait };
        check(Health::default(), "untried");
        check(tried, "healthy");
        check(failing, "failing");
        check(waiting, "waiting");
        check(
            Health {
                wait_until: Some(NOW),
                ..tried
            },
            "healthy",
        );
        check(Health { circuit, ..waiting }, "circuit open");
    }
}
