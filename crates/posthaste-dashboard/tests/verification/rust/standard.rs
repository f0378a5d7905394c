// Posthaste, scheme standard (Standard Webhooks 1.0), HMAC-SHA-256: webhook-signature
// signs webhook-id, webhook-timestamp and the body. Key: the bytes behind whsec_.

// The standard library has no cryptography: cargo add data-encoding hmac sha2
// (or `posthaste` without its default features, which verifies every scheme).

use std::time::SystemTime;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether Posthaste sent this. `header` finds a name in any case, as with `http::HeaderMap`:
/// `|name| headers.get(name)?.to_str().ok()`; `body` is what arrived, before anything parsed it.
/// If not, answer 401.
pub fn is_authentic<'a>(header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_s = now.map_or(0, |since| since.as_secs());
    std::env::var("WEBHOOK_SECRET").is_ok_and(|key| verify(&key, header, body, now_s).is_some())
}

/// Nothing, where anything is missing or wrong.
pub fn verify<'a>(
    secret: &str,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    now_s: u64,
) -> Option<()> {
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    if secret.is_empty() || id.is_empty() || id.contains('.') || !is_fresh(timestamp, now_s) {
        return None;
    }
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()),
        None => Ok(secret.as_bytes().to_vec()),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.ok()?).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    // Several while the secret is rotated, with a space between.
    let entries = header("webhook-signature")?.split(' ');
    let given = entries.filter_map(|entry| entry.strip_prefix("v1,"));
    let mut given = given.filter_map(|value| BASE64.decode(value.as_bytes()).ok());
    // `verify_slice` takes the same time however much differs.
    given.find_map(|signature| mac.clone().verify_slice(&signature).ok())
}

/// Signed at most 300 s ago, or ahead: what is older may be a copy that someone sends again.
fn is_fresh(timestamp: &str, now_s: u64) -> bool {
    let digits = timestamp.len() == 10 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let signed_s = timestamp.parse::<u64>().ok().filter(|_| digits);
    signed_s.is_some_and(|signed_s| signed_s.abs_diff(now_s) <= 300)
}
