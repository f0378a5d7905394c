//! Removal: what deleted tenants had goes, a little at a time. That they are deleted is in the store,
//! so that a start goes on with what is left.

use std::sync::Arc;

use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_store::{Store, StoreError};

use super::rounds::Duty;

/// Rows that one step lets go of, about.
const ROWS: usize = 300;

/// A pass is over when nothing of a deleted tenant is left.
pub struct Removal {
    store: Arc<dyn Store>,
    /// The one that is being removed.
    tenant: Option<TenantId>,
}

impl Removal {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let tenant = None;
        Self { store, tenant }
    }
}

impl Duty for Removal {
    async fn step(&mut self, _now: Timestamp) -> Result<bool, StoreError> {
        let next = match self.tenant.take() {
            None => self.store.deleted_tenants().await?.pop(),
            tenant => tenant,
        };
        let Some(tenant) = next else {
            return Ok(false);
        };
        match self.store.remove_tenant(&tenant, ROWS).await? {
            true => self.tenant = Some(tenant),
            false => tracing::info!(%tenant, "tenant.remove"),
        }
        Ok(true)
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        self.tenant = None;
        if let Err(error) = result {
            tracing::error!(%error, "tenant.remove");
        }
    }
}
