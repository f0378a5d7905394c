//! Secrets: what requests are signed with. No Debug, no Serialize: one leaves only by
//! [`Secret::expose`], which is easy to search for.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, BASE64_NOPAD};
use zeroize::Zeroizing;

use super::{PublicKey, SigningKey};
use crate::{chance, clock::Timestamp};

/// A secret as it is shown: what signs (`whsec_` and base64, or any text of at least 16 bytes), or
/// an API key. It is wiped when it is dropped, and not shown by mistake:
/// ```compile_fail
/// fn shown(secret: &posthaste::signature::Secret) { println!("{secret:?}"); }
/// ```
/// ```compile_fail
/// fn written(secret: &posthaste::signature::Secret) { serde_json::to_string(secret).unwrap(); }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// Why a secret is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short to be a secret.
    #[error("expected at least 16 bytes")]
    Short,
    /// Too long, or with control characters.
    #[error("expected at most 512 bytes of visible text")]
    Text,
    /// Its key has no fitting length, or is no base64.
    #[error("expected base64 of 24 to 64 bytes behind whsec_")]
    Whsec,
    /// A key of another algorithm.
    #[error("expected whsec_ and base64, or a text of its own; whsk_ and whpk_ belong to ed25519")]
    Whsk,
    /// Nothing that a request could be verified with.
    #[error(
        "expected 1 to 512 bytes of visible text, behind whsec_ base64, behind whpk_ a public key"
    )]
    Sender,
    /// Not the private key that Ed25519 takes.
    #[error("expected whsk_ and base64 of a 32-byte seed, or of the seed and its public key")]
    SigningKey,
}

impl Secret {
    /// A new one: `whsec_` and the base64 of 32 random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let key = Zeroizing::new(chance::secure::<32>());
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str("whsec_");
        BASE64.encode_append(key.as_slice(), &mut text);
        Self(text)
    }

    /// Wraps what was stored, or what a verifier was given: checked for nothing.
    #[must_use]
    pub fn trusted(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// What verifies the requests of another sender, in whatever form they have it.
    ///
    /// # Errors
    /// [`SecretError::Sender`]; a private key is none of these.
    pub fn of_sender(text: &str) -> Result<Self, SecretError> {
        let secret = Self::trusted(text.to_owned());
        let readable = match text.get(..5) {
            Some("whpk_") => text.parse::<PublicKey>().is_ok(),
            Some("whsk_") => false,
            _ => secret.standard_key().is_ok_and(|key| !key.is_empty()),
        };
        let visible = text.len() <= 512 && !text.chars().any(char::is_control);
        (readable && visible)
            .then_some(secret)
            .ok_or(SecretError::Sender)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The private key that it is; none where it is shared with the receiver.
    #[must_use]
    pub fn signing_key(&self) -> Option<SigningKey> {
        self.0.parse().ok()
    }

    /// The key of Standard Webhooks: the decoded bytes behind `whsec_`, else the text's own.
    ///
    /// # Errors
    /// When there is no base64 behind `whsec_`.
    pub fn standard_key(&self) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let Some(base64) = self.0.strip_prefix("whsec_") else {
            return Ok(Zeroizing::new(self.0.as_bytes().to_vec()));
        };
        let unpadded = base64.trim_end_matches('=');
        let key = BASE64_NOPAD
            .decode(unpadded.as_bytes())
            .map_err(|_| SecretError::Whsec)?;
        Ok(Zeroizing::new(key))
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    /// A secret that someone chose for a subscription.
    fn from_str(text: &str) -> Result<Self, SecretError> {
        if text.len() > 512 || text.chars().any(char::is_control) {
            return Err(SecretError::Text);
        }
        if text.starts_with("whsk_") || text.starts_with("whpk_") {
            return Err(SecretError::Whsk);
        }
        let secret = Self::trusted(text.to_owned());
        let key = secret.standard_key()?;
        if text.starts_with("whsec_") && !(24..=64).contains(&key.len()) {
            return Err(SecretError::Whsec);
        }
        if text.len() < 16 {
            return Err(SecretError::Short);
        }
        Ok(secret)
    }
}

/// A subscription's secrets: the current one and, while a rotation overlaps, the one before.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// What signs from now on.
    pub current: Secret,
    /// The one before, and until when it keeps signing.
    pub previous: Option<(Secret, Timestamp)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.previous.as_ref().map(|(_, until)| until);
        f.debug_struct("Secrets")
            .field("previous_until", &until)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// One secret, and no rotation.
    #[must_use]
    pub fn new(current: Secret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// The one before, while it still signs.
    #[must_use]
    pub fn previous_at(&self, now: Timestamp) -> Option<&Secret> {
        self.previous
            .as_ref()
            .filter(|(_, until)| now < *until)
            .map(|(secret, _)| secret)
    }

    /// The public keys that verify from now on, the current one first, each with the end of its
    /// time; none where the secret is shared.
    #[must_use]
    pub fn public_keys(&self, now: Timestamp) -> Vec<(PublicKey, Option<Timestamp>)> {
        let public = |secret: &Secret| Some(secret.signing_key()?.public_key());
        let current = public(&self.current).map(|key| (key, None));
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        let previous = previous.and_then(|(secret, until)| Some((public(secret)?, Some(*until))));
        current.into_iter().chain(previous).collect()
    }

    /// The first of them is used from now on, and `previous` until `until`.
    #[must_use]
    pub fn rotated(self, next: Secret, until: Timestamp) -> Self {
        Self {
            current: next,
            previous: Some((self.current, until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_secret_is_one_that_could_be_given() {
        let secret = Secret::generate();
        assert!(secret.expose().parse() == Ok(secret.clone()));
        assert_eq!(secret.standard_key().unwrap().len(), 32);
    }

    #[track_caller]
    fn check(text: &str, expected: Result<(), SecretError>) {
        assert_eq!(text.parse::<Secret>().map(drop), expected, "{text}");
    }

    #[test]
    fn secrets_are_whsec_or_sixteen_bytes_of_text() {
        check("0123456789abcdef", Ok(()));
        check("0123456789abcde", Err(SecretError::Short));
        check("whsec_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY=", Ok(()));
        check("whsec_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY", Ok(()));
        check("whsec_c2hvcnQ=", Err(SecretError::Whsec));
        check("whsec_not base64 at all, is it?", Err(SecretError::Whsec));
        check(
            "whsk_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY=",
            Err(SecretError::Whsk),
        );
        check("whpk_a public key is no secret", Err(SecretError::Whsk));
        check("sixteen bytes\nand more", Err(SecretError::Text));
    }

    #[test]
    fn a_senders_secret_is_any_text_that_can_verify() {
        #[track_caller]
        fn check(text: &str, taken: bool) {
            assert_eq!(Secret::of_sender(text).is_ok(), taken, "{text}");
        }
        check("short", true);
        check("whsec_c2hvcnQ=", true);
        check("whsec_", false);
        check("whsec_!!!", false);
        check("whpk_zz", false);
        let key = SigningKey::generate();
        check(&key.public_key().to_string(), true);
        check(&key.expose(), false);
        check("", false);
        check("two\nlines", false);
        check(&"x".repeat(513), false);
    }

    #[test]
    fn debug_does_not_show_it() {
        let shown = format!("{:?}", Secrets::new(Secret::generate()));
        assert!(!shown.contains("whsec_"), "{shown}");
    }
}
