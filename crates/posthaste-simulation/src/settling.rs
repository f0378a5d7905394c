//! The settler: writes the outcomes that have gathered, however often the store refuses.

use std::time::Duration;

use posthaste_engine::{
    delivery::group::{self, ENOUGH},
    scheduler::Input,
};
use posthaste_store::{
    Store,
    record::{Parking, SettleBatch, Settlement, Standing},
};

use crate::{
    bug::Bug,
    disk::ready,
    node::Settling,
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
    /// It was written before, and its answer was lost.
    again: bool,
}

impl Writing {
    #[must_use]
    pub fn of(batch: SettleBatch) -> Self {
        Self {
            batch,
            wait: REFUSED_MIN,
            again: false,
        }
    }
}

impl World {
    pub fn write_outcomes(&mut self) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        let Some(batch) = node.gathered.take() else {
            node.settling = Settling::Idle;
            return;
        };
        node.settling = Settling::Writing;
        self.ask_store(Call::Settle(Box::new(Writing::of(batch))));
    }

    pub fn commit_outcomes(&mut self, mut writing: Box<Writing>) -> Result<(), String> {
        if self.disk.refuses(self.agenda.now) {
            self.write_again(writing);
            return Ok(());
        }
        self.note(format_args!("write {}", writing.batch.settlements.len()));
        let batch = self.as_written(&writing.batch);
        if self.bug == Some(Bug::CountedTwice) {
            self.disk.last_written.clone_from(&batch);
        }
        ready(self.disk.store.settle(batch)).map_err(|error| error.to_string())?;
        self.model.written(&writing.batch, writing.again);
        if self.disk.loses_answer() {
            self.model.blurred(&writing.batch);
            writing.again = true;
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
        for input in group::written(batch) {
            match input {
                Input::DueAt(at) => self.hint(at),
                input => self.soon(Duration::ZERO, Own::Tell(input)),
            }
        }
        for change in &batch.health {
            if change.pause.is_some() {
                self.change_soon(Change::Reload(change.subscription));
            }
        }
        let node = self.node.as_mut().expect("a node hears it");
        node.settling = Settling::Idle;
        if node.gathered.len() >= ENOUGH {
            self.write_outcomes();
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
    if let Standing::Waiting { retry_at, parking } = &mut settlement.standing
        && settlement.attempt.is_some()
    {
        (*retry_at, *parking) = (None, Parking::Taken);
    }
}
