//! Who signed a request, worked out from the contract alone: not with the product's own verifier.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use crate::sink::Arrival;

pub const STANDARD: &str = "webhook-signature";
pub const PT: &str = "x-pt-signature";
pub const X_WEBHOOK: &str = "x-webhook-signature";
pub const X_WEBHOOK_NEXT: &str = "x-webhook-signature-next";

/// The signature headers of a request in which this secret signed, in this order.
pub fn signed_with(arrival: &Arrival, secret: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let timestamp = arrival.header("webhook-timestamp").unwrap_or_default();
    let id = arrival.header("webhook-id").unwrap_or_default();

    let signed = [
        id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        &arrival.body,
    ]
    .concat();
    let v1 = format!(
        "v1,{}",
        BASE64.encode(&sha256(&standard_key(secret), &signed))
    );
    if parts(arrival, STANDARD, ' ').contains(&v1.as_str()) {
        found.push(STANDARD);
    }
    let signed = [timestamp.as_bytes(), &arrival.body].concat();
    let v1 = format!(
        "v1={}",
        HEXLOWER.encode(&sha256(secret.as_bytes(), &signed))
    );
    let pt = parts(arrival, PT, ',');
    if pt.first() == Some(&format!("t={timestamp}").as_str()) && pt.contains(&v1.as_str()) {
        found.push(PT);
    }
    for header in [X_WEBHOOK, X_WEBHOOK_NEXT] {
        if arrival
            .header(header)
            .is_some_and(|value| is_x_webhook(value, secret, &arrival.body))
        {
            found.push(header);
        }
    }
    found
}

/// Every request is signed in all three schemes, with this one secret alone.
#[track_caller]
pub fn assert_signed(arrival: &Arrival, secret: &str) {
    assert_eq!(
        signed_with(arrival, secret),
        [STANDARD, PT, X_WEBHOOK],
        "{arrival:?}"
    );
    assert_eq!(parts(arrival, STANDARD, ' ').len(), 1);
    assert_eq!(parts(arrival, PT, ',').len(), 2);
}

fn parts<'a>(arrival: &'a Arrival, header: &str, separator: char) -> Vec<&'a str> {
    arrival
        .header(header)
        .map_or(Vec::new(), |value| value.split(separator).collect())
}

fn standard_key(secret: &str) -> Vec<u8> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => BASE64
            .decode(encoded.as_bytes())
            .expect("the secret is base64"),
        None => secret.as_bytes().to_vec(),
    }
}

/// What `X-Webhook-Signature` says of a body.
pub fn x_webhook(secret: &str, body: &[u8]) -> String {
    let tag = HEXLOWER.encode(&sha256(secret.as_bytes(), body));
    format!("sha256={tag}")
}

fn is_x_webhook(value: &str, secret: &str, body: &[u8]) -> bool {
    let expected = match value.split_once('=') {
        Some(("sha256", _)) => x_webhook(secret, body),
        _ => format!(
            "sha512={}",
            HEXLOWER.encode(&sha512(secret.as_bytes(), body))
        ),
    };
    value == expected
}

fn sha256(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

fn sha512(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("any length is a key");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}
