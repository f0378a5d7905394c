//! Settling in groups: outcomes gather for a moment and are written together. What cannot be
//! written now is kept and written later; until then the events are in the store as they were.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use posthaste_store::{
    Store,
    record::{HealthChange, SettleBatch},
};
use tokio::sync::{Notify, watch};

use super::{
    group::{self, Decided, ENOUGH, Gathered},
    mailbox::Dispatch,
};
use crate::{live::Live, telemetry::Telemetry};

/// How long the first outcome of a group waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// The wait after a store refused, doubled up to [`REFUSED_MAX`].
const REFUSED_MIN: Duration = Duration::from_millis(50);
const REFUSED_MAX: Duration = Duration::from_secs(5);

/// Where outcomes gather.
#[derive(Default)]
pub struct Outcomes {
    gathered: Mutex<Gathered>,
    closed: AtomicBool,
    some: Notify,
    enough: Notify,
}

impl Outcomes {
    pub fn push(&self, decided: Decided) {
        if decided.is_empty() {
            return;
        }
        let mut gathered = self.lock();
        gathered.push(decided);
        let enough = gathered.len() >= ENOUGH;
        drop(gathered);
        self.some.notify_one();
        if enough {
            self.enough.notify_one();
        }
    }

    /// No more will come: what is here is written at once.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.some.notify_one();
        self.enough.notify_one();
    }

    fn take(&self) -> Option<SettleBatch> {
        self.lock().take()
    }

    fn state(&self) -> (usize, bool) {
        // In this order: nothing is pushed after the close.
        let closed = self.closed.load(Ordering::SeqCst);
        (self.lock().len(), closed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered
            .lock()
            .expect("nothing panics while it holds the outcomes")
    }
}

/// The task that writes groups, until the outcomes are closed and all are written.
pub struct Settler {
    pub outcomes: Arc<Outcomes>,
    pub store: Arc<dyn Store>,
    pub dispatch: Dispatch,
    pub telemetry: Arc<Telemetry>,
    pub live: Arc<Live>,
    /// Told of subscriptions that a group paused.
    pub paused: tokio::sync::mpsc::UnboundedSender<HealthChange>,
    /// Becomes true when all is written and no more will come.
    pub done: watch::Sender<bool>,
}

impl Settler {
    pub async fn run(self) {
        loop {
            self.gather().await;
            while let Some(batch) = self.outcomes.take() {
                self.write(batch).await;
                if !self.is_pressing() {
                    break;
                }
            }
            if self.outcomes.state() == (0, true) {
                self.done.send_replace(true);
                return;
            }
        }
    }

    fn is_pressing(&self) -> bool {
        let (waiting, closed) = self.outcomes.state();
        closed || waiting >= ENOUGH
    }

    async fn gather(&self) {
        while self.outcomes.state() == (0, false) {
            self.outcomes.some.notified().await;
        }
        if !self.is_pressing() {
            tokio::time::timeout(GATHER, self.outcomes.enough.notified())
                .await
                .ok();
        }
    }

    /// Writes a group, however often the store refuses.
    async fn write(&self, batch: SettleBatch) {
        let mut wait = REFUSED_MIN;
        while let Err(error) = self.store.settle(batch.clone()).await {
            tracing::error!(%error, outcomes = batch.settlements.len(), "delivery.settle");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(REFUSED_MAX);
        }
        self.written(batch);
    }

    fn written(&self, batch: SettleBatch) {
        for input in group::written(&batch) {
            self.dispatch.tell(input);
        }
        self.telemetry.settled(&batch.settlements);
        self.live.settled(&batch.settlements);
        if !batch.alerts.is_empty() {
            self.live.accepted(batch.alerts.iter());
        }
        for change in batch.health {
            if change.pause.is_some() {
                self.paused.send(change).ok();
            }
        }
    }
}
