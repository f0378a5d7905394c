//! What an attempt may be and what it must lead to: the invariants, one by one.

use std::time::Duration;

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{Discard, PauseReason, Tries},
    event::Origin,
    id::{DeliveryId, SubscriptionId},
    subscription::{Ordering, SubscriptionStatus},
};
use posthaste_engine::scheduler::{Alert, Assignment, News};
use posthaste_store::record::{HealthChange, Parking, Settlement, Standing, Waiting};

use super::{
    Model, Truth,
    endpoint::Endpoint,
    owed::{Flying, Kept},
};
use crate::scenario::Terms;

/// What the end of an attempt must lead to, for one delivery.
#[derive(Debug)]
pub struct Expected {
    tries: Tries,
    end: End,
}

/// What it must lead to for the subscription.
#[derive(Debug)]
pub struct Judgement {
    subscription: SubscriptionId,
    pause: Option<PauseReason>,
}

#[derive(Debug, PartialEq, Eq)]
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

    fn saw(&mut self, from: Timestamp, to: Timestamp, at: Option<Timestamp>) {
        let room = to.since(from);
        if room < Duration::from_millis(100) {
            return;
        }
        self.retries += 1;
        self.spread += u32::from(at.is_some_and(|at| at.since(from) > room / 50));
    }
}

impl Model {
    /// A request leaves.
    pub fn sent(&mut self, now: Timestamp, assignment: &Assignment) {
        let subscription = &assignment.subscriber.subscription;
        let first = &assignment.waiting;
        let all = std::iter::once(first).chain(&assignment.rest);
        let ids: Vec<DeliveryId> = all.clone().map(|waiting| waiting.id).collect();
        for waiting in all {
            self.may_leave(now, waiting);
        }
        self.is_the_same_batch(first, &ids);
        if let Some(waited) = self.fair.left(now, &ids) {
            self.wrong(format_args!(
                "I8: {} of a quiet tenant waited {waited:?} for its turn",
                first.id
            ));
        }
        let test = first.origin == Origin::Test;
        // A batch has held its slot since it was formed.
        let formed = self.forming.remove(&first.id);
        if !formed {
            self.takes_slot(first, test);
        }
        if !test {
            self.may_receive(now, first, &ids, formed);
        }
        let (in_flight, bound) = (self.in_flight, self.bounds.in_flight);
        self.must(
            in_flight <= bound,
            format_args!("I10: {in_flight} in flight of {bound}"),
        );
        let terms = Terms::of(&subscription.retry);
        for id in &ids {
            if let Some(owed) = self.deliveries.get_mut(id) {
                owed.flying = Some(Flying { terms });
                owed.hurried = false;
            }
        }
        self.flights.insert(first.id, ids);
    }

    fn takes_slot(&mut self, first: &Waiting, test: bool) {
        self.in_flight += 1;
        let endpoint = self.endpoints.get_mut(&first.subscription);
        if let Some(endpoint) = endpoint.filter(|_| !test) {
            endpoint.in_flight += 1;
        }
    }

    fn frees_slot(&mut self, subscription: SubscriptionId, test: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let endpoint = self.endpoints.get_mut(&subscription);
        if let Some(endpoint) = endpoint.filter(|_| !test) {
            endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
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
        let early = latest
            .retry_at
            .filter(|at| *at > now && !owed.blurred && !owed.hurried);
        let waits = latest.waits() || owed.blurred;
        self.must(!twice, format_args!("I5: {id} is sent twice at once"));
        self.must(waits, format_args!("I5: {id} has ended: {latest:?}"));
        self.must(
            !between,
            format_args!("{id} is sent and on its way to the store"),
        );
        self.must(
            known,
            format_args!("{id}: {:?} of {latest:?}", waiting.tries),
        );
        self.must(format, format_args!("{id} changes its format"));
        self.must(
            early.is_none(),
            format_args!("{id} is sent at {now}, its retry is due at {early:?}"),
        );
    }

    /// A batch is on disk before it leaves, and leaves as it was formed, less what has ended.
    fn is_the_same_batch(&mut self, first: &Waiting, ids: &[DeliveryId]) {
        let Some(batch) = first.batch else {
            let alone = ids.len() == 1;
            return self.must(alone, format_args!("{ids:?} leave together, in no batch"));
        };
        let formed = self.batches.get(&batch).cloned().unwrap_or_default();
        let due = formed.into_iter().filter(|id| {
            let owed = &self.deliveries[id];
            owed.latest.waits() && owed.latest.batch == Some(batch)
        });
        let due: Vec<DeliveryId> = due.collect();
        let written = ids.iter().all(|id| {
            let owed = self.deliveries.get(id);
            owed.is_some_and(|owed| owed.kept.batch == Some(batch))
        });
        let blurred = ids.iter().any(|id| self.is_blurred(*id));
        self.must(
            written || blurred,
            format_args!("{batch} leaves and is not on disk"),
        );
        self.must(
            due == ids || blurred,
            format_args!("{batch} was {due:?} and leaves as {ids:?}"),
        );
    }

    fn is_blurred(&self, id: DeliveryId) -> bool {
        self.deliveries.get(&id).is_none_or(|owed| owed.blurred)
    }

    /// What holds for the subscription that it is sent to.
    fn may_receive(&mut self, now: Timestamp, first: &Waiting, ids: &[DeliveryId], formed: bool) {
        let (id, subscription) = (first.id, first.subscription);
        let Some(endpoint) = self.endpoints.get_mut(&subscription) else {
            return self.wrong(format_args!("{id} goes to nobody"));
        };
        let Some(told) = endpoint.told.clone() else {
            return self.wrong(format_args!("{id} goes to {subscription}, which is gone"));
        };
        let in_flight = endpoint.in_flight;
        self.must(
            told.status == SubscriptionStatus::Active,
            format_args!("{id} is sent while {subscription} is {:?}", told.status),
        );
        // What was formed before the limit was lowered may leave.
        self.must(
            in_flight <= told.max_in_flight || formed,
            format_args!(
                "{in_flight} in flight to {subscription} of {}",
                told.max_in_flight
            ),
        );
        self.limits_hold(now, first);
        if !formed {
            self.rate_holds(now, subscription);
        }
        if told.ordering == Ordering::Fifo {
            self.order_holds(first, ids);
        }
    }

    fn limits_hold(&mut self, now: Timestamp, waiting: &Waiting) {
        let subscription = waiting.subscription;
        let Some(endpoint) = self.endpoints.get_mut(&subscription) else {
            return;
        };
        let waits = endpoint.health.wait_until.filter(|until| *until > now);
        let open = endpoint.is_closed_to(waiting.id, now);
        self.must(
            waits.is_none(),
            format_args!(
                "{} is sent, {subscription} asked to wait until {waits:?}",
                waiting.id
            ),
        );
        self.must(!open, format_args!("{} breaks an open circuit", waiting.id));
    }

    /// A batch counts when it is formed.
    fn rate_holds(&mut self, now: Timestamp, subscription: SubscriptionId) {
        let endpoint = self.endpoints.get_mut(&subscription);
        if let Some(count) = endpoint.and_then(|endpoint| endpoint.exceeds_rate(now)) {
            self.wrong(format_args!("{subscription} gets {count}, over its rate"));
        }
    }

    /// I6.
    fn order_holds(&mut self, first: &Waiting, ids: &[DeliveryId]) {
        let Some(owed) = self.deliveries.get(&first.id) else {
            return;
        };
        let (line, blurred) = (owed.line, owed.blurred);
        let one_line = ids.iter().all(|id| self.deliveries[id].line == line);
        let Some(endpoint) = self.endpoints.get_mut(&first.subscription) else {
            return;
        };
        let in_line = endpoint.in_lines.entry(line).or_default();
        *in_line += 1;
        let crowded = *in_line > 1;
        let last = *ids.last().expect("one at least");
        // A test stands in no line.
        let free = |id: &DeliveryId| {
            let owed = &self.deliveries[id];
            owed.reopened || owed.blurred || owed.test || owed.alert
        };
        let front = endpoint.in_front(line, last);
        let front = front.filter(|id| !free(id) && !ids.contains(id)).min();
        let reopened = free(&last);
        self.must(one_line, format_args!("I6: {ids:?} are of several lines"));
        self.must(
            !crowded || blurred,
            format_args!("I6: {} is sent beside another of its line", first.id),
        );
        if let Some(front) = front.filter(|_| !reopened) {
            self.wrong(format_args!("I6: {last} is sent before {front}"));
        }
    }

    /// Deliveries become a batch and hold a slot from now on.
    pub fn formed(&mut self, now: Timestamp, settlements: &[Settlement]) {
        let Some(leader) = settlements.first() else {
            return self.wrong(format_args!("a batch of none"));
        };
        let ids: Vec<DeliveryId> = settlements.iter().map(|one| one.id).collect();
        self.in_flight += 1;
        let test = leader.origin == Origin::Test;
        if let Some(endpoint) = self
            .endpoints
            .get_mut(&leader.subscription)
            .filter(|_| !test)
        {
            endpoint.in_flight += 1;
            let told = endpoint.told.as_ref().map_or(0, |told| told.max_in_flight);
            let (in_flight, id) = (endpoint.in_flight, endpoint.id);
            self.must(
                in_flight <= told,
                format_args!("{in_flight} in flight to {id} of {told}"),
            );
            self.rate_holds(now, id);
        }
        self.forming.insert(leader.id);
        if let Some(batch) = leader.batch {
            let known = self.batches.insert(batch, ids);
            self.must(known.is_none(), format_args!("{batch} is formed twice"));
        }
        for settlement in settlements {
            self.decided_as(settlement);
        }
    }

    /// A receiver hears of a delivery; says whether it had taken it in before. `alive`: its sender
    /// may still learn of it.
    pub fn heard(&mut self, id: DeliveryId, taken: bool, alive: bool) -> bool {
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return false;
        };
        let (repeated, again) = (owed.taken && alive && !owed.blurred, owed.ever_taken);
        owed.taken |= taken && alive;
        owed.ever_taken |= taken;
        self.must(
            !repeated,
            format_args!("I5: {id} comes again for no reason"),
        );
        again
    }

    /// The scheduler is told of the end of an attempt.
    pub(super) fn finished(&mut self, now: Timestamp, first: DeliveryId) {
        let (Some(truth), Some(ids)) = (self.truth.take(), self.flights.remove(&first)) else {
            return self.wrong(format_args!("{first} ends twice"));
        };
        let mut spent = 0;
        for id in &ids {
            let end = self.landed(now, *id, &truth);
            spent += u32::from(end == Some(End::Failed));
        }
        let Some(owed) = self.deliveries.get(&first) else {
            return;
        };
        let (test, line, subscription) = (owed.test, owed.line, owed.subscription);
        self.frees_slot(subscription, test);
        let Some(endpoint) = self.endpoints.get_mut(&subscription).filter(|_| !test) else {
            return;
        };
        if let Some(count) = endpoint.in_lines.get_mut(&line) {
            *count = count.saturating_sub(1);
        }
        if endpoint.told.is_some() {
            let pause = endpoint.attempted(first, &truth, spent, now);
            self.judgement = Some(Judgement {
                subscription,
                pause,
            });
        }
    }

    fn landed(&mut self, now: Timestamp, id: DeliveryId, truth: &Truth) -> Option<End> {
        let owed = self.deliveries.get_mut(&id)?;
        let flying = owed.flying.take()?;
        if !truth.is_success() {
            // Whatever the receiver made of it, its sender must try again.
            owed.taken = false;
        }
        let tries = owed.latest.tries.one_more();
        let again = || end(truth, tries, &flying, owed.test, now);
        let expected = Expected {
            tries,
            end: again(),
        };
        let end = again();
        self.expected.insert(id, expected);
        Some(end)
    }

    /// The scheduler decides what becomes of a delivery.
    pub fn decided(&mut self, settlement: &Settlement) {
        let id = settlement.id;
        let expected = self.expected.remove(&id);
        match (&settlement.attempt, &expected) {
            (Some(_), Some(expected)) => self.follows(settlement, expected),
            (None, None) => self.moves(settlement),
            _ => self.wrong(format_args!("{id} is settled with the attempt of another")),
        }
        self.discards_for_a_reason(settlement);
        self.decided_as(settlement);
    }

    fn decided_as(&mut self, settlement: &Settlement) {
        let id = settlement.id;
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
    }

    /// I4, and the schedule: an attempt's consequence is what its outcome says.
    fn follows(&mut self, settlement: &Settlement, expected: &Expected) {
        let id = settlement.id;
        let blurred = self.is_blurred(id);
        self.must(
            settlement.tries == expected.tries || blurred,
            format_args!(
                "{id}: {:?}, made were {:?}",
                settlement.tries, expected.tries
            ),
        );
        let told = self.told_status(settlement.subscription);
        let fits = match (&expected.end, settlement.standing) {
            (End::Delivered, Standing::Delivered) | (End::Failed, Standing::Failed) => true,
            (End::Retry(..), Standing::Discarded(_)) => true,
            (End::Retry(from, to), Standing::Waiting { retry_at, parking }) => {
                self.jitter.saw(*from, *to, retry_at);
                let held = matches!(told, Some(SubscriptionStatus::Paused(_)));
                let parked = parking == Parking::Shelved || !held;
                retry_at.is_some_and(|at| (*from..=*to).contains(&at)) && parked
            }
            _ => false,
        };
        self.must(
            fits || blurred,
            format_args!("{id} becomes {:?} after {expected:?}", settlement.standing),
        );
    }

    /// Without an attempt nothing but its place changes.
    fn moves(&mut self, settlement: &Settlement) {
        let id = settlement.id;
        let Some(owed) = self.deliveries.get(&id) else {
            return;
        };
        let (latest, free) = (owed.latest, owed.blurred || owed.reopened || owed.hurried);
        let (flying, test) = (owed.flying.is_some(), owed.test);
        let taken = matches!(
            settlement.standing,
            Standing::Waiting {
                parking: Parking::Taken,
                ..
            }
        );
        let same = match settlement.standing {
            Standing::Waiting { retry_at, .. } => retry_at == latest.retry_at || free,
            Standing::Discarded(_) => true,
            Standing::Delivered | Standing::Failed => false,
        };
        let tries = settlement.tries == latest.tries || free;
        self.must(
            same && tries,
            format_args!("{id} becomes {:?} without an attempt", settlement.standing),
        );
        self.must(
            !flying || taken,
            format_args!("{id} is moved while it is sent"),
        );
        if !taken && self.forming.remove(&id) {
            self.frees_slot(settlement.subscription, test);
        }
    }

    /// I3.
    fn discards_for_a_reason(&mut self, settlement: &Settlement) {
        let Standing::Discarded(why) = settlement.standing else {
            return;
        };
        let told = self.told_status(settlement.subscription);
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

    fn told_status(&self, subscription: SubscriptionId) -> Option<SubscriptionStatus> {
        let endpoint = self.endpoints.get(&subscription)?;
        endpoint.told.as_ref().map(|told| told.status)
    }

    /// Whether this puts a delivery on the shelf of a paused subscription.
    #[must_use]
    pub fn is_held(&self, settlement: &Settlement) -> bool {
        let told = self.told_status(settlement.subscription);
        let shelved = matches!(
            settlement.standing,
            Standing::Waiting {
                parking: Parking::Shelved,
                ..
            }
        );
        shelved && matches!(told, Some(SubscriptionStatus::Paused(_)))
    }

    /// The scheduler's judgement of an endpoint.
    pub fn judged(&mut self, change: &HealthChange) {
        let Some(judgement) = self.judgement.take() else {
            return self.wrong(format_args!("{} is judged", change.subscription));
        };
        let Some(endpoint) = self.endpoints.get_mut(&judgement.subscription) else {
            return;
        };
        let (mine, id, pause) = (endpoint.health, endpoint.id, judgement.pause);
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

    /// The scheduler has news of a subscription.
    pub fn alerted(&mut self, alert: &Alert) {
        if let News::DeliveryFailed { delivery, .. } = &alert.news {
            let expected = self.expected.get(delivery);
            let failed = expected.is_some_and(|expected| expected.end == End::Failed);
            self.must(
                failed || self.is_blurred(*delivery),
                format_args!("{delivery} is told to have failed, and has not"),
            );
        }
    }
}

fn end(truth: &Truth, tries: Tries, flying: &Flying, test: bool, now: Timestamp) -> End {
    if truth.is_success() {
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
    fn is_closed_to(&mut self, first: DeliveryId, now: Timestamp) -> bool {
        let Circuit::Open { probe_at, .. } = self.health.circuit else {
            return false;
        };
        let refused = now < probe_at || self.probe.is_some();
        self.probe = Some(first);
        refused
    }

    /// Counts a request; over the rate, says how many there were. A limit lags by 5 ms at most.
    fn exceeds_rate(&mut self, now: Timestamp) -> Option<usize> {
        let per_s = self.told.as_ref()?.rate_per_s?;
        self.sends.push_back(now);
        let minute = Duration::from_secs(60);
        while self.sends.front().is_some_and(|at| *at + minute <= now) {
            self.sends.pop_front();
        }
        let second = Duration::from_secs(1);
        let lately = self.sends.iter().filter(|at| **at + second > now).count();
        #[allow(clippy::cast_precision_loss)] // a few
        let over = |count: usize, seconds: f64| count as f64 > per_s * (seconds + 0.005) + 1.0;
        let (one, sixty) = (over(lately, 1.0), over(self.sends.len(), 60.0));
        (one || sixty).then_some(if one { lately } else { self.sends.len() })
    }
}
