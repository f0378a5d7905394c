//! What an end must lead to: for the delivery, for its schedule and for its subscription.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    delivery::{Discard, PauseReason, Tries},
    event::Origin,
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_engine::scheduler::{Alert, News};
use posthaste_store::record::{HealthChange, Parking, Settlement, Standing};

use super::{
    Model, Truth,
    owed::{Flying, Kept},
};

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
    /// The scheduler is told of the end of an attempt.
    pub(super) fn finished(&mut self, now: Timestamp, first: DeliveryId) {
        let (Some(truth), Some(ids)) = (self.truth.take(), self.flights.remove(&first)) else {
            return self.wrong(format_args!("{first} ends twice"));
        };
        let (mut spent, mut replayed) = (0, true);
        for id in &ids {
            let again = self.is_replayed(*id);
            let end = self.landed(now, *id, &truth);
            spent += u32::from(end == Some(End::Failed) && !again);
            replayed &= again;
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
            let pause = endpoint.attempted(first, &truth, spent, replayed, now);
            self.judgement = Some(Judgement {
                subscription,
                pause,
            });
        }
    }

    /// Whether an attempt under way is made for a replay.
    fn is_replayed(&self, id: DeliveryId) -> bool {
        let flying = self.deliveries.get(&id).and_then(|owed| owed.flying);
        flying.is_some_and(|flying| flying.origin == Origin::Replay)
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

    pub(super) fn decided_as(&mut self, settlement: &Settlement) {
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
