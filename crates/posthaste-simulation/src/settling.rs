//! The settler: writes the outcomes that have gathered, however often the store refuses.

use std::{collections::BTreeMap, time::Duration};

use posthaste::id::SubscriptionId;
use posthaste_engine::scheduler::Input;
use posthaste_store::{
    Store,
    record::{Parking, SettleBatch, Settlement, Standing},
};

use crate::{
    bug::Bug,
    disk::ready,
    node::{ENOUGH, Settling},
    operator::Change,
    world::{Call, Own, World},
};

/// The wait after a store refused, doubled up to [`REFUSED_MAX`].
const REFUSED_MIN: Duration = Duration::from_millis(50);
const REFUSED_MAX: Duration = Duration::from_secs(5);

/// A group of outcomes on its way to disk.
#[derive(Debug)]
pub struct Writing {
    pub batch: SettleBatch,
    wait: Duration,
}

impl Writing {
    #[must_use]
    pub fn of(batch: SettleBatch) -> Self {
        Self {
            batch,
            wait: REFUSED_MIN,
        }
    }
}

impl World {
    pub fn write_outcomes(&mut self) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        let batch = node.outcomes.take();
        if batch.settlements.is_empty() {
            node.outcomes.settling = Settling::Idle;
            return;
        }
        node.outcomes.settling = Settling::Writing;
        self.ask_store(Call::Settle(Box::new(Writing::of(batch))));
    }

    pub fn commit_outcomes(&mut self, writing: Box<Writing>) -> Result<(), String> {
        if self.disk.refuses(self.agenda.now) {
            self.write_again(writing);
            return Ok(());
        }
        self.note(format_args!("write {}", writing.batch.settlements.len()));
        let batch = self.as_written(&writing.batch);
        ready(self.disk.store.settle(batch)).map_err(|error| error.to_string())?;
        self.model.written(&writing.batch);
        if self.disk.loses_answer() {
            self.model.blurred(&writing.batch);
            self.write_again(writing);
        } else {
            self.store_answers(Own::Written(writing));
        }
        Ok(())
    }

    fn write_again(&mut self, mut writing: Box<Writing>) {
        self.totals.faults += 1;
        let wait = writing.wait;
        writing.wait = (wait * 2).min(REFUSED_MAX);
        self.soon(wait, Own::Call(Call::Settle(writing)));
    }

    /// What reaches the store: all of it, unless a bug is planted.
    fn as_written(&self, batch: &SettleBatch) -> SettleBatch {
        let mut batch = batch.clone();
        if self.bug == Some(Bug::RetryOutsideTransaction) {
            batch.settlements.iter_mut().for_each(without_retry);
        }
        batch
    }

    pub fn written(&mut self, writing: &Writing) {
        let batch = &writing.batch;
        if self.bug == Some(Bug::RetryOutsideTransaction) {
            ready(self.disk.store.settle(batch.clone())).expect("the model in memory settles");
        }
        self.soon(
            Duration::ZERO,
            Own::Tell(Input::Settled(batch.settlements.len())),
        );
        self.report_parked(&batch.settlements);
        for change in &batch.health {
            if change.pause.is_some() {
                self.change_soon(Change::Reload(change.subscription));
            }
        }
        let node = self.node.as_mut().expect("a node hears it");
        node.outcomes.settling = Settling::Idle;
        if node.outcomes.settlements.len() >= ENOUGH {
            self.write_outcomes();
        }
    }

    /// What was parked is there to be taken from now on, and not before.
    fn report_parked(&mut self, settlements: &[Settlement]) {
        let mut due_at = None;
        let mut shelved: BTreeMap<SubscriptionId, usize> = BTreeMap::new();
        for settlement in settlements {
            let Standing::Waiting { parking, .. } = settlement.standing else {
                continue;
            };
            match parking {
                Parking::Due(at) => due_at = Some(due_at.map_or(at, |known| at.min(known))),
                Parking::Shelved => *shelved.entry(settlement.subscription).or_default() += 1,
                Parking::Taken => {}
            }
        }
        for (subscription, count) in shelved {
            let shelved = Input::Shelved {
                subscription,
                count,
            };
            self.soon(Duration::ZERO, Own::Tell(shelved));
        }
        if let Some(at) = due_at {
            self.hint(at);
        }
    }

    /// Something is due by then: a hint, and hints may be lost.
    pub fn hint(&mut self, at: posthaste::clock::Timestamp) {
        if self.scenario.classes.lost_hints && !self.healed && self.dice.trouble.happens(300) {
            self.totals.faults += 1;
            return self.note(format_args!("a hint is lost"));
        }
        self.soon(Duration::ZERO, Own::Tell(Input::DueAt(at)));
    }
}

/// The attempt alone: the delivery stays in the engine's hands.
fn without_retry(settlement: &mut Settlement) {
    if let Standing::Waiting { parking, .. } = &mut settlement.standing
        && settlement.attempt.is_some()
    {
        *parking = Parking::Taken;
    }
}
