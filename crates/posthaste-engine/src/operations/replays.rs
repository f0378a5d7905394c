//! Replays: begun, looked at, stopped. The sending itself is `upkeep/replay`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use posthaste::{
    event::TenantId,
    id::{ReplayId, SubscriptionId},
};
use posthaste_store::{
    Page,
    audit::Action,
    query::Stretch,
    replay::{Progress, Replay, ReplayClaim, ReplayPlan, ReplayStatus},
};

use super::{OperationError, publish::IdempotencyClaim, publish::hash_of};
use crate::{
    Engine,
    subscribers::TenantView,
    trail::Details,
    upkeep::replay::{Word, count},
};

/// A replay that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    pub replay: Replay,
    /// Whether it had been asked for before, under the same key.
    pub replayed: bool,
}

impl Engine {
    /// Begins a replay: durable when it returns, and gone on with until it is over or stopped. A
    /// window that reaches into the future ends now.
    ///
    /// # Errors
    /// [`OperationError::EmptyWindow`], [`OperationError::UnknownSubscription`],
    /// [`OperationError::IdempotencyConflict`].
    pub async fn start_replay(
        &self,
        tenant: &TenantId,
        plan: ReplayPlan,
        claim: Option<IdempotencyClaim>,
    ) -> Result<Started, OperationError> {
        let claim = claim.map(|claim| ReplayClaim {
            key: hash_of(&claim.key),
            body: claim.body,
        });
        let (_, replay) = self.drafted(tenant, plan, claim)?;
        let engine = self.clone();
        self.to_the_end(async move { engine.begin(replay).await })
            .await
    }

    async fn begin(&self, replay: Replay) -> Result<Started, OperationError> {
        let details = Details::given(&replay.plan);
        let object = Some(replay.id.to_string());
        let entry = self.entry(Some(&replay.tenant), Action::StartReplay, object, details);
        let kept = self.0.store.insert_replay(replay.clone(), entry).await?;
        let body = |replay: &Replay| replay.claim.map(|claim| claim.body);
        if body(&kept) != body(&replay) {
            return Err(OperationError::IdempotencyConflict);
        }
        let word = Word::Begin(kept.tenant.clone(), kept.id);
        let replayed = kept.id != replay.id;
        if !replayed {
            self.0.replays.send(word).ok();
        }
        Ok(Started {
            replay: kept,
            replayed,
        })
    }

    /// How many deliveries a replay would send if it ran at this moment, by subscription.
    ///
    /// # Errors
    /// As [`Self::start_replay`].
    pub async fn count_replay(
        &self,
        tenant: &TenantId,
        plan: ReplayPlan,
    ) -> Result<BTreeMap<SubscriptionId, u64>, OperationError> {
        let (view, replay) = self.drafted(tenant, plan, None)?;
        Ok(count(&*self.0.store, &view, &replay).await?)
    }

    /// A replay that is to begin now, and the tenant that it is for.
    fn drafted(
        &self,
        tenant: &TenantId,
        mut plan: ReplayPlan,
        claim: Option<ReplayClaim>,
    ) -> Result<(Arc<TenantView>, Replay), OperationError> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let view = view.ok_or(OperationError::NotFound("tenant"))?;
        for (index, &id) in plan.subscriptions.iter().enumerate() {
            if !view.subscribers.contains_key(&id) {
                return Err(OperationError::UnknownSubscription { index, id });
            }
        }
        let ids = self.0.store.reserve(self.now(), &[0]);
        self.0.store.release(&ids);
        let id = ReplayId::at(ids[0].place());
        // All that was accepted before has a lower id, whatever the clock says.
        plan.until = plan.until.min(id.time() + Duration::from_millis(1));
        if plan.since >= plan.until {
            return Err(OperationError::EmptyWindow);
        }
        let replay = Replay {
            id,
            tenant: tenant.clone(),
            status: ReplayStatus::Running,
            cursor: Replay::begin(&plan),
            plan,
            progress: Progress::default(),
            claim,
        };
        Ok((view.clone(), replay))
    }

    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn replay(&self, tenant: &TenantId, id: ReplayId) -> Result<Replay, OperationError> {
        let found = self.0.store.replay(tenant, id).await?;
        found.ok_or(OperationError::NotFound("replay"))
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn replays(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<Page<Replay>, OperationError> {
        Ok(self.0.store.replays(tenant, stretch).await?)
    }

    /// Stops one that is running: it sends nothing more. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn stop_replay(
        &self,
        tenant: &TenantId,
        id: ReplayId,
    ) -> Result<Replay, OperationError> {
        self.replay(tenant, id).await?;
        let (object, details) = (Some(id.to_string()), Details::default());
        let entry = self.entry(Some(tenant), Action::StopReplay, object, details);
        let stopped = self.0.store.stop_replay(tenant, id, self.now(), entry);
        Ok(stopped.await?)
    }
}
