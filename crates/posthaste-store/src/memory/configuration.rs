//! The model's tenants, subscriptions and keys.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{KeyId, SubscriptionId},
    subscription::Subscription,
};

use super::disk::{Disk, Kept, Pause};
use crate::{
    settings::{ApiKey, Tenant},
    store::StoreError,
};

impl Disk {
    pub fn insert_tenant(&mut self, tenant: Tenant) -> Result<(), StoreError> {
        if self.tenants.contains_key(&tenant.id) || self.deleted.contains(&tenant.id) {
            return Err(StoreError::Exists(tenant.id.to_string()));
        }
        self.tenants.insert(tenant.id.clone(), tenant);
        Ok(())
    }

    pub fn update_tenant(&mut self, tenant: Tenant) -> Result<(), StoreError> {
        let known = self.tenants.get_mut(&tenant.id);
        let known = known.ok_or(StoreError::Missing)?;
        let created_at = known.created_at;
        *known = Tenant {
            created_at,
            ..tenant
        };
        Ok(())
    }

    pub fn expect_tenant(&self, id: &TenantId) -> Result<(), StoreError> {
        let known = self.tenants.contains_key(id);
        known.then_some(()).ok_or(StoreError::Missing)
    }

    /// Subscriptions that are not deleted, of all tenants.
    pub fn live(&self) -> impl Iterator<Item = &Subscription> {
        let kept = self.subscriptions.values();
        kept.filter(|kept| kept.deleted_at.is_none())
            .map(|kept| &kept.subscription)
    }

    pub fn insert_subscription(&mut self, subscription: Subscription) -> Result<(), StoreError> {
        self.expect_tenant(&subscription.tenant)?;
        if self.subscriptions.contains_key(&subscription.id) {
            return Err(StoreError::Exists(subscription.id.to_string()));
        }
        self.keep_subscription(subscription)
    }

    fn keep_subscription(&mut self, subscription: Subscription) -> Result<(), StoreError> {
        self.check_external_id(&subscription)?;
        let known = self.subscriptions.get(&subscription.id);
        let known = known.and_then(|known| known.pause);
        let pause = Pause::of(subscription.status, subscription.updated_at);
        let kept = Kept {
            subscription,
            deleted_at: None,
            pause: pause.map(|begun| known.unwrap_or(begun)),
        };
        self.subscriptions.insert(kept.subscription.id, kept);
        Ok(())
    }

    pub fn update_subscription(
        &mut self,
        mut subscription: Subscription,
        forgive: bool,
    ) -> Result<(), StoreError> {
        let known = self
            .live()
            .find(|known| known.id == subscription.id && known.tenant == subscription.tenant);
        let known = known.ok_or(StoreError::Missing)?;
        if known.revision + 1 != subscription.revision {
            return Err(StoreError::Stale);
        }
        subscription.health = match forgive {
            true => known.health.resumed(),
            false => known.health,
        };
        self.keep_subscription(subscription)
    }

    fn check_external_id(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let same_name = |other: &&Subscription| {
            other.tenant == subscription.tenant
                && other.id != subscription.id
                && other.external_id.is_some()
                && other.external_id == subscription.external_id
        };
        match self.live().find(same_name) {
            Some(other) => Err(StoreError::Exists(other.id.to_string())),
            None => Ok(()),
        }
    }

    pub fn delete_subscription(
        &mut self,
        tenant: &TenantId,
        id: SubscriptionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let kept = self.subscriptions.get_mut(&id);
        let live = |kept: &&mut Kept| kept.deleted_at.is_none();
        let kept = kept
            .filter(live)
            .filter(|kept| kept.subscription.tenant == *tenant);
        kept.ok_or(StoreError::Missing)?.deleted_at = Some(now);
        Ok(())
    }

    pub fn insert_key(&mut self, key: ApiKey) -> Result<(), StoreError> {
        if let Some(tenant) = &key.tenant {
            self.expect_tenant(tenant)?;
        }
        self.keys.insert(key.id, key);
        Ok(())
    }

    pub fn delete_key(&mut self, tenant: Option<&TenantId>, id: KeyId) -> bool {
        let key = self.keys.get(&id);
        let known = key.is_some_and(|key| key.tenant.as_ref() == tenant);
        known && self.keys.remove(&id).is_some()
    }

    pub fn touch_key(&mut self, id: KeyId, at: Timestamp) {
        if let Some(key) = self.keys.get_mut(&id) {
            key.last_used_at = key.last_used_at.max(Some(at));
        }
    }
}
