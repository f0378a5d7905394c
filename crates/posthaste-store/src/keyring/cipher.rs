//! One sealed value: AES-256-GCM under a key made for it alone.
//!
//! The key is derived (HKDF-SHA-256) from the sealing key and 16 random bytes in the value, so that
//! the bound of random 96-bit nonces, 2^32 values under one key, is never near: a collision
//! takes salt and nonce at once. No counter has to be kept for it.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
    hkdf::{HKDF_SHA256, Salt},
};
use data_encoding::HEXLOWER;
use posthaste::chance;
use zeroize::Zeroizing;

use super::Context;

/// The form of a sealed value: this byte, the sealing key's fingerprint, salt, nonce, the encrypted
/// bytes and their tag.
const VERSION: u8 = 1;
const FINGERPRINT: usize = 8;
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Version, fingerprint.
const LABEL: usize = 1 + FINGERPRINT;
const HEAD: usize = LABEL + SALT + NONCE;

/// Which key it is, without saying anything about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; FINGERPRINT]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Cut short, or of a later version.
    #[error("its form is unknown")]
    Form,
    #[error("it was sealed by the key {by}, this is {key}")]
    OtherKey { by: Fingerprint, key: Fingerprint },
    /// Changed, or moved from where it belongs.
    #[error("it does not open here")]
    Broken,
}

/// 32 bytes that seal, wiped when dropped.
#[derive(Clone)]
pub(super) struct Key {
    bytes: Zeroizing<[u8; 32]>,
    fingerprint: Fingerprint,
}

impl Key {
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let named = Zeroizing::new([b"posthaste key fingerprint\0".as_slice(), &*bytes].concat());
        let hash = digest(&SHA256, &named);
        let (fingerprint, _) = hash.as_ref().split_first_chunk().expect("32 bytes");
        Self {
            bytes,
            fingerprint: Fingerprint(*fingerprint),
        }
    }

    pub fn generate() -> Self {
        Self::new(Zeroizing::new(chance::secure()))
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub fn seal(&self, context: Context<'_>, plain: &[u8]) -> Vec<u8> {
        let (salt, nonce) = (chance::secure::<SALT>(), chance::secure::<NONCE>());
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.fingerprint.0);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (head, body) = sealed.split_at_mut(HEAD);
        let aad = Aad::from([&head[..LABEL], &context.to_bytes()].concat());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let cipher = self.cipher(&salt);
        let tag = cipher
            .seal_in_place_separate_tag(nonce, aad, body)
            .expect("a secret is no longer than 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub fn open(
        &self,
        context: Context<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let by = sealed_by(sealed)?;
        if by != self.fingerprint {
            let key = self.fingerprint;
            return Err(SealError::OtherKey { by, key });
        }
        let (label, rest) = sealed.split_at(LABEL);
        let (salt, rest) = rest.split_at(SALT);
        let (nonce, body) = rest.split_at(NONCE);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Form)?;
        let aad = Aad::from([label, &context.to_bytes()].concat());
        let mut plain = Zeroizing::new(body.to_vec());
        let opened = self.cipher(salt).open_in_place(nonce, aad, &mut plain);
        let length = opened.map_err(|_| SealError::Broken)?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn cipher(&self, salt: &[u8]) -> LessSafeKey {
        let key = Salt::new(HKDF_SHA256, salt).extract(&*self.bytes);
        let key = key.expand(&[b"posthaste sealed value"], &AES_256_GCM);
        LessSafeKey::new(UnboundKey::from(key.expect("32 bytes are few")))
    }
}

/// Which key sealed a value.
///
/// # Errors
/// [`SealError::Form`].
pub fn sealed_by(sealed: &[u8]) -> Result<Fingerprint, SealError> {
    match sealed.split_first() {
        Some((&VERSION, rest)) if sealed.len() >= HEAD + TAG => {
            let (fingerprint, _) = rest.split_first_chunk().ok_or(SealError::Form)?;
            Ok(Fingerprint(*fingerprint))
        }
        _ => Err(SealError::Form),
    }
}

#[cfg(test)]
mod tests {
    use posthaste::event::TenantId;

    use super::*;
    use crate::keyring::What;

    const PLAIN: &[u8] = b"a secret of sixteen bytes";

    fn context(tenant: Option<&TenantId>, row: u64) -> Context<'_> {
        let what = What::Subscription;
        Context { what, tenant, row }
    }

    #[test]
    fn a_value_opens_where_it_was_sealed_and_shows_nothing() {
        let (key, tenant) = (Key::generate(), "acme".parse().unwrap());
        let place = context(Some(&tenant), 7);
        let sealed = key.seal(place, PLAIN);
        assert_eq!(&**key.open(place, &sealed).unwrap(), PLAIN);
        assert!(!sealed.windows(8).any(|bytes| PLAIN.starts_with(bytes)));
        assert_ne!(key.seal(place, PLAIN), sealed, "salt and nonce are fresh");
        assert_eq!(sealed_by(&sealed), Ok(key.fingerprint()));
    }

    #[test]
    fn a_value_opens_nowhere_else() {
        let (key, here) = (Key::generate(), "acme".parse().unwrap());
        let there = "globex".parse().unwrap();
        let sealed = key.seal(context(Some(&here), 7), PLAIN);
        let other_kind = Context {
            what: What::CursorKey,
            ..context(Some(&here), 7)
        };
        let elsewhere = [
            context(Some(&here), 8),
            context(Some(&there), 7),
            context(None, 7),
            other_kind,
        ];
        for place in elsewhere {
            let opened = key.open(place, &sealed).map(drop);
            assert_eq!(opened, Err(SealError::Broken), "{place:?}");
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_and_a_cut_are_noticed() {
        let (key, place) = (Key::generate(), context(None, 0));
        let sealed = key.seal(place, PLAIN);
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(place, &other).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            let opened = key.open(place, &sealed[..length]);
            assert!(opened.is_err(), "{length} bytes of it");
        }
    }

    #[test]
    fn another_key_is_named() {
        let (key, other, place) = (Key::generate(), Key::generate(), context(None, 0));
        let refused = other.open(place, &key.seal(place, PLAIN)).map(drop);
        let (by, key) = (key.fingerprint(), other.fingerprint());
        assert_eq!(refused, Err(SealError::OtherKey { by, key }));
    }
}
