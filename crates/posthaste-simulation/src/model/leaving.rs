//! What may leave: what must hold of a delivery, its batch and its subscription when a request goes.

use std::time::Duration;

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    event::Origin,
    id::{DeliveryId, SubscriptionId},
    subscription::{Ordering, SubscriptionStatus},
};
use posthaste_engine::scheduler::Assignment;
use posthaste_store::record::{Settlement, Waiting};

use super::{Model, endpoint::Endpoint, owed::Flying};
use crate::scenario::Terms;

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
        let all = std::iter::once(first).chain(&assignment.rest);
        for waiting in all {
            if let Some(owed) = self.deliveries.get_mut(&waiting.id) {
                let origin = waiting.origin;
                owed.flying = Some(Flying { terms, origin });
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

    pub(super) fn frees_slot(&mut self, subscription: SubscriptionId, test: bool) {
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
        let same = owed.event == waiting.event.id;
        let origin = owed.blurred || latest.origin == waiting.origin;
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
        self.must(same, format_args!("{id} is sent with another event"));
        self.must(
            origin,
            format_args!("{id} is sent for {:?}, is {latest:?}", waiting.origin),
        );
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
            let latest = self.deliveries.get(id).map(|owed| owed.latest);
            latest.is_some_and(|latest| latest.waits() && latest.batch == Some(batch))
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

    pub(super) fn is_blurred(&self, id: DeliveryId) -> bool {
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
