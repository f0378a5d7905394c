//! Figures: what became of deliveries, minute by minute, counted from what is written. They are
//! compared with the store's rollups, and must be the same.

use std::collections::{BTreeMap, BTreeSet};

use posthaste::{
    clock::Timestamp,
    event::Origin,
    id::{DeliveryId, SubscriptionId},
};
use posthaste_store::{
    Store,
    record::{Attempt, Settlement},
    rollup::{Level, Minute, Rollup},
};

use super::{
    Model,
    owed::{Kept, Standing},
};
use crate::disk::ready;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Figures {
    delivered: u64,
    failed: u64,
    discarded: u64,
    attempts: u64,
    reasons: BTreeMap<String, u64>,
}

/// All that was counted.
#[derive(Debug, Default)]
pub struct Counted {
    minutes: BTreeMap<(SubscriptionId, i64), Figures>,
    /// An attempt is counted once, however often it is written.
    attempts: BTreeSet<(DeliveryId, u32)>,
    /// Subscriptions that were deleted while tests waited: how many of what was discarded were
    /// tests, nobody can tell.
    vague: BTreeSet<SubscriptionId>,
}

impl Counted {
    fn at(&mut self, to: SubscriptionId, now: Timestamp) -> &mut Figures {
        let minute = now.as_millis() / 60_000;
        self.minutes.entry((to, minute)).or_default()
    }

    /// A settlement is written over what was there before.
    pub fn settled(&mut self, settlement: &Settlement, before: &Kept) {
        let (id, after) = (settlement.id, Kept::of(settlement));
        if settlement.origin == Origin::Test {
            return;
        }
        let repeated = match &settlement.attempt {
            Some(attempt) => !self.attempts.insert((id, attempt.number)),
            None => after.waits() || before.standing == after.standing,
        };
        if repeated {
            return;
        }
        let figures = self.at(settlement.subscription, settlement.at);
        match after.standing {
            Standing::Waiting => {}
            Standing::Delivered => figures.delivered += 1,
            Standing::Failed => figures.failed += 1,
            Standing::Discarded => figures.discarded += 1,
        }
        if let Some(attempt) = &settlement.attempt {
            figures.attempts += 1;
            if let Some(reason) = reason(attempt) {
                *figures.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// So many were discarded where they were parked.
    pub fn discarded(&mut self, to: SubscriptionId, count: u64, now: Timestamp) {
        if count > 0 {
            self.at(to, now).discarded += count;
        }
    }

    pub fn is_vague(&mut self, to: SubscriptionId) {
        self.vague.insert(to);
    }

    fn of(&self, to: SubscriptionId) -> BTreeMap<i64, Figures> {
        let its = self.minutes.range((to, 0)..=(to, i64::MAX));
        its.map(|((_, minute), figures)| (*minute, figures.clone()))
            .collect()
    }
}

impl Model {
    /// The store's rollups are what the model counted.
    pub fn figures(&self, store: &dyn Store) -> Result<(), String> {
        let known = self.endpoints.iter();
        for (id, endpoint) in known.filter(|(id, _)| !self.counted.vague.contains(id)) {
            let (from, to) = (Minute::from_u32(0), Minute::from_u32(u32::MAX));
            let found = store.rollups(&endpoint.tenant, Some(*id), from, to, Level::Minute);
            let found = ready(found).map_err(|error| error.to_string())?;
            let found = found.into_iter().map(|(minute, rollup)| {
                let minute = i64::from(minute.as_u32());
                (minute, Figures::from(rollup))
            });
            let found: BTreeMap<i64, Figures> = found.collect();
            let counted = self.counted.of(*id);
            if found != counted {
                return Err(format!("rollups of {id}: {}", difference(&found, &counted)));
            }
        }
        Ok(())
    }
}

/// The first minute that is not the same.
fn difference(found: &BTreeMap<i64, Figures>, counted: &BTreeMap<i64, Figures>) -> String {
    let mut minutes = found.keys().chain(counted.keys());
    let minute = minutes.find(|minute| found.get(minute) != counted.get(minute));
    let minute = minute.copied().unwrap_or_default();
    let (found, counted) = (found.get(&minute), counted.get(&minute));
    format!("{found:?} in minute {minute}, counted were {counted:?}")
}

/// Why an attempt failed, as it is shown.
fn reason(attempt: &Attempt) -> Option<String> {
    match attempt.status_code {
        Some(200..300) => None,
        Some(status) => Some(format!("http {status}")),
        None => {
            let error = attempt.error.as_deref().unwrap_or_default();
            error.split([':', ' ']).next().map(str::to_owned)
        }
    }
}

impl From<Rollup> for Figures {
    fn from(rollup: Rollup) -> Self {
        let reasons = rollup.reasons.iter();
        Self {
            delivered: rollup.delivered,
            failed: rollup.failed,
            discarded: rollup.discarded,
            attempts: rollup.attempts,
            reasons: reasons
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect(),
        }
    }
}
