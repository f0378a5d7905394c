//! Expiry: what a paused subscription holds does not wait for ever. Its tenant is told first, and
//! has a day at least to resume it; only then does what is past its time leave the queue.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use posthaste::{clock::Timestamp, event::TenantId, id::DeliveryId};
use posthaste_store::{
    Store, StoreError,
    keeping::Hold,
    record::{Acceptance, Waiting},
    settings::TenantLimits,
};

use super::{retention::ago, rounds::Duty};
use crate::{
    config::Retention,
    delivery::{
        alert::{Alerts, Expiring},
        mailbox::Dispatch,
    },
    scheduler::Input,
    telemetry::Telemetry,
};

/// Deliveries that one step looks at.
const DELIVERIES: usize = 200;

/// What a step did.
#[derive(Debug)]
pub enum Step {
    /// Looked at one subscription and left it as it is.
    Looked,
    /// Told of a subscription; the deliveries of the alert are accepted.
    Told(Vec<Waiting>),
    /// Discarded so many.
    Expired(u64),
}

/// One way through all that is paused. A crash anywhere costs no more than that the next pass looks
/// again: what was told is noted with its alert, and what expired is discarded at once.
#[derive(Debug)]
pub struct Pass {
    left: VecDeque<Hold>,
    limits: BTreeMap<TenantId, TenantLimits>,
    /// How far it is with the first of these.
    after: Option<DeliveryId>,
}

impl Pass {
    /// # Errors
    /// The store cannot be read.
    pub async fn begin(store: &dyn Store) -> Result<Self, StoreError> {
        let tenants = store.tenants().await?.into_iter();
        Ok(Self {
            limits: tenants.map(|tenant| (tenant.id, tenant.limits)).collect(),
            left: store.holds().await?.into(),
            after: None,
        })
    }

    /// A call or two to the store; none when all is through.
    ///
    /// # Errors
    /// The store refuses; the pass may go on later from where it is.
    pub async fn step(
        &mut self,
        alerts: &Alerts,
        retention: Retention,
        now: Timestamp,
    ) -> Result<Option<Step>, StoreError> {
        let Some(hold) = self.left.front().cloned() else {
            return Ok(None);
        };
        let limits = self.limits.get(&hold.tenant).copied();
        let limit = retention.held(&limits.unwrap_or_default());
        let notice = retention.notice();
        let step = match hold.told_at {
            Some(told_at) if now >= told_at + notice && hold.since <= ago(now, limit) => {
                return self.expire(&*alerts.store, &hold, limit, now).await;
            }
            Some(_) => Step::Looked,
            None => tell(alerts, &hold, (limit, notice), now).await?,
        };
        self.left.pop_front();
        Ok(Some(step))
    }

    async fn expire(
        &mut self,
        store: &dyn Store,
        hold: &Hold,
        limit: Duration,
        now: Timestamp,
    ) -> Result<Option<Step>, StoreError> {
        let (before, after) = (ago(now, limit), self.after);
        let expired = store.expire_held(hold.subscription, before, after, now, DELIVERIES);
        let expired = expired.await?;
        self.after = expired.next;
        if expired.next.is_none() {
            self.left.pop_front();
        }
        Ok(Some(Step::Expired(expired.deliveries)))
    }
}

/// Tells of a pause that is about to cost deliveries.
async fn tell(
    alerts: &Alerts,
    hold: &Hold,
    (limit, notice): (Duration, Duration),
    now: Timestamp,
) -> Result<Step, StoreError> {
    let until = ago(now + notice, limit);
    if hold.since > until {
        return Ok(Step::Looked);
    }
    let Some(held) = alerts.store.held(hold.subscription, until).await? else {
        return Ok(Step::Looked);
    };
    let alert = alerts.expiring(&Expiring {
        hold,
        deliveries: held.deliveries,
        expires_at: (held.since + limit).max(now + notice),
        now,
    });
    let owed = alert.iter().flat_map(Acceptance::owed).collect();
    let told = alerts.store.tell_expiring(hold, alert, now).await?;
    Ok(match told {
        true => Step::Told(owed),
        false => Step::Looked,
    })
}

/// Pass after pass, for a running engine.
pub struct Expiry {
    pub alerts: Alerts,
    pub retention: Retention,
    pub dispatch: Dispatch,
    pub telemetry: Arc<Telemetry>,
    pass: Option<Pass>,
    /// Subscriptions told of and deliveries discarded, in this pass.
    done: (u64, u64),
}

impl Expiry {
    #[must_use]
    pub fn new(
        alerts: Alerts,
        retention: Retention,
        dispatch: Dispatch,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            alerts,
            retention,
            dispatch,
            telemetry,
            pass: None,
            done: (0, 0),
        }
    }
}

impl Duty for Expiry {
    async fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let pass = match &mut self.pass {
            Some(pass) => pass,
            none => none.insert(Pass::begin(&*self.alerts.store).await?),
        };
        let step = pass.step(&self.alerts, self.retention, now).await?;
        let more = step.is_some();
        match step {
            Some(Step::Told(owed)) => {
                self.done.0 += 1;
                self.dispatch.tell(Input::Accepted(owed));
            }
            Some(Step::Expired(deliveries)) => {
                self.done.1 += deliveries;
                self.telemetry.expired(deliveries);
            }
            Some(Step::Looked) | None => {}
        }
        Ok(more)
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        self.pass = None;
        let (told, deliveries) = std::mem::take(&mut self.done);
        if told + deliveries > 0 {
            tracing::warn!(told, deliveries, "delivery.expire");
        }
        if let Err(error) = result {
            tracing::error!(%error, "delivery.expire");
        }
    }
}
