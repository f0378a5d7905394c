//! Retention: what is older than its tenant keeps it goes, and idempotency keys past their time. What
//! still waits is the store's to keep, whatever its age.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use posthaste::{clock::Timestamp, event::TenantId, id::EventId};
use posthaste_store::{Store, StoreError, keeping::KeyHash, settings::Tenant};

use super::rounds::Duty;
use crate::{config::Retention, telemetry::Telemetry};

/// Events and deliveries that one step looks at, about.
const ROWS: usize = 300;
/// Idempotency keys that one step looks at.
const KEYS: usize = 1000;

/// What a pass, or a step, let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    pub events: u64,
    pub deliveries: u64,
    pub keys: u64,
}

impl Gone {
    fn and(self, more: Self) -> Self {
        Self {
            events: self.events + more.events,
            deliveries: self.deliveries + more.deliveries,
            keys: self.keys + more.keys,
        }
    }
}

/// One way through all tenants. A crash anywhere costs no more than that the next pass looks again.
#[derive(Debug)]
pub struct Pass {
    left: VecDeque<Tenant>,
    place: Place,
}

/// How far it is with the first tenant that is left.
#[derive(Clone, Copy, Debug)]
enum Place {
    Events(Option<EventId>),
    Keys(Option<KeyHash>),
}

impl Pass {
    /// # Errors
    /// The store cannot be read.
    pub async fn begin(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self {
            left: store.tenants().await?.into(),
            place: Place::Events(None),
        })
    }

    /// One call to the store; none when all tenants are through.
    ///
    /// # Errors
    /// The store refuses; the pass may go on later from where it is.
    pub async fn step(
        &mut self,
        store: &dyn Store,
        retention: Retention,
        now: Timestamp,
    ) -> Result<Option<Gone>, StoreError> {
        let Some(tenant) = self.left.front() else {
            return Ok(None);
        };
        let gone = match self.place {
            Place::Events(after) => {
                let before = ago(now, retention.kept(&tenant.limits));
                let pruned = store.prune(&tenant.id, before, after, ROWS).await?;
                self.place = match pruned.next {
                    None => Place::Keys(None),
                    next => Place::Events(next),
                };
                Gone {
                    events: pruned.events,
                    deliveries: pruned.deliveries,
                    keys: 0,
                }
            }
            Place::Keys(after) => self.keys(store, tenant.id.clone(), now, after).await?,
        };
        Ok(Some(gone))
    }

    async fn keys(
        &mut self,
        store: &dyn Store,
        tenant: TenantId,
        now: Timestamp,
        after: Option<KeyHash>,
    ) -> Result<Gone, StoreError> {
        let pruned = store.prune_keys(&tenant, now, after, KEYS).await?;
        self.place = match pruned.next {
            None => Place::Events(None),
            next => Place::Keys(next),
        };
        if pruned.next.is_none() {
            self.left.pop_front();
        }
        Ok(Gone {
            keys: pruned.keys,
            ..Gone::default()
        })
    }
}

/// A time before now; the beginning of time where there was none.
pub fn ago(now: Timestamp, span: Duration) -> Timestamp {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(span))
}

/// Pass after pass, for a running engine.
pub struct Pruning {
    pub store: Arc<dyn Store>,
    pub retention: Retention,
    pub telemetry: Arc<Telemetry>,
    pass: Option<Pass>,
    gone: Gone,
}

impl Pruning {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, retention: Retention, telemetry: Arc<Telemetry>) -> Self {
        Self {
            store,
            retention,
            telemetry,
            pass: None,
            gone: Gone::default(),
        }
    }
}

impl Duty for Pruning {
    async fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let pass = match &mut self.pass {
            Some(pass) => pass,
            none => none.insert(Pass::begin(&*self.store).await?),
        };
        let gone = pass.step(&*self.store, self.retention, now).await?;
        if let Some(gone) = gone {
            self.telemetry.pruned(gone);
            self.gone = self.gone.and(gone);
        }
        Ok(gone.is_some())
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        self.pass = None;
        let Gone {
            events,
            deliveries,
            keys,
        } = std::mem::take(&mut self.gone);
        if events + keys > 0 {
            tracing::info!(events, deliveries, keys, "retention.prune");
        }
        if let Err(error) = result {
            tracing::error!(%error, "retention.prune");
        }
    }
}
