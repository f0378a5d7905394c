//! One subscription, as the model sees it: what the store has, what the scheduler was told, and
//! what its endpoint's health should be by its attempts.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{Health, PauseReason},
    event::{Line, TenantId},
    id::{DeliveryId, SubscriptionId},
    subscription::{Ordering, Subscription, SubscriptionStatus},
};

use super::Truth;

/// Failed attempts in a row that open the circuit.
const OPENS_AFTER: u32 = 50;
const PROBE_WAIT_S: (u64, u64) = (30, 300);
const DAY_S: u64 = 24 * 3600;

/// What the scheduler was told.
#[derive(Clone, Debug)]
pub struct Told {
    pub status: SubscriptionStatus,
    pub max_in_flight: u32,
    pub ordering: Ordering,
    pub rate_per_s: Option<f64>,
    pub auto_pause_after: u32,
}

#[derive(Debug)]
pub struct Endpoint {
    pub id: SubscriptionId,
    pub tenant: TenantId,
    pub deleted: bool,
    /// It wants the platform's own events.
    pub alerts: bool,
    /// The moment of its last change.
    pub changed: u64,
    /// In the store.
    pub status: SubscriptionStatus,
    pub was_disabled: bool,
    /// Since when it is paused, and when it was told that this costs it deliveries.
    pub pause: Option<(Timestamp, Option<Timestamp>)>,
    pub kept_health: Health,
    /// None where the scheduler does not know it.
    pub told: Option<Told>,
    pub health: Health,
    /// Attempts under way, without tests.
    pub in_flight: u32,
    /// Attempts under way in each line.
    pub in_lines: BTreeMap<Line, u32>,
    /// The probe that is under way.
    pub probe: Option<DeliveryId>,
    /// When requests left, over the last minute.
    pub sends: VecDeque<Timestamp>,
    /// Deliveries that have not ended, by line.
    waiting: BTreeSet<(Line, DeliveryId)>,
}

impl Endpoint {
    #[must_use]
    pub fn new(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id,
            tenant: subscription.tenant.clone(),
            deleted: false,
            alerts: !subscription.events.is_empty(),
            changed: 0,
            status: subscription.status,
            was_disabled: false,
            pause: None,
            kept_health: subscription.health,
            told: None,
            health: subscription.health,
            in_flight: 0,
            in_lines: BTreeMap::new(),
            probe: None,
            sends: VecDeque::new(),
            waiting: BTreeSet::new(),
        }
    }

    pub fn stored(&mut self, subscription: &Subscription, resumed: bool) {
        self.status = subscription.status;
        let paused = matches!(self.status, SubscriptionStatus::Paused(_));
        let since = (subscription.updated_at, None);
        self.pause = paused.then(|| self.pause.unwrap_or(since));
        self.was_disabled |= subscription.status == SubscriptionStatus::Disabled;
        if resumed {
            self.kept_health = forgiven(self.kept_health);
        }
    }

    pub fn pause_stored(&mut self, pause: Option<PauseReason>, at: Timestamp) {
        if let (Some(reason), SubscriptionStatus::Active) = (pause, self.status) {
            self.status = SubscriptionStatus::Paused(reason);
            self.pause = Some((at, None));
        }
    }

    /// Says whether its health is as it was written.
    pub fn start(&mut self, subscription: &Subscription, now: Timestamp) -> bool {
        self.change(subscription, false);
        self.health = no_longer_than_ever(subscription.health, now);
        subscription.health == self.kept_health
    }

    pub fn change(&mut self, subscription: &Subscription, resumed: bool) {
        let rate_per_s = subscription
            .rate_limit
            .map(posthaste::subscription::RateLimit::per_s);
        let known = self.told.as_ref().map(|told| told.rate_per_s);
        if known != Some(rate_per_s) {
            self.sends.clear();
        }
        if resumed {
            self.health = forgiven(self.health);
            self.probe = None;
        }
        self.told = Some(Told {
            status: subscription.status,
            max_in_flight: subscription.max_in_flight,
            ordering: subscription.ordering,
            rate_per_s,
            auto_pause_after: subscription.auto_pause_after,
        });
    }

    pub fn crash(&mut self) {
        self.told = None;
        self.in_flight = 0;
        self.in_lines.clear();
        self.probe = None;
        self.sends.clear();
        self.health = self.kept_health;
    }

    pub fn waits(&mut self, line: Line, id: DeliveryId) {
        self.waiting.insert((line, id));
    }

    pub fn ended(&mut self, line: Line, id: DeliveryId) {
        self.waiting.remove(&(line, id));
    }

    /// Those of the line that should go before it.
    pub fn in_front(&self, line: Line, id: DeliveryId) -> impl Iterator<Item = DeliveryId> + '_ {
        let first = (line, DeliveryId::from_u64(0));
        self.waiting.range(first..(line, id)).map(|(_, id)| *id)
    }

    /// An attempt ended, which was the last of so many deliveries.
    pub fn attempted(
        &mut self,
        first: DeliveryId,
        truth: &Truth,
        spent: u32,
        replayed: bool,
        now: Timestamp,
    ) -> Option<PauseReason> {
        let was_probe = self.probe == Some(first);
        if replayed && !was_probe {
            // What somebody sends again says nothing else of an endpoint.
            self.health.wait_until = self.wait_after(truth, now);
            return self.pauses(truth, replayed);
        }
        if was_probe || truth.is_success() {
            self.probe = None;
        }
        if truth.is_success() {
            self.health = Health {
                unhealthy: false,
                consecutive_failures: 0,
                failed_attempts_in_a_row: 0,
                circuit: Circuit::Closed,
                wait_until: self.health.wait_until.filter(|until| *until > now),
                last_success_at: Some(now),
                ..self.health
            };
            return None;
        }
        let failures = self.health.failed_attempts_in_a_row + 1;
        self.health = Health {
            unhealthy: true,
            consecutive_failures: self.health.consecutive_failures + spent,
            failed_attempts_in_a_row: failures,
            circuit: circuit_after(self.health.circuit, failures, was_probe, now),
            wait_until: self.wait_after(truth, now),
            last_failure_at: Some(now),
            ..self.health
        };
        self.pauses(truth, replayed)
    }

    fn wait_after(&self, truth: &Truth, now: Timestamp) -> Option<Timestamp> {
        let known = self.health.wait_until.filter(|until| *until > now);
        let asked = truth.asks_for_s().filter(|s| *s > 0);
        known.max(asked.map(|s| now + Duration::from_secs(s)))
    }

    fn pauses(&self, truth: &Truth, replayed: bool) -> Option<PauseReason> {
        let told = self.told.as_ref()?;
        let active = told.status == SubscriptionStatus::Active;
        let limit = told.auto_pause_after;
        let spent = !replayed && limit > 0 && self.health.consecutive_failures >= limit;
        match truth.status {
            _ if !active => None,
            Some(410) => Some(PauseReason::Gone),
            _ => spent.then_some(PauseReason::ConsecutiveFailures),
        }
    }
}

impl Truth {
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status / 100 == 2)
    }

    /// What 429 and 503 ask for, up to a day.
    #[must_use]
    pub fn asks_for_s(&self) -> Option<u64> {
        let heeded = matches!(self.status, Some(429 | 503));
        self.retry_after_s.filter(|_| heeded).map(|s| s.min(DAY_S))
    }
}

/// What began before the circuit opened says nothing about it.
fn circuit_after(circuit: Circuit, failures: u32, was_probe: bool, now: Timestamp) -> Circuit {
    let wait_s = match circuit {
        Circuit::Closed if failures < OPENS_AFTER => return Circuit::Closed,
        Circuit::Closed => PROBE_WAIT_S.0,
        Circuit::Open { .. } if !was_probe => return circuit,
        Circuit::Open { wait, .. } => (wait.as_secs() * 2).min(PROBE_WAIT_S.1),
    };
    let wait = Duration::from_secs(wait_s);
    Circuit::Open {
        probe_at: now + wait,
        wait,
    }
}

/// A clock that was set back makes nobody wait for more than ever is waited for.
fn no_longer_than_ever(health: Health, now: Timestamp) -> Health {
    let circuit = match health.circuit {
        Circuit::Open { probe_at, wait } => Circuit::Open {
            probe_at: probe_at.min(now + wait),
            wait,
        },
        Circuit::Closed => Circuit::Closed,
    };
    let day = now + Duration::from_secs(DAY_S);
    Health {
        circuit,
        wait_until: health.wait_until.map(|until| until.min(day)),
        ..health
    }
}

fn forgiven(health: Health) -> Health {
    Health {
        consecutive_failures: 0,
        failed_attempts_in_a_row: 0,
        circuit: Circuit::Closed,
        wait_until: None,
        ..health
    }
}
