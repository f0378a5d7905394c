//! Replay jobs, beside the hot path: a step at a time, each job at its own rate, all of them in turn.
//!
//! Nothing here is remembered: what a job has done is in the store, and a start goes on from there.
//! One that was stopped makes no further step, because the store refuses it.

mod choice;
mod step;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use posthaste::{
    clock::{Clock, Timestamp},
    event::TenantId,
    id::ReplayId,
};
use posthaste_store::{
    Store, StoreError,
    replay::{Replay, ReplayStatus},
};
use tokio::sync::mpsc;

pub use self::step::{Stepped, count, step};
use crate::{again::told, delivery::mailbox::Dispatch, scheduler::Input, subscribers::Subscribers};

/// Deliveries of one step, at most.
const STEP: f64 = 100.0;
/// What a step sends is sent over so long: short, so that new events stand behind a few at a time.
const BEAT_S: f64 = 0.02;
/// The pause between steps, at least: others write too.
pub const BREATH: Duration = Duration::from_millis(2);
/// The wait before a store that refused is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Without a job there is nothing to wake up for.
const NOTHING: Duration = Duration::from_secs(3600);

/// What the jobs are told.
#[derive(Debug)]
pub enum Word {
    Begin(TenantId, ReplayId),
    /// The engine ends: no further step is begun.
    End,
}

/// Whose turn it is, and when.
type Turn = (Timestamp, TenantId, ReplayId);

pub struct Replays {
    store: Arc<dyn Store>,
    subscribers: Arc<Subscribers>,
    clock: Arc<dyn Clock>,
    dispatch: Dispatch,
    turns: BTreeSet<Turn>,
}

impl Replays {
    pub fn new(
        store: Arc<dyn Store>,
        subscribers: Arc<Subscribers>,
        clock: Arc<dyn Clock>,
        dispatch: Dispatch,
        running: Vec<Replay>,
    ) -> Self {
        let now = clock.now();
        let turns = running.into_iter();
        Self {
            store,
            subscribers,
            clock,
            dispatch,
            turns: turns.map(|one| (now, one.tenant, one.id)).collect(),
        }
    }

    pub async fn run(mut self, mut words: mpsc::UnboundedReceiver<Word>) {
        loop {
            let now = self.clock.now();
            let next = self.turns.first();
            let wait = next.map_or(NOTHING, |(at, ..)| at.since(now));
            match tokio::time::timeout(wait, words.recv()).await {
                Ok(Some(Word::Begin(tenant, id))) => {
                    self.turns.insert((now, tenant, id));
                }
                Ok(Some(Word::End) | None) => return,
                Err(_) => self.turn().await,
            }
        }
    }

    async fn turn(&mut self) {
        if self
            .turns
            .first()
            .is_none_or(|(at, ..)| *at > self.clock.now())
        {
            return;
        }
        let Some((_, tenant, id)) = self.turns.pop_first() else {
            return;
        };
        let began = self.clock.now();
        let wait = match self.go_on(&tenant, id).await {
            Ok(None) => return,
            Ok(Some(wait)) => wait,
            Err(error) => {
                if error != StoreError::Stale {
                    tracing::error!(%error, replay = %id, "replay.step");
                }
                wait_after(&error)
            }
        };
        let at = (began + wait).max(self.clock.now() + BREATH);
        self.turns.insert((at, tenant, id));
    }

    async fn go_on(&self, tenant: &TenantId, id: ReplayId) -> Result<Option<Duration>, StoreError> {
        let gone = go_on(&*self.store, &self.subscribers, &*self.clock, tenant, id).await?;
        let told = gone.told.into_iter();
        told.for_each(|input| self.dispatch.tell(input));
        if gone.next_after.is_none() {
            tracing::info!(replay = %id, "replay.over");
        }
        Ok(gone.next_after)
    }
}

/// What a job's turn came to.
#[derive(Debug)]
pub struct Gone {
    /// For the scheduler.
    pub told: Vec<Input>,
    /// When the next turn is due, after the beginning of this one; none when the job is over.
    pub next_after: Option<Duration>,
}

/// Makes a step of a job as it is now, unless it has ended. The simulation drives exactly this.
///
/// # Errors
/// As [`step`].
pub async fn go_on(
    store: &dyn Store,
    subscribers: &Subscribers,
    clock: &dyn Clock,
    tenant: &TenantId,
    id: ReplayId,
) -> Result<Gone, StoreError> {
    let replay = store.replay(tenant, id).await?;
    let running = replay.filter(|replay| replay.status == ReplayStatus::Running);
    let snapshot = subscribers.now();
    let (Some(replay), Some(view)) = (running, snapshot.tenants.get(tenant)) else {
        let (told, next_after) = (Vec::new(), None);
        return Ok(Gone { told, next_after });
    };
    let rate = replay.plan.rate_per_s;
    let stepped = step(store, view, &replay, portion(rate), clock.now()).await?;
    let sent = stepped.targets.len();
    Ok(Gone {
        told: told(&stepped.targets, &stepped.sent).collect(),
        next_after: (!stepped.over).then(|| pace(rate, sent)),
    })
}

/// The wait before the next try of a step that failed.
#[must_use]
pub fn wait_after(error: &StoreError) -> Duration {
    match error {
        StoreError::Stale => BREATH,
        _ => ASK_AGAIN,
    }
}

/// Deliveries of one step at a rate.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 1 to 100
fn portion(rate_per_s: f64) -> usize {
    (rate_per_s * BEAT_S).clamp(1.0, STEP) as usize
}

/// The time that so many deliveries take at a rate.
#[allow(clippy::cast_precision_loss)] // few
fn pace(rate_per_s: f64, deliveries: usize) -> Duration {
    Duration::from_secs_f64(deliveries as f64 / rate_per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rate_per_s: f64, deliveries: usize, wait_ms: u128) {
        let portion = portion(rate_per_s);
        assert_eq!(portion, deliveries);
        assert_eq!(pace(rate_per_s, portion).as_millis(), wait_ms);
    }

    #[test]
    fn a_rate_is_kept_in_steps_of_a_hundred_at_most() {
        check(0.1, 1, 10_000);
        check(1.0, 1, 1000);
        check(250.0, 5, 20);
        check(1000.0, 20, 20);
        check(5000.0, 100, 20);
        check(100_000.0, 100, 1);
    }
}
