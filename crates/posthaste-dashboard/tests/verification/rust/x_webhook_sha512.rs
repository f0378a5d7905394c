// Posthaste, scheme x-webhook, HMAC-SHA-512: X-Webhook-Signature signs the body alone, so
// that a copy of a request, sent again by someone else, verifies too: where that matters,
// take the scheme standard. Key: the secret's text as it is shown.

// The standard library has no cryptography: cargo add data-encoding hmac sha2
// (or `posthaste` without its default features, which verifies every scheme).

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

/// Whether Posthaste sent this. `header` finds a name in any case, as with `http::HeaderMap`:
/// `|name| headers.get(name)?.to_str().ok()`; `body` is what arrived, before anything parsed it.
/// If not, answer 401.
pub fn is_authentic<'a>(header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> bool {
    std::env::var("WEBHOOK_SECRET").is_ok_and(|key| verify(&key, header, body).is_some())
}

/// Nothing, where anything is missing or wrong.
pub fn verify<'a>(
    secret: &str,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> Option<()> {
    if secret.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    // The second one is there while the secret is rotated.
    let names = ["x-webhook-signature", "x-webhook-signature-next"];
    let given = names.iter().filter_map(|name| header(name));
    let given = given.filter_map(|value| value.strip_prefix("sha512="));
    let mut given = given.filter_map(|value| HEXLOWER.decode(value.as_bytes()).ok());
    // `verify_slice` takes the same time however much differs.
    given.find_map(|signature| mac.clone().verify_slice(&signature).ok())
}
