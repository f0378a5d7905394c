//! Who may do what: keys and tenants.

use std::{net::IpAddr, sync::Arc, time::Duration};

use posthaste::{
    chance,
    clock::Timestamp,
    egress::DenyList,
    event::TenantId,
    id::{KeyId, Place},
    network::Network,
    origin::Origin,
    signature::Secret,
};
use posthaste_store::{
    StoreError,
    audit::{ActingKey, Action},
    change::Change,
    settings::{ApiKey, Catalogue, EventRate, Scope, Tenant, TenantLimits},
};
use zeroize::Zeroizing;

use super::OperationError;
use crate::{
    Engine,
    key_table::KeyDigest,
    trail::{self, Details},
};

/// What every key begins with.
pub const KEY_PREFIX: &str = "pst_";
/// Tokens longer than this are no keys; they are not hashed.
const TOKEN_BYTES_MAX: usize = 512;
/// How often someone who waits for a key's end looks whether time has brought it.
const LOOK: Duration = Duration::from_secs(60);

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

    /// As the audit log names them.
    #[must_use]
    pub fn acting(&self) -> ActingKey {
        ActingKey {
            id: self.key.id,
            name: self.key.name.clone(),
            platform: self.is_platform(),
        }
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
    /// Where it may be used from; none is anywhere.
    pub allowed_ips: Vec<Network>,
}

/// Whether a key opens anything, at this time.
fn is_current(key: &ApiKey, now: Timestamp) -> bool {
    key.expires_at.is_none_or(|at| now < at)
}

/// Whether it may be used from there. Where nobody knows from where, a key that is bound to places
/// opens nothing.
fn is_allowed(key: &ApiKey, from: Option<IpAddr>) -> bool {
    let within = |from| key.allowed_ips.iter().any(|network| network.contains(from));
    key.allowed_ips.is_empty() || from.is_some_and(within)
}

/// What may be set for a tenant; absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    pub name: Option<String>,
    pub catalogue: Option<Catalogue>,
    pub denied: Option<DenyList>,
    pub portal_origins: Option<Vec<Origin>>,
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
            denied: self.denied.unwrap_or(to.denied),
            portal_origins: self.portal_origins.unwrap_or(to.portal_origins),
            limits,
            ..to
        }
    }
}

impl Engine {
    /// Whose key this is, shown by someone at this address.
    #[must_use]
    pub fn authenticate(&self, token: &str, from: Option<IpAddr>) -> Option<Principal> {
        if !token.starts_with(KEY_PREFIX) || token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        self.admitted(KeyDigest::of(token), from)
    }

    /// The holder of the key that has this digest, where it is good at this address.
    pub(crate) fn admitted(&self, digest: KeyDigest, from: Option<IpAddr>) -> Option<Principal> {
        let snapshot = self.snapshot();
        let known = snapshot.keys.get(digest)?;
        let (key, now) = (&known.key, self.now());
        if !is_current(key, now) || !is_allowed(key, from) {
            return None;
        }
        known.used(now);
        Some(Principal { key: key.clone() })
    }

    /// Whether a key that was good still is: neither deleted nor past its time, nor its tenant gone.
    #[must_use]
    pub fn is_good(&self, principal: &Principal) -> bool {
        let (key, snapshot) = (&principal.key, self.snapshot());
        snapshot.keys.get(KeyDigest::stored(key)).is_some()
            && is_current(key, self.now())
            && key
                .tenant
                .as_ref()
                .is_none_or(|tenant| snapshot.tenants.contains_key(tenant))
    }

    /// Returns when a key is no longer good, at once.
    pub async fn revoked(&self, principal: &Principal) {
        let mut changes = self.0.subscribers.changes();
        while self.is_good(principal) {
            let left = principal.key.expires_at.map(|at| at.since(self.now()));
            let left = left.map_or(LOOK, |left| left.clamp(Duration::from_millis(1), LOOK));
            tokio::time::timeout(left, changes.changed()).await.ok();
        }
    }

    /// Makes a key; its value is shown this once.
    ///
    /// # Errors
    /// [`OperationError::ScopeNotHeld`]: nobody gives a scope that they lack.
    pub async fn create_key(
        &self,
        by: &Principal,
        new: NewKey,
    ) -> Result<(ApiKey, Secret), OperationError> {
        let platforms = new.tenant.is_none() && !by.is_platform();
        let lacking = new.scopes.iter().find(|scope| !by.may(**scope));
        if let Some(scope) = lacking
            .copied()
            .or(platforms.then_some(Scope::TenantsManage))
        {
            return Err(OperationError::ScopeNotHeld(scope));
        }
        let value = new_key_value();
        let (engine, given) = (self.clone(), value.clone());
        let kept = async move { engine.keep_key(new, given.expose()).await };
        Ok((self.to_the_end(kept).await?, value))
    }

    /// Sees to it that this key of the platform's exists, with every scope: the first key, which
    /// nobody could make through the API.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn ensure_platform_key(&self, value: &str) -> Result<(), OperationError> {
        if self.snapshot().keys.get(KeyDigest::of(value)).is_some() {
            return Ok(());
        }
        let new = NewKey {
            name: "admin".to_owned(),
            scopes: vec![Scope::All],
            tenant: None,
            expires_at: None,
            allowed_ips: Vec::new(),
        };
        self.keep_key(new, value).await.map(drop)
    }

    async fn keep_key(&self, new: NewKey, value: &str) -> Result<ApiKey, OperationError> {
        let _changing = self.0.changing.lock().await;
        let now = self.now();
        let key = ApiKey {
            id: KeyId::at(self.new_place(now)),
            hash: KeyDigest::of(value).bytes(),
            tenant: new.tenant,
            name: new.name,
            scopes: new.scopes,
            expires_at: new.expires_at,
            allowed_ips: new.allowed_ips,
            created_at: now,
            last_used_at: None,
        };
        let object = Some(key.id.to_string());
        let details = Details::given(&trail::key(&key)).secret("key");
        let entry = self.entry(key.tenant.as_ref(), Action::CreateKey, object, details);
        let insert = Change::InsertKey(key.clone());
        self.0.store.change(insert, entry).await?;
        self.0.subscribers.put_key(key.clone());
        Ok(key)
    }

    /// A place of its own for an object's id.
    pub(crate) fn new_place(&self, now: Timestamp) -> Place {
        let ids = self.0.store.reserve(now, &[0]);
        self.0.store.release(&ids);
        ids[0].place()
    }

    /// Keys of a tenant, or of the platform, newest first.
    #[must_use]
    pub fn keys(&self, tenant: Option<&TenantId>) -> Vec<Arc<ApiKey>> {
        let snapshot = self.snapshot();
        let known = snapshot.keys.all();
        let known = known.filter(|known| known.key.tenant.as_ref() == tenant);
        let mut keys: Vec<_> = known.map(|known| Arc::new(known.shown())).collect();
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
        let (engine, tenant) = (self.clone(), tenant.cloned());
        let deleted = async move {
            let _changing = engine.0.changing.lock().await;
            let keys = engine.keys(tenant.as_ref());
            let key = keys.iter().find(|key| key.id == id);
            let key = key.ok_or(OperationError::NotFound("key"))?;
            let details = Details::given(&trail::key(key));
            let object = Some(id.to_string());
            let entry = engine.entry(tenant.as_ref(), Action::DeleteKey, object, details);
            let delete = Change::DeleteKey { tenant, id };
            engine.0.store.change(delete, entry).await?;
            engine.0.subscribers.remove_key(id);
            Ok(())
        };
        self.to_the_end(deleted).await
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
        let details = Details::given(&trail::tenant(&tenant));
        let object = Some(tenant.id.to_string());
        let entry = self.entry(None, Action::CreateTenant, object, details);
        self.0
            .store
            .change(Change::InsertTenant(tenant.clone()), entry)
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
            let tenant = change.applied(now.clone());
            let details = Details::changed(&trail::tenant(&now), &trail::tenant(&tenant));
            let object = Some(tenant.id.to_string());
            let entry = engine.entry(None, Action::UpdateTenant, object, details);
            let update = Change::UpdateTenant(tenant.clone());
            engine.0.store.change(update, entry).await?;
            engine.0.subscribers.put_tenant(tenant.clone());
            Ok(tenant)
        };
        self.to_the_end(changed).await
    }
}

/// `pst_` and 32 random bytes in base62.
#[must_use]
pub fn new_key_value() -> Secret {
    random_token(KEY_PREFIX)
}

/// A prefix and 32 random bytes in base62.
pub(crate) fn random_token(prefix: &str) -> Secret {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const DIGITS: usize = 43;
    let mut bytes = Zeroizing::new(chance::secure::<32>());
    let mut value = String::with_capacity(prefix.len() + DIGITS);
    value.push_str(prefix);
    // Long division by 62, until nothing is left, the lowest digit first: 43 hold 256 bits.
    for _ in 0..DIGITS {
        let mut rest = 0_u32;
        for byte in bytes.iter_mut() {
            let dividend = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(dividend / 62).expect("below 256");
            rest = dividend % 62;
        }
        value.push(char::from(ALPHABET[rest as usize]));
    }
    Secret::trusted(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_prefix_and_base62_of_256_bits() {
        let key = new_key_value();
        let digits = key.expose().strip_prefix(KEY_PREFIX).unwrap();
        assert_eq!(digits.len(), 43);
        assert!(
            digits.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{digits}"
        );
        assert!(new_key_value() != key);
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
            allowed_ips: Vec::new(),
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
