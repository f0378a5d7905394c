//! The audit log from the engine's side: who acts is said once ([`Engine::by`]), and each operation
//! hands an entry of what it does to the store, to be kept with its change.
//!
//! Nothing is told here of what the server does by itself, and nothing where nobody was named: a
//! program that embeds the engine keeps a log by naming an [`Actor`].

mod details;
mod members;

use std::sync::Arc;

use posthaste::{
    event::TenantId,
    id::{AuditId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::{
    Page,
    audit::{Action, Actor, AuditEntry, AuditQuery},
    query::Stretch,
};

use crate::{Engine, operations::OperationError};

pub(crate) use details::Details;
pub(crate) use members::{event_type, filter, inbox, key, subscription, tenant};

use self::members::unlike_secrets;

impl Engine {
    /// The same engine in someone's hands: what is changed or revealed with it stands in the audit
    /// log under their name.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self(self.0.clone(), Some(Arc::new(actor)))
    }

    /// What is to be kept of something that is done, where someone does it. `tenant` is whose log it
    /// stands in, none the platform's.
    pub(crate) fn entry(
        &self,
        tenant: Option<&TenantId>,
        action: Action,
        object: Option<String>,
        details: Details,
    ) -> Option<AuditEntry> {
        let actor = self.1.as_deref()?;
        Some(AuditEntry {
            id: AuditId::at(self.new_place(self.now())),
            tenant: tenant.cloned(),
            actor: actor.clone(),
            action: action.as_str().into(),
            object,
            details: details.into_json(),
        })
    }

    /// The entry of a change of a subscription.
    pub(crate) fn entry_of_change(
        &self,
        action: Action,
        old: &Subscription,
        new: &Subscription,
    ) -> Option<AuditEntry> {
        let details = Details::changed(&subscription(old), &subscription(new));
        let secrets = unlike_secrets(old, new).into_iter();
        let details = secrets.fold(details, Details::secret);
        self.entry(Some(&new.tenant), action, Some(new.id.to_string()), details)
    }

    /// Keeps an entry before what it tells of: a reveal, or what takes many transactions.
    pub(crate) async fn note(
        &self,
        tenant: &TenantId,
        action: Action,
        object: Option<String>,
        details: Details,
    ) -> Result<(), OperationError> {
        match self.entry(Some(tenant), action, object, details) {
            Some(entry) => Ok(self.0.store.append_audit(entry).await?),
            None => Ok(()),
        }
    }

    /// A subscription whose secrets are about to be shown to someone: it is on disk that they were
    /// when this returns.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn reveal_secret(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Arc<Subscription>, OperationError> {
        let found = self.subscription(tenant, id);
        let found = found.ok_or(OperationError::NotFound("subscription"))?;
        let details = Details::default().secret("secret");
        self.note(tenant, Action::RevealSecret, Some(id.to_string()), details)
            .await?;
        Ok(found)
    }

    /// A tenant's audit log, newest first.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn audit_log(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        stretch: Stretch,
    ) -> Result<Page<AuditEntry>, OperationError> {
        Ok(self.0.store.audit(tenant, query, stretch).await?)
    }
}
