//! What a subscription's requests are signed with: a secret that both sides share, or a key pair.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Scheme, Secret, SecretError, SigningKey, XWebhookHash};

/// `hmac-sha256`, `hmac-sha512` or `ed25519`.
///
/// The two HMACs differ in the scheme `x-webhook` alone, the others having SHA-256 always. Ed25519
/// goes with the scheme `standard` alone, which has a version of signature for it (`v1a`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Algorithm {
    /// With a secret that both sides share.
    Hmac(XWebhookHash),
    /// With a private key here; receivers verify with the public one.
    Ed25519,
}

/// Not an [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected hmac-sha256, hmac-sha512 or ed25519")]
pub struct AlgorithmError;

impl Algorithm {
    /// As it is written in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hmac(XWebhookHash::Sha256) => "hmac-sha256",
            Self::Hmac(XWebhookHash::Sha512) => "hmac-sha512",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The hash of `x-webhook`.
    #[must_use]
    pub const fn hash(self) -> XWebhookHash {
        match self {
            Self::Hmac(hash) => hash,
            Self::Ed25519 => XWebhookHash::Sha256,
        }
    }

    /// Whether every one of these schemes has a signature of its kind.
    #[must_use]
    pub fn goes_with(self, schemes: &[Scheme]) -> bool {
        self != Self::Ed25519 || schemes == [Scheme::Standard]
    }

    /// Whether both take the same kind of secret.
    #[must_use]
    pub fn is_kind_of(self, other: Self) -> bool {
        (self == Self::Ed25519) == (other == Self::Ed25519)
    }

    /// A new secret of its kind.
    #[must_use]
    pub fn new_secret(self) -> Secret {
        match self {
            Self::Hmac(_) => Secret::generate(),
            Self::Ed25519 => Secret::trusted(SigningKey::generate().expose().to_string()),
        }
    }

    /// A secret of its kind that someone chose. A private key is kept with its public one.
    ///
    /// # Errors
    /// It is none, or one of the other kind.
    pub fn secret(self, text: &str) -> Result<Secret, SecretError> {
        match self {
            Self::Hmac(_) => text.parse(),
            Self::Ed25519 => {
                let key: SigningKey = text.parse().map_err(|_| SecretError::SigningKey)?;
                Ok(Secret::trusted(key.expose().to_string()))
            }
        }
    }

    /// Whether a secret is of its kind.
    #[must_use]
    pub fn takes(self, secret: &Secret) -> bool {
        secret.signing_key().is_some() == (self == Self::Ed25519)
    }
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Hmac(XWebhookHash::default())
    }
}

impl From<XWebhookHash> for Algorithm {
    fn from(hash: XWebhookHash) -> Self {
        Self::Hmac(hash)
    }
}

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(text: &str) -> Result<Self, AlgorithmError> {
        let known = [
            Self::Hmac(XWebhookHash::Sha256),
            Self::Hmac(XWebhookHash::Sha512),
            Self::Ed25519,
        ];
        let found = known.into_iter().find(|known| known.as_str() == text);
        found.ok_or(AlgorithmError)
    }
}

impl TryFrom<String> for Algorithm {
    type Error = AlgorithmError;

    fn try_from(text: String) -> Result<Self, AlgorithmError> {
        text.parse()
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.as_str()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_read_what_they_wrote() {
        for name in ["hmac-sha256", "hmac-sha512", "ed25519"] {
            let algorithm: Algorithm = name.parse().unwrap();
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
        }
        assert_eq!("rsa".parse::<Algorithm>(), Err(AlgorithmError));
    }

    #[test]
    fn each_kind_takes_secrets_of_its_own() {
        let (hmac, ed25519) = (Algorithm::default(), Algorithm::Ed25519);
        let (shared, private) = (hmac.new_secret(), ed25519.new_secret());
        assert!(hmac.takes(&shared) && !hmac.takes(&private));
        assert!(ed25519.takes(&private) && !ed25519.takes(&shared));
        assert!(
            ed25519
                .secret(private.expose())
                .is_ok_and(|read| read == private)
        );
        assert!(hmac.secret(private.expose()).is_err());
        assert!(ed25519.secret(shared.expose()).is_err());
    }

    #[test]
    fn a_seed_alone_is_kept_with_its_public_key() {
        // 32 bytes, as some libraries write it.
        let seed = "whsk_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY=";
        let secret = Algorithm::Ed25519.secret(seed).unwrap();
        assert_eq!(secret.expose().len(), "whsk_".len() + 88);
    }

    #[test]
    fn ed25519_goes_with_standard_alone() {
        assert!(Algorithm::Ed25519.goes_with(&[Scheme::Standard]));
        assert!(!Algorithm::Ed25519.goes_with(Scheme::ALL));
        assert!(!Algorithm::Ed25519.goes_with(&[Scheme::Pt]));
        assert!(Algorithm::default().goes_with(Scheme::ALL));
    }
}
