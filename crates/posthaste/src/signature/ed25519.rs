//! Standard Webhooks with a key pair: `v1a`. The receiver holds no secret, so that it cannot forge.
//!
//! `whsk_` and base64 of the seed, with or without the public key behind it; `whpk_` and base64 of
//! the public key.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, BASE64_NOPAD};
use ed25519_dalek::{Signature, Signer as _};
use zeroize::Zeroizing;

use crate::chance;

/// A private key that signs `v1a`.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key that verifies `v1a`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// Not an Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// For a [`SigningKey`].
    #[error("expected whsk_ and base64 of a 32-byte seed, or of the seed and its public key")]
    Signing,
    /// For a [`PublicKey`].
    #[error("expected whpk_ and base64 of a 32-byte Ed25519 public key")]
    Public,
}

impl SigningKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        let seed = Zeroizing::new(chance::secure::<32>());
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The key itself: `whsk_` and base64 of 64 bytes, seed and public key.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.0.to_keypair_bytes());
        let base64 = Zeroizing::new(BASE64.encode(pair.as_slice()));
        Zeroizing::new(format!("whsk_{}", *base64))
    }

    /// What its receivers verify with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The `v1a,<base64>` entry of a `webhook-signature`.
    #[must_use]
    pub fn sign(&self, webhook_id: &str, timestamp_s: i64, body: &[u8]) -> String {
        self.sign_content(&content(webhook_id, &timestamp_s.to_string(), body))
    }

    pub(super) fn sign_content(&self, content: &[u8]) -> String {
        let signature = self.0.sign(content).to_bytes();
        format!("v1a,{}", BASE64.encode(&signature))
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text, "whsk_").ok_or(KeyError::Signing)?;
        if let Ok(pair) = <&[u8; 64]>::try_from(bytes.as_slice()) {
            let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair);
            return key.map(Self).map_err(|_| KeyError::Signing);
        }
        let seed = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyError::Signing)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl PublicKey {
    /// Whether `value`, the base64 of a `v1a` entry, is its signature of these.
    #[must_use]
    pub(super) fn verifies(&self, value: &str, id: &str, timestamp: &str, body: &[u8]) -> bool {
        let decoded = BASE64.decode(value.as_bytes()).ok();
        let signature = decoded.and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| {
            let content = content(id, timestamp, body);
            self.0.verify_strict(&content, &signature).is_ok()
        })
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text, "whpk_").ok_or(KeyError::Public)?;
        let bytes = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyError::Public)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
        key.map(Self).map_err(|_| KeyError::Public)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whpk_{}", BASE64.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn decode(text: &str, prefix: &str) -> Option<Zeroizing<Vec<u8>>> {
    let unpadded = text.strip_prefix(prefix)?.trim_end_matches('=');
    let bytes = BASE64_NOPAD.decode(unpadded.as_bytes()).ok()?;
    Some(Zeroizing::new(bytes))
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), timestamp.as_bytes(), body].join(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_reads_back_and_does_not_show() {
        let key = SigningKey::generate();
        let read: SigningKey = key.expose().parse().unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert_eq!(key.public_key().to_string().parse(), Ok(key.public_key()));
        assert_eq!(format!("{key:?}"), "SigningKey(***)");
    }

    #[test]
    fn a_public_key_that_is_not_its_seeds_is_refused() {
        let mut pair = SigningKey::generate().0.to_keypair_bytes();
        let other = SigningKey::generate().0.to_keypair_bytes();
        pair[32..].copy_from_slice(&other[32..]);
        let text = format!("whsk_{}", BASE64.encode(&pair));
        assert_eq!(text.parse::<SigningKey>().map(drop), Err(KeyError::Signing));
        for bad in ["", "whsk_", "whsk_AAAA", "whpk_AAAA", "whsk_!"] {
            assert!(bad.parse::<SigningKey>().is_err(), "{bad}");
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
    }
}
