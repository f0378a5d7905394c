//! An attempt ended: its consequence for the delivery, and for the health of its subscription.

use std::sync::LazyLock;

use posthaste::{
    clock::Timestamp,
    delivery::{Discard, Health, Outcome, PauseReason, Transition, pauses, plan},
    event::Origin,
    id::SubscriptionId,
    retry::{Preset, RetryPolicy},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{HealthChange, Parking, Settlement, Standing, Waiting};

use super::{Effect, Finished, Scheduler};

impl Scheduler {
    pub(super) fn finish(&mut self, now: Timestamp, ended: Finished, effects: &mut Vec<Effect>) {
        let Some(held) = self.held.remove(ended.delivery) else {
            return;
        };
        let Some(subscriber) = held.in_flight else {
            return;
        };
        self.in_flight -= 1;
        let waiting = held.waiting;
        let subscription = &subscriber.subscription;
        let tries = waiting.tries.one_more();
        let policy = policy(waiting.origin, &subscription.retry);
        let transition = plan(tries, &ended.outcome, policy, now, ended.draw);
        let format = waiting.format.unwrap_or(subscription.format);
        effects.push(Effect::Settle(Box::new(Settlement {
            id: waiting.id,
            tenant: waiting.event.tenant.clone(),
            event: waiting.event.id,
            event_type: waiting.event.event_type.clone(),
            subscription: waiting.subscription,
            origin: waiting.origin,
            format: Some(format),
            line: None,
            batch: waiting.batch,
            tries,
            standing: self.standing(waiting.subscription, transition),
            at: now,
            attempt: Some(ended.attempt),
        })));
        self.judge_health(now, &waiting, &ended.outcome, transition, effects);
    }

    /// Where the transition puts the delivery, as its subscription is now.
    fn standing(&mut self, subscription: SubscriptionId, transition: Transition) -> Standing {
        let at = match transition {
            Transition::Deliver => return Standing::Delivered,
            Transition::DeadLetter => return Standing::Failed,
            Transition::RetryAt(at) => at,
        };
        let parking = match self.lanes.get(subscription).map(|lane| lane.status) {
            None => return Standing::Discarded(Discard::Deleted),
            Some(SubscriptionStatus::Disabled) => return Standing::Discarded(Discard::Disabled),
            Some(SubscriptionStatus::Paused(_)) => Parking::Shelved,
            Some(SubscriptionStatus::Active) => Parking::Due(at),
        };
        if parking == Parking::Shelved {
            self.lanes.shelving(subscription);
        }
        Standing::Waiting {
            retry_at: Some(at),
            parking,
        }
    }

    /// The attempt's mark on its subscription. A test leaves none.
    fn judge_health(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        outcome: &Outcome,
        transition: Transition,
        effects: &mut Vec<Effect>,
    ) {
        let subscription = waiting.subscription;
        let counts = waiting.origin != Origin::Test;
        let lane = self.lanes.get(subscription).filter(|_| counts);
        let Some(lane) = lane else {
            self.lanes.ended(subscription, None);
            return;
        };
        let spent = u32::from(transition == Transition::DeadLetter);
        let health = lane.health.after(outcome, spent, now);
        let auto_pause_after = lane.subscriber.subscription.auto_pause_after;
        let active = lane.status == SubscriptionStatus::Active;
        let pause = pauses(outcome, &health, auto_pause_after).filter(|_| active);
        effects.push(Effect::Health {
            subscriber: lane.subscriber.clone(),
            change: health_change(now, waiting, health, pause),
        });
        self.lanes.ended(subscription, Some(health));
        if let Some(reason) = pause {
            let queue = self.lanes.pause(subscription, reason);
            self.shelve(now, queue, effects);
        }
    }
}

/// A test is one attempt.
static ONE_ATTEMPT: LazyLock<RetryPolicy> = LazyLock::new(|| RetryPolicy::preset(Preset::None));

fn policy(origin: Origin, usual: &RetryPolicy) -> &RetryPolicy {
    match origin {
        Origin::Test => &ONE_ATTEMPT,
        Origin::Publish | Origin::Redeliver | Origin::Replay => usual,
    }
}

fn health_change(
    now: Timestamp,
    waiting: &Waiting,
    health: Health,
    pause: Option<PauseReason>,
) -> Box<HealthChange> {
    Box::new(HealthChange {
        tenant: waiting.event.tenant.clone(),
        subscription: waiting.subscription,
        health,
        pause,
        at: now,
    })
}
