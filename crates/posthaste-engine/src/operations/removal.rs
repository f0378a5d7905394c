//! The end of a tenant.

use posthaste::event::TenantId;
use posthaste_store::{StoreError, audit::Action, change::Change};

use super::OperationError;
use crate::{Engine, scheduler::Input, trail::Details};

impl Engine {
    #[must_use]
    pub fn has_tenant(&self, id: &TenantId) -> bool {
        self.snapshot().tenants.contains_key(id)
    }

    /// Deletes a tenant. When this returns nothing of it is there: its keys open nothing, what waits
    /// is not sent, and attempts under way end and are forgotten. What it had goes bit by bit; until
    /// that is done there is no other tenant of its id.
    ///
    /// # Errors
    /// [`OperationError::DefaultTenant`]; [`OperationError::NotFound`].
    pub async fn delete_tenant(&self, id: &TenantId) -> Result<(), OperationError> {
        if *id == TenantId::default_tenant() {
            return Err(OperationError::DefaultTenant);
        }
        let (engine, id) = (self.clone(), id.clone());
        let deleted = async move {
            let _changing = engine.0.changing.lock().await;
            let (tenant, now) = (id.clone(), engine.now());
            let delete = Change::DeleteTenant { tenant, now };
            let (action, object) = (Action::DeleteTenant, Some(id.to_string()));
            let entry = engine.entry(None, action, object, Details::default());
            let deleted = engine.0.store.change(delete, entry).await;
            deleted.map_err(|error| match error {
                StoreError::Missing => OperationError::NotFound("tenant"),
                other => other.into(),
            })?;
            engine.0.reception.inboxes.remove_tenant(&id);
            let had = engine.0.subscribers.remove_tenant(&id).into_iter();
            had.for_each(|id| engine.0.dispatch.tell(Input::Removed(id)));
            engine.0.removals.notify_one();
            Ok(())
        };
        self.to_the_end(deleted).await
    }
}
