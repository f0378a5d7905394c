//! The model's replays: kept, found, moved on, stopped.

use posthaste::{clock::Timestamp, event::TenantId, id::ReplayId};

use super::{disk::Disk, log::page};
use crate::{
    again::SentAgain,
    audit::AuditEntry,
    query::Stretch,
    replay::{Replay, ReplayStatus, ReplayStep},
    store::{Page, StoreError},
};

impl Disk {
    pub fn insert_replay(
        &mut self,
        replay: Replay,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        self.expect_tenant(&replay.tenant)?;
        let of_tenant = |known: &&Replay| known.tenant == replay.tenant;
        let mut known = self.replays.values().filter(of_tenant);
        let key = replay.claim.map(|claim| claim.key);
        let same = known.find(|known| key.is_some() && known.claim.map(|claim| claim.key) == key);
        if let Some(same) = same {
            return Ok(same.clone());
        }
        self.replays.insert(replay.id, replay.clone());
        self.append(entry);
        Ok(replay)
    }

    pub fn replay_mut(&mut self, tenant: &TenantId, id: ReplayId) -> Option<&mut Replay> {
        let replay = self.replays.get_mut(&id);
        replay.filter(|replay| replay.tenant == *tenant)
    }

    pub fn list_replays(&self, tenant: &TenantId, stretch: Stretch) -> Page<Replay> {
        let newest_first = self.replays.values().rev();
        let of_tenant = newest_first.filter(|replay| replay.tenant == *tenant);
        page(of_tenant.cloned(), stretch, |replay| replay.id.as_u64())
    }

    pub fn running_replays(&self) -> Vec<Replay> {
        let all = self.replays.values();
        let running = all.filter(|replay| replay.status == ReplayStatus::Running);
        running.cloned().collect()
    }

    pub fn stop_replay(
        &mut self,
        tenant: &TenantId,
        id: ReplayId,
        now: Timestamp,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        let replay = self.replay_mut(tenant, id).ok_or(StoreError::Missing)?;
        if replay.status != ReplayStatus::Running {
            return Ok(replay.clone());
        }
        replay.status = ReplayStatus::Stopped { at: now };
        let stopped = replay.clone();
        self.append(entry);
        Ok(stopped)
    }

    /// Whether a step may be made from where it was decided.
    pub fn may_step(&mut self, tenant: &TenantId, step: &ReplayStep) -> bool {
        let replay = self.replay_mut(tenant, step.id);
        replay.is_some_and(|replay| {
            replay.status == ReplayStatus::Running && replay.cursor == step.from
        })
    }

    pub fn moved_on(
        &mut self,
        tenant: &TenantId,
        step: &ReplayStep,
        sent: &SentAgain,
        now: Timestamp,
    ) {
        let Some(replay) = self.replay_mut(tenant, step.id) else {
            return;
        };
        replay.cursor = step.to;
        replay.progress = replay.progress.with(&step.seen, sent);
        if step.last {
            replay.status = ReplayStatus::Completed { at: now };
        }
    }
}
