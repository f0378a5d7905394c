//! HMAC with the key worked in once: a copy of the keyed state signs each body.

use std::ops::Deref;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::XWebhookHash;

/// A key, worked into its hash.
#[derive(Clone)]
pub(super) enum Keyed {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

/// A message authentication code: 32 or 64 bytes.
pub(super) struct Tag {
    bytes: [u8; 64],
    length: usize,
}

impl Keyed {
    pub(super) fn new(hash: XWebhookHash, key: &[u8]) -> Self {
        const ANY: &str = "HMAC takes a key of any length";
        match hash {
            XWebhookHash::Sha256 => Self::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            XWebhookHash::Sha512 => Self::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> Tag {
        match self {
            Self::Sha256(keyed) => finish(keyed.clone(), parts),
            Self::Sha512(keyed) => finish(keyed.clone(), parts),
        }
    }
}

fn finish(mut mac: impl Mac, parts: &[&[u8]]) -> Tag {
    for part in parts {
        mac.update(part);
    }
    let output = mac.finalize().into_bytes();
    let mut bytes = [0; 64];
    bytes[..output.len()].copy_from_slice(&output);
    Tag {
        bytes,
        length: output.len(),
    }
}

impl Deref for Tag {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Tag {
    /// Whether it is this one: lengths first, then every byte, however many differ.
    pub(super) fn is(&self, other: &[u8]) -> bool {
        self.len() == other.len() && bool::from(self.ct_eq(other))
    }
}
