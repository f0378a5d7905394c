//! Groups of outcomes, without the tasks around them: how they gather, how they are parted, and
//! what the scheduler is told once one is on disk. The simulation drives exactly this.

use std::collections::BTreeMap;

use posthaste::{
    clock::Timestamp,
    id::{BatchId, DeliveryId, SubscriptionId},
};
use posthaste_store::{
    Store,
    record::{Acceptance, HealthChange, Parking, SettleBatch, Settlement, Standing},
};

use crate::scheduler::Input;

/// Outcomes that are written without waiting for more.
pub const ENOUGH: usize = 500;
/// Outcomes that one transaction takes at most.
const GROUP: usize = 500;

/// What one turn of the scheduler decided.
#[derive(Default)]
pub struct Decided {
    pub settlements: Vec<Settlement>,
    pub health: Vec<HealthChange>,
    pub alerts: Vec<Acceptance>,
}

impl Decided {
    /// Gives a batch its id.
    pub fn form(&mut self, store: &dyn Store, now: Timestamp, settlements: Vec<Settlement>) {
        let ids = store.reserve(now, &[0]);
        store.release(&ids);
        let batch = Some(BatchId::at(ids[0].place()));
        let formed = settlements.into_iter();
        let formed = formed.map(|settlement| Settlement {
            batch,
            ..settlement
        });
        self.settlements.extend(formed);
    }

    pub fn is_empty(&self) -> bool {
        self.settlements.is_empty() && self.health.is_empty()
    }
}

/// Outcomes that are not written yet.
#[derive(Default)]
pub struct Gathered {
    settlements: Vec<Settlement>,
    health: BTreeMap<SubscriptionId, HealthChange>,
    alerts: Vec<Acceptance>,
}

impl Gathered {
    /// Adds what one turn decided. The latest health of a subscription stands for all of a
    /// group's; a pause stays.
    pub fn push(&mut self, decided: Decided) {
        self.settlements.extend(decided.settlements);
        self.alerts.extend(decided.alerts);
        for change in decided.health {
            let known = self.health.remove(&change.subscription);
            let pause = change.pause.or(known.and_then(|known| known.pause));
            let change = HealthChange { pause, ..change };
            self.health.insert(change.subscription, change);
        }
    }

    pub fn len(&self) -> usize {
        self.settlements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.settlements.is_empty()
    }

    /// The next group.
    pub fn take(&mut self) -> Option<SettleBatch> {
        if self.settlements.is_empty() {
            return None;
        }
        let rest = self.settlements.split_off(group_end(&self.settlements));
        Some(SettleBatch {
            settlements: std::mem::replace(&mut self.settlements, rest),
            health: std::mem::take(&mut self.health).into_values().collect(),
            alerts: std::mem::take(&mut self.alerts),
        })
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

/// What the scheduler is told, in this order, of a group that is on disk.
#[must_use]
pub fn written(batch: &SettleBatch) -> Vec<Input> {
    let outcomes = batch.settlements.iter();
    let outcomes = outcomes.filter(|settlement| settlement.attempt.is_some());
    let mut told = vec![Input::Settled(outcomes.count())];
    parked(&batch.settlements, &mut told);
    formed(&batch.settlements, &mut told);
    if !batch.alerts.is_empty() {
        let owed = batch.alerts.iter().flat_map(Acceptance::owed).collect();
        told.push(Input::Accepted(owed));
    }
    told
}

/// What was parked is there to be taken from now on, and not before.
fn parked(settlements: &[Settlement], told: &mut Vec<Input>) {
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
    let shelved = shelved.into_iter();
    told.extend(shelved.map(|(subscription, ids)| Input::Shelved { subscription, ids }));
    told.extend(due_at.map(Input::DueAt));
}

/// A batch that is on disk may leave.
fn formed(settlements: &[Settlement], told: &mut Vec<Input>) {
    for together in settlements.chunk_by(|one, next| one.batch == next.batch) {
        let leader = &together[0];
        if let Some(batch) = leader.batch.filter(|_| is_formed(leader)) {
            let leader = leader.id;
            told.push(Input::Formed { leader, batch });
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
