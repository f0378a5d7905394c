//! Settling in groups: outcomes gather for a moment and are written together. What cannot be
//! written now is kept and written later; until then the events are in the store as they were.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use posthaste::id::{DeliveryId, SubscriptionId};
use posthaste_store::{
    Store,
    record::{Acceptance, HealthChange, Parking, SettleBatch, Settlement, Standing},
};
use tokio::sync::{Notify, watch};

use super::mailbox::Dispatch;
use crate::{scheduler::Input, telemetry::Telemetry};

/// How long the first outcome of a group waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// Outcomes that are written without waiting for more.
const ENOUGH: usize = 500;
/// Outcomes that one transaction takes at most.
const GROUP: usize = 2000;
/// The wait after a store refused, doubled up to [`REFUSED_MAX`].
const REFUSED_MIN: Duration = Duration::from_millis(50);
const REFUSED_MAX: Duration = Duration::from_secs(5);

/// Where outcomes gather.
#[derive(Default)]
pub struct Outcomes {
    gathered: Mutex<Gathered>,
    some: Notify,
    enough: Notify,
}

#[derive(Default)]
struct Gathered {
    settlements: Vec<Settlement>,
    health: HashMap<SubscriptionId, HealthChange>,
    alerts: Vec<Acceptance>,
    closed: bool,
}

/// What one turn of the scheduler decided.
#[derive(Default)]
pub struct Decided {
    pub settlements: Vec<Settlement>,
    pub health: Vec<HealthChange>,
    pub alerts: Vec<Acceptance>,
}

impl Outcomes {
    /// Adds what one turn of the scheduler decided. The latest health of a subscription stands for
    /// all of a group's; a pause stays.
    pub fn push(&self, decided: Decided) {
        if decided.settlements.is_empty() && decided.health.is_empty() {
            return;
        }
        let mut gathered = self.lock();
        gathered.settlements.extend(decided.settlements);
        gathered.alerts.extend(decided.alerts);
        for change in decided.health {
            let known = gathered.health.remove(&change.subscription);
            let pause = change.pause.or(known.and_then(|known| known.pause));
            let change = HealthChange { pause, ..change };
            gathered.health.insert(change.subscription, change);
        }
        let enough = gathered.settlements.len() >= ENOUGH;
        drop(gathered);
        self.some.notify_one();
        if enough {
            self.enough.notify_one();
        }
    }

    /// No more will come: what is here is written at once.
    pub fn close(&self) {
        self.lock().closed = true;
        self.some.notify_one();
        self.enough.notify_one();
    }

    fn take(&self) -> Option<SettleBatch> {
        let mut gathered = self.lock();
        if gathered.settlements.is_empty() {
            return None;
        }
        let end = group_end(&gathered.settlements);
        let rest = gathered.settlements.split_off(end);
        let settlements = std::mem::replace(&mut gathered.settlements, rest);
        let health = std::mem::take(&mut gathered.health);
        let alerts = std::mem::take(&mut gathered.alerts);
        Some(SettleBatch {
            settlements,
            health: health.into_values().collect(),
            alerts,
        })
    }

    fn state(&self) -> (usize, bool) {
        let gathered = self.lock();
        (gathered.settlements.len(), gathered.closed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered
            .lock()
            .expect("nothing panics while it holds the outcomes")
    }
}

/// Where a group ends: no batch is parted.
fn group_end(settlements: &[Settlement]) -> usize {
    let mut end = settlements.len().min(GROUP);
    while end > 0
        && let Some(next) = settlements.get(end)
        && next.batch.is_some()
        && settlements[end - 1].batch == next.batch
    {
        end += 1;
    }
    end
}

/// The task that writes groups, until the outcomes are closed and all are written.
pub struct Settler {
    pub outcomes: Arc<Outcomes>,
    pub store: Arc<dyn Store>,
    pub dispatch: Dispatch,
    pub telemetry: Arc<Telemetry>,
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
        self.dispatch.tell(Input::Settled(batch.settlements.len()));
        self.report_parked(&batch.settlements);
        self.report_formed(&batch.settlements);
        if !batch.alerts.is_empty() {
            let owed = batch.alerts.iter().flat_map(Acceptance::owed).collect();
            self.dispatch.tell(Input::Accepted(owed));
        }
        self.telemetry.settled(&batch.settlements);
        for change in batch.health {
            if change.pause.is_some() {
                self.paused.send(change).ok();
            }
        }
    }

    /// What was parked is there to be taken from now on, and not before.
    fn report_parked(&self, settlements: &[Settlement]) {
        let mut due_at = None;
        let mut shelved: BTreeMap<SubscriptionId, Vec<DeliveryId>> = BTreeMap::new();
        for settlement in settlements {
            let Standing::Waiting { parking, .. } = settlement.standing else {
                continue;
            };
            match parking {
                Parking::Due(at) => due_at = Some(due_at.map_or(at, |known| at.min(known))),
                Parking::Shelved => {
                    let of_subscription = shelved.entry(settlement.subscription).or_default();
                    of_subscription.push(settlement.id);
                }
                Parking::Taken => {}
            }
        }
        for (subscription, ids) in shelved {
            self.dispatch.tell(Input::Shelved { subscription, ids });
        }
        due_at
            .into_iter()
            .for_each(|at| self.dispatch.tell(Input::DueAt(at)));
    }

    /// A batch that is on disk may leave.
    fn report_formed(&self, settlements: &[Settlement]) {
        for together in settlements.chunk_by(|one, next| one.batch == next.batch) {
            let leader = &together[0];
            if let Some(batch) = leader.batch.filter(|_| is_formed(leader)) {
                let leader = leader.id;
                self.dispatch.tell(Input::Formed { leader, batch });
            }
        }
    }
}

/// Whether this puts a delivery into its batch: parked for a crash to find, before any attempt.
fn is_formed(settlement: &Settlement) -> bool {
    let parked = matches!(
        settlement.standing,
        Standing::Waiting {
            parking: Parking::Taken,
            ..
        }
    );
    parked && settlement.attempt.is_none()
}
