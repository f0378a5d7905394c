//! The store under the node: the model in memory, which here takes time, refuses and crashes.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use posthaste::clock::Timestamp;
use posthaste_store::{MemoryStore, Store, record::SettleBatch};

use crate::{bug::Bug, dice::Dice, halting::Weather};

/// What a future of the model in memory gives: they never wait.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the model in memory never waits"),
    }
}

/// The store, and how it is doing.
pub struct Disk {
    pub store: Arc<MemoryStore>,
    pub refuses_until: Timestamp,
    pub slow_until: Timestamp,
    /// Commits whose answer will be lost.
    pub answers_to_lose: u64,
    /// How it is doing, for slow duties.
    pub weather: Arc<Weather>,
    /// For the planted bug that counts it again after a crash.
    pub last_written: SettleBatch,
    dice: Dice,
}

impl Disk {
    #[must_use]
    pub fn new(now: Timestamp, dice: Dice) -> Self {
        Self {
            store: Arc::new(MemoryStore::new(now)),
            refuses_until: now,
            slow_until: now,
            answers_to_lose: 0,
            last_written: SettleBatch::default(),
            weather: Arc::default(),
            dice,
        }
    }

    /// How long a call takes until it is done, and again until its answer is there.
    pub fn latency(&mut self, now: Timestamp) -> Duration {
        match now < self.slow_until {
            true => self.dice.seconds(0, 5),
            false => self.dice.millis(0, 8),
        }
    }

    #[must_use]
    pub fn refuses(&self, now: Timestamp) -> bool {
        now < self.refuses_until
    }

    pub fn loses_answer(&mut self) -> bool {
        let loses = self.answers_to_lose > 0;
        self.answers_to_lose = self.answers_to_lose.saturating_sub(1);
        loses
    }

    pub fn crash(&mut self, bug: Option<Bug>) {
        self.store = Arc::new(self.store.after_crash());
        if bug == Some(Bug::CountedTwice) {
            let mut again = std::mem::take(&mut self.last_written);
            let attempts = again.settlements.iter_mut();
            let attempts = attempts.filter_map(|settlement| settlement.attempt.as_mut());
            attempts.for_each(|attempt| attempt.number += 1000);
            ready(self.store.settle(again)).expect("the model in memory settles");
        }
    }

    #[must_use]
    pub fn as_store(&self) -> &dyn Store {
        &*self.store
    }
}
