//! Passes whose time is past go: they opened nothing any more.

use std::sync::Arc;

use posthaste::clock::Timestamp;
use posthaste_store::{Store, StoreError};

use super::rounds::Duty;

/// Passes that one transaction lets go of.
const STEP: usize = 500;

/// Pass after pass, for a running engine.
pub struct PassPruning(pub Arc<dyn Store>);

impl Duty for PassPruning {
    async fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.0.prune_passes(now, STEP).await? == STEP)
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::error!(%error, "pass.prune");
        }
    }
}
