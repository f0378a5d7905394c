//! The model's rollups: a map, counted in the one place that all verbs go through that end
//! deliveries.

use std::{collections::BTreeMap, ops::Range};

use posthaste::{event::TenantId, id::SubscriptionId};

use super::disk::Disk;
use crate::{
    record::Settlement,
    rollup::{self, Level, Minute, Rollup},
};

pub(super) type Rollups = BTreeMap<(TenantId, SubscriptionId, Minute), Rollup>;

impl Disk {
    /// Counts what a settlement comes to.
    pub fn count(&mut self, settlement: &Settlement) {
        for (key, rollup) in rollup::of(std::slice::from_ref(settlement)) {
            self.rollups.entry(key).or_default().merge(&rollup);
        }
    }

    pub fn rollups(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
        window: Range<Minute>,
        level: Level,
    ) -> Vec<(Minute, Rollup)> {
        let mut found = BTreeMap::<Minute, Rollup>::new();
        for ((owner, of, minute), rollup) in &self.rollups {
            let wanted = owner == tenant && subscription.is_none_or(|wanted| wanted == *of);
            if wanted && window.contains(minute) {
                let start = minute.aligned(level.minutes());
                found.entry(start).or_default().merge(rollup);
            }
        }
        found.into_iter().collect()
    }
}
