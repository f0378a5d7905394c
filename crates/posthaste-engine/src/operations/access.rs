//! Who may do what: keys and tenants.

use std::sync::Arc;

use posthaste::{
    chance,
    clock::Timestamp,
    event::TenantId,
    id::{KeyId, Place},
};
use posthaste_store::{
    StoreError,
    settings::{ApiKey, Catalogue, EventRate, Scope, Tenant, TenantLimits},
};
use sha2::{Digest, Sha256};

use super::OperationError;
use crate::Engine;

/// What every key begins with.
pub const KEY_PREFIX: &str = "pst_";
/// Tokens longer than this are no keys; they are not hashed.
const TOKEN_BYTES_MAX: usize = 512;

/// Whoever holds a key.
#[derive(Clone, Debug)]
pub struct Principal {
    pub key: Arc<ApiKey>,
}

impl Principal {
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        holds(&self.key, scope)
    }

    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.key.tenant.is_none()
    }
}

/// `*` in a tenant's key does not hold `tenants:manage`, which is the platform's alone.
fn holds(key: &ApiKey, scope: Scope) -> bool {
    let platform = key.tenant.is_none();
    let all = key.scopes.contains(&Scope::All) && (platform || scope != Scope::TenantsManage);
    let named = key.scopes.contains(&scope) && (platform || scope != Scope::TenantsManage);
    all || named
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// None makes a key of the platform.
    pub tenant: Option<TenantId>,
    pub expires_at: Option<Timestamp>,
}

/// What may be set for a tenant; absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    pub name: Option<String>,
    pub catalogue: Option<Catalogue>,
    /// None inside takes the tenant's own limit away.
    pub events_per_s: Option<Option<EventRate>>,
    pub subscriptions: Option<Option<u32>>,
    pub retention_days: Option<Option<u32>>,
    pub hold_days: Option<Option<u32>>,
}

impl TenantChange {
    fn applied(self, to: Tenant) -> Tenant {
        let own = to.limits;
        let limits = TenantLimits {
            events_per_s: self.events_per_s.unwrap_or(own.events_per_s),
            subscriptions: self.subscriptions.unwrap_or(own.subscriptions),
            retention_days: self.retention_days.unwrap_or(own.retention_days),
            hold_days: self.hold_days.unwrap_or(own.hold_days),
        };
        Tenant {
            name: self.name.unwrap_or(to.name),
            catalogue: self.catalogue.unwrap_or(to.catalogue),
            limits,
            ..to
        }
    }
}

impl Engine {
    /// Whose key this is. The look-up is by hash, so that its time says nothing about a key.
    #[must_use]
    pub fn authenticate(&self, token: &str) -> Option<Principal> {
        if !token.starts_with(KEY_PREFIX) || token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let snapshot = self.snapshot();
        let key = snapshot.keys.get(&hash(token))?.clone();
        let valid = key.expires_at.is_none_or(|at| self.now() < at);
        valid.then_some(Principal { key })
    }

    /// Whether a key that was good still is: neither deleted nor past its time, nor its tenant gone.
    #[must_use]
    pub fn is_good(&self, principal: &Principal) -> bool {
        let (key, snapshot) = (&principal.key, self.snapshot());
        let known = snapshot.keys.get(&key.hash);
        known.is_some_and(|known| known.expires_at.is_none_or(|at| self.now() < at))
            && key
                .tenant
                .as_ref()
                .is_none_or(|tenant| snapshot.tenants.contains_key(tenant))
    }

    /// Makes a key; its value is shown this once.
    ///
    /// # Errors
    /// [`OperationError::ScopeNotHeld`]: nobody gives a scope that they lack.
    pub async fn create_key(
        &self,
        by: &Principal,
        new: NewKey,
    ) -> Result<(ApiKey, String), OperationError> {
        let platforms = new.tenant.is_none() && !by.is_platform();
        let lacking = new.scopes.iter().find(|scope| !by.may(**scope));
        if let Some(scope) = lacking
            .copied()
            .or(platforms.then_some(Scope::TenantsManage))
        {
            return Err(OperationError::ScopeNotHeld(scope));
        }
        let value = new_key_value();
        let key = self.keep_key(new, &value).await?;
        Ok((key, value))
    }

    /// Sees to it that this key of the platform's exists, with every scope: the first key, which
    /// nobody could make through the API.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn ensure_platform_key(&self, value: &str) -> Result<(), OperationError> {
        if self.snapshot().keys.contains_key(&hash(value)) {
            return Ok(());
        }
        let new = NewKey {
            name: "admin".to_owned(),
            scopes: vec![Scope::All],
            tenant: None,
            expires_at: None,
        };
        self.keep_key(new, value).await.map(drop)
    }

    async fn keep_key(&self, new: NewKey, value: &str) -> Result<ApiKey, OperationError> {
        let _changing = self.0.changing.lock().await;
        let now = self.now();
        let key = ApiKey {
            id: KeyId::at(self.new_place(now)),
            hash: hash(value),
            tenant: new.tenant,
            name: new.name,
            scopes: new.scopes,
            expires_at: new.expires_at,
            created_at: now,
            last_used_at: None,
        };
        self.0.store.insert_key(key.clone()).await?;
        self.0.subscribers.put_key(key.clone());
        Ok(key)
    }

    /// A place of its own for an object's id.
    pub(super) fn new_place(&self, now: Timestamp) -> Place {
        let ids = self.0.store.reserve(now, &[0]);
        self.0.store.release(&ids);
        ids[0].place()
    }

    /// Keys of a tenant, or of the platform, newest first.
    #[must_use]
    pub fn keys(&self, tenant: Option<&TenantId>) -> Vec<Arc<ApiKey>> {
        let snapshot = self.snapshot();
        let keys = snapshot.keys.values();
        let mut keys: Vec<_> = keys
            .filter(|key| key.tenant.as_ref() == tenant)
            .cloned()
            .collect();
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(key.id));
        keys
    }

    /// From now on nothing is let in by it.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn delete_key(
        &self,
        tenant: Option<&TenantId>,
        id: KeyId,
    ) -> Result<(), OperationError> {
        let _changing = self.0.changing.lock().await;
        if !self.0.store.delete_key(tenant, id).await? {
            return Err(OperationError::NotFound("key"));
        }
        let snapshot = self.snapshot();
        if let Some(key) = snapshot.keys.values().find(|key| key.id == id) {
            self.0.subscribers.remove_key(&key.hash);
        }
        Ok(())
    }

    #[must_use]
    pub fn tenant(&self, id: &TenantId) -> Option<Tenant> {
        self.snapshot()
            .tenants
            .get(id)
            .map(|view| view.tenant.clone())
    }

    /// By id.
    #[must_use]
    pub fn tenants(&self) -> Vec<Tenant> {
        let snapshot = self.snapshot();
        let mut tenants: Vec<_> = snapshot
            .tenants
            .values()
            .map(|v| v.tenant.clone())
            .collect();
        tenants.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        tenants
    }

    /// One that is named nothing else is named as its id.
    ///
    /// # Errors
    /// [`OperationError::Exists`]; [`OperationError::BeingDeleted`].
    pub async fn create_tenant(
        &self,
        id: TenantId,
        settings: TenantChange,
    ) -> Result<Tenant, OperationError> {
        let _changing = self.0.changing.lock().await;
        let name = id.to_string();
        let tenant = settings.applied(Tenant::new(id, name, self.now()));
        self.0
            .store
            .insert_tenant(tenant.clone())
            .await
            .map_err(|error| match error {
                StoreError::Exists(_) if self.has_tenant(&tenant.id) => {
                    OperationError::Exists { what: "tenant" }
                }
                StoreError::Exists(_) => OperationError::BeingDeleted,
                other => other.into(),
            })?;
        self.0.subscribers.put_tenant(tenant.clone());
        Ok(tenant)
    }

    /// Changes what is set for a tenant; `expected` is as it was when it was read.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::Stale`] where it is not as expected.
    pub async fn change_tenant(
        &self,
        id: &TenantId,
        change: TenantChange,
        expected: Option<Tenant>,
    ) -> Result<Tenant, OperationError> {
        let (engine, id) = (self.clone(), id.clone());
        let changed = async move {
            let _changing = engine.0.changing.lock().await;
            let now = engine.tenant(&id);
            let now = now.ok_or(OperationError::NotFound("tenant"))?;
            if expected.is_some_and(|expected| expected != now) {
                return Err(OperationError::Stale);
            }
            let tenant = change.applied(now);
            engine.0.store.update_tenant(tenant.clone()).await?;
            engine.0.subscribers.put_tenant(tenant.clone());
            Ok(tenant)
        };
        self.to_the_end(changed).await
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// `pst_` and 32 random bytes in base62.
#[must_use]
pub fn new_key_value() -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = chance::secure::<32>();
    let mut digits = Vec::with_capacity(43);
    // Long division by 62, until nothing is left: 43 digits hold 256 bits.
    for _ in 0..43 {
        let mut rest = 0_u32;
        for byte in &mut bytes {
            let value = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("below 256");
            rest = value % 62;
        }
        digits.push(char::from(ALPHABET[rest as usize]));
    }
    digits
        .iter()
        .rev()
        .fold(KEY_PREFIX.to_owned(), |key, digit| key + &digit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_prefix_and_base62_of_256_bits() {
        let key = new_key_value();
        let digits = key.strip_prefix(KEY_PREFIX).unwrap();
        assert_eq!(digits.len(), 43);
        assert!(
            digits.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{digits}"
        );
        assert_ne!(new_key_value(), key);
    }

    #[test]
    fn managing_tenants_is_the_platforms_alone() {
        let key = |tenant: Option<&str>, scopes: &[Scope]| ApiKey {
            id: KeyId::from_u64(1),
            hash: [0; 32],
            tenant: tenant.map(|id| id.parse().unwrap()),
            name: String::new(),
            scopes: scopes.to_vec(),
            expires_at: None,
            created_at: Timestamp::from_millis(0),
            last_used_at: None,
        };
        let all = [Scope::All];
        assert!(holds(&key(None, &all), Scope::TenantsManage));
        assert!(!holds(&key(Some("acme"), &all), Scope::TenantsManage));
        assert!(!holds(
            &key(Some("acme"), &[Scope::TenantsManage]),
            Scope::TenantsManage
        ));
        assert!(holds(&key(Some("acme"), &all), Scope::EventsPublish));
        assert!(!holds(
            &key(Some("acme"), &[Scope::EventsRead]),
            Scope::EventsPublish
        ));
    }
}
