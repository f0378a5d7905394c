//! What an attempt may be and what it must lead to: the invariants, one by one.

use std::time::Duration;

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{Discard, PauseReason, Tries},
    id::DeliveryId,
    subscription::{Ordering, SubscriptionStatus},
};
use posthaste_engine::scheduler::Assignment;
use posthaste_store::record::{HealthChange, Parking, Settlement, Standing, Waiting};

use super::{Model, Truth, endpoint::Endpoint, owed::Flying, owed::Kept};
use crate::scenario::Terms;

/// Whether the scheduler keeps order, rates, circuits and receivers' waits.
const LIMITS: bool = false;

/// What the end of an attempt must lead to.
#[derive(Debug)]
pub struct Expected {
    id: DeliveryId,
    tries: Tries,
    end: End,
    pause: Option<PauseReason>,
}

#[derive(Debug)]
enum End {
    Delivered,
    Failed,
    /// Not before the first and not after the second.
    Retry(Timestamp, Timestamp),
}

/// Whether retries are spread at all.
#[derive(Debug, Default)]
pub struct Jitter {
    retries: u32,
    spread: u32,
}

impl Jitter {
    pub fn verdict(&self) -> Result<(), String> {
        let all_alike = self.retries >= 30 && self.spread == 0;
        match all_alike {
            true => Err(format!("{} retries without jitter", self.retries)),
            false => Ok(()),
        }
    }
}

impl Model {
    /// A request leaves.
    pub fn sent(&mut self, now: Timestamp, assignment: &Assignment) {
        let subscription = &assignment.subscriber.subscription;
        let waiting = &assignment.waiting;
        self.may_leave(now, waiting);
        if waiting.origin != posthaste::event::Origin::Test {
            self.may_receive(now, waiting);
        }
        self.in_flight += 1;
        let (in_flight, bound) = (self.in_flight, self.bounds.in_flight);
        self.must(
            in_flight <= bound,
            format_args!("I10: {in_flight} in flight of {bound}"),
        );
        if let Some(owed) = self.deliveries.get_mut(&waiting.id) {
            owed.flying = Some(Flying {
                terms: Terms::of(&subscription.retry),
            });
        }
    }

    /// What holds for a delivery that is sent.
    fn may_leave(&mut self, now: Timestamp, waiting: &Waiting) {
        let id = waiting.id;
        let Some(owed) = self.deliveries.get(&id) else {
            return self.wrong(format_args!("I1: {id} is sent and not on disk"));
        };
        let latest = owed.latest;
        let twice = owed.flying.is_some() && !owed.blurred;
        let between = latest.parked && owed.unwritten > 0;
        let known = owed.blurred || latest.tries == waiting.tries;
        let format = owed.kept.format.is_none() || owed.kept.format == waiting.format;
        self.must(!twice, format_args!("I5: {id} is sent twice at once"));
        self.must(
            latest.waits(),
            format_args!("I5: {id} has ended: {latest:?}"),
        );
        self.must(
            !between,
            format_args!("{id} is sent and on its way to the store"),
        );
        self.must(
            known,
            format_args!("{id}: {:?} of {latest:?}", waiting.tries),
        );
        self.must(format, format_args!("{id} changes its format"));
        let early = latest
            .retry_at
            .filter(|at| *at > now && !self.deliveries[&id].blurred);
        self.must(
            early.is_none(),
            format_args!("{id} is sent at {now}, its retry is due at {early:?}"),
        );
    }

    /// What holds for the subscription that it is sent to.
    fn may_receive(&mut self, now: Timestamp, waiting: &Waiting) {
        let (id, subscription) = (waiting.id, waiting.subscription);
        let Some(endpoint) = self.endpoints.get_mut(&subscription) else {
            return self.wrong(format_args!("{id} goes to nobody"));
        };
        let Some(told) = endpoint.told.clone() else {
            return self.wrong(format_args!("{id} goes to {subscription}, which is gone"));
        };
        endpoint.in_flight += 1;
        let in_flight = endpoint.in_flight;
        self.must(
            told.status == SubscriptionStatus::Active,
            format_args!("{id} is sent while {subscription} is {:?}", told.status),
        );
        self.must(
            in_flight <= told.max_in_flight,
            format_args!(
                "{in_flight} in flight to {subscription} of {}",
                told.max_in_flight
            ),
        );
        if LIMITS {
            self.limits_hold(now, waiting);
            if told.ordering == Ordering::Fifo {
                self.order_holds(waiting);
            }
        }
    }

    fn limits_hold(&mut self, now: Timestamp, waiting: &Waiting) {
        let subscription = waiting.subscription;
        let Some(endpoint) = self.endpoints.get_mut(&subscription) else {
            return;
        };
        let waits = endpoint.health.wait_until.filter(|until| *until > now);
        let open = endpoint.is_closed_to(now);
        let rate = endpoint.exceeds_rate(now);
        self.must(
            waits.is_none(),
            format_args!(
                "{} is sent, {subscription} asked to wait until {waits:?}",
                waiting.id
            ),
        );
        self.must(!open, format_args!("{} breaks an open circuit", waiting.id));
        if let Some(count) = rate {
            self.wrong(format_args!("{subscription} gets {count}, over its rate"));
        }
    }

    /// I6.
    fn order_holds(&mut self, waiting: &Waiting) {
        let Some(owed) = self.deliveries.get(&waiting.id) else {
            return;
        };
        let (line, reopened, blurred) = (owed.line, owed.reopened, owed.blurred);
        let Some(endpoint) = self.endpoints.get_mut(&waiting.subscription) else {
            return;
        };
        let in_line = endpoint.in_lines.entry(line).or_default();
        *in_line += 1;
        let crowded = *in_line > 1;
        let front = endpoint.in_front(line, waiting.id);
        let front =
            front.filter(|id| !self.deliveries[id].reopened && !self.deliveries[id].blurred);
        let front = front.min();
        self.must(
            !crowded || blurred,
            format_args!("I6: {} is sent beside another of its line", waiting.id),
        );
        if let Some(front) = front.filter(|_| !reopened && !blurred) {
            self.wrong(format_args!("I6: {} is sent before {front}", waiting.id));
        }
    }

    /// A receiver hears of a delivery; says whether it had taken it in before. `alive`: its sender
    /// may still learn of it.
    pub fn heard(&mut self, id: DeliveryId, taken: bool, alive: bool) -> bool {
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return false;
        };
        let (repeated, again) = (owed.taken && alive, owed.ever_taken);
        owed.taken |= taken && alive;
        owed.ever_taken |= taken;
        self.must(
            !repeated,
            format_args!("I5: {id} comes again for no reason"),
        );
        again
    }

    /// The scheduler is told of the end of an attempt.
    pub(super) fn finished(&mut self, now: Timestamp, id: DeliveryId) {
        let (Some(truth), Some(owed)) = (self.truth.take(), self.deliveries.get_mut(&id)) else {
            return;
        };
        let Some(flying) = owed.flying.take() else {
            return self.wrong(format_args!("{id} ends twice"));
        };
        self.in_flight -= 1;
        let tries = owed.latest.tries.one_more();
        let success = truth.status.is_some_and(|status| status / 100 == 2);
        if !success {
            // Whatever the receiver made of it, its sender must try again.
            owed.taken = false;
        }
        let (test, line, subscription) = (owed.test, owed.line, owed.subscription);
        let end = end(&truth, tries, &flying, test, now);
        let spent = matches!(end, End::Failed);
        let mut pause = None;
        if let Some(endpoint) = self.endpoints.get_mut(&subscription).filter(|_| !test) {
            endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
            if let Some(count) = endpoint.in_lines.get_mut(&line) {
                *count = count.saturating_sub(1);
            }
            if endpoint.told.is_some() {
                pause = endpoint.attempted(&truth, spent, now);
            }
        }
        self.expected = Some(Expected {
            id,
            tries,
            end,
            pause,
        });
    }

    /// The scheduler decides what becomes of a delivery.
    pub fn decided(&mut self, now: Timestamp, settlement: &Settlement) {
        let id = settlement.id;
        let expected = self.expected.take_if(|expected| expected.id == id);
        match (&settlement.attempt, &expected) {
            (Some(_), Some(expected)) => self.follows(settlement, expected),
            (None, None) => self.moves(settlement),
            _ => self.wrong(format_args!("{id} is settled with the attempt of another")),
        }
        self.discards_for_a_reason(settlement);
        let _ = now;
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return self.wrong(format_args!("{id} is settled and was never owed"));
        };
        owed.latest = Kept::of(settlement);
        owed.unwritten += 1;
        let (line, subscription) = (owed.line, owed.subscription);
        let ended = !owed.latest.waits();
        if let Some(endpoint) = self.endpoints.get_mut(&subscription).filter(|_| ended) {
            endpoint.ended(line, id);
        }
        if let Some(expected) = expected {
            self.pauses_follow = expected.pause;
        }
    }

    /// I4, and the schedule: an attempt's consequence is what its outcome says.
    fn follows(&mut self, settlement: &Settlement, expected: &Expected) {
        let id = settlement.id;
        self.must(
            settlement.tries == expected.tries,
            format_args!(
                "{id}: {:?}, made were {:?}",
                settlement.tries, expected.tries
            ),
        );
        let told = self.told_status(settlement);
        let fits = match (&expected.end, settlement.standing) {
            (End::Delivered, Standing::Delivered) | (End::Failed, Standing::Failed) => true,
            (End::Retry(..), Standing::Discarded(_)) => true,
            (End::Retry(from, to), Standing::Waiting { retry_at, parking }) => {
                self.jitter.saw(*from, *to, retry_at);
                let held = matches!(told, Some(SubscriptionStatus::Paused(_)));
                let parked = (parking == Parking::Shelved) == held || !held;
                retry_at.is_some_and(|at| (*from..=*to).contains(&at)) && parked
            }
            _ => false,
        };
        self.must(
            fits,
            format_args!("{id} becomes {:?} after {expected:?}", settlement.standing),
        );
    }

    /// Without an attempt nothing but its place changes.
    fn moves(&mut self, settlement: &Settlement) {
        let id = settlement.id;
        let Some(owed) = self.deliveries.get(&id) else {
            return;
        };
        let (latest, blurred) = (owed.latest, owed.blurred || owed.reopened);
        let flying = owed.flying.is_some();
        let same = match settlement.standing {
            Standing::Waiting { retry_at, .. } => retry_at == latest.retry_at || blurred,
            Standing::Discarded(_) => true,
            Standing::Delivered | Standing::Failed => false,
        };
        let tries = settlement.tries == latest.tries || blurred;
        self.must(
            same && tries,
            format_args!("{id} becomes {:?} without an attempt", settlement.standing),
        );
        let taken = matches!(
            settlement.standing,
            Standing::Waiting {
                parking: Parking::Taken,
                ..
            }
        );
        self.must(
            !flying || taken,
            format_args!("{id} is moved while it is sent"),
        );
    }

    /// I3.
    fn discards_for_a_reason(&mut self, settlement: &Settlement) {
        let Standing::Discarded(why) = settlement.standing else {
            return;
        };
        let told = self.told_status(settlement);
        let reason = match why {
            Discard::Deleted => told.is_none(),
            Discard::Disabled => told == Some(SubscriptionStatus::Disabled),
            Discard::Discarded | Discard::Expired => false,
        };
        self.must(
            reason,
            format_args!("I3: {} is discarded as {why} while {told:?}", settlement.id),
        );
    }

    fn told_status(&self, settlement: &Settlement) -> Option<SubscriptionStatus> {
        let endpoint = self.endpoints.get(&settlement.subscription)?;
        endpoint.told.as_ref().map(|told| told.status)
    }

    /// The scheduler's judgement of an endpoint.
    pub fn judged(&mut self, change: &HealthChange) {
        let pause = self.pauses_follow.take();
        let Some(endpoint) = self.endpoints.get_mut(&change.subscription) else {
            return;
        };
        let (mine, id) = (endpoint.health, endpoint.id);
        if let (Some(reason), Some(told)) = (change.pause, endpoint.told.as_mut()) {
            told.status = SubscriptionStatus::Paused(reason);
        }
        self.must(
            change.health == mine,
            format_args!("health of {id}: {:?}, should be {mine:?}", change.health),
        );
        self.must(
            change.pause == pause,
            format_args!("{id} pauses for {:?}, should for {pause:?}", change.pause),
        );
    }
}

impl Jitter {
    fn saw(&mut self, from: Timestamp, to: Timestamp, at: Option<Timestamp>) {
        let room = to.since(from);
        if room < Duration::from_millis(100) {
            return;
        }
        self.retries += 1;
        self.spread += u32::from(at.is_some_and(|at| at.since(from) > room / 50));
    }
}

fn end(truth: &Truth, tries: Tries, flying: &Flying, test: bool, now: Timestamp) -> End {
    if truth.status.is_some_and(|status| status / 100 == 2) {
        return End::Delivered;
    }
    let waits = flying.terms.waits_s;
    let wait_s = waits.get(tries.spent as usize - 1).filter(|_| !test);
    let Some(wait_s) = wait_s.filter(|_| truth.status != Some(410)) else {
        return End::Failed;
    };
    let at_least = Duration::from_secs(truth.asks_for_s().unwrap_or(0));
    let shortest = Duration::from_secs_f64(*wait_s).max(at_least);
    let longest = Duration::from_secs_f64(wait_s * (1.0 + flying.terms.jitter)).max(at_least);
    End::Retry(now + shortest, now + longest + Duration::from_millis(1))
}

impl Endpoint {
    /// While its circuit is open, one probe at a time.
    fn is_closed_to(&mut self, now: Timestamp) -> bool {
        let Circuit::Open { probe_at, .. } = self.health.circuit else {
            return false;
        };
        let refused = now < probe_at || self.probing;
        self.probing = true;
        refused
    }

    /// Counts a request; over the rate, says how many there were.
    fn exceeds_rate(&mut self, now: Timestamp) -> Option<usize> {
        let per_s = self.told.as_ref()?.rate_per_s?;
        self.sends.push_back(now);
        let minute = Duration::from_secs(60);
        while self.sends.front().is_some_and(|at| *at + minute <= now) {
            self.sends.pop_front();
        }
        let second = Duration::from_secs(1);
        let lately = self.sends.iter().filter(|at| **at + second > now).count();
        let over = |count: usize, seconds: f64| count as f64 > (per_s * seconds).ceil().max(1.0);
        let (one, sixty) = (over(lately, 1.0), over(self.sends.len(), 60.0));
        (one || sixty).then_some(if one { lately } else { self.sends.len() })
    }
}
