//! The catalogue: describing event types, and taking the descriptions back.

use std::{collections::BTreeMap, sync::Arc};

use posthaste::{
    event::{EventType, TenantId},
    id::SubscriptionId,
    json::RawJson,
};
use posthaste_store::{
    EventTypeEntry,
    audit::{Action, AuditEntry},
    change::Change,
};

use super::OperationError;
use crate::{
    Engine,
    catalogue::Known,
    trail::{self, Details},
};

/// Event types of one tenant.
const EVENT_TYPES_MAX: usize = 1000;

/// An event type to be described, whole.
#[derive(Clone, Debug)]
pub struct NewEventType {
    pub name: EventType,
    pub description: String,
    /// Data as an event of its newest version has it.
    pub example: Option<RawJson>,
    /// Each version's JSON Schema.
    pub versions: BTreeMap<u32, RawJson>,
}

impl NewEventType {
    /// Bytes of a description at most.
    pub const DESCRIPTION_BYTES_MAX: usize = 1024;
}

/// What whoever asks for a change believes to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever.
    Anything,
    Nothing,
    /// This revision of it.
    Revision(u64),
}

impl Expected {
    fn meets(self, now: Option<&Known>) -> Result<(), OperationError> {
        match (self, now) {
            (Self::Nothing, Some(_)) => Err(OperationError::Exists { what: "event type" }),
            (Self::Revision(expected), now) if now.map(|n| n.entry.revision) != Some(expected) => {
                Err(OperationError::Stale)
            }
            _ => Ok(()),
        }
    }
}

impl Engine {
    /// A tenant's, newest first, of one age by name.
    #[must_use]
    pub fn event_types(&self, tenant: &TenantId) -> Vec<Arc<Known>> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let all = view.into_iter().flat_map(|view| view.catalogue.all());
        let mut all: Vec<_> = all.cloned().collect();
        all.sort_unstable_by(|a, b| {
            let (a, b) = (&a.entry, &b.entry);
            (b.created_at, &a.name).cmp(&(a.created_at, &b.name))
        });
        all
    }

    /// The subscriptions that take events of a type, whatever their version and before any filter;
    /// in the order of their ids. The disabled ones take none.
    #[must_use]
    pub fn takers(&self, tenant: &TenantId, name: &EventType) -> Vec<SubscriptionId> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        view.map_or_else(Vec::new, |view| view.takers_of_any_version(name))
    }

    #[must_use]
    pub fn event_type(&self, tenant: &TenantId, name: &EventType) -> Option<Arc<Known>> {
        let snapshot = self.snapshot();
        snapshot.tenants.get(tenant)?.catalogue.get(name).cloned()
    }

    /// Describes an event type; says whether it is a new one. One that is described in the same
    /// words stays as it is.
    ///
    /// # Errors
    /// [`OperationError::Misfits`]; [`OperationError::Exists`] and [`OperationError::Stale`] where
    /// another is there than expected; [`OperationError::Quota`].
    pub async fn put_event_type(
        &self,
        tenant: &TenantId,
        new: NewEventType,
        expected: Expected,
    ) -> Result<(Arc<Known>, bool), OperationError> {
        let now = self.now();
        let entry = EventTypeEntry {
            tenant: tenant.clone(),
            name: new.name,
            description: new.description,
            example: new.example,
            versions: new.versions,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let name = entry.name.clone();
        let known = Known::new(entry).map_err(OperationError::Misfits)?;
        self.change_event_type(tenant, name, expected, |_| Ok(known))
            .await
    }

    /// Sets the schema of one version of an event type that is in the catalogue.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; otherwise as [`Self::put_event_type`].
    pub async fn put_schema(
        &self,
        tenant: &TenantId,
        name: &EventType,
        version: u32,
        schema: RawJson,
        expected: Expected,
    ) -> Result<Arc<Known>, OperationError> {
        let change = move |now: Option<&Known>| {
            let now = now.ok_or(OperationError::NotFound("event type"))?;
            let changed = now.with_schema(version, schema);
            changed.map_err(OperationError::Misfits)
        };
        let changed = self.change_event_type(tenant, name.clone(), expected, change);
        Ok(changed.await?.0)
    }

    /// Takes an event type out of the catalogue; answers it as it was.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::Stale`].
    pub async fn delete_event_type(
        &self,
        tenant: &TenantId,
        name: &EventType,
        expected: Expected,
    ) -> Result<Arc<Known>, OperationError> {
        let (engine, tenant, name) = (self.clone(), tenant.clone(), name.clone());
        let deleted = async move {
            let _changing = engine.0.changing.lock().await;
            let known = engine.event_type(&tenant, &name);
            let known = known.ok_or(OperationError::NotFound("event type"))?;
            expected.meets(Some(&known))?;
            let details = Details::given(&trail::event_type(&known.entry));
            let (action, object) = (Action::DeleteEventType, Some(name.to_string()));
            let entry = engine.entry(Some(&tenant), action, object, details);
            let delete = Change::DeleteEventType {
                tenant: tenant.clone(),
                name: name.clone(),
            };
            engine.0.store.change(delete, entry).await?;
            engine.0.subscribers.remove_event_type(&tenant, &name);
            Ok(known)
        };
        self.to_the_end(deleted).await
    }

    async fn change_event_type(
        &self,
        tenant: &TenantId,
        name: EventType,
        expected: Expected,
        change: impl FnOnce(Option<&Known>) -> Result<Known, OperationError> + Send + 'static,
    ) -> Result<(Arc<Known>, bool), OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let changed = async move {
            let _changing = engine.0.changing.lock().await;
            let now = engine.event_type(&tenant, &name);
            expected.meets(now.as_deref())?;
            engine.room_for(&tenant, now.is_none())?;
            let known = change(now.as_deref())?;
            if let Some(now) = now.clone().filter(|now| says_the_same(now, &known)) {
                return Ok((now, false));
            }
            let known = Arc::new(engine.follows(known, now.as_deref()));
            let entry = engine.entry_of_type(now.as_deref(), &known);
            let put = Change::PutEventType(known.entry.clone());
            engine.0.store.change(put, entry).await?;
            engine.0.subscribers.put_event_type(known.clone());
            Ok((known, now.is_none()))
        };
        self.to_the_end(changed).await
    }

    fn entry_of_type(&self, old: Option<&Known>, new: &Known) -> Option<AuditEntry> {
        let members = trail::event_type(&new.entry);
        let (action, details) = match old {
            None => (Action::CreateEventType, Details::given(&members)),
            Some(old) => {
                let old = trail::event_type(&old.entry);
                (Action::UpdateEventType, Details::changed(&old, &members))
            }
        };
        let object = Some(new.entry.name.to_string());
        self.entry(Some(&new.entry.tenant), action, object, details)
    }

    fn room_for(&self, tenant: &TenantId, is_new: bool) -> Result<(), OperationError> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let view = view.ok_or(OperationError::NotFound("tenant"))?;
        if is_new && view.catalogue.len() >= EVENT_TYPES_MAX {
            let (what, limit) = ("event types", EVENT_TYPES_MAX);
            return Err(OperationError::Quota { what, limit });
        }
        Ok(())
    }

    /// With the age and the revision of what follows the one that is there.
    fn follows(&self, mut known: Known, now: Option<&Known>) -> Known {
        let time = self.now();
        known.entry.updated_at = time;
        known.entry.created_at = now.map_or(time, |now| now.entry.created_at);
        known.entry.revision = now.map_or(0, |now| now.entry.revision) + 1;
        known
    }
}

fn says_the_same(one: &Known, other: &Known) -> bool {
    let (one, other) = (&one.entry, &other.entry);
    one.description == other.description
        && one.example == other.example
        && one.versions == other.versions
}
