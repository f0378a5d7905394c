//! What came to inboxes goes after a week.

use std::sync::Arc;

use posthaste::clock::Timestamp;
use posthaste_store::{Store, StoreError};

use super::{retention::ago, rounds::Duty};
use crate::config::Retention;

/// How long a request is kept, in days.
const DAYS: u32 = 7;
/// Requests that one transaction lets go of: they may be large.
const STEP: usize = 50;

/// Pass after pass, for a running engine.
pub struct ArrivalPruning {
    pub store: Arc<dyn Store>,
    pub retention: Retention,
}

impl Duty for ArrivalPruning {
    async fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let before = ago(now, self.retention.day * DAYS);
        Ok(self.store.prune_arrivals(before, STEP).await? == STEP)
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::error!(%error, "inbox.prune");
        }
    }
}
