//! Keys as they are known in memory: found by the SHA-256 of what was shown once, and with the time
//! at which each was last used.
//!
//! Nothing here is durable. A use is noted at once and written down later, by
//! [`upkeep::key_use`](crate::upkeep::key_use): a crash forgets the last minute of it.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use posthaste::{clock::Timestamp, event::TenantId, id::KeyId};
use posthaste_store::settings::ApiKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of a key. The look-up goes by it, so that its time says nothing about the key: who
/// guesses does not choose the digest. Where two are compared all the same, within the table, that
/// takes the same time wherever they differ.
#[derive(Clone, Copy, Eq)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Of what someone shows.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Of a key that somebody remembers by it.
    #[must_use]
    pub fn of_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Of a key that is known.
    #[must_use]
    pub fn stored(key: &ApiKey) -> Self {
        Self(key.hash)
    }

    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A key, and when it was used.
#[derive(Debug)]
pub struct KnownKey {
    pub key: Arc<ApiKey>,
    used_ms: AtomicI64,
    written_ms: AtomicI64,
}

/// Before every use.
const NEVER: i64 = i64::MIN;

impl KnownKey {
    fn new(key: ApiKey) -> Self {
        let used_ms = key.last_used_at.map_or(NEVER, Timestamp::as_millis);
        Self {
            key: Arc::new(key),
            used_ms: AtomicI64::new(used_ms),
            written_ms: AtomicI64::new(used_ms),
        }
    }

    /// Notes a use; the first of a millisecond alone costs a write.
    pub fn used(&self, now: Timestamp) {
        let now_ms = now.as_millis();
        if self.used_ms.load(Ordering::Relaxed) < now_ms {
            self.used_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    /// A use that the store does not know of.
    #[must_use]
    pub fn unwritten(&self) -> Option<(KeyId, Timestamp)> {
        let used_ms = self.used_ms.load(Ordering::Relaxed);
        let newer = used_ms > self.written_ms.load(Ordering::Relaxed);
        newer.then(|| (self.key.id, Timestamp::from_millis(used_ms)))
    }

    /// The store knows of this use.
    pub fn written(&self, at: Timestamp) {
        self.written_ms.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// With its last use as of now.
    #[must_use]
    pub fn shown(&self) -> ApiKey {
        let used_ms = self.used_ms.load(Ordering::Relaxed);
        ApiKey {
            last_used_at: (used_ms != NEVER).then(|| Timestamp::from_millis(used_ms)),
            ..ApiKey::clone(&self.key)
        }
    }
}

/// All keys, at one moment.
#[derive(Clone, Debug, Default)]
pub struct KeyTable(HashMap<KeyDigest, Arc<KnownKey>>);

impl KeyTable {
    #[must_use]
    pub fn get(&self, digest: KeyDigest) -> Option<&Arc<KnownKey>> {
        self.0.get(&digest)
    }

    /// In no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<KnownKey>> {
        self.0.values()
    }

    #[must_use]
    pub fn with(&self, key: ApiKey) -> Self {
        let mut keys = self.0.clone();
        keys.insert(KeyDigest::stored(&key), Arc::new(KnownKey::new(key)));
        Self(keys)
    }

    /// None where there is no such key.
    #[must_use]
    pub fn without(&self, id: KeyId) -> Option<Self> {
        let mut keys = self.0.clone();
        keys.retain(|_, known| known.key.id != id);
        (keys.len() < self.0.len()).then_some(Self(keys))
    }

    #[must_use]
    pub fn without_those_of(&self, tenant: &TenantId) -> Self {
        let others = self.0.iter();
        let others = others.filter(|(_, known)| known.key.tenant.as_ref() != Some(tenant));
        Self(
            others
                .map(|(&digest, known)| (digest, known.clone()))
                .collect(),
        )
    }
}

impl FromIterator<ApiKey> for KeyTable {
    fn from_iter<I: IntoIterator<Item = ApiKey>>(keys: I) -> Self {
        let keys = keys.into_iter();
        let known = keys.map(|key| (KeyDigest::stored(&key), Arc::new(KnownKey::new(key))));
        Self(known.collect())
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: &str, id: u64) -> ApiKey {
        ApiKey {
            id: KeyId::from_u64(id),
            hash: KeyDigest::of(token).bytes(),
            tenant: None,
            name: String::new(),
            scopes: Vec::new(),
            expires_at: None,
            allowed_ips: Vec::new(),
            created_at: Timestamp::from_millis(0),
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_is_found_by_its_digest_until_it_is_gone() {
        let ring: KeyTable = [key("a", 1)].into_iter().collect();
        let ring = ring.with(key("b", 2));
        let found =
            |ring: &KeyTable, token| ring.get(KeyDigest::of(token)).map(|k| k.key.id.as_u64());
        assert_eq!((found(&ring, "a"), found(&ring, "b")), (Some(1), Some(2)));
        assert_eq!(found(&ring, "c"), None);
        let left = ring.without(KeyId::from_u64(1)).unwrap();
        assert_eq!((found(&left, "a"), found(&left, "b")), (None, Some(2)));
        assert!(left.without(KeyId::from_u64(1)).is_none());
    }

    #[test]
    fn a_use_waits_until_it_is_written_and_time_does_not_run_back() {
        let known = KnownKey::new(key("a", 1));
        let at = Timestamp::from_millis;
        assert_eq!(
            (known.unwritten(), known.shown().last_used_at),
            (None, None)
        );
        known.used(at(5));
        known.used(at(3));
        assert_eq!(known.shown().last_used_at, Some(at(5)));
        assert_eq!(known.unwritten(), Some((KeyId::from_u64(1), at(5))));
        known.used(at(6));
        known.written(at(5));
        assert_eq!(known.unwritten(), Some((KeyId::from_u64(1), at(6))));
        known.written(at(6));
        assert_eq!(known.unwritten(), None);
    }
}
