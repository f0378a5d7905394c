//! The audit log's retention: what is older than it is kept goes, the oldest first.

use std::sync::Arc;

use posthaste::clock::Timestamp;
use posthaste_store::{Store, StoreError};

use super::{retention::ago, rounds::Duty};
use crate::config::Retention;

/// Entries that one transaction lets go of.
const STEP: usize = 500;

/// Lets go of the next entries that are too old; says how many.
///
/// # Errors
/// The store refuses.
pub async fn prune(
    store: &dyn Store,
    retention: Retention,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let before = ago(now, retention.day * retention.audit_days);
    store.prune_audit(before, STEP).await
}

/// Pass after pass, for a running engine.
pub struct AuditPruning {
    store: Arc<dyn Store>,
    retention: Retention,
    entries: usize,
}

impl AuditPruning {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, retention: Retention) -> Self {
        Self {
            store,
            retention,
            entries: 0,
        }
    }
}

impl Duty for AuditPruning {
    async fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let pruned = prune(&*self.store, self.retention, now).await?;
        self.entries += pruned;
        Ok(pruned == STEP)
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        let entries = std::mem::take(&mut self.entries);
        if entries > 0 {
            tracing::info!(entries, "audit.prune");
        }
        if let Err(error) = result {
            tracing::error!(%error, "audit.prune");
        }
    }
}
