//! Verifying a request: what a receiver does, and what `POST /verify` answers.
//!
//! Strict where strictness costs an honest sender nothing: timestamps are digits, a signature is
//! whole, a key fits its version. Comparison takes the same time however much differs.

use data_encoding::BASE64;

use super::{
    KeyError, PublicKey, Scheme, Secret, SecretError, SigningKey, XWebhookHash,
    header::{
        PtSignature, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_PT_SIGNATURE,
        X_WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE_NEXT, find, of_version, require, unix_seconds,
        x_webhook,
    },
    mac::Keyed,
};
use crate::clock::Timestamp;

/// How far a timestamp may lie from now, in seconds, either way.
pub const TOLERANCE_S: i64 = 300;

/// Why a request does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFault {
    /// A header of the scheme is absent.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header of the scheme stands there more than once.
    #[error("the header {0} stands there more than once")]
    RepeatedHeader(&'static str),
    /// Empty, or with a full stop in it, which would make what was signed ambiguous.
    #[error("webhook-id is empty or holds a full stop")]
    WebhookId,
    /// Absent, twice there, or no plain number of seconds.
    #[error("the timestamp is not one plain decimal number of Unix seconds")]
    Timestamp,
    /// It was signed so many seconds ago.
    #[error("the timestamp is {0} s old; at most {TOLERANCE_S} s are allowed")]
    TooOld(i64),
    /// It was signed so many seconds ahead of now.
    #[error("the timestamp is {0} s in the future; at most {TOLERANCE_S} s are allowed")]
    TooNew(i64),
    /// The header holds none of the form that the key verifies.
    #[error("no whole {form} signature in {header}")]
    NoSignature {
        /// Where it was looked for.
        header: &'static str,
        /// What it begins with: `v1`, `v1a`, `sha256=`.
        form: &'static str,
    },
    /// An empty key would verify what anyone can sign.
    #[error("the secret is empty")]
    EmptySecret,
    /// The secret is none of its scheme.
    #[error("the secret is malformed: {0}")]
    Secret(#[from] SecretError),
    /// The Ed25519 key is none.
    #[error("the key is malformed: {0}")]
    Key(#[from] KeyError),
    /// All is well formed, and no signature is the right one.
    #[error("no signature matches: the secret is another one, or what was signed was changed")]
    Mismatch,
}

/// Verifies a request under a scheme.
///
/// `hash` is that of `x-webhook`, and the other schemes ignore it. `secret` is the secret as it is
/// shown; the standard scheme also takes a `whpk_` or `whsk_` key, which verifies `v1a` alone. Header
/// names may have any case. `now` is the wall clock's.
///
/// # Errors
/// The first fault that is found, which says why.
pub fn verify<N: AsRef<str>, V: AsRef<str>>(
    scheme: Scheme,
    hash: XWebhookHash,
    secret: &str,
    headers: &[(N, V)],
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyFault> {
    match scheme {
        Scheme::Standard => verify_standard(secret, headers, body, now),
        Scheme::Pt => verify_pt(secret, headers, body, now),
        Scheme::XWebhook => verify_x_webhook(hash, secret, headers, body),
    }
}

/// The same with several secrets, as a receiver has during a rotation of its own.
///
/// # Errors
/// When none verifies it: the last one's fault.
pub fn verify_any<N: AsRef<str>, V: AsRef<str>>(
    scheme: Scheme,
    hash: XWebhookHash,
    secrets: &[&str],
    headers: &[(N, V)],
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyFault> {
    let mut last = Err(VerifyFault::EmptySecret);
    for secret in secrets {
        last = verify(scheme, hash, secret, headers, body, now);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Standard Webhooks 1.0.
///
/// # Errors
/// As [`verify`].
pub fn verify_standard<N: AsRef<str>, V: AsRef<str>>(
    secret: &str,
    headers: &[(N, V)],
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyFault> {
    let id = require(headers, WEBHOOK_ID)?;
    let timestamp = require(headers, WEBHOOK_TIMESTAMP)?;
    let signatures = require(headers, WEBHOOK_SIGNATURE)?;
    if id.is_empty() || id.contains('.') {
        return Err(VerifyFault::WebhookId);
    }
    check_age(timestamp, now)?;
    StandardKey::read(secret)?.verify(id, timestamp, signatures, body)
}

/// `X-PT-Signature`.
///
/// # Errors
/// As [`verify`].
pub fn verify_pt<N: AsRef<str>, V: AsRef<str>>(
    secret: &str,
    headers: &[(N, V)],
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyFault> {
    let found = PtSignature::read(require(headers, X_PT_SIGNATURE)?)?;
    check_age(found.timestamp, now)?;
    let tag =
        keyed(XWebhookHash::Sha256, secret.as_bytes())?.tag(&[found.timestamp.as_bytes(), body]);
    let whole = found.signatures.iter().filter(|s| s.len() == tag.len());
    let form = Form(X_PT_SIGNATURE, "v1");
    form.any(whole.map(|signature| tag.is(signature)))
}

/// `X-Webhook-Signature`, or `X-Webhook-Signature-Next` while the sender rotates its secret. It
/// carries no time, so a receiver that must not act twice dedups by `webhook-id`.
///
/// # Errors
/// As [`verify`].
pub fn verify_x_webhook<N: AsRef<str>, V: AsRef<str>>(
    hash: XWebhookHash,
    secret: &str,
    headers: &[(N, V)],
    body: &[u8],
) -> Result<(), VerifyFault> {
    let current = require(headers, X_WEBHOOK_SIGNATURE)?;
    let next = find(headers, X_WEBHOOK_SIGNATURE_NEXT)?;
    let tag = keyed(hash, secret.as_bytes())?.tag(&[body]);
    let found = [Some(current), next].into_iter().flatten();
    let found = found.filter_map(|header| x_webhook(header, hash));
    let whole = found.filter(|signature| signature.len() == tag.len());
    let form = Form(X_WEBHOOK_SIGNATURE, hash.prefix());
    form.any(whole.map(|signature| tag.is(&signature)))
}

fn check_age(timestamp: &str, now: Timestamp) -> Result<(), VerifyFault> {
    let signed_s = unix_seconds(timestamp).ok_or(VerifyFault::Timestamp)?;
    match now.unix_seconds().saturating_sub(signed_s) {
        age_s if age_s > TOLERANCE_S => Err(VerifyFault::TooOld(age_s)),
        age_s if age_s < -TOLERANCE_S => Err(VerifyFault::TooNew(age_s.saturating_neg())),
        _ => Ok(()),
    }
}

fn keyed(hash: XWebhookHash, key: &[u8]) -> Result<Keyed, VerifyFault> {
    match key {
        [] => Err(VerifyFault::EmptySecret),
        _ => Ok(Keyed::new(hash, key)),
    }
}

/// A header, and the form of signature that was looked for in it.
struct Form(&'static str, &'static str);

impl Form {
    /// Whether one of those that were found is right. All are looked at.
    fn any(self, found: impl Iterator<Item = bool>) -> Result<(), VerifyFault> {
        let Self(header, form) = self;
        match found.reduce(|one, two| one | two) {
            Some(true) => Ok(()),
            Some(false) => Err(VerifyFault::Mismatch),
            None => Err(VerifyFault::NoSignature { header, form }),
        }
    }
}

/// A key of Standard Webhooks. Each verifies its own version of signature alone.
enum StandardKey {
    Shared(Keyed),
    Public(PublicKey),
}

impl StandardKey {
    fn read(secret: &str) -> Result<Self, VerifyFault> {
        if secret.starts_with("whpk_") {
            return Ok(Self::Public(secret.parse()?));
        }
        if secret.starts_with("whsk_") {
            let key: SigningKey = secret.parse()?;
            return Ok(Self::Public(key.public_key()));
        }
        let key = Secret::trusted(secret.to_owned()).standard_key()?;
        Ok(Self::Shared(keyed(XWebhookHash::Sha256, &key)?))
    }

    fn verify(&self, id: &str, time: &str, header: &str, body: &[u8]) -> Result<(), VerifyFault> {
        match self {
            Self::Shared(keyed) => {
                let parts: &[&[u8]] = &[id.as_bytes(), b".", time.as_bytes(), b".", body];
                let tag = keyed.tag(parts);
                let found = of_version(header, "v1");
                let found = found.filter_map(|value| BASE64.decode(value.as_bytes()).ok());
                let whole = found.filter(|signature| signature.len() == tag.len());
                Form(WEBHOOK_SIGNATURE, "v1").any(whole.map(|signature| tag.is(&signature)))
            }
            Self::Public(key) => {
                let found = of_version(header, "v1a");
                let judged = found.map(|value| key.verifies(value, id, time, body));
                Form(WEBHOOK_SIGNATURE, "v1a").any(judged)
            }
        }
    }
}
