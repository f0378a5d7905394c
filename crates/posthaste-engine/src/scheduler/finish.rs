//! An attempt ended: its consequence for the deliveries in it, and for their subscription.

use std::sync::LazyLock;

use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    delivery::{Discard, Health, PauseReason, Transition, pauses, plan},
    event::{Line, Origin},
    id::DeliveryId,
    retry::{Preset, RetryPolicy},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Attempt, HealthChange, Parking, Settlement, Standing, Waiting};

use super::{Alert, Effect, Finished, News, Scheduler, held::Flight, lane::Lane, parcel::Parcel};

impl Scheduler {
    pub(super) fn finish(&mut self, now: Timestamp, ended: Finished, effects: &mut Vec<Effect>) {
        let Some((flight, deliveries)) = self.land(ended.delivery) else {
            return;
        };
        let first = &deliveries[0];
        let is_test = first.origin == Origin::Test;
        let policy = match is_test {
            true => &ONE_ATTEMPT,
            false => &flight.subscriber.subscription.retry,
        };
        let step = |waiting: &Waiting| {
            let tries = waiting.tries.one_more();
            plan(tries, &ended.outcome, policy, now, ended.draw)
        };
        let transitions: Vec<Transition> = deliveries.iter().map(step).collect();
        let judged =
            (!is_test).then(|| self.judge_health(now, &ended, &deliveries, &transitions, effects));
        let line = self.line_of(first);
        let mut retried = Vec::new();
        // Each delivery of a batch has the attempt in its own record.
        let mut attempts = std::iter::repeat_n(*ended.attempt, deliveries.len());
        let links = ended.links;
        for (waiting, transition) in deliveries.into_iter().zip(transitions) {
            let (standing, stays) = self.standing(&waiting, transition, now);
            let format = flight.subscriber.subscription.format;
            let after = Waiting {
                tries: waiting.tries.one_more(),
                retry_at: retry_at(transition),
                format: Some(waiting.format.unwrap_or(format)),
                link: links.get(&waiting.id).copied(),
                ..waiting
            };
            let attempt = Attempt {
                number: after.tries.made,
                link: after.link,
                ..attempts.next().unwrap_or_default()
            };
            let mut settlement = self.settlement(&after, standing, now);
            settlement.line = line;
            if !is_test {
                self.report(&flight, &settlement, &attempt, effects);
            }
            settlement.attempt = Some(Box::new(attempt));
            effects.push(Effect::Settle(Box::new(settlement)));
            if stays {
                retried.push(after);
            }
        }
        self.close(now, &flight, line, retried);
        self.shelve(now, &judged.unwrap_or_default(), effects);
    }

    /// Takes the deliveries of an attempt out of memory, and their slot back.
    pub(super) fn land(&mut self, first: DeliveryId) -> Option<(Flight, Vec<Waiting>)> {
        self.held.get(first)?.in_flight.as_ref()?;
        let rest = self.together.remove(&first).unwrap_or_default();
        let held = self.held.remove(first)?;
        let flight = held.in_flight?;
        self.in_flight.free(flight.class);
        self.lanes
            .slot_freed(&held.waiting.event.tenant, flight.class);
        let rest = rest.into_iter().filter_map(|id| self.held.remove(id));
        let rest: Vec<Waiting> = rest.map(|held| held.waiting).collect();
        let mut deliveries = vec![held.waiting];
        deliveries.extend(rest);
        Some((flight, deliveries))
    }

    /// Where the transition puts the delivery, as its subscription is now; and whether it stays in
    /// memory, at the head of its line.
    fn standing(
        &mut self,
        waiting: &Waiting,
        transition: Transition,
        now: Timestamp,
    ) -> (Standing, bool) {
        let at = match transition {
            Transition::Deliver => return (Standing::Delivered, false),
            Transition::DeadLetter => return (Standing::Failed, false),
            Transition::RetryAt(at) => at,
        };
        let discarded = |why| (Standing::Discarded(why), false);
        let Some(lane) = self.lanes.get(waiting.subscription) else {
            return discarded(Discard::Deleted);
        };
        let (ordered, open) = (lane.queue.keeps_order(), lane.shut_until(now).is_none());
        let parking = match lane.status {
            SubscriptionStatus::Disabled => return discarded(Discard::Disabled),
            SubscriptionStatus::Paused(_) => Parking::Shelved,
            SubscriptionStatus::Active if ordered && open => Parking::Taken,
            SubscriptionStatus::Active if ordered => Parking::Shelved,
            SubscriptionStatus::Active => Parking::Due(at),
        };
        if parking == Parking::Shelved {
            let id = std::iter::once(waiting.id);
            self.lanes
                .with(waiting.subscription, now, |lane| lane.queue.shelving(id));
        }
        let standing = Standing::Waiting {
            retry_at: Some(at),
            parking,
        };
        (standing, parking == Parking::Taken)
    }

    /// The lane goes on: with what is to be tried again at the head of its line.
    fn close(
        &mut self,
        now: Timestamp,
        flight: &Flight,
        line: Option<Line>,
        retried: Vec<Waiting>,
    ) {
        let parcel = (!retried.is_empty()).then(|| Parcel::of(&retried, now));
        for waiting in retried {
            self.held.insert(now, waiting, true);
        }
        self.lanes
            .with(flight.subscriber.subscription.id, now, |lane| {
                if let (Some(parcel), Some(line)) = (parcel, line) {
                    lane.queue.push_retry(parcel, line);
                }
                lane.ended(line, now);
            });
    }

    /// The attempt's mark on its subscription. What was queued comes back where nothing is sent from
    /// now on.
    fn judge_health(
        &mut self,
        now: Timestamp,
        ended: &Finished,
        deliveries: &[Waiting],
        transitions: &[Transition],
        effects: &mut Vec<Effect>,
    ) -> Vec<Parcel> {
        let first = &deliveries[0];
        let Some(lane) = self.lanes.get(first.subscription) else {
            return Vec::new();
        };
        let (before, subscriber) = (lane.health, lane.subscriber.clone());
        let time = (ended.attempt.started_at, now);
        let (health, auto_pause_after) = match deliveries.iter().all(is_replayed) {
            true => (before.after_replay(&ended.outcome, time), 0),
            false => {
                let spent = spent(deliveries, transitions);
                let health = before.after(&ended.outcome, spent, time);
                (health, subscriber.subscription.auto_pause_after)
            }
        };
        let pause = pauses(&ended.outcome, &health, auto_pause_after).filter(|_| lane.is_active());
        effects.push(Effect::Health {
            subscriber: subscriber.clone(),
            change: health_change(now, first, health, pause),
        });
        let is_platforms = |waiting: &Waiting| waiting.event.event_type.is_platforms();
        if !deliveries.iter().all(is_platforms) {
            let class = ended.attempt.error.as_deref();
            let news = news(&before, &health, pause, class);
            effects.extend(news.map(|news| {
                Effect::Alert(Box::new(Alert {
                    subscriber: subscriber.clone(),
                    news,
                }))
            }));
        }
        let success = ended.outcome.is_success();
        let shelved = self.lanes.with(first.subscription, now, |lane: &mut Lane| {
            let mut shelved = lane.fared(health, success, now);
            if let Some(reason) = pause {
                shelved.extend(lane.pause(SubscriptionStatus::Paused(reason), now));
            }
            shelved
        });
        shelved.unwrap_or_default()
    }

    /// A dead letter is told to whoever wants to know.
    fn report(
        &self,
        flight: &Flight,
        settlement: &Settlement,
        attempt: &Attempt,
        effects: &mut Vec<Effect>,
    ) {
        if settlement.standing != Standing::Failed || settlement.event_type.is_platforms() {
            return;
        }
        effects.push(Effect::Alert(Box::new(Alert {
            subscriber: flight.subscriber.clone(),
            news: News::DeliveryFailed {
                delivery: settlement.id,
                event: settlement.event,
                event_type: settlement.event_type.clone(),
                attempts: settlement.tries.made,
                last_status_code: attempt.status_code,
                last_error: attempt.error.clone(),
            },
        })));
    }
}

fn is_replayed(waiting: &Waiting) -> bool {
    waiting.origin == Origin::Replay
}

/// Deliveries that spent their attempts; what was only replayed does not count.
fn spent(deliveries: &[Waiting], transitions: &[Transition]) -> u32 {
    let ended = deliveries.iter().zip(transitions);
    let spent = ended.filter(|(waiting, transition)| {
        **transition == Transition::DeadLetter && !is_replayed(waiting)
    });
    u32::try_from(spent.count()).unwrap_or(u32::MAX)
}

/// A test is one attempt.
static ONE_ATTEMPT: LazyLock<RetryPolicy> = LazyLock::new(|| RetryPolicy::preset(Preset::None));

fn retry_at(transition: Transition) -> Option<Timestamp> {
    match transition {
        Transition::RetryAt(at) => Some(at),
        Transition::Deliver | Transition::DeadLetter => None,
    }
}

/// What there is to tell of a subscription after an attempt.
fn news(
    before: &Health,
    after: &Health,
    pause: Option<PauseReason>,
    error: Option<&str>,
) -> impl Iterator<Item = News> + use<> {
    let circuit = match (before.circuit, after.circuit) {
        (Circuit::Closed, Circuit::Open { .. }) => Some(News::CircuitOpened {
            reason: error.unwrap_or_default().to_owned(),
        }),
        (Circuit::Open { .. }, Circuit::Closed) => Some(News::CircuitClosed),
        (Circuit::Closed, Circuit::Closed) | (Circuit::Open { .. }, Circuit::Open { .. }) => None,
    };
    circuit.into_iter().chain(pause.map(News::Paused))
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
